#include "kernels/quant/tile_avx2.h"

namespace sluice::kernels {
namespace {

struct Q5Avx2 : Q5Layout {
  static constexpr int kRun = 4;
  static constexpr bool kSignedBytes = false;

  template <int k4>
  [[gnu::always_inline]] static __m256i weights(const uint8_t* block, int quarter) {
    const __m256i high = vector_at(block + kHighOffset, 0, quarter);
    __m256i fifth;  // bit k4 of the plane moved to bit 4
    if constexpr (k4 < 4) {
      fifth = _mm256_slli_epi16(high, 4 - k4);
    } else if constexpr (k4 == 4) {
      fifth = high;
    } else {
      fifth = _mm256_srli_epi16(high, k4 - 4);
    }
    return _mm256_or_si256(nibbles_at<k4>(block + kNibbleOffset, quarter),
                           _mm256_and_si256(fifth, _mm256_set1_epi8(16)));
  }
  [[gnu::always_inline]] static __m256 scale(const uint8_t*, const uint8_t* block, int quarter) {
    return half_scales(block + kScaleOffset + 16 * quarter);
  }
};

}  // namespace

void matmul_q5_avx2(const MatmulTask& task) { matmul_avx2<Q5Avx2>(task); }

}  // namespace sluice::kernels
