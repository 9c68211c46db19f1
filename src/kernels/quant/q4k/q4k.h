// Q4_K (ggml-common.h, block_q4_K): 256 values, [d fp16][dmin fp16][12 bytes: 8 scales and 8
// minimums of 6 bits][128 bytes of nibbles]. w = (d * sc) * q - dmin * m.
#pragma once

#include "kernels/quant/planes.h"

namespace sluice::kernels {

struct Q4K : Q4KLayout {
  static constexpr int32_t kFileBytes = 144;
  static constexpr int32_t kFileValues = 256;

  // The 6-bit scale of block j and, with `offset` 4, its minimum: the first four lie in the low
  // six bits of bytes j and j + 4, the last four are split between bytes j + 4 and the high bits.
  static uint8_t file_six_bits(const uint8_t* file, int32_t j, int32_t offset) {
    const uint8_t* packed = file + 4;
    if (j < 4) return packed[j + offset] & 63;
    const uint8_t low = offset == 0 ? packed[j + 4] & 15 : packed[j + 4] >> 4;
    return static_cast<uint8_t>(low | (packed[j - 4 + offset] >> 6) << 4);
  }

  // 64 values share 32 bytes: the low nibbles are the even block, the high ones the odd.
  static void file_weights(const uint8_t* file, int32_t block, uint8_t* weights) {
    const uint8_t* bytes = file + 16 + block / 2 * 32;
    for (int32_t i = 0; i < 32; ++i) {
      weights[i] = static_cast<uint8_t>(bytes[i] >> (block % 2 * 4) & 15);
    }
  }
  static float file_scale(const uint8_t* file, int32_t block, int32_t) {
    return read_half(file) * static_cast<float>(file_six_bits(file, block, 0));
  }
  static float file_minimum(const uint8_t* file, int32_t block) {
    return -(read_half(file + 2) * static_cast<float>(file_six_bits(file, block, 4)));
  }

  static void put(const uint8_t* file, int32_t file_block, const uint8_t* weights, int32_t row,
                  uint8_t* header, uint8_t* block) {
    put_nibbles(block, row, weights);
    std::memcpy(header + 2 * row, file, 2);
    std::memcpy(header + kScaleBytes + 2 * row, file + 2, 2);
    block[kNibbleBytes + row] = file_six_bits(file, file_block, 0);
    block[kNibbleBytes + 32 + row] = file_six_bits(file, file_block, 4);
  }
  static void weights(const uint8_t* block, int32_t row, uint8_t* out) {
    read_nibbles(block, row, out);
  }
  static float scale(const uint8_t* header, const uint8_t* block, int32_t row, int32_t) {
    return read_half(header + 2 * row) * static_cast<float>(block[kNibbleBytes + row]);
  }
  static float minimum(const uint8_t* header, const uint8_t* block, int32_t row) {
    return -(read_half(header + kScaleBytes + 2 * row) *
             static_cast<float>(block[kNibbleBytes + 32 + row]));
  }
};

}  // namespace sluice::kernels
