// Scans over a row of logits for the sampler. Chunks of kSampleChunk values; NaN counts as -inf.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/ops/argmax/argmax_impl.h"
#include "kernels/ops/lanes/exp.h"

namespace sluice::kernels {

// Weights are multiples of 2^-34 and at most 1, so that up to 2^18 of them sum exactly in double,
// in any order. 1.5 * 2^18 added and taken away rounds to such a multiple.
constexpr double kWeightMagic = 393216.0;

template <typename V>
[[gnu::always_inline]] inline typename V::D weight_lanes(typename V::F x, float max,
                                                         float inverse_temperature) {
  // max(x, lowest) gives lowest for NaN.
  const auto known = V::max(x, V::set(-__builtin_inff()));
  const auto scaled = V::mul(V::sub(known, V::set(max)), V::set(inverse_temperature));
  return V::rounded(exp_lanes<V>(scaled), kWeightMagic);
}

template <typename V>
[[gnu::always_inline]] inline void chunk_maxima_row(const float* x, int32_t count, float* maxima) {
  for (int32_t begin = 0; begin < count; begin += kSampleChunk) {
    const int32_t n = count - begin < kSampleChunk ? count - begin : kSampleChunk;
    *maxima++ = max_of<V>(x + begin, n);
  }
}

template <typename V>
[[gnu::always_inline]] inline int32_t collect_row(const float* x, int32_t count,
                                                  const float* maxima, float threshold,
                                                  int32_t* ids) {
  int32_t found = 0;
  const auto limit = V::set(threshold);
  for (int32_t begin = 0; begin < count; begin += kSampleChunk) {
    if (!(maxima[begin / kSampleChunk] >= threshold)) continue;
    const int32_t end = count - begin < kSampleChunk ? count : begin + kSampleChunk;
    for (int32_t i = begin; i < end; i += 16) {
      const auto lanes = V::load_n(x + i, end - i, __builtin_nanf(""));
      for (uint32_t mask = V::ge_mask(lanes, limit); mask != 0; mask &= mask - 1) {
        ids[found++] = i + __builtin_ctz(mask);
      }
    }
  }
  return found;
}

template <typename V>
[[gnu::always_inline]] inline void weights_row(const float* x, int32_t count, float max,
                                               float inverse_temperature, double* weights) {
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    V::store_d(weights + i, weight_lanes<V>(V::load(x + i), max, inverse_temperature));
  }
  if (i < count) {
    double tail[16];
    const auto lanes = V::load_n(x + i, count - i, -__builtin_inff());
    V::store_d(tail, weight_lanes<V>(lanes, max, inverse_temperature));
    for (int32_t j = 0; i + j < count; ++j) weights[i + j] = tail[j];
  }
}

template <typename V>
[[gnu::always_inline]] inline void weight_sums_row(const float* x, int32_t count, float max,
                                                   float inverse_temperature, const float* maxima,
                                                   double* sums) {
  for (int32_t begin = 0; begin < count; begin += kSampleChunk) {
    const int32_t chunk = begin / kSampleChunk;
    // e^-25 is below half of 2^-34: every weight of the chunk rounds to zero.
    if ((maxima[chunk] - max) * inverse_temperature < -25.0f) {
      sums[chunk] = 0.0;
      continue;
    }
    const int32_t end = count - begin < kSampleChunk ? count : begin + kSampleChunk;
    auto sum = V::zero_d();
    int32_t i = begin;
    for (; i + 16 <= end; i += 16) {
      sum = V::add_d(sum, weight_lanes<V>(V::load(x + i), max, inverse_temperature));
    }
    if (i < end) {
      const auto lanes = V::load_n(x + i, end - i, -__builtin_inff());
      sum = V::add_d(sum, weight_lanes<V>(lanes, max, inverse_temperature));
    }
    double parts[16];
    V::store_d(parts, sum);
    double total = 0.0;
    for (double part : parts) total += part;
    sums[chunk] = total;
  }
}

}  // namespace sluice::kernels
