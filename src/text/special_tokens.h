// SpecialTokens: finds the tokens that are matched in text as they are written, like <|im_end|>,
// before the text is cut into words. Owned by a Tokenizer, immutable, any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

class SpecialTokens {
 public:
  // Longer ones are refused by Tokenizer::create; it bounds the work at each byte of a text.
  static constexpr size_t kTokenBytesMax = 512;

  struct Entry {
    std::string text;  // 1 to kTokenBytesMax bytes
    int32_t id;
  };
  struct Match {
    size_t position;  // npos: none
    size_t length;
    int32_t id;
  };

  SpecialTokens() = default;
  explicit SpecialTokens(std::vector<Entry> entries);

  // The leftmost token in `text` at or after `from`; of several there, the longest.
  Match find(std::string_view text, size_t from) const;

 private:
  std::vector<Entry> entries_;  // sorted by text
  std::bitset<256> first_bytes_;
};

}  // namespace sluice::text
