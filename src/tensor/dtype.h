// The element types of tensors in one table: blocks of values that share scales.
// Source: the GGUF specification and ggml's type ids, github.com/ggml-org/ggml, docs/gguf.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class DType : uint8_t { kF32, kF16, kBF16, kQ4_0, kQ4_1, kQ5_0, kQ8_0, kQ4_K, kQ6_K };

struct DTypeInfo {
  DType dtype;
  uint32_t ggml_id;
  std::string_view name;
  int32_t block_values;  // values that share a block
  int32_t block_bytes;   // bytes of one block
};

const DTypeInfo& info(DType dtype);
inline std::string_view dtype_name(DType dtype) { return info(dtype).name; }

// The type of a ggml id; nothing if it is none of ours.
std::optional<DType> dtype_from_ggml(uint32_t id);

// What ggml calls a type, ours or not ("Q3_K"); empty for ids it does not know either.
std::string_view ggml_type_name(uint32_t id);

}  // namespace sluice
