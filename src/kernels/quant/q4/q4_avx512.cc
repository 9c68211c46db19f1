#include "kernels/quant/tile_avx512.h"

namespace sluice::kernels {
namespace {

struct Q4Avx512 : Q4Layout {
  template <int k4>
  [[gnu::always_inline]] static __m512i weights(const uint8_t* block, int g) {
    return nibbles_at<k4>(block, g);
  }

  [[gnu::always_inline]] static __m512 scale(const uint8_t*, const uint8_t* block, int g) {
    return half_scales(block + kNibbleBytes + 32 * g);
  }
};

}  // namespace

void matmul_q4_avx512(const MatmulTask& task) { matmul_avx512<Q4Avx512>(task); }

}  // namespace sluice::kernels
