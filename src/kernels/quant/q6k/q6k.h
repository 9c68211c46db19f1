// Q6_K (ggml-common.h, block_q6_K): 256 values, [128 bytes: low nibbles][64 bytes: high pairs]
// [16 scales i8, one for 16 values][d fp16]. w = (d * sc) * (q - 32).
#pragma once

#include "kernels/quant/planes.h"

namespace sluice::kernels {

struct Q6K : Q6KLayout {
  static constexpr int32_t kFileBytes = 210;
  static constexpr int32_t kFileValues = 256;
  static constexpr int32_t kFileHigh = 128;
  static constexpr int32_t kFileScales = 192;
  static constexpr int32_t kFileD = 208;

  // 128 values share 64 bytes of nibbles and 32 of pairs: blocks 0 and 1 are the low nibbles of the
  // two halves, 2 and 3 the high ones; the pair of block b lies at bit 2 * b.
  static void file_weights(const uint8_t* file, int32_t block, uint8_t* weights) {
    const int32_t quarter = block % 4;
    const uint8_t* low = file + block / 4 * 64 + quarter % 2 * 32;
    const uint8_t* high = file + kFileHigh + block / 4 * 32;
    for (int32_t i = 0; i < 32; ++i) {
      weights[i] = static_cast<uint8_t>((low[i] >> (quarter / 2 * 4) & 15) |
                                        (high[i] >> (2 * quarter) & 3) << 4);
    }
  }
  static float file_scale(const uint8_t* file, int32_t block, int32_t half) {
    const auto small = static_cast<int8_t>(file[kFileScales + 2 * block + half]);
    return read_half(file + kFileD) * static_cast<float>(small);
  }
  static float file_minimum(const uint8_t*, int32_t) { return 0; }

  static void put(const uint8_t* file, int32_t file_block, const uint8_t* weights, int32_t row,
                  uint8_t* header, uint8_t* block) {
    put_nibbles(block + kNibbleOffset, row, weights);
    for (int32_t i = 0; i < 32; ++i) put_pair(block + kHighOffset, row, i, weights[i] >> 4);
    std::memcpy(header + 2 * row, file + kFileD, 2);
    block[kScaleOffset + row] = file[kFileScales + 2 * file_block];
    block[kScaleOffset + 32 + row] = file[kFileScales + 2 * file_block + 1];
  }
  static void weights(const uint8_t* block, int32_t row, uint8_t* out) {
    read_nibbles(block + kNibbleOffset, row, out);
    for (int32_t i = 0; i < 32; ++i) {
      out[i] |= static_cast<uint8_t>(pair_at(block + kHighOffset, row, i) << 4);
    }
  }
  static int32_t small_scale(const uint8_t* block, int32_t row, int32_t half) {
    return static_cast<int8_t>(block[kScaleOffset + 32 * half + row]);
  }
  static float shared_scale(const uint8_t* header, int32_t row) {
    return read_half(header + 2 * row);
  }
  static float scale(const uint8_t* header, const uint8_t* block, int32_t row, int32_t half) {
    return shared_scale(header, row) * static_cast<float>(small_scale(block, row, half));
  }
  static float minimum(const uint8_t*, const uint8_t*, int32_t) { return 0; }
};

}  // namespace sluice::kernels
