#include "kernels/ops/attention/attention_scratch.h"

#include "kernels/kernels.h"

namespace sluice::kernels {

// The scores and sums of one tile of rows: it does not grow with the tokens or the group.
size_t attention_scratch_floats(int32_t /*tokens*/, int32_t /*group*/, int32_t head_dim) {
  return static_cast<size_t>(kAttentionRows) * static_cast<size_t>(kAttentionChunk + head_dim + 2);
}

}  // namespace sluice::kernels
