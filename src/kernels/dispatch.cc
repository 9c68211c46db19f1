// The kernel tables, one an ISA.
#include "base/check.h"
#include "kernels/kernels.h"
#include "kernels/ops/ops.h"
#include "kernels/quant/products.h"

namespace sluice::kernels {

namespace {

#define SLUICE_TABLE(name, value)                                                                 \
  Kernels {                                                                                       \
    .isa = value, .store_activations = store_activations_##name, .matmul = matmul_##name,         \
    .rms_norm = rms_norm_##name, .rope = rope_##name, .swiglu = swiglu_##name, .add = add_##name, \
    .kv_store = kv_store_##name, .attention = attention_##name, .argmax = argmax_##name,          \
    .chunk_maxima = chunk_maxima_##name, .collect = collect_##name, .weights = weights_##name,    \
    .weight_sums = weight_sums_##name,                                                            \
  }

constexpr Kernels kScalarTable = SLUICE_TABLE(scalar, Isa::kScalar);
constexpr Kernels kAvx2Table = SLUICE_TABLE(avx2, Isa::kAvx2);
constexpr Kernels kAvx512Table = SLUICE_TABLE(avx512, Isa::kAvx512);

#undef SLUICE_TABLE

}  // namespace

const Kernels& kernels_for(Isa isa) {
  CHECK(isa_supported(isa));
  switch (isa) {
    case Isa::kScalar: return kScalarTable;
    case Isa::kAvx2: return kAvx2Table;
    case Isa::kAvx512: return kAvx512Table;
  }
  CHECK(false);
}

}  // namespace sluice::kernels
