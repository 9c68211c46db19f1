// Runs a parsed template over variables. One run, one thread, one Interpreter; what it shares
// (program, input values) is immutable. Everything it does spends from its Budget.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"

namespace sluice::text::jinja {

// Statements, expressions and calls within each other; a few hundred frames of a KiB or two each
// fit every thread's stack with a wide margin.
constexpr int kRunDepthMax = 400;
constexpr int64_t kRangeMax = 100'000;  // as jinja2's sandbox

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Arguments by parameter, as a Python function binds them.
class Bound {
 public:
  // An Error for too many, unknown, doubled or, up to `required`, missing arguments.
  static Result<Bound> bind(std::string_view function, const Args& args,
                            std::initializer_list<std::string_view> names, size_t required = 0);
  bool has(size_t i) const { return given_[i]; }
  const Value& operator[](size_t i) const { return values_[i]; }  // undefined if not given
  bool flag(size_t i, bool fallback) const { return has(i) ? values_[i].truthy() : fallback; }
  Result<int64_t> integer(size_t i, int64_t fallback) const;
  Result<Text> text(size_t i, std::string_view fallback) const;

 private:
  std::vector<Value> values_;
  std::vector<bool> given_;
};

class Interpreter;

struct Callable : Object {
  virtual Result<Value> call(Interpreter& interpreter, const Args& args) = 0;
};

struct Namespace : Object {
  std::string_view type_name() const override { return "Namespace"; }
  std::vector<std::pair<std::string, Value>> attributes;
};

// The `loop` variable, and others that answer to attributes.
struct Attributed : Object {
  virtual Value attribute(Interpreter& interpreter, std::string_view name) = 0;
};

struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> variables;
};

std::unexpected<Error> type_error(std::string what);

class Interpreter {
 public:
  struct Options {
    Budget budget;
    size_t output_bytes;
    int64_t unix_time_s = 0;
  };

  Interpreter(std::vector<std::pair<std::string, Value>> variables, Options options);
  ~Interpreter();  // breaks cycles of macros, scopes and namespaces
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Result<Text> run(const Program& program);

  Result<Value> evaluate(const Expr& expr);
  Result<Value> call(const Value& callee, const Args& args);
  Result<Value> filter(std::string_view name, const Value& input, const Args& args);
  Result<bool> test(std::string_view name, const Value& input, const Args& args);
  Result<Value> attribute(const Value& value, std::string_view name);
  Result<Value> item(const Value& value, const Value& key);
  // "a.0.b", as map(attribute=...) and sort take it.
  // `fallback`, unless null, stands for what is undefined on the way.
  Result<Value> path(const Value& value, const Value& path, const Value* fallback = nullptr);
  // A list Value of what a `for` over `value` sees.
  Result<Value> iterate(const Value& value);

  Value make(Text text);
  Value make(std::string text, Trust trust) { return make(Text(text, trust)); }
  Result<Value> make_list(std::vector<Value> items, Value::ListKind kind = Value::ListKind::kList);
  Result<Value> make_dict(std::vector<Value::Item> items);
  Value make_namespace(std::vector<std::pair<std::string, Value>> attributes);

  Budget& budget() { return options_.budget; }
  int64_t unix_time_s() const { return options_.unix_time_s; }
  Text text_of(const Value& value) { return to_text(value, budget()); }

 private:
  friend struct Macro;
  enum class Flow : uint8_t { kNext, kBreak, kContinue };
  class Deeper;

  Result<Flow> execute(const Block& block);
  Result<Flow> execute(const Stmt& stmt);
  Result<Flow> execute_if(const Stmt& stmt);
  Result<Flow> execute_for(const Stmt& stmt);
  Result<Value> loop_items(const Stmt& stmt);
  Status execute_with(const Stmt& stmt);
  Status execute_set(const Stmt& stmt);
  Status execute_call_block(const Stmt& stmt);
  Status execute_filter(const Stmt& stmt);
  Result<Value> captured(const Block& body);  // what it prints, in a scope of its own
  Result<Value> filtered(const Expr* chain, Value input);
  Value make_macro(const Stmt& stmt);
  Result<Value> run_macro(const Stmt& macro, const std::shared_ptr<Scope>& scope, const Args& args);
  Status assign(const Target& target, const Value& value);
  void set_variable(std::string_view name, Value value);
  void print(const Text& text);
  std::shared_ptr<Scope> enter(std::shared_ptr<Scope> parent);

  Result<Value> evaluate_inner(const Expr& expr);
  Value lookup(std::string_view name);
  Result<Value> evaluate_collection(const Expr& expr);
  Result<Value> evaluate_slice(const Expr& expr);
  Result<Value> evaluate_call(const Expr& expr);
  Result<Value> evaluate_filter(const Expr& expr);
  Result<Value> evaluate_test(const Expr& expr);
  Result<Value> evaluate_operator(const Expr& expr);
  Result<Value> evaluate_compare(const Expr& expr);
  Result<Value> evaluate_concat(const Expr& expr);
  Result<Args> evaluate_arguments(const Expr& expr);

  Error limit_error() const;
  Error located(Error error, Position position) const;

  Options options_;
  std::shared_ptr<Scope> globals_, scope_;
  Text* out_ = nullptr;
  int captures_ = 0;
  bool too_much_output_ = false;
  int depth_ = 0;
  const Value* filter_input_ = nullptr;  // of the innermost filter chain without an expression
  // Whatever may be part of a cycle, emptied at the end.
  std::vector<std::shared_ptr<Scope>> captured_scopes_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

// The tables of the language; null for unknown names.
using FilterFunction = Result<Value> (*)(Interpreter&, const Value&, const Args&);
using TestFunction = Result<bool> (*)(Interpreter&, const Value&, const Args&);
using MethodFunction = Result<Value> (*)(Interpreter&, const Value&, const Args&);
FilterFunction find_text_filter(std::string_view name);
FilterFunction find_sequence_filter(std::string_view name);
TestFunction find_test(std::string_view name);
MethodFunction find_string_method(std::string_view name);
MethodFunction find_container_method(const Value& receiver, std::string_view name);
std::vector<std::pair<std::string, Value>> make_globals();

Value make_method(std::string_view name, MethodFunction function, Value receiver);

// Python's operators.
Result<Value> arithmetic(Interpreter& interpreter, Op op, const Value& a, const Value& b);
Result<bool> contains(Interpreter& interpreter, const Value& container, const Value& value);
Result<Value> slice(Interpreter& interpreter, const Value& value, const Value& start,
                    const Value& stop, const Value& step);

// "%s" % values, and "{}".format(...).
Result<Value> format_percent(Interpreter& interpreter, const Text& format, const Value& values);
Result<Value> format_braces(Interpreter& interpreter, const Text& format, const Args& args);

// Stable; an Error for items that have no order.
Status sort_values(Interpreter& interpreter, std::vector<Value>& keys, std::vector<Value>& items,
                   bool reverse);

}  // namespace sluice::text::jinja
