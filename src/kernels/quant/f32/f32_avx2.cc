// Float weights in AVX2: 16 rows by up to 6 tokens, one chain of fma a value.
#include <immintrin.h>

#include "kernels/activations.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {
namespace {

template <int T>
void multiply_tile(const float* panel, const float* x, int32_t columns, float* out,
                   int64_t out_stride) {
  for (int32_t first = 0; first < 32; first += 16) {
    __m256 acc[2][T];
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) acc[0][t] = acc[1][t] = _mm256_setzero_ps();
    for (int32_t k = 0; k < columns; ++k) {
      const __m256 w0 = _mm256_loadu_ps(panel + 32 * int64_t{k} + first);
      const __m256 w1 = _mm256_loadu_ps(panel + 32 * int64_t{k} + first + 8);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; ++t) {
        const __m256 value = _mm256_set1_ps(x[t * int64_t{columns} + k]);
        acc[0][t] = _mm256_fmadd_ps(w0, value, acc[0][t]);
        acc[1][t] = _mm256_fmadd_ps(w1, value, acc[1][t]);
      }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < T; ++t) {
      _mm256_storeu_ps(out + t * out_stride + first, acc[0][t]);
      _mm256_storeu_ps(out + t * out_stride + first + 8, acc[1][t]);
    }
  }
}

}  // namespace

void matmul_f32_avx2(const MatmulTask& task) {
  using Tile = void (*)(const float*, const float*, int32_t, float*, int64_t);
  constexpr Tile kTiles[] = {multiply_tile<1>, multiply_tile<2>, multiply_tile<3>,
                             multiply_tile<4>, multiply_tile<5>, multiply_tile<6>};
  const Tiling tiling{task.tokens};
  const auto* x = reinterpret_cast<const float*>(task.activations);
  for (int32_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    const auto* weights =
        reinterpret_cast<const float*>(task.panels + static_cast<size_t>(panel) * task.panel_bytes);
    for (int32_t tile = 0; tile < tiling.tiles(); ++tile) {
      const int64_t first = tiling.first_token(tile);
      kTiles[tiling.tokens_in(tile) - 1](
          weights, x + first * task.columns, task.columns,
          task.out + first * task.out_stride + int64_t{panel - task.panel_begin} * 32,
          task.out_stride);
    }
  }
}

}  // namespace sluice::kernels
