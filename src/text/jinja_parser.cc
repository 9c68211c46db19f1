#include "text/jinja_parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/jinja_expression_parser.h"

namespace sluice::text::jinja {
namespace {

using StmtPtr = std::unique_ptr<Stmt>;
using Names = std::initializer_list<std::string_view>;

class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Result<std::shared_ptr<const Program>> parse_program() {
    auto program = std::make_shared<Program>();
    program->body = TRY(parse_block({}));
    return program;
  }

 private:
  StmtPtr make_stmt(StmtKind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->position = current().position;
    return stmt;
  }

  // Statements up to a tag that begins with one of `ends`, whose name is then the current token.
  Result<Block> parse_block(Names ends) {
    if (++blocks_ > kBlockDepthMax) return error(current().position, "blocks nest too deep");
    Block block;
    while (current().kind != TokenKind::kEnd) {
      if (current().kind == TokenKind::kText) {
        block.push_back(make_stmt(StmtKind::kText));
        block.back()->text = Value::string(current().text, Trust::kTemplate);
        advance();
      } else if (current().kind == TokenKind::kVariableBegin) {
        block.push_back(make_stmt(StmtKind::kPrint));
        advance();
        block.back()->expr = TRY(parse_tuple());
        TRY(expect(TokenKind::kVariableEnd, "'}}'"));
      } else {
        advance();
        if (std::ranges::any_of(ends, [&](std::string_view end) { return at_name(end); })) {
          --blocks_;
          return block;
        }
        block.push_back(TRY(parse_statement()));
        TRY(expect(TokenKind::kBlockEnd, "'%}'"));
      }
    }
    if (ends.size() > 0) {
      return error(current().position,
                   "the template ends before '" + std::string(*ends.begin()) + "'");
    }
    --blocks_;
    return block;
  }

  // A body between the end of the opening tag and the name of the closing one, which is skipped.
  Result<Block> parse_body(std::string_view end) {
    TRY(expect(TokenKind::kBlockEnd, "'%}'"));
    Block body = TRY(parse_block({end}));
    advance();
    return body;
  }

  Result<StmtPtr> parse_statement() {
    const Position position = current().position;
    if (current().kind != TokenKind::kName) return error(position, "expected the name of a tag");
    if (at_name("if")) return parse_if();
    if (at_name("for")) return parse_for();
    if (at_name("set")) return parse_set();
    if (at_name("macro")) return parse_macro();
    if (at_name("call")) return parse_call_block();
    if (at_name("filter")) return parse_filter_block();
    if (at_name("with")) return parse_with();
    if (at_name("print")) {
      auto stmt = make_stmt(StmtKind::kPrint);
      advance();
      stmt->expr = TRY(parse_tuple());
      return stmt;
    }
    if (at_name("generation")) {
      auto stmt = make_stmt(StmtKind::kScope);
      advance();
      stmt->body = TRY(parse_body("endgeneration"));
      return stmt;
    }
    if (at_name("break") || at_name("continue")) {
      if (loops_ == 0) return error(position, "'" + current().text + "' outside of a loop");
      auto stmt = make_stmt(at_name("break") ? StmtKind::kBreak : StmtKind::kContinue);
      advance();
      return stmt;
    }
    return error(position, "unknown tag '" + current().text.substr(0, 50) + "'");
  }

  Result<StmtPtr> parse_if() {
    auto stmt = make_stmt(StmtKind::kIf);
    while (true) {
      advance();  // over "if" or "elif"
      ExprPtr condition = TRY(parse_tuple(false));
      TRY(expect(TokenKind::kBlockEnd, "'%}'"));
      Block body = TRY(parse_block({"endif", "else", "elif"}));
      stmt->branches.emplace_back(std::move(condition), std::move(body));
      if (!at_name("elif")) break;
    }
    if (skip_name("else")) {
      stmt->branches.emplace_back(nullptr, TRY(parse_body("endif")));
    } else {
      advance();
    }
    return stmt;
  }

  Result<StmtPtr> parse_for() {
    auto stmt = make_stmt(StmtKind::kFor);
    advance();
    stmt->target = TRY(parse_target(false));
    if (!skip_name("in")) return error(current().position, "expected 'in'");
    stmt->expr = TRY(parse_tuple(false));
    if (skip_name("if")) stmt->filter = TRY(parse_expression());
    if (at_name("recursive")) {
      return error(current().position, "recursive loops are not supported");
    }
    TRY(expect(TokenKind::kBlockEnd, "'%}'"));
    ++loops_;
    stmt->body = TRY(parse_block({"endfor", "else"}));
    --loops_;
    if (skip_name("else")) {
      stmt->other = TRY(parse_body("endfor"));
    } else {
      advance();
    }
    return stmt;
  }

  Result<Target> parse_one_target(bool with_attribute) {
    Target target;
    const Position position = current().position;
    if (skip_operator("(")) {
      target = TRY(parse_target(with_attribute));
      TRY(expect_operator(")"));
      return target;
    }
    target.name = TRY(expect_name());
    static constexpr std::string_view kReserved[] = {"true", "false", "none",
                                                     "True", "False", "None"};
    if (std::ranges::find(kReserved, target.name) != std::end(kReserved)) {
      return error(position, "cannot assign to '" + target.name + "'");
    }
    if (with_attribute && skip_operator(".")) target.attribute = TRY(expect_name());
    return target;
  }

