#include "text/jinja_expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "text/jinja_parser.h"

namespace sluice::text::jinja {
namespace {

struct Operator {
  std::string_view text;
  int level;
  ExprKind kind;
  Op op;
};

// By jinja2's precedence, loosest first; `not` and comparisons stand between 1 and 2.
constexpr Operator kOperators[] = {
    {"or", 0, ExprKind::kOr, Op::kAdd},        {"and", 1, ExprKind::kAnd, Op::kAdd},
    {"+", 2, ExprKind::kArithmetic, Op::kAdd}, {"-", 2, ExprKind::kArithmetic, Op::kSub},
    {"~", 3, ExprKind::kConcat, Op::kAdd},     {"*", 4, ExprKind::kArithmetic, Op::kMul},
    {"/", 4, ExprKind::kArithmetic, Op::kDiv}, {"//", 4, ExprKind::kArithmetic, Op::kFloorDiv},
    {"%", 4, ExprKind::kArithmetic, Op::kMod}, {"**", 5, ExprKind::kArithmetic, Op::kPow},
};
constexpr int kLevels = 6;

}  // namespace

ExprPtr ExpressionParser::make(ExprKind kind, Position position) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->position = position;
  return node;
}

void ExpressionParser::adopt(Expr& parent, ExprPtr child) {
  if (child) parent.depth = std::max(parent.depth, child->depth + 1);
  parent.items.push_back(std::move(child));
}

Result<ExprPtr> ExpressionParser::bounded(ExprPtr node) const {
  if (node->depth > kExprDepthMax) return error(node->position, "the expression nests too deep");
  return node;
}

bool ExpressionParser::skip_operator(std::string_view text) {
  const bool found = at_operator(text);
  if (found) advance();
  return found;
}

bool ExpressionParser::skip_name(std::string_view text) {
  const bool found = at_name(text);
  if (found) advance();
  return found;
}

Status ExpressionParser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) {
    return error(current().position, "expected '" + std::string(text) + "'");
  }
  return {};
}

Status ExpressionParser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) {
    return error(current().position, "expected " + std::string(what));
  }
  advance();
  return {};
}

Result<std::string> ExpressionParser::expect_name() {
  if (current().kind != TokenKind::kName) return error(current().position, "expected a name");
  std::string name = current().text;
  advance();
  return name;
}

std::unexpected<Error> ExpressionParser::error(Position position, std::string what) const {
  return fail(Code::kInvalidArgument, describe(position), std::move(what));
}

std::unexpected<Error> ExpressionParser::unexpected_token() const {
  switch (current().kind) {
    case TokenKind::kEnd: return error(current().position, "unexpected end of the template");
    case TokenKind::kVariableEnd:
    case TokenKind::kBlockEnd: return error(current().position, "unexpected end of the tag");
    default: return error(current().position, "unexpected '" + current().text.substr(0, 50) + "'");
  }
}

bool ExpressionParser::at_tuple_end() const {
  return current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd ||
         at_operator(")");
}

Result<ExprPtr> ExpressionParser::parse_tuple(bool with_conditional, bool parenthesized) {
  auto tuple = make(ExprKind::kTuple, current().position);
  bool is_tuple = false;
  while (!at_tuple_end()) {
    adopt(*tuple, TRY(parse_expression(with_conditional)));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!tuple->items.empty()) return std::move(tuple->items[0]);
    if (!parenthesized) return unexpected_token();
  }
  return bounded(std::move(tuple));
}

Result<ExprPtr> ExpressionParser::parse_expression(bool with_conditional) {
  if (++nesting_ > kExprDepthMax) {
    return error(current().position, "the expression nests too deep");
  }
  ExprPtr node = TRY(parse_binary(0));
  while (with_conditional && at_name("if")) {
    auto conditional = make(ExprKind::kConditional, current().position);
    advance();
    adopt(*conditional, std::move(node));
    adopt(*conditional, TRY(parse_binary(0)));
    ExprPtr other;
    if (skip_name("else")) other = TRY(parse_expression());
    adopt(*conditional, std::move(other));
    node = TRY(bounded(std::move(conditional)));
  }
  --nesting_;
  return node;
}

