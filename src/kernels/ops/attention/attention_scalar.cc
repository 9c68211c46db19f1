#include "kernels/ops/attention/attention_impl.h"
#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void attention_scalar(const AttentionTask& task) { attend<scalar_lanes::Lanes16>(task); }

}  // namespace sluice::kernels
