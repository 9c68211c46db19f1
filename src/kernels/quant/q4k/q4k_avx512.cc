#include "kernels/quant/tile_avx512.h"

namespace sluice::kernels {
namespace {

struct Q4KAvx512 : Q4KLayout {
  template <int k4>
  [[gnu::always_inline]] static __m512i weights(const uint8_t* block, int g) {
    return nibbles_at<k4>(block, g);
  }

  [[gnu::always_inline]] static __m512 scale(const uint8_t* header, const uint8_t* block, int g) {
    return _mm512_mul_ps(half_scales(header + 32 * g), byte_scales(block + kNibbleBytes + 16 * g));
  }
  [[gnu::always_inline]] static __m512 minimum(const uint8_t* header, const uint8_t* block, int g) {
    const __m512 product = _mm512_mul_ps(half_scales(header + kScaleBytes + 32 * g),
                                         byte_scales(block + kNibbleBytes + 32 + 16 * g));
    return _mm512_xor_ps(product, _mm512_set1_ps(-0.0f));
  }
};

}  // namespace

void matmul_q4k_avx512(const MatmulTask& task) { matmul_avx512<Q4KAvx512>(task); }

}  // namespace sluice::kernels
