#include "text/incremental_decoder.h"

#include <algorithm>

#include "base/utf8.h"

namespace sluice::text {
namespace {

// Length of the ill-formed part at the start of `text`: a sequence broken off, or a single byte.
size_t ill_formed_length(std::string_view text) {
  for (size_t length = std::min<size_t>(3, text.size()); length > 1; --length) {
    if (utf8_incomplete_tail(text.substr(0, length)) == length) return length;
  }
  return 1;
}

void append_replaced(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    if (const size_t length = utf8_sequence_length(bytes)) {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    } else {
      out += kReplacementCharacter;
      bytes.remove_prefix(ill_formed_length(bytes));
    }
  }
}

}  // namespace

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  append_replaced(out, bytes);
  return out;
}

std::string_view IncrementalDecoder::push(int32_t id) {
  out_.clear();
  if (tokenizer_->is_control(id)) return out_;
  held_ += tokenizer_->piece(id);
  const size_t tail = utf8_incomplete_tail(held_);
  const size_t ready = held_.size() - tail;
  append_replaced(out_, std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return out_;
}

std::string_view IncrementalDecoder::flush() {
  out_.clear();
  append_replaced(out_, held_);
  held_.clear();
  return out_;
}

}  // namespace sluice::text
