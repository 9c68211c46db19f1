#include "kernels/ops/add/add_impl.h"
#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void add_scalar(float* x, const float* y, int32_t count) {
  add_rows<scalar_lanes::Lanes16>(x, y, count);
}

}  // namespace sluice::kernels
