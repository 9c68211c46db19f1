// Cuts a template into tokens as jinja2 does with trim_blocks and lstrip_blocks. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_ast.h"

namespace sluice::text::jinja {

enum class TokenKind : uint8_t {
  kText,  // outside of tags
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,   // text is the value
  kInteger,  // text is the number without underscores
  kFloat,
  kOperator,  // text
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  Position position;
  bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
};

Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace sluice::text::jinja
