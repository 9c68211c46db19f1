#include "kernels/quant/tile_avx2.h"

namespace sluice::kernels {
namespace {

struct Q4KAvx2 : Q4KLayout {
  static constexpr int kRun = 8;
  static constexpr bool kSignedBytes = false;

  template <int k4>
  [[gnu::always_inline]] static __m256i weights(const uint8_t* block, int quarter) {
    return nibbles_at<k4>(block, quarter);
  }

  [[gnu::always_inline]] static __m256 scale(const uint8_t* header, const uint8_t* block,
                                             int quarter) {
    return _mm256_mul_ps(half_scales(header + 16 * quarter),
                         byte_scales(block + kNibbleBytes + 8 * quarter));
  }
  [[gnu::always_inline]] static __m256 minimum(const uint8_t* header, const uint8_t* block,
                                               int quarter) {
    const __m256 product = _mm256_mul_ps(half_scales(header + kScaleBytes + 16 * quarter),
                                         byte_scales(block + kNibbleBytes + 32 + 8 * quarter));
    return _mm256_xor_ps(product, _mm256_set1_ps(-0.0f));
  }
};

}  // namespace

void matmul_q4k_avx2(const MatmulTask& task) { matmul_avx2<Q4KAvx2>(task); }

}  // namespace sluice::kernels
