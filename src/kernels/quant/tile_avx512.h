// The matrix product in AVX-512 VNNI: 32 rows by up to 6 tokens a tile, sums and float accumulators
// in registers. Included only by the formats' *_avx512.cc files, so everything has internal
// linkage.
//
// Panels are the outer loop. A panel is taken in chunks of k that stay in the L1 cache while all
// tiles go over them; between chunks the float accumulators rest in `out`. With several tiles the
// next panel is prefetched into L2, a share by each tile; with one, the same stream 16 blocks
// ahead.
//
// A format is a struct F over its layout with
//   template <int k4> static __m512i weights(const uint8_t* block, int g)   unsigned bytes
//   static __m512 scale(const uint8_t* header, const uint8_t* block, int g)
//   static __m512i small_scale(const uint8_t* block, int g, int half)       where kHalves is 2
//   static __m512 minimum(const uint8_t* header, const uint8_t* block, int g)
// where g is the half of the panel (16 rows).
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

SLUICE_INLINE __m512 half_scales(const uint8_t* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}

SLUICE_INLINE __m512 byte_scales(const uint8_t* at) {  // 16 u8
  return _mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
}

SLUICE_INLINE __m512i signed_bytes(const uint8_t* at) {  // 16 i8
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

SLUICE_INLINE __m512i vector_at(const uint8_t* plane, int vector, int g) {
  return _mm512_loadu_si512(plane + (vector * 2 + g) * kVectorBytes);
}

// The unsigned nibbles of k-quad k4.
template <int k4>
SLUICE_INLINE __m512i nibbles_at(const uint8_t* plane, int g) {
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i raw = vector_at(plane, k4 % 4, g);
  if constexpr (k4 < 4) {
    return _mm512_and_si512(raw, mask);
  } else {
    return _mm512_and_si512(_mm512_srli_epi16(raw, 4), mask);
  }
}

SLUICE_INLINE __m512i broadcast_int(const uint8_t* at) {
  int32_t value;
  __builtin_memcpy(&value, at, sizeof(value));
  return _mm512_set1_epi32(value);
}

SLUICE_INLINE __m512 broadcast_float(const uint8_t* at) {
  float value;
  __builtin_memcpy(&value, at, sizeof(value));
  return _mm512_set1_ps(value);
}

template <int... values, class Body>
SLUICE_INLINE void unrolled(std::integer_sequence<int, values...>, Body body) {
  (body(std::integral_constant<int, values>()), ...);
}

// Where integer sums start: -zero * (sum of the activations), so that unsigned weights count as
// signed ones.
template <class F, int T>
SLUICE_INLINE __m512i sum_start(const uint8_t* a, int half, int t) {
  if constexpr (F::kZeroShift == kNoZero) {
    return _mm512_setzero_si512();
  } else {
    __m512i zeros = broadcast_int(a + (F::kHalves == 1 ? 32 : 36) * T + 4 * t);
    if (half == 1) zeros = _mm512_sub_epi32(broadcast_int(a + 32 * T + 4 * t), zeros);
    if constexpr (F::kZeroShift == 0) return zeros;
    if constexpr (F::kZeroShift == 1) return _mm512_add_epi32(zeros, zeros);
    return _mm512_slli_epi32(zeros, F::kZeroShift);
  }
}

template <class F, int T, int k4>
SLUICE_INLINE void multiply_quad(const uint8_t* block, const uint8_t* a, __m512i (&sum)[2][T]) {
  const __m512i w0 = F::template weights<k4>(block, 0);
  const __m512i w1 = F::template weights<k4>(block, 1);
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) {
    const __m512i x = broadcast_int(a + 32 * t + 4 * k4);
    sum[0][t] = _mm512_dpbusd_epi32(sum[0][t], w0, x);
    sum[1][t] = _mm512_dpbusd_epi32(sum[1][t], w1, x);
  }
}

// Keeps the compiler from loading ahead: it would run out of registers and spill accumulators.
#define SLUICE_STAY_IN_ORDER __asm__ volatile("" ::: "memory")

// The sums of one block, or of one half of it.
template <class F, int T, int half>
SLUICE_INLINE void sum_half(const uint8_t* block, const uint8_t* a, __m512i (&sum)[2][T]) {
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) sum[0][t] = sum[1][t] = sum_start<F, T>(a, half, t);
  constexpr int kPairs = 4 / F::kHalves;
  unrolled(std::make_integer_sequence<int, kPairs>(),
           [&](auto pair) __attribute__((always_inline)) {
             // Where one vector holds two k-quads they take turns while it is in a register.
             constexpr int kFirst = F::kPairedNibbles ? pair : 4 * half + 2 * pair;
             SLUICE_STAY_IN_ORDER;
             multiply_quad<F, T, kFirst>(block, a, sum);
             if constexpr (!F::kPairedNibbles) SLUICE_STAY_IN_ORDER;
             multiply_quad<F, T, kFirst + (F::kPairedNibbles ? 4 : 1)>(block, a, sum);
           });
  SLUICE_STAY_IN_ORDER;
}

