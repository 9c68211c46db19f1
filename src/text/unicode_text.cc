#include "text/unicode_text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/utf8.h"

namespace sluice::text {
namespace {

struct CaseRange {
  uint32_t first, last;
  uint32_t step;
  int32_t delta;
};
#include "text/case_ranges.inc"

template <size_t kSize>
char32_t mapped(const CaseRange (&ranges)[kSize], char32_t c) {
  const auto range = std::lower_bound(std::begin(ranges), std::end(ranges), c,
                                      [](const CaseRange& r, char32_t x) { return r.last < x; });
  if (range == std::end(ranges) || c < range->first || (c - range->first) % range->step != 0) {
    return c;
  }
  return c + static_cast<char32_t>(range->delta);
}

template <typename F>
std::string each_code_point(std::string_view text, F&& append) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) append(out, utf8_next(text, i));
  return out;
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF) {
    out += "SS";
  } else {
    utf8_append(out, to_upper(c));
  }
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

char32_t to_upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  return mapped(kUpper, c);
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return mapped(kLower, c);
}

bool is_upper(char32_t c) { return to_lower(c) != c; }
bool is_lower(char32_t c) { return to_upper(c) != c || c == 0xDF; }

bool is_alpha(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;
  return c != 0xD7 && c != 0xF7 && !is_space(c) && !(c >= 0x2000 && c <= 0x2BFF) &&
         !(c >= 0x3000 && c <= 0x3004) && !(c >= 0x3008 && c <= 0x3030) &&
         !(c >= 0xFE00 && c <= 0xFE6F) && !(c >= 0xFF00 && c <= 0xFF20) &&
         !(c >= 0x1F000 && c <= 0x1FAFF);
}

std::string upper(std::string_view text) { return each_code_point(text, append_upper); }

std::string lower(std::string_view text) {
  return each_code_point(text, [](std::string& out, char32_t c) { utf8_append(out, to_lower(c)); });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return each_code_point(text, [&](std::string& out, char32_t c) {
    utf8_append(out, first ? to_upper(c) : to_lower(c));
    first = false;
  });
}

std::string title(std::string_view text) {
  bool inside = false;
  return each_code_point(text, [&](std::string& out, char32_t c) {
    utf8_append(out, inside ? to_lower(c) : to_upper(c));
    inside = is_upper(c) || is_lower(c);
  });
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t byte_of(std::string_view text, size_t index) {
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (index-- == 0) return i;
  }
  return i;
}

Bounds strip(std::string_view text, const std::string* chars, bool left, bool right) {
  const auto drops = [&](std::string_view one) {
    size_t at = 0;
    return chars == nullptr ? is_space(utf8_next(one, at)) : chars->contains(one);
  };
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    size_t next = begin;
    utf8_next(text, next);
    if (!drops(text.substr(begin, next - begin))) break;
    begin = next;
  }
  while (right && begin < end) {
    size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    if (!drops(text.substr(last, end - last))) break;
    end = last;
  }
  return {begin, end};
}

}  // namespace sluice::text