Result<ExprPtr> ExpressionParser::parse_binary(int level) {
  if (level == kLevels) return parse_unary();
  const auto operand = [&] { return level == 1 ? parse_not() : parse_binary(level + 1); };
  ExprPtr left = TRY(operand());
  while (true) {
    const Operator* found = nullptr;
    for (const Operator& each : kOperators) {
      const TokenKind kind = each.level < 2 ? TokenKind::kName : TokenKind::kOperator;
      if (each.level == level && current().is(kind, each.text)) found = &each;
    }
    if (found == nullptr) return left;
    const Position position = current().position;
    advance();
    ExprPtr right = TRY(operand());
    if (found->kind == ExprKind::kConcat && left->kind == ExprKind::kConcat &&
        left->op == Op::kEq) {
      adopt(*left, std::move(right));  // a chain of ~ is one node
    } else {
      auto node = make(found->kind, position);
      node->op = found->kind == ExprKind::kConcat ? Op::kEq : found->op;
      adopt(*node, std::move(left));
      adopt(*node, std::move(right));
      left = std::move(node);
    }
    left = TRY(bounded(std::move(left)));
  }
}

Result<ExprPtr> ExpressionParser::parse_not() {
  if (!at_name("not")) return parse_compare();
  auto node = make(ExprKind::kNot, current().position);
  advance();
  if (++nesting_ > kExprDepthMax) return error(node->position, "the expression nests too deep");
  adopt(*node, TRY(parse_not()));
  --nesting_;
  return bounded(std::move(node));
}

bool ExpressionParser::compare_operator(Op& op) {
  static constexpr std::pair<std::string_view, Op> kCompare[] = {{"==", Op::kEq}, {"!=", Op::kNe},
                                                                 {"<", Op::kLt},  {"<=", Op::kLe},
                                                                 {">", Op::kGt},  {">=", Op::kGe}};
  for (const auto& [text, each] : kCompare) {
    if (skip_operator(text)) return op = each, true;
  }
  if (skip_name("in")) return op = Op::kIn, true;
  if (at_name("not") && ahead().is(TokenKind::kName, "in")) {
    advance();
    advance();
    return op = Op::kNotIn, true;
  }
  return false;
}

Result<ExprPtr> ExpressionParser::parse_compare() {
  ExprPtr left = TRY(parse_binary(2));
  ExprPtr node;
  const auto position = [&] { return current().position; };
  Position at = position();
  for (Op op; compare_operator(op);) {
    if (!node) {
      node = make(ExprKind::kCompare, at);
      adopt(*node, std::move(left));
    }
    node->ops.push_back(op);
    adopt(*node, TRY(parse_binary(2)));
  }
  return node ? bounded(std::move(node)) : Result<ExprPtr>(std::move(left));
}

Result<ExprPtr> ExpressionParser::parse_unary(bool with_filter) {
  if (++nesting_ > kExprDepthMax) {
    return error(current().position, "the expression nests too deep");
  }
  ExprPtr node;
  if (at_operator("-") || at_operator("+")) {
    node = make(at_operator("-") ? ExprKind::kNegative : ExprKind::kPositive, current().position);
    advance();
    adopt(*node, TRY(parse_unary(false)));
  } else {
    node = TRY(parse_primary());
  }
  node = TRY(parse_postfix(std::move(node)));
  while (with_filter) {
    if (at_operator("|")) {
      node = TRY(parse_filter(std::move(node)));
    } else if (at_name("is")) {
      node = TRY(parse_test(std::move(node)));
    } else if (at_operator("(")) {
      node = TRY(parse_postfix(std::move(node)));
    } else {
      break;
    }
  }
  --nesting_;
  return bounded(std::move(node));
}

