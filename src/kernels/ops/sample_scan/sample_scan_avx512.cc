#include "kernels/ops/lanes/lanes16_avx512.h"
#include "kernels/ops/ops.h"
#include "kernels/ops/sample_scan/sample_scan_impl.h"

namespace sluice::kernels {

void chunk_maxima_avx512(const float* x, int32_t count, float* maxima) {
  chunk_maxima_row<avx512_lanes::Lanes16>(x, count, maxima);
}

int32_t collect_avx512(const float* x, int32_t count, const float* maxima, float threshold,
                       int32_t* ids) {
  return collect_row<avx512_lanes::Lanes16>(x, count, maxima, threshold, ids);
}

void weights_avx512(const float* x, int32_t count, float max, float inverse_temperature,
                    double* weights) {
  weights_row<avx512_lanes::Lanes16>(x, count, max, inverse_temperature, weights);
}

void weight_sums_avx512(const float* x, int32_t count, float max, float inverse_temperature,
                        const float* maxima, double* sums) {
  weight_sums_row<avx512_lanes::Lanes16>(x, count, max, inverse_temperature, maxima, sums);
}

}  // namespace sluice::kernels
