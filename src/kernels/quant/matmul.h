// The matrix products behind the table, one function a format and an ISA, on plain pointers: files
// with ISA flags include this and no standard containers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

struct MatmulTask {
  const uint8_t* panels = nullptr;  // panel 0 of the matrix
  size_t panel_bytes = 0;
  int32_t panel_begin = 0;
  int32_t panel_end = 0;
  int32_t columns = 0;
  const uint8_t* activations = nullptr;  // as store_activations left them
  int32_t tokens = 0;
  float* out = nullptr;  // [tokens][out_stride]
  int64_t out_stride = 0;
};

// Quantises `blocks` times 32 values into one token's places of a tile.
struct QuantizeTask {
  const float* x = nullptr;
  int32_t blocks = 0;
  uint8_t* tile = nullptr;  // the tile's first block to write
  int32_t tile_tokens = 0;  // T
  int32_t tile_token = 0;   // this token's place, 0 to T - 1
};

// Below this largest magnitude a block counts as zero: its scale would leave the normal numbers.
inline constexpr float kQuantiseSmallest = 0x1p-100f;

#define SLUICE_FOR_ISA(isa)                   \
  void matmul_f32_##isa(const MatmulTask&);   \
  void matmul_q4_##isa(const MatmulTask&);    \
  void matmul_q4min_##isa(const MatmulTask&); \
  void matmul_q4k_##isa(const MatmulTask&);   \
  void matmul_q5_##isa(const MatmulTask&);    \
  void matmul_q6k_##isa(const MatmulTask&);   \
  void matmul_q8_##isa(const MatmulTask&);    \
  void quantize_##isa(const QuantizeTask&);
SLUICE_FOR_ISA(scalar)
SLUICE_FOR_ISA(avx2)
SLUICE_FOR_ISA(avx512)
#undef SLUICE_FOR_ISA

}  // namespace sluice::kernels
