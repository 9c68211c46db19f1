// Elementwise addition.
#pragma once

#include <cstdint>

namespace sluice::kernels {

template <typename V>
[[gnu::always_inline]] inline void add_rows(float* x, const float* y, int32_t count) {
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) V::store(x + i, V::add(V::load(x + i), V::load(y + i)));
  for (; i < count; ++i) x[i] += y[i];
}

}  // namespace sluice::kernels