Result<ExprPtr> ExpressionParser::parse_primary() {
  const Position position = current().position;
  auto node = make(ExprKind::kLiteral, position);
  const std::string text = current().text;
  switch (current().kind) {
    case TokenKind::kName:
      advance();
      if (text == "true" || text == "True" || text == "false" || text == "False") {
        node->value = Value::boolean(text == "true" || text == "True");
      } else if (text == "none" || text == "None") {
        node->value = Value::none();
      } else {
        node->kind = ExprKind::kName;
        node->name = text;
      }
      return node;
    case TokenKind::kString: return parse_literal_string();
    case TokenKind::kInteger: {
      advance();
      int64_t number = 0;
      const char marker = text.size() > 1 ? static_cast<char>(text[1] | 0x20) : '0';
      const int base = marker == 'x' ? 16 : (marker == 'o' ? 8 : (marker == 'b' ? 2 : 10));
      const char* begin = text.data() + (base == 10 ? 0 : 2);
      const auto [end, failed] = std::from_chars(begin, text.data() + text.size(), number, base);
      if (failed != std::errc() || end != text.data() + text.size()) {
        return error(position, "the integer does not fit 64 bits");
      }
      node->value = Value::integer(number);
      return node;
    }
    case TokenKind::kFloat: {
      advance();
      double number = 0;
      std::from_chars(text.data(), text.data() + text.size(), number);
      node->value = Value::number(number);
      return node;
    }
    default: break;
  }
  if (skip_operator("(")) {
    ExprPtr inner = TRY(parse_tuple(true, true));
    TRY(expect_operator(")"));
    return inner;
  }
  if (at_operator("[")) return parse_list();
  if (at_operator("{")) return parse_dict();
  return unexpected_token();
}

Result<ExprPtr> ExpressionParser::parse_literal_string() {
  auto node = make(ExprKind::kLiteral, current().position);
  std::string text;
  for (; current().kind == TokenKind::kString; advance()) text += current().text;
  node->value = Value::string(std::move(text), Trust::kTemplate);
  return node;
}

Result<ExprPtr> ExpressionParser::parse_list() {
  auto node = make(ExprKind::kList, current().position);
  advance();
  while (!at_operator("]")) {
    adopt(*node, TRY(parse_expression()));
    if (!at_operator("]")) TRY(expect_operator(","));
  }
  advance();
  return bounded(std::move(node));
}

Result<ExprPtr> ExpressionParser::parse_dict() {
  auto node = make(ExprKind::kDict, current().position);
  advance();
  while (!at_operator("}")) {
    adopt(*node, TRY(parse_expression()));
    TRY(expect_operator(":"));
    adopt(*node, TRY(parse_expression()));
    if (!at_operator("}")) TRY(expect_operator(","));
  }
  advance();
  return bounded(std::move(node));
}

Result<ExprPtr> ExpressionParser::parse_postfix(ExprPtr node) {
  while (true) {
    if (at_operator(".") || at_operator("[")) {
      node = TRY(parse_subscript(std::move(node)));
    } else if (at_operator("(")) {
      auto call = make(ExprKind::kCall, current().position);
      adopt(*call, std::move(node));
      TRY(parse_arguments(*call));
      node = std::move(call);
    } else {
      return node;
    }
    node = TRY(bounded(std::move(node)));
  }
}

Result<ExprPtr> ExpressionParser::parse_subscript(ExprPtr node) {
  const Position position = current().position;
  if (skip_operator("[")) {
    ExprPtr result = TRY(parse_subscribed(std::move(node)));
    TRY(expect_operator("]"));
    return result;
  }
  advance();
  if (current().kind == TokenKind::kName) {
    auto attribute = make(ExprKind::kAttribute, position);
    attribute->name = current().text;
    advance();
    adopt(*attribute, std::move(node));
    return attribute;
  }
  if (current().kind != TokenKind::kInteger) return error(position, "expected a name or a number");
  auto item = make(ExprKind::kItem, position);
  adopt(*item, std::move(node));
  adopt(*item, TRY(parse_primary()));
  return item;
}

