#include "kernels/ops/lanes/lanes16_avx2.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/rope/rope_impl.h"

namespace sluice::kernels {

void rope_avx2(float* head, const float* cos, const float* sin, int32_t head_dim, bool adjacent) {
  rope_head<avx2_lanes::Lanes16>(head, cos, sin, head_dim, adjacent);
}

}  // namespace sluice::kernels
