// Builds GGUF files in memory for tests: valid ones by default, broken ones by overriding what the
// header and the tensor list say. Header-only; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::testing {

// Little-endian pieces of a file.
class GgufBytes {
 public:
  template <typename T>
  GgufBytes& number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  GgufBytes& string(std::string_view text) {
    number<uint64_t>(text.size());
    return raw(text);
  }
  GgufBytes& raw(std::string_view text) { return raw(std::as_bytes(std::span(text))); }
  GgufBytes& raw(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  GgufBytes& pad(size_t multiple) {
    bytes_.resize((bytes_.size() + multiple - 1) / multiple * multiple);
    return *this;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

struct GgufTensor {
  std::string name;
  uint32_t type = 0;           // ggml's id
  std::vector<uint64_t> dims;  // fastest first
  std::vector<std::byte> data;
  std::optional<uint64_t> offset = std::nullopt;  // if it is to lie
};

class GgufBuilder {
 public:
  uint32_t version = 3;
  uint64_t alignment = 32;               // of what is written; add the key yourself
  std::optional<uint64_t> tensor_count;  // if it is to lie
  std::optional<uint64_t> key_count;

  // A key with any value type and the bytes of its value.
  GgufBuilder& key(std::string_view name, uint32_t type, const GgufBytes& value) {
    metadata_.string(name).number(type).raw(value.bytes());
    ++keys_;
    return *this;
  }
  GgufBuilder& u32(std::string_view name, uint32_t value) {
    return key(name, 4, GgufBytes().number(value));
  }
  GgufBuilder& f32(std::string_view name, float value) {
    return key(name, 6, GgufBytes().number(value));
  }
  GgufBuilder& boolean(std::string_view name, bool value) {
    return key(name, 7, GgufBytes().number(static_cast<uint8_t>(value)));
  }
  GgufBuilder& string(std::string_view name, std::string_view value) {
    return key(name, 8, GgufBytes().string(value));
  }
  GgufBuilder& strings(std::string_view name, const std::vector<std::string>& values) {
    GgufBytes bytes;
    bytes.number(uint32_t{8}).number<uint64_t>(values.size());
    for (const std::string& value : values) bytes.string(value);
    return key(name, 9, bytes);
  }
  // An array of numbers of any type; its id must be that of T.
  template <typename T>
  GgufBuilder& numbers(std::string_view name, uint32_t type, const std::vector<T>& values) {
    GgufBytes bytes;
    bytes.number(type).template number<uint64_t>(values.size());
    for (const T value : values) bytes.number(value);
    return key(name, 9, bytes);
  }
  GgufBuilder& tensor(GgufTensor tensor) {
    tensors_.push_back(std::move(tensor));
    return *this;
  }
  GgufBuilder& tensor_f32(std::string name, std::vector<uint64_t> dims,
                          const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return tensor({std::move(name), 0, std::move(dims), {bytes.begin(), bytes.end()}});
  }

  std::vector<std::byte> build() const {
    GgufBytes out;
    out.raw("GGUF").number(version);
    out.number<uint64_t>(tensor_count.value_or(tensors_.size()));
    out.number<uint64_t>(key_count.value_or(keys_));
    out.raw(metadata_.bytes());
    GgufBytes data;
    for (const GgufTensor& tensor : tensors_) {
      data.pad(alignment);
      out.string(tensor.name).number(static_cast<uint32_t>(tensor.dims.size()));
      for (const uint64_t dim : tensor.dims) out.number(dim);
      out.number(tensor.type).number<uint64_t>(tensor.offset.value_or(data.bytes().size()));
      data.raw(tensor.data);
    }
    if (!tensors_.empty()) out.pad(alignment).raw(data.bytes());
    return out.bytes();
  }

 private:
  GgufBytes metadata_;
  uint64_t keys_ = 0;
  std::vector<GgufTensor> tensors_;
};

}  // namespace sluice::testing
