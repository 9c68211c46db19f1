// Q8_0 (ggml-common.h, block_q8_0): 32 values, [d fp16][32 i8], w = d * q. Packed as q + 128.
#pragma once

#include "kernels/quant/planes.h"

namespace sluice::kernels {

struct Q8 : Q8Layout {
  static constexpr int32_t kFileBytes = 34;
  static constexpr int32_t kFileValues = 32;

  static void file_weights(const uint8_t* file, int32_t, uint8_t* weights) {
    for (int32_t i = 0; i < 32; ++i) weights[i] = file[2 + i] ^ 0x80;
  }
  static float file_scale(const uint8_t* file, int32_t, int32_t) { return read_half(file); }
  static float file_minimum(const uint8_t*, int32_t) { return 0; }

  static void put(const uint8_t* file, int32_t, const uint8_t* weights, int32_t row, uint8_t*,
                  uint8_t* block) {
    for (int32_t i = 0; i < 32; ++i) block[byte_in_plane(i / 4, row, i)] = weights[i];
    std::memcpy(block + kScaleOffset + 2 * row, file, 2);
  }
  static void weights(const uint8_t* block, int32_t row, uint8_t* out) {
    for (int32_t i = 0; i < 32; ++i) out[i] = block[byte_in_plane(i / 4, row, i)];
  }
  static float scale(const uint8_t*, const uint8_t* block, int32_t row, int32_t) {
    return read_half(block + kScaleOffset + 2 * row);
  }
  static float minimum(const uint8_t*, const uint8_t*, int32_t) { return 0; }
};

}  // namespace sluice::kernels
