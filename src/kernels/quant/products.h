// The table's entries for matrix products, an ISA each: they unwrap their arguments and pick the
// format's function.
#pragma once

#include "kernels/activations.h"
#include "kernels/packed_matrix.h"

namespace sluice::kernels {

#define SLUICE_FOR_ISA(isa)                                                                  \
  void store_activations_##isa(const float* x, int32_t count, int32_t token, int32_t column, \
                               Activations& out);                                            \
  void matmul_##isa(const PackedMatrix& w, int32_t panel_begin, int32_t panel_end,           \
                    const Activations& x, float* out, int64_t out_stride);
SLUICE_FOR_ISA(scalar)
SLUICE_FOR_ISA(avx2)
SLUICE_FOR_ISA(avx512)
#undef SLUICE_FOR_ISA

}  // namespace sluice::kernels
