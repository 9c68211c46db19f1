#include "text/byte_alphabet.h"

#include <array>

#include "base/utf8.h"

namespace sluice::text {
namespace {

constexpr bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Printable Latin-1 stands for itself; the other 68 bytes get U+0100 and up, in order.
struct Alphabet {
  std::array<char32_t, 256> code_points{};
  std::array<int16_t, 256 + 68> bytes{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.bytes.fill(-1);
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t c = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.code_points[static_cast<size_t>(byte)] = c;
    alphabet.bytes[c] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t byte_to_code_point(uint8_t byte) { return kAlphabet.code_points[byte]; }

std::string bytes_to_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) utf8_append(out, byte_to_code_point(static_cast<uint8_t>(c)));
  return out;
}

std::optional<std::string> alphabet_to_bytes(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  for (size_t i = 0; i < token.size();) {
    const char32_t c = utf8_next(token, i);
    if (c >= kAlphabet.bytes.size() || kAlphabet.bytes[c] < 0) return std::nullopt;
    out += static_cast<char>(kAlphabet.bytes[c]);
  }
  return out;
}

}  // namespace sluice::text
