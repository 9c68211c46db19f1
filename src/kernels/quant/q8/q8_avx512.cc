#include "kernels/quant/tile_avx512.h"

namespace sluice::kernels {
namespace {

struct Q8Avx512 : Q8Layout {
  template <int k4>
  [[gnu::always_inline]] static __m512i weights(const uint8_t* block, int g) {
    return vector_at(block, k4, g);
  }
  [[gnu::always_inline]] static __m512 scale(const uint8_t*, const uint8_t* block, int g) {
    return half_scales(block + kScaleOffset + 32 * g);
  }
};

}  // namespace

void matmul_q8_avx512(const MatmulTask& task) { matmul_avx512<Q8Avx512>(task); }

}  // namespace sluice::kernels
