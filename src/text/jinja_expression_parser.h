// The half of the parser that reads expressions; jinja_parser.cc builds statements on it. Owns the
// tokens and the position in them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_lexer.h"

namespace sluice::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // Several expressions with commas between make a tuple.
  Result<ExprPtr> parse_tuple(bool with_conditional = true, bool parenthesized = false);
  Result<ExprPtr> parse_expression(bool with_conditional = true);
  Result<ExprPtr> parse_postfix(ExprPtr node);
  Result<ExprPtr> parse_unary(bool with_filter = true);
  // The chain behind `|`; with `inline_start` it begins with a name and filters no expression.
  Result<ExprPtr> parse_filter(ExprPtr node, bool inline_start = false);

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance() { at_ += at_ + 1 < tokens_.size() ? 1 : 0; }
  bool at_operator(std::string_view text) const { return current().is(TokenKind::kOperator, text); }
  bool at_name(std::string_view text) const { return current().is(TokenKind::kName, text); }
  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  Status expect_operator(std::string_view text);
  Status expect(TokenKind kind, std::string_view what);
  Result<std::string> expect_name();
  std::unexpected<Error> error(Position position, std::string what) const;
  std::unexpected<Error> unexpected_token() const;

 private:
  Result<ExprPtr> parse_binary(int level);
  Result<ExprPtr> parse_not();
  Result<ExprPtr> parse_compare();
  Result<ExprPtr> parse_primary();
  Result<ExprPtr> parse_literal_string();
  Result<ExprPtr> parse_list();
  Result<ExprPtr> parse_dict();
  Result<ExprPtr> parse_subscript(ExprPtr node);
  Result<ExprPtr> parse_subscribed(ExprPtr node);
  Result<ExprPtr> parse_test(ExprPtr node);
  Status parse_arguments(Expr& call);
  bool compare_operator(Op& op);
  bool at_tuple_end() const;

  static ExprPtr make(ExprKind kind, Position position);
  static void adopt(Expr& parent, ExprPtr child);
  Result<ExprPtr> bounded(ExprPtr node) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace sluice::text::jinja
