#include "kernels/quant/tile_avx512.h"

namespace sluice::kernels {
namespace {

struct Q6KAvx512 : Q6KLayout {
  template <int k4>
  [[gnu::always_inline]] static __m512i weights(const uint8_t* block, int g) {
    const __m512i pairs = vector_at(block + kHighOffset, k4 / 4, g);
    __m512i high;  // bits 2 * (k4 % 4) of the plane moved to bit 4
    if constexpr (k4 % 4 < 2) {
      high = _mm512_slli_epi16(pairs, 4 - 2 * (k4 % 4));
    } else if constexpr (k4 % 4 == 2) {
      high = pairs;
    } else {
      high = _mm512_srli_epi16(pairs, 2);
    }
    constexpr int kAOrBAndC = 0xF8;
    return _mm512_ternarylogic_epi32(nibbles_at<k4>(block + kNibbleOffset, g), high,
                                     _mm512_set1_epi8(0x30), kAOrBAndC);
  }
  [[gnu::always_inline]] static __m512 scale(const uint8_t* header, const uint8_t*, int g) {
    return half_scales(header + 32 * g);
  }
  [[gnu::always_inline]] static __m512i small_scale(const uint8_t* block, int g, int half) {
    return signed_bytes(block + kScaleOffset + 32 * half + 16 * g);
  }
};

}  // namespace

void matmul_q6k_avx512(const MatmulTask& task) { matmul_avx512<Q6KAvx512>(task); }

}  // namespace sluice::kernels
