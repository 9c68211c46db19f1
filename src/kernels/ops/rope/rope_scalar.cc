#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/rope/rope_impl.h"

namespace sluice::kernels {

void rope_scalar(float* head, const float* cos, const float* sin, int32_t head_dim, bool adjacent) {
  rope_head<scalar_lanes::Lanes16>(head, cos, sin, head_dim, adjacent);
}

}  // namespace sluice::kernels
