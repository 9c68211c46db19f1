// The kernel tables, one an ISA.
#include "base/check.h"
#include "kernels/kernels.h"
#include "kernels/ops/ops.h"
#include "kernels/quant/products.h"

namespace sluice::kernels {

namespace {

#define SLUICE_TABLE(isa, value)                                                              \
  Kernels {                                                                                   \
    .isa = value, .store_activations = store_activations_##isa, .matmul = matmul_##isa,       \
    .rms_norm = rms_norm_##isa, .rope = rope_##isa, .swiglu = swiglu_##isa, .add = add_##isa, \
    .kv_store = kv_store_##isa, .attention = attention_##isa, .argmax = argmax_##isa,         \
  }

constexpr Kernels kScalarTable = SLUICE_TABLE(scalar, Isa::kScalar);

#undef SLUICE_TABLE

}  // namespace

const Kernels& kernels_for(Isa isa) {
  CHECK(isa_supported(isa));
  return kScalarTable;
}

}  // namespace sluice::kernels
