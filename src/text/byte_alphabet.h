// The alphabet of byte-level BPE: GPT-2 stores each byte of a token as one printable code point
// (bytes_to_unicode of openai/gpt-2, encoder.py), so that vocabularies are readable text.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::text {

// The code point that stands for `byte`, at most U+0143.
char32_t byte_to_code_point(uint8_t byte);

// `bytes` as a vocabulary stores them.
std::string bytes_to_alphabet(std::string_view bytes);

// The bytes of a stored token; nothing if a code point is not of the alphabet.
std::optional<std::string> alphabet_to_bytes(std::string_view token);

}  // namespace sluice::text
