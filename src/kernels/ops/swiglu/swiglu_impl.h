// SwiGLU: g / (1 + e^-g) * u. Large |g| is safe: e^-g becomes 0 or infinity.
#pragma once

#include <cstdint>

#include "kernels/ops/lanes/exp.h"

namespace sluice::kernels {

template <typename V>
[[gnu::always_inline]] inline typename V::F swiglu_lanes(typename V::F g, typename V::F u) {
  const auto e = exp_lanes<V>(V::sub(V::set(0.0f), g));
  return V::mul(V::div(g, V::add(V::set(1.0f), e)), u);
}

template <typename V>
[[gnu::always_inline]] inline void swiglu_rows(const float* gate, const float* up, int32_t count,
                                               float* out) {
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    V::store(out + i, swiglu_lanes<V>(V::load(gate + i), V::load(up + i)));
  }
  if (i < count) {
    const int n = count - i;
    const auto y = swiglu_lanes<V>(V::load_n(gate + i, n, 0.0f), V::load_n(up + i, n, 0.0f));
    V::store_n(out + i, y, n);
  }
}

}  // namespace sluice::kernels
