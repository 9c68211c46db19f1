// Sixteen float32 lanes in plain C++: the specification that lanes16_avx2.h and lanes16_avx512.h
// follow operation by operation.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice::kernels::scalar_lanes {

#define SLUICE_LANES_FN [[gnu::always_inline]] static inline

struct Lanes16 {
  static constexpr int kRowTile = 4;
  static constexpr int kValueVectors = 1;
  struct F {
    float v[16];
  };
  struct D {
    double v[16];
  };

  template <typename Fn>
  SLUICE_LANES_FN F each(Fn fn) {
    F r;
    for (int i = 0; i < 16; ++i) r.v[i] = fn(i);
    return r;
  }
  SLUICE_LANES_FN uint32_t bits(float x) {
    uint32_t b;
    memcpy(&b, &x, 4);
    return b;
  }
  SLUICE_LANES_FN float from_bits(uint32_t b) {
    float x;
    memcpy(&x, &b, 4);
    return x;
  }

  SLUICE_LANES_FN F set(float x) {
    return each([&](int) { return x; });
  }
  SLUICE_LANES_FN F load(const float* p) {
    return each([&](int i) { return p[i]; });
  }
  // The first n lanes from memory, the others `fill`.
  SLUICE_LANES_FN F load_n(const float* p, int n, float fill) {
    return each([&](int i) { return i < n ? p[i] : fill; });
  }
  SLUICE_LANES_FN void store(float* p, const F& x) { memcpy(p, x.v, sizeof(x.v)); }
  SLUICE_LANES_FN void store_n(float* p, const F& x, int n) {
    for (int i = 0; i < n && i < 16; ++i) p[i] = x.v[i];
  }
  SLUICE_LANES_FN F keep_n(const F& x, int n, float fill) {
    return each([&](int i) { return i < n ? x.v[i] : fill; });
  }

  // Sixteen words of two bfloat16 values each: the low halves and the high halves.
  SLUICE_LANES_FN void load_bf16_pairs(const void* p, F& low, F& high) {
    uint32_t words[16];
    memcpy(words, p, sizeof(words));
    low = each([&](int i) { return from_bits(words[i] << 16); });
    high = each([&](int i) { return from_bits(words[i] & 0xffff0000u); });
  }

  SLUICE_LANES_FN F add(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
  }
  SLUICE_LANES_FN F sub(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
  }
  SLUICE_LANES_FN F mul(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] * b.v[i]; });
  }
  SLUICE_LANES_FN F div(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] / b.v[i]; });
  }
  SLUICE_LANES_FN F fma(const F& a, const F& b, const F& c) {
    return each([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
  }
  // b where either is NaN, as the instructions have it.
  SLUICE_LANES_FN F max(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  SLUICE_LANES_FN F min(const F& a, const F& b) {
    return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  SLUICE_LANES_FN uint32_t ge_mask(const F& a, const F& b) {
    uint32_t mask = 0;
    for (int i = 0; i < 16; ++i) mask |= static_cast<uint32_t>(a.v[i] >= b.v[i]) << i;
    return mask;
  }
  // `then` where a < b, else `other`.
  SLUICE_LANES_FN F if_less(const F& a, const F& b, const F& then, const F& other) {
    return each([&](int i) { return a.v[i] < b.v[i] ? then.v[i] : other.v[i]; });
  }
  // x * 2^n, where n is the low bits of `shifted`.
  SLUICE_LANES_FN F scale_exponent(const F& x, const F& shifted) {
    return each([&](int i) { return from_bits(bits(x.v[i]) + (bits(shifted.v[i]) << 23)); });
  }

  // The trees of both reductions: lanes i and i + 8, then i + 4, i + 2, i + 1.
  SLUICE_LANES_FN float reduce_add(const F& x) {
    float t[16];
    memcpy(t, x.v, sizeof(t));
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) t[i] = t[i] + t[i + width];
    }
    return t[0];
  }
  SLUICE_LANES_FN float reduce_max(const F& x) {
    float t[16];
    memcpy(t, x.v, sizeof(t));
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) t[i] = t[i] > t[i + width] ? t[i] : t[i + width];
    }
    return t[0];
  }

  // Doubles for sums that are exact in any order. x + magic - magic rounds x.
  SLUICE_LANES_FN D zero_d() { return D{}; }
  SLUICE_LANES_FN D rounded(const F& x, double magic) {
    D r;
    for (int i = 0; i < 16; ++i) r.v[i] = (static_cast<double>(x.v[i]) + magic) - magic;
    return r;
  }
  SLUICE_LANES_FN D add_d(const D& a, const D& b) {
    D r;
    for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] + b.v[i];
    return r;
  }
  SLUICE_LANES_FN void store_d(double* p, const D& x) { memcpy(p, x.v, sizeof(x.v)); }
};

}  // namespace sluice::kernels::scalar_lanes
