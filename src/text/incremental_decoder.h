// IncrementalDecoder: the text of a stream of tokens, piece by piece, never with half a character.
// One a sequence; belongs to the thread that generates it. The pieces and the flush together are
// replace_invalid_utf8(tokenizer.decode(ids, /*skip_control=*/true)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace sluice::text {

// Each maximal ill-formed part becomes one U+FFFD (Unicode 15, section 3.9, as Rust and Python do).
std::string replace_invalid_utf8(std::string_view bytes);

class IncrementalDecoder {
 public:
  // The tokenizer must outlive it.
  explicit IncrementalDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  // The text that `id` completes: well-formed UTF-8, often empty in the middle of a character. The
  // view lives until the next call. Control tokens add nothing.
  std::string_view push(int32_t id);

  // What an unfinished character leaves at the end: "" or U+FFFD. The decoder can be used again.
  std::string_view flush();

  // How many bytes (0 to 3) of an unfinished character are held back.
  size_t held_bytes() const { return held_.size(); }

 private:
  const Tokenizer* tokenizer_;
  std::string held_;
  std::string out_;
};

}  // namespace sluice::text
