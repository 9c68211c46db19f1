#include "kernels/ops/argmax/argmax_impl.h"
#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

int32_t argmax_scalar(const float* x, int32_t count) {
  return argmax_row<scalar_lanes::Lanes16>(x, count);
}

}  // namespace sluice::kernels
