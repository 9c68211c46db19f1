// Float weights, panels [k][32 rows] f32: each output is one chain of fma over ascending k.
#include <cmath>

#include "kernels/quant/matmul.h"

namespace sluice::kernels {

void matmul_f32_scalar(const MatmulTask& task) {
  const auto* x = reinterpret_cast<const float*>(task.activations);
  for (int32_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    const auto* weights =
        reinterpret_cast<const float*>(task.panels + static_cast<size_t>(panel) * task.panel_bytes);
    for (int32_t token = 0; token < task.tokens; ++token) {
      const float* row = x + static_cast<int64_t>(token) * task.columns;
      float acc[32] = {};
      for (int32_t k = 0; k < task.columns; ++k) {
        for (int32_t r = 0; r < 32; ++r) acc[r] = std::fma(weights[32 * k + r], row[k], acc[r]);
      }
      float* out =
          task.out + token * task.out_stride + static_cast<int64_t>(panel - task.panel_begin) * 32;
      for (int32_t r = 0; r < 32; ++r) out[r] = acc[r];
    }
  }
}

}  // namespace sluice::kernels
