#include "kernels/quant/q6k/q6k.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q6k_scalar(const MatmulTask& task) { matmul_scalar<Q6K>(task); }

}  // namespace sluice::kernels
