// A small vocabulary for tests: all 256 bytes, a few merges, some special tokens.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace sluice::text {

constexpr int32_t kFirstMergedId = 256;

// Byte b is id b; merge i makes id 256 + i; then <|endoftext|>, <|im_start|>, <|im_end|> (control)
// and <tool_call> (user-defined).
inline TokenizerSpec test_spec(
    const std::vector<std::pair<std::string, std::string>>& merges = {
        {"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", " "}}) {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "qwen2";
  const auto add = [&](std::string token, TokenType type) {
    spec.tokens.push_back(std::move(token));
    spec.types.push_back(type);
  };
  for (int b = 0; b < 256; ++b) {
    add(bytes_to_alphabet(std::string(1, static_cast<char>(b))), TokenType::kNormal);
  }
  for (const auto& [left, right] : merges) {
    add(bytes_to_alphabet(left + right), TokenType::kNormal);
    spec.merges.push_back(bytes_to_alphabet(left) + " " + bytes_to_alphabet(right));
  }
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    add(control, TokenType::kControl);
  }
  add("<tool_call>", TokenType::kUserDefined);
  spec.eos_id = static_cast<int32_t>(spec.tokens.size()) - 2;
  return spec;
}

}  // namespace sluice::text