Result<ExprPtr> ExpressionParser::parse_subscribed(ExprPtr node) {
  auto result = make(ExprKind::kItem, current().position);
  adopt(*result, std::move(node));
  if (!at_operator(":")) {
    adopt(*result, TRY(parse_expression()));
    if (at_operator(",")) {
      auto key = make(ExprKind::kTuple, current().position);
      adopt(*key, std::move(result->items.back()));
      while (skip_operator(",")) adopt(*key, TRY(parse_expression()));
      result->items.pop_back();
      adopt(*result, std::move(key));
      return result;
    }
    if (!at_operator(":")) return result;
  } else {
    adopt(*result, nullptr);
  }
  result->kind = ExprKind::kSlice;
  for (int part = 0; part < 2; ++part) {
    ExprPtr bound;
    if (skip_operator(":") && !at_operator(":") && !at_operator("]")) {
      bound = TRY(parse_expression());
    }
    adopt(*result, std::move(bound));
  }
  return result;
}

Status ExpressionParser::parse_arguments(Expr& call) {
  const Position position = current().position;
  TRY(expect_operator("("));
  const auto deepen = [&](const ExprPtr& child) {
    call.depth = std::max(call.depth, child->depth + 1);
  };
  while (!at_operator(")")) {
    if (skip_operator("*")) {
      if (call.star || call.double_star) return error(position, "invalid call");
      call.star = TRY(parse_expression());
      deepen(call.star);
    } else if (skip_operator("**")) {
      if (call.double_star) return error(position, "invalid call");
      call.double_star = TRY(parse_expression());
      deepen(call.double_star);
    } else if (current().kind == TokenKind::kName && ahead().is(TokenKind::kOperator, "=")) {
      std::string name = current().text;
      advance();
      advance();
      call.named.emplace_back(std::move(name), TRY(parse_expression()));
      deepen(call.named.back().second);
    } else {
      if (call.star || call.double_star || !call.named.empty()) {
        return error(position, "a positional argument follows others");
      }
      adopt(call, TRY(parse_expression()));
    }
    if (!at_operator(")")) TRY(expect_operator(","));
  }
  advance();
  return {};
}

Result<ExprPtr> ExpressionParser::parse_filter(ExprPtr node, bool inline_start) {
  while (inline_start || skip_operator("|")) {
    inline_start = false;
    auto filter = make(ExprKind::kFilter, current().position);
    filter->name = TRY(expect_name());
    adopt(*filter, std::move(node));
    if (at_operator("(")) TRY(parse_arguments(*filter));
    node = TRY(bounded(std::move(filter)));
  }
  return node;
}

Result<ExprPtr> ExpressionParser::parse_test(ExprPtr node) {
  auto test = make(ExprKind::kTest, current().position);
  advance();
  const bool negated = skip_name("not");
  test->name = TRY(expect_name());
  adopt(*test, std::move(node));
  const TokenKind kind = current().kind;
  if (at_operator("(")) {
    TRY(parse_arguments(*test));
  } else if (kind == TokenKind::kString || kind == TokenKind::kInteger ||
             kind == TokenKind::kFloat || at_operator("[") || at_operator("{") ||
             (kind == TokenKind::kName && !at_name("else") && !at_name("or") && !at_name("and"))) {
    if (at_name("is")) return error(current().position, "tests cannot be chained with 'is'");
    ExprPtr argument = TRY(parse_primary());
    adopt(*test, TRY(parse_postfix(std::move(argument))));
  }
  if (!negated) return bounded(std::move(test));
  auto node_not = make(ExprKind::kNot, test->position);
  adopt(*node_not, std::move(test));
  return bounded(std::move(node_not));
}

}  // namespace sluice::text::jinja
