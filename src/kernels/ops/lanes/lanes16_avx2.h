// Sixteen float32 lanes in two AVX2 registers; lanes16_scalar.h is the specification.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace sluice::kernels::avx2_lanes {

#define SLUICE_LANES_FN [[gnu::always_inline]] static inline

struct Lanes16 {
  static constexpr int kRowTile = 4;
  static constexpr int kValueVectors = 1;
  struct F {
    __m256 lo, hi;
  };
  struct D {
    __m256d v[4];
  };

  SLUICE_LANES_FN __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  SLUICE_LANES_FN __m256 load_n_half(const float* p, __m256i mask, __m256 fill) {
    return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
  }
  SLUICE_LANES_FN F set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  SLUICE_LANES_FN F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  SLUICE_LANES_FN F load_n(const float* p, int n, float fill) {
    const __m256 f = _mm256_set1_ps(fill);
    return {load_n_half(p, first(n), f), load_n_half(p + 8, first(n - 8), f)};
  }
  SLUICE_LANES_FN void store(float* p, F x) {
    _mm256_storeu_ps(p, x.lo);
    _mm256_storeu_ps(p + 8, x.hi);
  }
  SLUICE_LANES_FN void store_n(float* p, F x, int n) {
    _mm256_maskstore_ps(p, first(n), x.lo);
    _mm256_maskstore_ps(p + 8, first(n - 8), x.hi);
  }
  SLUICE_LANES_FN F keep_n(F x, int n, float fill) {
    const __m256 f = _mm256_set1_ps(fill);
    return {_mm256_blendv_ps(f, x.lo, _mm256_castsi256_ps(first(n))),
            _mm256_blendv_ps(f, x.hi, _mm256_castsi256_ps(first(n - 8)))};
  }
  SLUICE_LANES_FN void load_bf16_pairs(const void* p, F& low, F& high) {
    const __m256i a = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    const __m256i b = _mm256_loadu_si256(static_cast<const __m256i*>(p) + 1);
    const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
    low = {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
           _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
    high = {_mm256_castsi256_ps(_mm256_and_si256(a, mask)),
            _mm256_castsi256_ps(_mm256_and_si256(b, mask))};
  }
  SLUICE_LANES_FN F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN F div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  SLUICE_LANES_FN F max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN F min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  SLUICE_LANES_FN uint32_t ge_mask(F a, F b) {
    const int lo = _mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_GE_OQ));
    const int hi = _mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_GE_OQ));
    return static_cast<uint32_t>(lo) | static_cast<uint32_t>(hi) << 8;
  }
  SLUICE_LANES_FN F if_less(F a, F b, F then, F other) {
    return {_mm256_blendv_ps(other.lo, then.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
            _mm256_blendv_ps(other.hi, then.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
  }
  SLUICE_LANES_FN __m256 scale_half(__m256 x, __m256 shifted) {
    return _mm256_castsi256_ps(_mm256_add_epi32(
        _mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
  }
  SLUICE_LANES_FN F scale_exponent(F x, F shifted) {
    return {scale_half(x.lo, shifted.lo), scale_half(x.hi, shifted.hi)};
  }
  SLUICE_LANES_FN float reduce_add(F x) {
    const __m256 a = _mm256_add_ps(x.lo, x.hi);
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  SLUICE_LANES_FN float reduce_max(F x) {
    const __m256 a = _mm256_max_ps(x.lo, x.hi);
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
  }
  SLUICE_LANES_FN D zero_d() {
    const __m256d z = _mm256_setzero_pd();
    return {{z, z, z, z}};
  }
  SLUICE_LANES_FN __m256d round_quarter(__m128 x, __m256d m) {
    return _mm256_sub_pd(_mm256_add_pd(_mm256_cvtps_pd(x), m), m);
  }
  SLUICE_LANES_FN D rounded(F x, double magic) {
    const __m256d m = _mm256_set1_pd(magic);
    return {{round_quarter(_mm256_castps256_ps128(x.lo), m),
             round_quarter(_mm256_extractf128_ps(x.lo, 1), m),
             round_quarter(_mm256_castps256_ps128(x.hi), m),
             round_quarter(_mm256_extractf128_ps(x.hi, 1), m)}};
  }
  SLUICE_LANES_FN D add_d(D a, D b) {
    return {{_mm256_add_pd(a.v[0], b.v[0]), _mm256_add_pd(a.v[1], b.v[1]),
             _mm256_add_pd(a.v[2], b.v[2]), _mm256_add_pd(a.v[3], b.v[3])}};
  }
  SLUICE_LANES_FN void store_d(double* p, D x) {
    for (int i = 0; i < 4; ++i) _mm256_storeu_pd(p + 4 * i, x.v[i]);
  }
};

}  // namespace sluice::kernels::avx2_lanes
