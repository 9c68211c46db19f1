// Code points, white space and letter case as Python's str has them, over UTF-8. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::text {

// str.isspace of one code point.
bool is_space(char32_t c);
char32_t to_upper(char32_t c);
char32_t to_lower(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
// Letters and digits; beyond ASCII everything but spaces and punctuation blocks counts as a letter.
bool is_alpha(char32_t c);
inline bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);  // of str.title

size_t count_code_points(std::string_view text);
// The byte where code point number `index` begins; text.size() past the end.
size_t byte_of(std::string_view text, size_t index);

// The bounds of `text` without the characters of `chars` (white space if null) at its ends.
struct Bounds {
  size_t begin, end;
};
Bounds strip(std::string_view text, const std::string* chars, bool left, bool right);

}  // namespace sluice::text
