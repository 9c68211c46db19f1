// Rotary position embedding of one head (Su et al., RoFormer), both pairings.
#pragma once

#include <cstdint>

namespace sluice::kernels {

template <typename V>
[[gnu::always_inline]] inline void rope_head(float* head, const float* cos, const float* sin,
                                             int32_t head_dim, bool adjacent) {
  const int32_t half = head_dim / 2;
  if (adjacent) {
    for (int32_t i = 0; i < half; ++i) {
      const float a = head[2 * i];
      const float b = head[2 * i + 1];
      head[2 * i] = __builtin_fmaf(a, cos[i], -(b * sin[i]));
      head[2 * i + 1] = __builtin_fmaf(b, cos[i], a * sin[i]);
    }
    return;
  }
  for (int32_t i = 0; i < half; i += 16) {
    const int n = half - i;
    const auto a = V::load_n(head + i, n, 0.0f);
    const auto b = V::load_n(head + half + i, n, 0.0f);
    const auto c = V::load_n(cos + i, n, 0.0f);
    const auto s = V::load_n(sin + i, n, 0.0f);
    const auto bs = V::mul(b, s);
    V::store_n(head + i, V::fma(a, c, V::sub(V::set(-0.0f), bs)), n);
    V::store_n(head + half + i, V::fma(b, c, V::mul(a, s)), n);
  }
}

}  // namespace sluice::kernels
