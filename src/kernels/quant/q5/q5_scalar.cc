#include "kernels/quant/q5/q5.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q5_scalar(const MatmulTask& task) { matmul_scalar<Q5>(task); }

}  // namespace sluice::kernels
