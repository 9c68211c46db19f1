#include "kernels/ops/lanes/lanes16_avx512.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/swiglu/swiglu_impl.h"

namespace sluice::kernels {

void swiglu_avx512(const float* gate, const float* up, int32_t count, float* out) {
  swiglu_rows<avx512_lanes::Lanes16>(gate, up, count, out);
}

}  // namespace sluice::kernels
