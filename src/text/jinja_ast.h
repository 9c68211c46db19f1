// The syntax tree of a template. Built by jinja_parser, then immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/value.h"

namespace sluice::text::jinja {

struct Position {
  uint32_t line = 1, column = 1;
};

// "chat template line 3, column 5"
std::string describe(Position position);

enum class ExprKind : uint8_t {
  kLiteral,      // value
  kName,         // name
  kList,         // items
  kTuple,        // items
  kDict,         // items: key, value, key, value ...
  kAttribute,    // items[0].name
  kItem,         // items[0][items[1]]
  kSlice,        // items[0][items[1]:items[2]:items[3]], each of the last three may be null
  kCall,         // items[0](items[1...], named)
  kFilter,       // items[0] | name(items[1...], named); no items[0] inside a filter block
  kTest,         // items[0] is name(items[1...], named)
  kNot,          // items[0]
  kNegative,     // items[0]
  kPositive,     // items[0]
  kArithmetic,   // items[0] op items[1]
  kConcat,       // items joined as text
  kCompare,      // items[0] ops[0] items[1] ops[1] items[2] ...
  kAnd,          // items[0], items[1]
  kOr,           // items[0], items[1]
  kConditional,  // items[0] if items[1] else items[2] (may be null)
};

enum class Op : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kPow,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kIn,
  kNotIn
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  ExprKind kind = ExprKind::kLiteral;
  Op op = Op::kAdd;
  Position position;
  int depth = 1;
  std::string name;
  Value value;
  std::vector<Op> ops;
  std::vector<ExprPtr> items;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, double_star;  // f(*star, **double_star)
};

enum class StmtKind : uint8_t {
  kText,       // text
  kPrint,      // expr
  kIf,         // branches of condition (null: else) and body
  kFor,        // target in expr if filter: body, else other
  kSet,        // target = expr
  kSetBlock,   // target = body, through the filters of expr if there is one
  kMacro,      // name, parameters, body
  kCallBlock,  // expr is the call, parameters, body
  kFilter,     // expr is the chain of filters, body
  kWith,       // assignments, body
  kScope,      // body as it stands (generation)
  kBreak,
  kContinue,
};

struct Stmt;
using Block = std::vector<std::unique_ptr<Stmt>>;

// A name, name.attribute, or a tuple of targets.
struct Target {
  std::string name, attribute;
  std::vector<Target> tuple;
};

struct Stmt {
  StmtKind kind = StmtKind::kText;
  Position position;
  Value text;
  ExprPtr expr, filter;
  Target target;
  std::string name;
  std::vector<std::pair<std::string, ExprPtr>> parameters;  // with defaults; also of `with`
  std::vector<std::pair<ExprPtr, Block>> branches;
  Block body, other;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;  // macros
};

struct Program {
  Block body;
};

}  // namespace sluice::text::jinja
