#include "kernels/ops/attention/attention_impl.h"
#include "kernels/ops/lanes/lanes16_avx2.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void attention_avx2(const AttentionTask& task) { attend<avx2_lanes::Lanes16>(task); }

}  // namespace sluice::kernels
