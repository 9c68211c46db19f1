#include "kernels/kv_layout.h"

namespace sluice::kernels {

size_t KvLayout::part_bytes() const {
  const size_t value_bytes = dtype == KvDType::kF32 ? 4 : 2;
  return static_cast<size_t>(kKvBlockTokens) * static_cast<size_t>(head_dim) * value_bytes;
}

}  // namespace sluice::kernels
