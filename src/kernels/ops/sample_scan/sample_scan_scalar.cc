#include "kernels/ops/lanes/lanes16_scalar.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/sample_scan/sample_scan_impl.h"

namespace sluice::kernels {

void chunk_maxima_scalar(const float* x, int32_t count, float* maxima) {
  chunk_maxima_row<scalar_lanes::Lanes16>(x, count, maxima);
}

int32_t collect_scalar(const float* x, int32_t count, const float* maxima, float threshold,
                       int32_t* ids) {
  return collect_row<scalar_lanes::Lanes16>(x, count, maxima, threshold, ids);
}

void weights_scalar(const float* x, int32_t count, float max, float inverse_temperature,
                    double* weights) {
  weights_row<scalar_lanes::Lanes16>(x, count, max, inverse_temperature, weights);
}

void weight_sums_scalar(const float* x, int32_t count, float max, float inverse_temperature,
                        const float* maxima, double* sums) {
  weight_sums_row<scalar_lanes::Lanes16>(x, count, max, inverse_temperature, maxima, sums);
}

}  // namespace sluice::kernels
