// Reads the bytes of a GGUF file into a GgufFile. Internal to the loader.
#pragma once

#include "loader/gguf.h"

namespace sluice::loader {

class GgufParser {
 public:
  GgufParser(GgufFile& file, std::span<const std::byte> bytes) : file_(file), bytes_(bytes) {}
  Status parse();

 private:
  enum Type : uint32_t {
    kUint8,
    kInt8,
    kUint16,
    kInt16,
    kUint32,
    kInt32,
    kFloat32,
    kBool,
    kString,
    kArray,
    kUint64,
    kInt64,
    kFloat64,
  };

  // Everything that is read goes through these; they check that it is there.
  Result<std::span<const std::byte>> take(uint64_t count, std::string_view what);
  template <typename T>
  Result<T> number(std::string_view what);
  Result<std::string_view> string(std::string_view what);
  Result<MetaValue> value(uint32_t type, const std::string& key, int depth);
  Result<MetaValue> array(const std::string& key, int depth);

  Status header();
  Status metadata();
  Status tensor_table();
  Result<TensorView> tensor_entry(uint64_t& offset);
  Status place_tensors(std::span<const uint64_t> offsets);
  uint64_t hash() const;

  std::unexpected<Error> broken(uint64_t byte, std::string what, std::string remedy = {}) const;

  GgufFile& file_;
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
  uint64_t metadata_count_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t alignment_ = 32;
};

}  // namespace sluice::loader
