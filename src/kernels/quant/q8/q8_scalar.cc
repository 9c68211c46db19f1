#include "kernels/quant/q8/q8.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q8_scalar(const MatmulTask& task) { matmul_scalar<Q8>(task); }

}  // namespace sluice::kernels
