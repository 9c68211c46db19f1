#include "kernels/ops/argmax/argmax_impl.h"
#include "kernels/ops/lanes/lanes16_avx512.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

int32_t argmax_avx512(const float* x, int32_t count) {
  return argmax_row<avx512_lanes::Lanes16>(x, count);
}

}  // namespace sluice::kernels
