// Sixteen float32 lanes in one AVX-512 register; lanes16_scalar.h is the specification.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace sluice::kernels::avx512_lanes {

#define SLUICE_LANES_FN [[gnu::always_inline]] static inline

struct Lanes16 {
  static constexpr int kRowTile = 8;
  static constexpr int kValueVectors = 2;
  using F = __m512;
  struct D {
    __m512d lo, hi;
  };

  SLUICE_LANES_FN __mmask16 first(int n) {
    return static_cast<__mmask16>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u);
  }
  SLUICE_LANES_FN F set(float x) { return _mm512_set1_ps(x); }
  SLUICE_LANES_FN F load(const float* p) { return _mm512_loadu_ps(p); }
  SLUICE_LANES_FN F load_n(const float* p, int n, float fill) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(n), p);
  }
  SLUICE_LANES_FN void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  SLUICE_LANES_FN void store_n(float* p, F x, int n) { _mm512_mask_storeu_ps(p, first(n), x); }
  SLUICE_LANES_FN F keep_n(F x, int n, float fill) {
    return _mm512_mask_mov_ps(_mm512_set1_ps(fill), first(n), x);
  }
  SLUICE_LANES_FN void load_bf16_pairs(const void* p, F& low, F& high) {
    const __m512i words = _mm512_loadu_si512(p);
    low = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
    high = _mm512_castsi512_ps(
        _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  SLUICE_LANES_FN F add(F a, F b) { return _mm512_add_ps(a, b); }
  SLUICE_LANES_FN F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  SLUICE_LANES_FN F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  SLUICE_LANES_FN F div(F a, F b) { return _mm512_div_ps(a, b); }
  SLUICE_LANES_FN F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  SLUICE_LANES_FN F max(F a, F b) { return _mm512_max_ps(a, b); }
  SLUICE_LANES_FN F min(F a, F b) { return _mm512_min_ps(a, b); }
  SLUICE_LANES_FN uint32_t ge_mask(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  SLUICE_LANES_FN F if_less(F a, F b, F then, F other) {
    return _mm512_mask_mov_ps(other, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), then);
  }
  SLUICE_LANES_FN F scale_exponent(F x, F shifted) {
    return _mm512_castsi512_ps(_mm512_add_epi32(
        _mm512_castps_si512(x), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
  }
  SLUICE_LANES_FN float reduce_add(F x) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  SLUICE_LANES_FN float reduce_max(F x) {
    const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
  }
  SLUICE_LANES_FN D zero_d() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
  SLUICE_LANES_FN D rounded(F x, double magic) {
    const __m512d m = _mm512_set1_pd(magic);
    return {_mm512_sub_pd(_mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(x)), m), m),
            _mm512_sub_pd(_mm512_add_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)), m), m)};
  }
  SLUICE_LANES_FN D add_d(D a, D b) {
    return {_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)};
  }
  SLUICE_LANES_FN void store_d(double* p, D x) {
    _mm512_storeu_pd(p, x.lo);
    _mm512_storeu_pd(p + 8, x.hi);
  }
};

}  // namespace sluice::kernels::avx512_lanes
