#include "kernels/ops/kv_store/kv_store_impl.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {

void kv_store_avx2(const KvLayout& layout, const float* k, const float* v, std::byte* block,
                   int32_t slot) {
  store_token(layout, k, v, block, slot);
}

}  // namespace sluice::kernels
