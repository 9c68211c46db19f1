// Activations to int8 in AVX2; quantize_scalar.cc says what comes out.
#include <immintrin.h>

#include "kernels/activations.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {
namespace {

[[gnu::always_inline]] inline int32_t sum_of(__m256i v) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
  return _mm_cvtsi128_si32(sum);
}

[[gnu::always_inline]] inline int32_t max_of(__m256i v) {
  __m128i max = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  max = _mm_max_epi32(max, _mm_shuffle_epi32(max, 0x4E));
  max = _mm_max_epi32(max, _mm_shuffle_epi32(max, 0xB1));
  return _mm_cvtsi128_si32(max);
}

struct Block {
  __m256i values;
  int32_t sums[2];
  float scale;
};

[[gnu::always_inline]] inline Block quantize_block(const float* x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256 in[4];
  __m256i largest = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) {
    in[i] = _mm256_loadu_ps(x + 8 * i);
    largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(in[i]), magnitude));
  }
  const int32_t amax_bits = max_of(largest);
  const float amax = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(amax_bits)));
  Block block{};
  if (amax_bits >= 0x7f800000) [[unlikely]] {
    block.scale = __builtin_nanf("");
  } else if (amax >= kQuantiseSmallest) [[likely]] {
    block.scale = amax / 127.0f;
    const __m256 inverse = _mm256_set1_ps(127.0f / amax);
    __m256i q[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(in[i], inverse));
    block.sums[0] = sum_of(_mm256_add_epi32(q[0], q[1]));
    block.sums[1] = sum_of(_mm256_add_epi32(q[2], q[3]));
    // Packing works inside 128-bit lanes; the permutation puts the dwords back in order.
    const __m256i packed =
        _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    block.values = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  return block;
}

}  // namespace

void quantize_avx2(const QuantizeTask& task) {
  const int64_t tokens = task.tile_tokens;
  const int64_t place = task.tile_token;
  uint8_t* at = task.tile;
  for (int32_t b = 0; b < task.blocks; ++b, at += tokens * kActivationBlockBytes) {
    const Block block = quantize_block(task.x + 32 * int64_t{b});
    const int32_t sum = block.sums[0] + block.sums[1];
    const int32_t zeros = -kZeroUnit * sum;
    const int32_t half_zeros = -kZeroUnit * block.sums[0];
    const float scaled_sum = block.scale * static_cast<float>(sum);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at + 32 * place), block.values);
    __builtin_memcpy(at + 32 * tokens + 4 * place, &zeros, 4);
    __builtin_memcpy(at + 36 * tokens + 4 * place, &half_zeros, 4);
    __builtin_memcpy(at + 40 * tokens + 4 * place, &block.scale, 4);
    __builtin_memcpy(at + 44 * tokens + 4 * place, &scaled_sum, 4);
  }
}

}  // namespace sluice::kernels
