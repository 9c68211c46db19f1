// Q4_1 (ggml-common.h, block_q4_1): 32 values, [d fp16][m fp16][16 bytes of nibbles],
// w = d * q + m.
#pragma once

#include "kernels/quant/planes.h"

namespace sluice::kernels {

struct Q4Min : Q4MinLayout {
  static constexpr int32_t kFileBytes = 20;
  static constexpr int32_t kFileValues = 32;

  static void file_weights(const uint8_t* file, int32_t, uint8_t* weights) {
    file_nibbles(file + 4, weights);
  }
  static float file_scale(const uint8_t* file, int32_t, int32_t) { return read_half(file); }
  static float file_minimum(const uint8_t* file, int32_t) { return read_half(file + 2); }

  static void put(const uint8_t* file, int32_t, const uint8_t* weights, int32_t row, uint8_t*,
                  uint8_t* block) {
    put_nibbles(block, row, weights);
    std::memcpy(block + kNibbleBytes + 2 * row, file, 2);
    std::memcpy(block + kNibbleBytes + kScaleBytes + 2 * row, file + 2, 2);
  }
  static void weights(const uint8_t* block, int32_t row, uint8_t* out) {
    read_nibbles(block, row, out);
  }
  static float scale(const uint8_t*, const uint8_t* block, int32_t row, int32_t) {
    return read_half(block + kNibbleBytes + 2 * row);
  }
  static float minimum(const uint8_t*, const uint8_t* block, int32_t row) {
    return read_half(block + kNibbleBytes + kScaleBytes + 2 * row);
  }
};

}  // namespace sluice::kernels
