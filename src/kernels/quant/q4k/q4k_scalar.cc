#include "kernels/quant/q4k/q4k.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q4k_scalar(const MatmulTask& task) { matmul_scalar<Q4K>(task); }

}  // namespace sluice::kernels
