// One metadata value of a GGUF file: a scalar, a string, or an array. Immutable; strings and raw
// elements are views of the file's bytes.
// Source: the GGUF specification, github.com/ggml-org/ggml, docs/gguf.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::loader {

// The numbers are the file's.
enum class ValueType : uint8_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

constexpr uint32_t kValueTypeCount = 13;

// Bytes of a value in the file; 0 for strings and arrays, whose length varies.
size_t value_bytes(ValueType type);
bool is_integer(ValueType type);
bool is_float(ValueType type);
// "a string", "an integer": for messages.
std::string_view type_phrase(ValueType type);

struct Array {
  ValueType element = ValueType::kU8;
  uint64_t count = 0;
  std::span<const std::byte> raw;         // numbers and booleans, little endian, unaligned
  std::vector<std::string_view> strings;  // of an array of strings
};

struct Value {
  ValueType type = ValueType::kU8;
  // Unsigned integers, signed integers, floats, booleans, strings, arrays.
  std::variant<uint64_t, int64_t, double, bool, std::string_view, Array> payload;

  // The number if the value is an integer of any width that fits; nothing otherwise.
  std::optional<uint64_t> as_unsigned() const;
  std::optional<int64_t> as_signed() const;
  // Any number.
  std::optional<double> as_float() const;

  // "an integer", "an array of strings".
  std::string phrase() const;
  // For people, one line: strings quoted and escaped, cut to about `bytes_max`; arrays as
  // "151936 strings".
  std::string text(size_t bytes_max = 80) const;
};

// Decodes a scalar of the file; the span has value_bytes(type) bytes. Booleans are left to the
// parser, since not every byte is one.
Value decode_number(ValueType type, std::span<const std::byte> bytes);

// 'text' in single quotes on one line: control characters and invalid UTF-8 as \xNN, cut to about
// `bytes_max`. Names out of a hostile file go through here before they reach a terminal.
std::string quoted(std::string_view text, size_t bytes_max = 80);

}  // namespace sluice::loader
