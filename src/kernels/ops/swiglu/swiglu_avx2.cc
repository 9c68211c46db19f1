#include "kernels/ops/lanes/lanes16_avx2.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/swiglu/swiglu_impl.h"

namespace sluice::kernels {

void swiglu_avx2(const float* gate, const float* up, int32_t count, float* out) {
  swiglu_rows<avx2_lanes::Lanes16>(gate, up, count, out);
}

}  // namespace sluice::kernels
