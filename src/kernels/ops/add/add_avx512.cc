#include "kernels/ops/add/add_impl.h"
#include "kernels/ops/lanes/lanes16_avx512.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void add_avx512(float* x, const float* y, int32_t count) {
  add_rows<avx512_lanes::Lanes16>(x, y, count);
}

}  // namespace sluice::kernels
