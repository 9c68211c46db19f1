#include "kernels/quant/tile_avx2.h"

namespace sluice::kernels {
namespace {

struct Q6KAvx2 : Q6KLayout {
  static constexpr int kRun = 2;
  static constexpr bool kSignedBytes = false;

  template <int k4>
  [[gnu::always_inline]] static __m256i weights(const uint8_t* block, int quarter) {
    const __m256i pairs = vector_at(block + kHighOffset, k4 / 4, quarter);
    __m256i high;  // bits 2 * (k4 % 4) of the plane moved to bit 4
    if constexpr (k4 % 4 < 2) {
      high = _mm256_slli_epi16(pairs, 4 - 2 * (k4 % 4));
    } else if constexpr (k4 % 4 == 2) {
      high = pairs;
    } else {
      high = _mm256_srli_epi16(pairs, 2);
    }
    return _mm256_or_si256(nibbles_at<k4>(block + kNibbleOffset, quarter),
                           _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
  }
  [[gnu::always_inline]] static __m256 scale(const uint8_t* header, const uint8_t*, int quarter) {
    return half_scales(header + 16 * quarter);
  }
  [[gnu::always_inline]] static __m256i small_scale(const uint8_t* block, int quarter, int half) {
    return signed_bytes(block + kScaleOffset + 32 * half + 8 * quarter);
  }
};

}  // namespace

void matmul_q6k_avx2(const MatmulTask& task) { matmul_avx2<Q6KAvx2>(task); }

}  // namespace sluice::kernels
