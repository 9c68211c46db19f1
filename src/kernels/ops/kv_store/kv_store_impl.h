// Writing one token into a KV block.
#pragma once

#include "kernels/kv_layout.h"
#include "kernels/ops/kv_store/kv_parts.h"

namespace sluice::kernels {

static inline void store_head_bf16(const float* k, const float* v, int32_t head_dim,
                                   std::byte* k_part, std::byte* v_part, int32_t slot) {
  for (int32_t d = 0; d < head_dim; d += 2) {
    const uint16_t pair[2] = {round_to_bf16(k[d]), round_to_bf16(k[d + 1])};
    memcpy(k_part + static_cast<size_t>(d * 16 + slot) * 4, pair, 4);
  }
  auto* out = reinterpret_cast<uint16_t*>(v_part) + (slot / 2) * head_dim * 2 + slot % 2;
  for (int32_t d = 0; d < head_dim; ++d) out[2 * d] = round_to_bf16(v[d]);
}

static inline void store_head_f32(const float* k, const float* v, int32_t head_dim,
                                  std::byte* k_part, std::byte* v_part, int32_t slot) {
  auto* keys = reinterpret_cast<float*>(k_part);
  for (int32_t d = 0; d < head_dim; ++d) keys[d * 32 + slot] = k[d];
  memcpy(reinterpret_cast<float*>(v_part) + slot * head_dim, v,
         static_cast<size_t>(head_dim) * sizeof(float));
}

static inline void store_token(const KvLayout& layout, const float* k, const float* v,
                               std::byte* block, int32_t slot) {
  const size_t part_bytes = layout.part_bytes();
  for (int32_t head = 0; head < layout.kv_heads; ++head) {
    std::byte* k_part = block + static_cast<size_t>(head) * 2 * part_bytes;
    const int64_t offset = static_cast<int64_t>(head) * layout.head_dim;
    if (layout.dtype == KvDType::kBF16) {
      store_head_bf16(k + offset, v + offset, layout.head_dim, k_part, k_part + part_bytes, slot);
    } else {
      store_head_f32(k + offset, v + offset, layout.head_dim, k_part, k_part + part_bytes, slot);
    }
  }
}

}  // namespace sluice::kernels
