// Activations to int8 in AVX-512; quantize_scalar.cc says what comes out.
#include <immintrin.h>

#include "kernels/activations.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {
namespace {

struct Block {
  __m128i values[2];
  int32_t sums[2];
  float scale;
};

[[gnu::always_inline]] inline Block quantize_block(const float* x) {
  const __m512 x0 = _mm512_loadu_ps(x);
  const __m512 x1 = _mm512_loadu_ps(x + 16);
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i m0 = _mm512_and_si512(_mm512_castps_si512(x0), magnitude);
  const __m512i m1 = _mm512_and_si512(_mm512_castps_si512(x1), magnitude);
  const auto amax_bits = static_cast<int32_t>(_mm512_reduce_max_epi32(_mm512_max_epi32(m0, m1)));
  const float amax = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(amax_bits)));
  Block block{};
  if (amax_bits >= 0x7f800000) [[unlikely]] {
    block.scale = __builtin_nanf("");
  } else if (amax >= kQuantiseSmallest) [[likely]] {
    block.scale = amax / 127.0f;
    const __m512 inverse = _mm512_set1_ps(127.0f / amax);
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    const __m512i q0 = _mm512_cvt_roundps_epi32(_mm512_mul_ps(x0, inverse), kNearest);
    const __m512i q1 = _mm512_cvt_roundps_epi32(_mm512_mul_ps(x1, inverse), kNearest);
    // |x| * (127 / amax) exceeds 127 by two roundings at most, so that nothing needs a clamp.
    block.values[0] = _mm512_cvtepi32_epi8(q0);
    block.values[1] = _mm512_cvtepi32_epi8(q1);
    block.sums[0] = _mm512_reduce_add_epi32(q0);
    block.sums[1] = _mm512_reduce_add_epi32(q1);
  }
  return block;
}

}  // namespace

void quantize_avx512(const QuantizeTask& task) {
  const int64_t tokens = task.tile_tokens;
  const int64_t place = task.tile_token;
  uint8_t* at = task.tile;
  for (int32_t b = 0; b < task.blocks; ++b, at += tokens * kActivationBlockBytes) {
    const Block block = quantize_block(task.x + 32 * int64_t{b});
    const int32_t sum = block.sums[0] + block.sums[1];
    const int32_t zeros = -kZeroUnit * sum;
    const int32_t half_zeros = -kZeroUnit * block.sums[0];
    const float scaled_sum = block.scale * static_cast<float>(sum);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at + 32 * place), block.values[0]);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at + 32 * place + 16), block.values[1]);
    __builtin_memcpy(at + 32 * tokens + 4 * place, &zeros, 4);
    __builtin_memcpy(at + 36 * tokens + 4 * place, &half_zeros, 4);
    __builtin_memcpy(at + 40 * tokens + 4 * place, &block.scale, 4);
    __builtin_memcpy(at + 44 * tokens + 4 * place, &scaled_sum, 4);
  }
}

}  // namespace sluice::kernels
