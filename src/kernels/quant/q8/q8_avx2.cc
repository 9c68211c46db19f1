#include "kernels/quant/tile_avx2.h"

namespace sluice::kernels {
namespace {

struct Q8Avx2 : Q8Layout {
  static constexpr int kRun = 1;
  static constexpr bool kSignedBytes = true;

  template <int k4>
  [[gnu::always_inline]] static __m256i weights(const uint8_t* block, int quarter) {
    return vector_at(block, k4, quarter);
  }
  [[gnu::always_inline]] static __m256 scale(const uint8_t*, const uint8_t* block, int quarter) {
    return half_scales(block + kScaleOffset + 16 * quarter);
  }
};

}  // namespace

void matmul_q8_avx2(const MatmulTask& task) { matmul_avx2<Q8Avx2>(task); }

}  // namespace sluice::kernels
