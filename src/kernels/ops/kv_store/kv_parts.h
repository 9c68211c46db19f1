// Where keys and values lie inside the parts of a KV block, and how they are rounded.
//
//   bf16  K [head_dim / 2][32 tokens][2]   V [32 / 2 tokens][head_dim][2]
//   f32   K [head_dim][32 tokens]          V [32 tokens][head_dim]
//
// The pairs of bf16 are what vdpbf16ps wants. Dims of K and tokens of V are read in pairs in both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::kernels {

template <typename V>
struct Bf16Part {
  using F = typename V::F;
  static constexpr size_t kValueBytes = 2;
  // Dims 2 * pair and 2 * pair + 1 of sixteen tokens from `token` on, a multiple of 16.
  [[gnu::always_inline]] static void load_keys(const std::byte* part, int32_t pair, int32_t token,
                                               F& even, F& odd) {
    V::load_bf16_pairs(part + static_cast<size_t>(pair * 32 + token) * 4, even, odd);
  }
  // Sixteen dims from `dim` on of tokens 2 * pair and 2 * pair + 1.
  [[gnu::always_inline]] static void load_values(const std::byte* part, int32_t head_dim,
                                                 int32_t pair, int32_t dim, F& even, F& odd) {
    V::load_bf16_pairs(part + static_cast<size_t>(pair * head_dim + dim) * 4, even, odd);
  }
};

template <typename V>
struct F32Part {
  using F = typename V::F;
  static constexpr size_t kValueBytes = 4;
  [[gnu::always_inline]] static void load_keys(const std::byte* part, int32_t pair, int32_t token,
                                               F& even, F& odd) {
    const float* p = reinterpret_cast<const float*>(part) + pair * 64 + token;
    even = V::load(p);
    odd = V::load(p + 32);
  }
  [[gnu::always_inline]] static void load_values(const std::byte* part, int32_t head_dim,
                                                 int32_t pair, int32_t dim, F& even, F& odd) {
    const float* p = reinterpret_cast<const float*>(part) + 2 * pair * head_dim + dim;
    even = V::load(p);
    odd = V::load(p + head_dim);
  }
};

// Round to nearest, ties to even; NaN stays NaN.
[[gnu::always_inline]] static inline uint16_t round_to_bf16(float x) {
  uint32_t b;
  memcpy(&b, &x, 4);
  const uint32_t rounded = (b + 0x7fffu + ((b >> 16) & 1u)) >> 16;
  const uint32_t nan = (b >> 16) | 0x40u;
  return static_cast<uint16_t>((b & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

}  // namespace sluice::kernels
