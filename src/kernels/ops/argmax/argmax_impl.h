// Index of the largest value: the maximum of each stretch, then a search in the first stretch that
// has the largest.
#pragma once

#include <cstdint>

namespace sluice::kernels {

// The largest of x[0 .. count), NaN ignored; -inf if there is none.
template <typename V>
[[gnu::always_inline]] inline float max_of(const float* x, int32_t count) {
  const float lowest = -__builtin_inff();
  auto a = V::set(lowest), b = a, c = a, d = a;
  int32_t i = 0;
  // The second operand wins over NaN.
  for (; i + 64 <= count; i += 64) {
    a = V::max(V::load(x + i), a);
    b = V::max(V::load(x + i + 16), b);
    c = V::max(V::load(x + i + 32), c);
    d = V::max(V::load(x + i + 48), d);
  }
  for (; i < count; i += 16) a = V::max(V::load_n(x + i, count - i, lowest), a);
  return V::reduce_max(V::max(V::max(a, b), V::max(c, d)));
}

template <typename V>
[[gnu::always_inline]] inline int32_t argmax_row(const float* x, int32_t count) {
  constexpr int32_t kStretch = 1024;
  float best = -__builtin_inff();
  int32_t stretch = 0;
  for (int32_t begin = 0; begin < count; begin += kStretch) {
    const int32_t n = count - begin < kStretch ? count - begin : kStretch;
    const float m = max_of<V>(x + begin, n);
    if (m > best) {
      best = m;
      stretch = begin;
    }
  }
  if (best == -__builtin_inff()) return 0;
  int32_t i = stretch;
  while (x[i] != best) ++i;
  return i;
}

}  // namespace sluice::kernels
