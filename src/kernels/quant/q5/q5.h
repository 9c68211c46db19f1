// Q5_0 (ggml-common.h, block_q5_0): 32 values, [d fp16][4 bytes: bit i is the fifth bit of value
// i][16 bytes of nibbles], w = d * (q - 16).
#pragma once

#include "kernels/quant/planes.h"

namespace sluice::kernels {

struct Q5 : Q5Layout {
  static constexpr int32_t kFileBytes = 22;
  static constexpr int32_t kFileValues = 32;

  static void file_weights(const uint8_t* file, int32_t, uint8_t* weights) {
    file_nibbles(file + 6, weights);
    for (int32_t i = 0; i < 32; ++i) {
      weights[i] |= static_cast<uint8_t>((file[2 + i / 8] >> (i % 8) & 1) << 4);
    }
  }
  static float file_scale(const uint8_t* file, int32_t, int32_t) { return read_half(file); }
  static float file_minimum(const uint8_t*, int32_t) { return 0; }

  static void put(const uint8_t* file, int32_t, const uint8_t* weights, int32_t row, uint8_t*,
                  uint8_t* block) {
    put_nibbles(block + kNibbleOffset, row, weights);
    for (int32_t i = 0; i < 32; ++i) put_bit(block + kHighOffset, row, i, weights[i] >> 4);
    std::memcpy(block + kScaleOffset + 2 * row, file, 2);
  }
  static void weights(const uint8_t* block, int32_t row, uint8_t* out) {
    read_nibbles(block + kNibbleOffset, row, out);
    for (int32_t i = 0; i < 32; ++i) {
      out[i] |= static_cast<uint8_t>(bit_at(block + kHighOffset, row, i) << 4);
    }
  }
  static float scale(const uint8_t*, const uint8_t* block, int32_t row, int32_t) {
    return read_half(block + kScaleOffset + 2 * row);
  }
  static float minimum(const uint8_t*, const uint8_t*, int32_t) { return 0; }
};

}  // namespace sluice::kernels
