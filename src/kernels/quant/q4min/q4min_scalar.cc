#include "kernels/quant/q4min/q4min.h"
#include "kernels/quant/tile_scalar.h"

namespace sluice::kernels {

void matmul_q4min_scalar(const MatmulTask& task) { matmul_scalar<Q4Min>(task); }

}  // namespace sluice::kernels
