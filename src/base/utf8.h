// UTF-8 as Unicode 15 table 3-7 defines it: no surrogates, no overlong forms, at most U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// Length (1 to 4) of the well-formed sequence at the start of `text`; 0 if there is none.
size_t utf8_sequence_length(std::string_view text);

// Whether all of `text` is well formed.
bool utf8_valid(std::string_view text);

// How many of the last bytes of `text` begin a sequence that could still be completed (0 to 3).
size_t utf8_incomplete_tail(std::string_view text);

// Reads one code point at `position` and moves past it. An ill-formed byte yields U+FFFD and moves
// by one.
char32_t utf8_next(std::string_view text, size_t& position);

void utf8_append(std::string& out, char32_t code_point);

}  // namespace sluice
