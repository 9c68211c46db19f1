#include "kernels/quant/tile_avx512.h"

namespace sluice::kernels {
namespace {

struct Q5Avx512 : Q5Layout {
  template <int k4>
  [[gnu::always_inline]] static __m512i weights(const uint8_t* block, int g) {
    const __m512i high = vector_at(block + kHighOffset, 0, g);
    __m512i fifth;  // bit k4 of the plane moved to bit 4
    if constexpr (k4 < 4) {
      fifth = _mm512_slli_epi16(high, 4 - k4);
    } else if constexpr (k4 == 4) {
      fifth = high;
    } else {
      fifth = _mm512_srli_epi16(high, k4 - 4);
    }
    constexpr int kAOrBAndC = 0xF8;
    return _mm512_ternarylogic_epi32(nibbles_at<k4>(block + kNibbleOffset, g), fifth,
                                     _mm512_set1_epi8(16), kAOrBAndC);
  }
  [[gnu::always_inline]] static __m512 scale(const uint8_t*, const uint8_t* block, int g) {
    return half_scales(block + kScaleOffset + 32 * g);
  }
};

}  // namespace

void matmul_q5_avx512(const MatmulTask& task) { matmul_avx512<Q5Avx512>(task); }

}  // namespace sluice::kernels
