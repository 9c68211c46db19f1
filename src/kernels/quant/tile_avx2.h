// The matrix product in AVX2: 8 rows by up to 6 tokens at a time over the layout of AVX-512, so
// that a packed matrix serves either. Included only by the formats' *_avx2.cc files, so everything
// has internal linkage. tile_scalar.h says what comes out.
//
// maddubs adds pairs of products in 16 bits and saturates. Weights of at most 63 cannot reach that;
// several of their products even add up in 16 bits before they are widened (F::kRun k-quads). Bytes
// can: they are taken as |w| times a with w's sign, at most 2 * 128 * 127.
//
// A format is a struct F over its layout with
//   static constexpr int kRun, kSignedBytes
//   template <int k4> static __m256i weights(const uint8_t* block, int quarter)
//   static __m256 scale(const uint8_t* header, const uint8_t* block, int quarter)
//   static __m256i small_scale(const uint8_t* block, int quarter, int half)    where kHalves is 2
//   static __m256 minimum(const uint8_t* header, const uint8_t* block, int quarter)
// where quarter is the 8 rows of the panel.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/activations.h"
#include "kernels/quant/layouts.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {
namespace {

#define SLUICE_INLINE [[gnu::always_inline]] static inline

SLUICE_INLINE __m256 half_scales(const uint8_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

SLUICE_INLINE __m256 byte_scales(const uint8_t* at) {  // 8 u8
  return _mm256_cvtepi32_ps(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
}

SLUICE_INLINE __m256i signed_bytes(const uint8_t* at) {  // 8 i8
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
}

SLUICE_INLINE __m256i vector_at(const uint8_t* plane, int vector, int quarter) {
  return _mm256_loadu_si256(
      reinterpret_cast<const __m256i*>(plane + vector * 2 * kVectorBytes + quarter * 32));
}

template <int k4>
SLUICE_INLINE __m256i nibbles_at(const uint8_t* plane, int quarter) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i raw = vector_at(plane, k4 % 4, quarter);
  if constexpr (k4 < 4) {
    return _mm256_and_si256(raw, mask);
  } else {
    return _mm256_and_si256(_mm256_srli_epi16(raw, 4), mask);
  }
}

SLUICE_INLINE __m256i broadcast_int(const uint8_t* at) {
  int32_t value;
  __builtin_memcpy(&value, at, sizeof(value));
  return _mm256_set1_epi32(value);
}

SLUICE_INLINE __m256 broadcast_float(const uint8_t* at) {
  float value;
  __builtin_memcpy(&value, at, sizeof(value));
  return _mm256_set1_ps(value);
}

template <int... values, class Body>
SLUICE_INLINE void unrolled(std::integer_sequence<int, values...>, Body body) {
  (body(std::integral_constant<int, values>()), ...);
}

template <class F, int T>
SLUICE_INLINE __m256i sum_start(const uint8_t* a, int half, int t) {
  if constexpr (F::kZeroShift == kNoZero || F::kSignedBytes) {
    return _mm256_setzero_si256();
  } else {
    __m256i zeros = broadcast_int(a + (F::kHalves == 1 ? 32 : 36) * T + 4 * t);
    if (half == 1) zeros = _mm256_sub_epi32(broadcast_int(a + 32 * T + 4 * t), zeros);
    return _mm256_slli_epi32(zeros, F::kZeroShift);
  }
}

// Pairs of products of one k-quad, in 16 bits.
template <class F>
SLUICE_INLINE __m256i products(__m256i weights, __m256i x) {
  if constexpr (F::kSignedBytes) {
    const __m256i w = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  } else {
    return _mm256_maddubs_epi16(weights, x);
  }
}

// The sums of one block, or of one half of it.
template <class F, int T, int half>
SLUICE_INLINE void sum_half(const uint8_t* block, const uint8_t* a, int quarter,
                            __m256i (&sum)[T]) {
  constexpr int kRuns = 8 / F::kHalves / F::kRun;
  const __m256i ones = _mm256_set1_epi16(1);
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) sum[t] = sum_start<F, T>(a, half, t);
  unrolled(std::make_integer_sequence<int, kRuns>(), [&](auto run) __attribute__((always_inline)) {
    __m256i sum16[T];
    unrolled(std::make_integer_sequence<int, F::kRun>(),
             [&](auto step) __attribute__((always_inline)) {
               constexpr int k4 = 4 * half + run * F::kRun + step;
               const __m256i weights = F::template weights<k4>(block, quarter);
#pragma clang loop unroll(full)
               for (int t = 0; t < T; ++t) {
                 const __m256i pairs = products<F>(weights, broadcast_int(a + 32 * t + 4 * k4));
                 if constexpr (step == 0) {
                   sum16[t] = pairs;
                 } else {
                   sum16[t] = _mm256_add_epi16(sum16[t], pairs);
                 }
               }
             });
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      sum[t] = _mm256_add_epi32(sum[t], _mm256_madd_epi16(sum16[t], ones));
    }
  });
}

