#include "text/special_tokens.h"

#include <algorithm>
#include <utility>

namespace sluice::text {

SpecialTokens::SpecialTokens(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::ranges::sort(entries_, {}, &Entry::text);
  for (const Entry& entry : entries_) first_bytes_.set(static_cast<uint8_t>(entry.text[0]));
}

// The entries that agree with the text so far are a range of the sorted list; each byte narrows it.
// The one that ends there is the first of the range.
SpecialTokens::Match SpecialTokens::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!first_bytes_.test(static_cast<uint8_t>(text[at]))) continue;
    Match found{std::string_view::npos, 0, -1};
    auto low = entries_.begin();
    auto high = entries_.end();
    for (size_t depth = 0; at + depth < text.size() && low != high; ++depth) {
      const auto byte_at = [depth](const Entry& entry) {
        return depth < entry.text.size() ? static_cast<uint8_t>(entry.text[depth]) : -1;
      };
      const int byte = static_cast<uint8_t>(text[at + depth]);
      const auto range = std::ranges::equal_range(low, high, byte, {}, byte_at);
      low = range.begin();
      high = range.end();
      if (low != high && low->text.size() == depth + 1) found = {at, depth + 1, low->id};
    }
    if (found.length > 0) return found;
  }
  return {std::string_view::npos, 0, -1};
}

}  // namespace sluice::text
