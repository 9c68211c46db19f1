// The scalar matrix product: the specification of the numerics contract for quantised formats. Each
// output is one float chain over the k-blocks in ascending order,
//   acc = fma(float(sum of (w - zero) * a), scale_w * scale_a, acc)
//   acc = fma(minimum, scale_a * (sum of a), acc)         formats with a minimum
// where Q6_K's sum is that of its two half blocks, each times its small integer scale,
// with integer sums, so that tile shapes, threads and ISAs cannot change a bit.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/activations.h"
#include "kernels/quant/layouts.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {

// One token's part of one block of a tile.
struct ActivationView {
  const int8_t* values;
  float scale;
  float scaled_sum;
};

inline ActivationView activation_of(const MatmulTask& task, int32_t token, int32_t block) {
  const Tiling tiling{task.tokens};
  const int32_t tile = tiling.tile_of(token);
  const int32_t first = tiling.first_token(tile);
  const int32_t count = tiling.tokens_in(tile);
  const int32_t place = token - first;
  const size_t blocks = static_cast<size_t>(task.columns / 32);
  const uint8_t* at =
      task.activations +
      kActivationBlockBytes * (static_cast<size_t>(first) * blocks +
                               static_cast<size_t>(block) * static_cast<size_t>(count));
  ActivationView view;
  view.values = reinterpret_cast<const int8_t*>(at + 32 * place);
  std::memcpy(&view.scale, at + 40 * count + 4 * place, sizeof(float));
  std::memcpy(&view.scaled_sum, at + 44 * count + 4 * place, sizeof(float));
  return view;
}

inline int32_t sum_of_products(const uint8_t* weights, int32_t zero, const int8_t* values,
                               int32_t count) {
  int32_t sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += (weights[i] - zero) * values[i];
  return sum;
}

template <class F>
float scalar_chain_step(const uint8_t* header, const uint8_t* block, int32_t row,
                        const uint8_t* weights, const ActivationView& a, float acc) {
  int32_t sum = 0;
  if constexpr (F::kHalves == 1) {
    sum = sum_of_products(weights, kZero<F>, a.values, 32);
    acc = std::fma(static_cast<float>(sum), F::scale(header, block, row, 0) * a.scale, acc);
  } else {
    // At most 2 * 128 * 16 * 32 * 127 < 2^24: exact as a float.
    for (int32_t half = 0; half < 2; ++half) {
      sum += F::small_scale(block, row, half) *
             sum_of_products(weights + 16 * half, kZero<F>, a.values + 16 * half, 16);
    }
    acc = std::fma(static_cast<float>(sum), F::shared_scale(header, row) * a.scale, acc);
  }
  if constexpr (F::kHasMinimum) acc = std::fma(F::minimum(header, block, row), a.scaled_sum, acc);
  return acc;
}

template <class F>
void matmul_scalar(const MatmulTask& task) {
  const int32_t blocks = task.columns / 32;
  uint8_t weights[32];
  for (int32_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    const uint8_t* at = task.panels + static_cast<size_t>(panel) * task.panel_bytes;
    for (int32_t row = 0; row < 32; ++row) {
      float* out = task.out + static_cast<int64_t>(panel - task.panel_begin) * 32 + row;
      for (int32_t token = 0; token < task.tokens; ++token) out[token * task.out_stride] = 0;
      for (int32_t b = 0; b < blocks; ++b) {
        const uint8_t* header = at + static_cast<size_t>(b / F::kGroupBlocks) * kGroupBytes<F>;
        const uint8_t* block =
            header + F::kHeaderBytes + static_cast<size_t>(b % F::kGroupBlocks) * F::kBlockBytes;
        F::weights(block, row, weights);
        for (int32_t token = 0; token < task.tokens; ++token) {
          float& acc = out[token * task.out_stride];
          acc =
              scalar_chain_step<F>(header, block, row, weights, activation_of(task, token, b), acc);
        }
      }
    }
  }
}

}  // namespace sluice::kernels
