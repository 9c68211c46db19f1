#include "loader/value.h"

#include <bit>
#include <charconv>
#include <concepts>
#include <cstring>
#include <limits>

#include "base/utf8.h"

namespace sluice::loader {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF values are read in place");

template <typename T>
T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string_view plural(ValueType element) {
  if (is_integer(element)) return "integers";
  if (is_float(element)) return "floats";
  switch (element) {
    case ValueType::kBool: return "booleans";
    case ValueType::kString: return "strings";
    default: return "arrays";
  }
}

std::string float_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr;
  return {buffer, end};
}

}  // namespace

size_t value_bytes(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool: return 1;
    case ValueType::kU16:
    case ValueType::kI16: return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32: return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64: return 8;
    case ValueType::kString:
    case ValueType::kArray: return 0;
  }
  return 0;
}

bool is_integer(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kU16:
    case ValueType::kI16:
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kU64:
    case ValueType::kI64: return true;
    default: return false;
  }
}

bool is_float(ValueType type) { return type == ValueType::kF32 || type == ValueType::kF64; }

std::string_view type_phrase(ValueType type) {
  if (is_integer(type)) return "an integer";
  if (is_float(type)) return "a float";
  switch (type) {
    case ValueType::kBool: return "a boolean";
    case ValueType::kString: return "a string";
    default: return "an array";
  }
}

std::optional<uint64_t> Value::as_unsigned() const {
  if (const auto* number = std::get_if<uint64_t>(&payload)) return *number;
  if (const auto* number = std::get_if<int64_t>(&payload); number != nullptr && *number >= 0) {
    return static_cast<uint64_t>(*number);
  }
  return std::nullopt;
}

std::optional<int64_t> Value::as_signed() const {
  if (const auto* number = std::get_if<int64_t>(&payload)) return *number;
  const auto* number = std::get_if<uint64_t>(&payload);
  if (number != nullptr && *number <= std::numeric_limits<int64_t>::max()) {
    return static_cast<int64_t>(*number);
  }
  return std::nullopt;
}

std::optional<double> Value::as_float() const {
  if (const auto* number = std::get_if<double>(&payload)) return *number;
  if (const auto* number = std::get_if<uint64_t>(&payload)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<int64_t>(&payload)) return static_cast<double>(*number);
  return std::nullopt;
}

std::string Value::phrase() const {
  if (const auto* array = std::get_if<Array>(&payload)) {
    return "an array of " + std::string(plural(array->element));
  }
  return std::string(type_phrase(type));
}

std::string Value::text(size_t bytes_max) const {
  struct Visitor {
    size_t bytes_max;
    std::string operator()(uint64_t number) const { return std::to_string(number); }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return float_text(number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::string_view string) const { return quoted(string, bytes_max); }
    std::string operator()(const Array& array) const {
      return std::to_string(array.count) + " " + std::string(plural(array.element));
    }
  };
  return std::visit(Visitor{bytes_max}, payload);
}

Value decode_number(ValueType type, std::span<const std::byte> bytes) {
  switch (type) {
    case ValueType::kU8: return {type, uint64_t{load<uint8_t>(bytes)}};
    case ValueType::kI8: return {type, int64_t{load<int8_t>(bytes)}};
    case ValueType::kU16: return {type, uint64_t{load<uint16_t>(bytes)}};
    case ValueType::kI16: return {type, int64_t{load<int16_t>(bytes)}};
    case ValueType::kU32: return {type, uint64_t{load<uint32_t>(bytes)}};
    case ValueType::kI32: return {type, int64_t{load<int32_t>(bytes)}};
    case ValueType::kU64: return {type, load<uint64_t>(bytes)};
    case ValueType::kI64: return {type, load<int64_t>(bytes)};
    case ValueType::kF32: return {type, double{load<float>(bytes)}};
    case ValueType::kF64: return {type, load<double>(bytes)};
    case ValueType::kBool: return {type, load<uint8_t>(bytes) != 0};
    case ValueType::kString:
    case ValueType::kArray: break;
  }
  return {};
}

std::string quoted(std::string_view text, size_t bytes_max) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  size_t at = 0;
  while (at < text.size() && out.size() < bytes_max + 1) {
    const size_t length = utf8_sequence_length(text.substr(at));
    const auto byte = static_cast<unsigned char>(text[at]);
    // C1 controls, U+0080 to U+009F, are two bytes and drive some terminals too.
    const bool c1 = length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (length == 0 || byte < 0x20 || byte == 0x7F || c1) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      at += 1;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  out += at < text.size() ? "...'" : "'";
  return out;
}

}  // namespace sluice::loader