// Adds one block's products to the accumulators.
template <class F, int T>
SLUICE_INLINE void add_block(const uint8_t* header, const uint8_t* block, const uint8_t* a,
                             __m512 (&acc)[2][T]) {
  __m512i sum[2][T];
  sum_half<F, T, 0>(block, a, sum);
  if constexpr (F::kHalves == 2) {
    __m512i total[2][T];
#pragma clang loop unroll(full)
    for (int g = 0; g < 2; ++g) {
      const __m512i scale = F::small_scale(block, g, 0);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; ++t) total[g][t] = _mm512_mullo_epi32(sum[g][t], scale);
    }
    sum_half<F, T, 1>(block, a, sum);
#pragma clang loop unroll(full)
    for (int g = 0; g < 2; ++g) {
      const __m512i scale = F::small_scale(block, g, 1);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; ++t) {
        sum[g][t] = _mm512_add_epi32(total[g][t], _mm512_mullo_epi32(sum[g][t], scale));
      }
    }
  }
#pragma clang loop unroll(full)
  for (int g = 0; g < 2; ++g) {
    const __m512 scale = F::scale(header, block, g);
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      const __m512 both = _mm512_mul_ps(scale, broadcast_float(a + 40 * T + 4 * t));
      acc[g][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[g][t]), both, acc[g][t]);
    }
    if constexpr (F::kHasMinimum) {
      const __m512 minimum = F::minimum(header, block, g);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; ++t) {
        acc[g][t] = _mm512_fmadd_ps(minimum, broadcast_float(a + 44 * T + 4 * t), acc[g][t]);
      }
    }
  }
}

#undef SLUICE_STAY_IN_ORDER

// One tile's work on one chunk of a panel.
struct TileWork {
  const uint8_t* panel;
  const uint8_t* activations;  // the tile's first block
  float* out;                  // [T][out_stride], at the panel's first row
  int64_t out_stride;
  int32_t block_begin;
  int32_t block_end;
  const uint8_t* next;     // where to prefetch, block by block
  int32_t prefetch_begin;  // lines of each of its blocks that this tile fetches
  int32_t prefetch_end;
};

template <class F, int T>
[[gnu::noinline]] void multiply_tile(const TileWork& work) {
  __m512 acc[2][T];
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) {
#pragma clang loop unroll(full)
    for (int g = 0; g < 2; ++g) {
      acc[g][t] = work.block_begin == 0 ? _mm512_setzero_ps()
                                        : _mm512_loadu_ps(work.out + t * work.out_stride + 16 * g);
    }
  }
  const uint8_t* a = work.activations + int64_t{work.block_begin} * T * kActivationBlockBytes;
  int64_t offset = int64_t{work.block_begin / F::kGroupBlocks} * kGroupBytes<F>;
  for (int32_t b = work.block_begin; b < work.block_end; b += F::kGroupBlocks) {
    const uint8_t* header = work.panel + offset;
    for (int32_t inner = 0; inner < F::kGroupBlocks; ++inner) {
      const int64_t block = offset + F::kHeaderBytes + int64_t{inner} * F::kBlockBytes;
#pragma clang loop unroll(disable)
      for (int32_t line = work.prefetch_begin; line < work.prefetch_end; ++line) {
        _mm_prefetch(work.next + block + line * 64, _MM_HINT_T1);
      }
      add_block<F, T>(header, work.panel + block, a, acc);
      a += T * kActivationBlockBytes;
    }
    offset += kGroupBytes<F>;
  }
#pragma clang loop unroll(full)
  for (int t = 0; t < T; ++t) {
    _mm512_storeu_ps(work.out + t * work.out_stride, acc[0][t]);
    _mm512_storeu_ps(work.out + t * work.out_stride + 16, acc[1][t]);
  }
}

template <class F>
void matmul_avx512(const MatmulTask& task) {
  constexpr int32_t kChunkBlocks = 32;  // with 6 tokens, 27 KB of a 4-bit panel, 43 of an 8-bit one
  constexpr int32_t kLines = F::kBlockBytes / 64;
  constexpr size_t kAheadBytes = size_t{16 / F::kGroupBlocks} * kGroupBytes<F>;
  // Below these the hardware's prefetcher alone is as fast or faster (Zen 4).
  constexpr int32_t kAheadTokens = F::kBlockBytes > 1024 ? 5 : 2;
  using Tile = void (*)(const TileWork&);
  constexpr Tile kTiles[] = {multiply_tile<F, 1>, multiply_tile<F, 2>, multiply_tile<F, 3>,
                             multiply_tile<F, 4>, multiply_tile<F, 5>, multiply_tile<F, 6>};
  const Tiling tiling{task.tokens};
  const int32_t tiles = tiling.tiles();
  const int32_t blocks = task.columns / 32;
  for (int32_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    TileWork work;
    work.panel = task.panels + static_cast<size_t>(panel) * task.panel_bytes;
    work.next = work.panel + (tiles > 1 ? task.panel_bytes : kAheadBytes);
    work.out_stride = task.out_stride;
    const bool prefetch = tiles > 1 ? panel + 1 < task.panel_end : task.tokens >= kAheadTokens;
    for (int32_t begin = 0; begin < blocks; begin += kChunkBlocks) {
      work.block_begin = begin;
      work.block_end = begin + kChunkBlocks < blocks ? begin + kChunkBlocks : blocks;
      for (int32_t tile = 0; tile < tiles; ++tile) {
        const int32_t first = tiling.first_token(tile);
        work.activations = task.activations + int64_t{first} * blocks * kActivationBlockBytes;
        work.out = task.out + first * task.out_stride + int64_t{panel - task.panel_begin} * 32;
        work.prefetch_begin = prefetch ? kLines * tile / tiles : 0;
        work.prefetch_end = prefetch ? kLines * (tile + 1) / tiles : 0;
        kTiles[tiling.tokens_in(tile) - 1](work);
      }
    }
  }
}

#undef SLUICE_INLINE

}  // namespace
}  // namespace sluice::kernels
