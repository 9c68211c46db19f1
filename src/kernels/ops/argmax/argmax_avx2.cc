#include "kernels/ops/argmax/argmax_impl.h"
#include "kernels/ops/lanes/lanes16_avx2.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

int32_t argmax_avx2(const float* x, int32_t count) {
  return argmax_row<avx2_lanes::Lanes16>(x, count);
}

}  // namespace sluice::kernels
