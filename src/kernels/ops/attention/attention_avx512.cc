#include "kernels/ops/attention/attention_impl.h"
#include "kernels/ops/lanes/lanes16_avx512.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void attention_avx512(const AttentionTask& task) { attend<avx512_lanes::Lanes16>(task); }

}  // namespace sluice::kernels
