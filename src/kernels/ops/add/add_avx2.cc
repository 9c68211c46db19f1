#include "kernels/ops/add/add_impl.h"
#include "kernels/ops/lanes/lanes16_avx2.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void add_avx2(float* x, const float* y, int32_t count) {
  add_rows<avx2_lanes::Lanes16>(x, y, count);
}

}  // namespace sluice::kernels