  Result<Target> parse_target(bool with_attribute) {
    if (++targets_ > kBlockDepthMax) return error(current().position, "targets nest too deep");
    Target first = TRY(parse_one_target(with_attribute));
    --targets_;
    if (!at_operator(",")) return first;
    Target tuple;
    tuple.tuple.push_back(std::move(first));
    while (skip_operator(",")) {
      if (current().kind != TokenKind::kName && !at_operator("(")) break;
      if (at_name("in")) break;
      tuple.tuple.push_back(TRY(parse_one_target(with_attribute)));
    }
    return tuple;
  }

  Result<StmtPtr> parse_set() {
    auto stmt = make_stmt(StmtKind::kSet);
    advance();
    stmt->target = TRY(parse_target(true));
    if (skip_operator("=")) {
      stmt->expr = TRY(parse_tuple());
      return stmt;
    }
    stmt->kind = StmtKind::kSetBlock;
    stmt->expr = TRY(parse_filter(nullptr));
    stmt->body = TRY(parse_body("endset"));
    return stmt;
  }

  Status parse_parameters(Stmt& macro) {
    TRY(expect_operator("("));
    while (!at_operator(")")) {
      std::string name = TRY(expect_name());
      ExprPtr fallback;
      if (skip_operator("=")) {
        fallback = TRY(parse_expression());
      } else if (!macro.parameters.empty() && macro.parameters.back().second) {
        return error(current().position, "a parameter without default follows one with a default");
      }
      macro.parameters.emplace_back(std::move(name), std::move(fallback));
      if (!at_operator(")")) TRY(expect_operator(","));
    }
    advance();
    return {};
  }

  // The body of a macro or call block, which also notes the special names that it uses.
  Status parse_macro_body(Stmt& macro, std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    macro.body = TRY(parse_body(end));
    loops_ = loops;
    for (const auto& stmt : macro.body) note_names(macro, *stmt);
    return {};
  }

  static void note_names(Stmt& macro, const Expr* expr) {
    if (expr == nullptr) return;
    if (expr->kind == ExprKind::kName) {
      macro.uses_caller |= expr->name == "caller";
      macro.uses_varargs |= expr->name == "varargs";
      macro.uses_kwargs |= expr->name == "kwargs";
    }
    for (const auto& each : expr->items) note_names(macro, each.get());
    for (const auto& each : expr->named) note_names(macro, each.second.get());
    note_names(macro, expr->star.get());
    note_names(macro, expr->double_star.get());
  }

  static void note_names(Stmt& macro, const Stmt& stmt) {
    note_names(macro, stmt.expr.get());
    note_names(macro, stmt.filter.get());
    for (const auto& each : stmt.parameters) note_names(macro, each.second.get());
    for (const auto& [condition, body] : stmt.branches) {
      note_names(macro, condition.get());
      for (const auto& each : body) note_names(macro, *each);
    }
    for (const auto& each : stmt.body) note_names(macro, *each);
    for (const auto& each : stmt.other) note_names(macro, *each);
  }

  Result<StmtPtr> parse_macro() {
    auto stmt = make_stmt(StmtKind::kMacro);
    advance();
    stmt->name = TRY(expect_name());
    TRY(parse_parameters(*stmt));
    TRY(parse_macro_body(*stmt, "endmacro"));
    return stmt;
  }

  Result<StmtPtr> parse_call_block() {
    auto stmt = make_stmt(StmtKind::kCallBlock);
    advance();
    if (at_operator("(")) TRY(parse_parameters(*stmt));
    stmt->expr = TRY(parse_expression());
    if (stmt->expr->kind != ExprKind::kCall) return error(stmt->position, "expected a call");
    TRY(parse_macro_body(*stmt, "endcall"));
    return stmt;
  }

  Result<StmtPtr> parse_filter_block() {
    auto stmt = make_stmt(StmtKind::kFilter);
    advance();
    stmt->expr = TRY(parse_filter(nullptr, true));
    stmt->body = TRY(parse_body("endfilter"));
    return stmt;
  }

  Result<StmtPtr> parse_with() {
    auto stmt = make_stmt(StmtKind::kWith);
    advance();
    while (current().kind != TokenKind::kBlockEnd) {
      if (!stmt->parameters.empty()) TRY(expect_operator(","));
      std::string name = TRY(expect_name());
      TRY(expect_operator("="));
      stmt->parameters.emplace_back(std::move(name), TRY(parse_expression()));
    }
    stmt->body = TRY(parse_body("endwith"));
    return stmt;
  }

  int blocks_ = 0;
  int loops_ = 0;
  int targets_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Program>> parse(std::string_view source) {
  std::vector<Token> tokens = TRY(tokenize(source));
  return Parser(std::move(tokens)).parse_program();
}

}  // namespace sluice::text::jinja
