#include "kernels/quant/q4/q4.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q4_scalar(const MatmulTask& task) { matmul_scalar<Q4>(task); }

}  // namespace sluice::kernels
