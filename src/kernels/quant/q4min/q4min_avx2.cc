#include "kernels/quant/tile_avx2.h"

namespace sluice::kernels {
namespace {

struct Q4MinAvx2 : Q4MinLayout {
  static constexpr int kRun = 8;
  static constexpr bool kSignedBytes = false;

  template <int k4>
  [[gnu::always_inline]] static __m256i weights(const uint8_t* block, int quarter) {
    return nibbles_at<k4>(block, quarter);
  }

  [[gnu::always_inline]] static __m256 scale(const uint8_t*, const uint8_t* block, int quarter) {
    return half_scales(block + kNibbleBytes + 16 * quarter);
  }
  [[gnu::always_inline]] static __m256 minimum(const uint8_t*, const uint8_t* block, int quarter) {
    return half_scales(block + kNibbleBytes + kScaleBytes + 16 * quarter);
  }
};

}  // namespace

void matmul_q4min_avx2(const MatmulTask& task) { matmul_avx2<Q4MinAvx2>(task); }

}  // namespace sluice::kernels
