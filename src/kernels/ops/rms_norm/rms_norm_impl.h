// RMS norm over sixteen partial sums of squares, added as a fixed tree.
#pragma once

#include <cstdint>

namespace sluice::kernels {

template <typename V>
[[gnu::always_inline]] inline void rms_norm_rows(const float* x, const float* gain, float epsilon,
                                                 int32_t count, float* out) {
  typename V::F squares = V::set(0.0f);
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const auto a = V::load(x + i);
    squares = V::fma(a, a, squares);
  }
  if (i < count) {
    const auto a = V::load_n(x + i, count - i, 0.0f);
    squares = V::fma(a, a, squares);
  }
  const float mean = V::reduce_add(squares) / static_cast<float>(count);
  const auto inverse = V::set(1.0f / __builtin_sqrtf(mean + epsilon));
  for (i = 0; i + 16 <= count; i += 16) {
    V::store(out + i, V::mul(V::mul(V::load(x + i), inverse), V::load(gain + i)));
  }
  if (i < count) {
    const int n = count - i;
    const auto a = V::mul(V::load_n(x + i, n, 0.0f), inverse);
    V::store_n(out + i, V::mul(a, V::load_n(gain + i, n, 0.0f)), n);
  }
}

}  // namespace sluice::kernels
