#include "kernels/quant/products.h"

#include <cstring>

#include "base/check.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {

namespace {

using Product = void (*)(const MatmulTask&);
using Quantise = void (*)(const QuantizeTask&);

// In the order of PackFormat.
constexpr int32_t kFormats = 7;
constexpr Product kScalar[kFormats] = {matmul_f32_scalar, matmul_q4_scalar, matmul_q4min_scalar,
                                       matmul_q4k_scalar, matmul_q5_scalar, matmul_q6k_scalar,
                                       matmul_q8_scalar};

constexpr Product kAvx2[kFormats] = {matmul_f32_avx2, matmul_q4_avx2, matmul_q4min_avx2,
                                     matmul_q4k_avx2, matmul_q5_avx2, matmul_q6k_avx2,
                                     matmul_q8_avx2};

constexpr Product kAvx512[kFormats] = {matmul_f32_avx512, matmul_q4_avx512, matmul_q4min_avx512,
                                       matmul_q4k_avx512, matmul_q5_avx512, matmul_q6k_avx512,
                                       matmul_q8_avx512};

void store(Quantise quantise, const float* x, int32_t count, int32_t token, int32_t column,
           Activations& out) {
  DCHECK(count % kQuantGroup == 0 && column % kQuantGroup == 0);
  DCHECK(token >= 0 && token < out.tokens() && column >= 0 && column + count <= out.columns());
  if (out.as_float()) {
    auto* row =
        reinterpret_cast<float*>(out.data()) + static_cast<int64_t>(token) * out.columns() + column;
    std::memcpy(row, x, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const Tiling tiling{out.tokens()};
  const int32_t tile = tiling.tile_of(token);
  QuantizeTask task;
  task.x = x;
  task.blocks = count / kQuantGroup;
  task.tile_tokens = tiling.tokens_in(tile);
  task.tile_token = token - tiling.first_token(tile);
  const auto blocks_before =
      static_cast<size_t>(tiling.first_token(tile)) *
          static_cast<size_t>(out.columns() / kQuantGroup) +
      static_cast<size_t>(column / kQuantGroup) * static_cast<size_t>(task.tile_tokens);
  task.tile = reinterpret_cast<uint8_t*>(out.data()) + kActivationBlockBytes * blocks_before;
  quantise(task);
}

void multiply(const Product* products, const PackedMatrix& w, int32_t panel_begin,
              int32_t panel_end, const Activations& x, float* out, int64_t out_stride) {
  DCHECK(panel_begin >= 0 && panel_end <= w.panels() && w.columns == x.columns());
  DCHECK(w.float_activations() == x.as_float());
  if (x.tokens() == 0 || panel_begin >= panel_end) return;
  MatmulTask task;
  task.panels = reinterpret_cast<const uint8_t*>(w.data);
  task.panel_bytes = w.panel_bytes;
  task.panel_begin = panel_begin;
  task.panel_end = panel_end;
  task.columns = w.columns;
  task.activations = reinterpret_cast<const uint8_t*>(x.data());
  task.tokens = x.tokens();
  task.out = out;
  task.out_stride = out_stride;
  products[static_cast<int32_t>(w.format)](task);
}

}  // namespace

#define SLUICE_FOR_ISA(isa, products)                                                        \
  void store_activations_##isa(const float* x, int32_t count, int32_t token, int32_t column, \
                               Activations& out) {                                           \
    store(quantize_##isa, x, count, token, column, out);                                     \
  }                                                                                          \
  void matmul_##isa(const PackedMatrix& w, int32_t panel_begin, int32_t panel_end,           \
                    const Activations& x, float* out, int64_t out_stride) {                  \
    multiply(products, w, panel_begin, panel_end, x, out, out_stride);                       \
  }
SLUICE_FOR_ISA(scalar, kScalar)
SLUICE_FOR_ISA(avx2, kAvx2)
SLUICE_FOR_ISA(avx512, kAvx512)
#undef SLUICE_FOR_ISA

}  // namespace sluice::kernels
