#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/rms_norm/rms_norm_impl.h"

namespace sluice::kernels {

void rms_norm_scalar(const float* x, const float* gain, float epsilon, int32_t count, float* out) {
  rms_norm_rows<scalar_lanes::Lanes16>(x, gain, epsilon, count, out);
}

}  // namespace sluice::kernels