template <class F, int T>
SLUICE_INLINE void add_block(const uint8_t* header, const uint8_t* block, const uint8_t* a,
                             int quarter, __m256 (&acc)[T]) {
  __m256i sum[T];
  sum_half<F, T, 0>(block, a, quarter, sum);
  if constexpr (F::kHalves == 2) {
    __m256i second[T];
    sum_half<F, T, 1>(block, a, quarter, second);
    const __m256i scale0 = F::small_scale(block, quarter, 0);
    const __m256i scale1 = F::small_scale(block, quarter, 1);
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      sum[t] = _mm256_add_epi32(_mm256_mullo_epi32(sum[t], scale0),
                                _mm256_mullo_epi32(second[t], scale1));
    }
  }
  const __m256 scale = F::scale(header, block, quarter);
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) {
    const __m256 both = _mm256_mul_ps(scale, broadcast_float(a + 40 * T + 4 * t));
    acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[t]), both, acc[t]);
  }
  if constexpr (F::kHasMinimum) {
    const __m256 minimum = F::minimum(header, block, quarter);
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      acc[t] = _mm256_fmadd_ps(minimum, broadcast_float(a + 44 * T + 4 * t), acc[t]);
    }
  }
}

// One tile's work on one chunk of a panel.
struct TileWork {
  const uint8_t* panel;
  const uint8_t* activations;  // the tile's first block
  float* out;                  // [T][out_stride], at the panel's first row
  int64_t out_stride;
  int32_t block_begin;
  int32_t block_end;
};

template <class F, int T>
[[gnu::noinline]] void multiply_tile(const TileWork& work) {
  for (int quarter = 0; quarter < 4; ++quarter) {
    float* out = work.out + 8 * quarter;
    __m256 acc[T];
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      acc[t] =
          work.block_begin == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(out + t * work.out_stride);
    }
    const uint8_t* a = work.activations + int64_t{work.block_begin} * T * kActivationBlockBytes;
    const uint8_t* header =
        work.panel + int64_t{work.block_begin / F::kGroupBlocks} * kGroupBytes<F>;
    for (int32_t b = work.block_begin; b < work.block_end; b += F::kGroupBlocks) {
      for (int32_t inner = 0; inner < F::kGroupBlocks; ++inner) {
        const uint8_t* block = header + F::kHeaderBytes + int64_t{inner} * F::kBlockBytes;
        add_block<F, T>(header, block, a, quarter, acc);
        a += T * kActivationBlockBytes;
      }
      header += kGroupBytes<F>;
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) _mm256_storeu_ps(out + t * work.out_stride, acc[t]);
  }
}

template <class F>
void matmul_avx2(const MatmulTask& task) {
  constexpr int32_t kChunkBlocks = 16;  // stays in L1 while four quarters and all tiles read it
  using Tile = void (*)(const TileWork&);
  constexpr Tile kTiles[] = {multiply_tile<F, 1>, multiply_tile<F, 2>, multiply_tile<F, 3>,
                             multiply_tile<F, 4>, multiply_tile<F, 5>, multiply_tile<F, 6>};
  const Tiling tiling{task.tokens};
  const int32_t blocks = task.columns / 32;
  for (int32_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    TileWork work;
    work.panel = task.panels + static_cast<size_t>(panel) * task.panel_bytes;
    work.out_stride = task.out_stride;
    for (int32_t begin = 0; begin < blocks; begin += kChunkBlocks) {
      work.block_begin = begin;
      work.block_end = begin + kChunkBlocks < blocks ? begin + kChunkBlocks : blocks;
      for (int32_t tile = 0; tile < tiling.tiles(); ++tile) {
        const int32_t first = tiling.first_token(tile);
        work.activations = task.activations + int64_t{first} * blocks * kActivationBlockBytes;
        work.out = task.out + first * task.out_stride + int64_t{panel - task.panel_begin} * 32;
        kTiles[tiling.tokens_in(tile) - 1](work);
      }
    }
  }
}

#undef SLUICE_INLINE

}  // namespace
}  // namespace sluice::kernels
