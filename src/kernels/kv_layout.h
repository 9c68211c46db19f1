// Where keys and values lie in a KV block. One layer's pool is an array of blocks; a block holds 32
// tokens: [kv_head][K part | V part]. The layout inside a part is the kernels' own business
// (ops/attention/), the same for every ISA that can be chosen.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

constexpr int32_t kKvBlockTokens = 32;

enum class KvDType : uint8_t { kF32, kBF16 };

struct KvLayout {
  KvDType dtype = KvDType::kBF16;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;  // a multiple of 16, at most 256

  // Bytes of K (or of V) of one head in one block.
  size_t part_bytes() const;
  // Bytes of one head in one block: K part, then V part.
  size_t head_bytes() const { return 2 * part_bytes(); }
  // Bytes of one block of one layer.
  size_t block_bytes() const { return static_cast<size_t>(kv_heads) * head_bytes(); }
};

}  // namespace sluice::kernels
