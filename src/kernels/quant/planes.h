// Single values of the packed planes (quant/layouts.h) and fp16 scales: what packing, unpacking and
// the scalar kernels are made of. Not for files with ISA flags.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/quant/layouts.h"
#include "tensor/half.h"

namespace sluice::kernels {

inline float read_half(const uint8_t* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return half_to_float(bits);
}

// The byte of value i (0 to 31) of a row inside the vectors of its k-quad.
inline int32_t byte_in_plane(int32_t vector, int32_t row, int32_t i) {
  return (vector * 2 + row / 16) * kVectorBytes + (row % 16) * 4 + i % 4;
}

inline uint8_t nibble_at(const uint8_t* plane, int32_t row, int32_t i) {
  const int32_t k4 = i / 4;
  return static_cast<uint8_t>(plane[byte_in_plane(k4 % 4, row, i)] >> (k4 / 4 * 4) & 15);
}

// Values are or-ed in: a plane starts as zeros.
inline void put_nibble(uint8_t* plane, int32_t row, int32_t i, uint8_t value) {
  const int32_t k4 = i / 4;
  plane[byte_in_plane(k4 % 4, row, i)] |= static_cast<uint8_t>((value & 15) << (k4 / 4 * 4));
}

inline uint8_t bit_at(const uint8_t* plane, int32_t row, int32_t i) {
  return static_cast<uint8_t>(plane[byte_in_plane(0, row, i)] >> (i / 4) & 1);
}

inline void put_bit(uint8_t* plane, int32_t row, int32_t i, uint8_t value) {
  plane[byte_in_plane(0, row, i)] |= static_cast<uint8_t>((value & 1) << (i / 4));
}

inline uint8_t pair_at(const uint8_t* plane, int32_t row, int32_t i) {
  const int32_t k4 = i / 4;
  return static_cast<uint8_t>(plane[byte_in_plane(k4 / 4, row, i)] >> (k4 % 4 * 2) & 3);
}

inline void put_pair(uint8_t* plane, int32_t row, int32_t i, uint8_t value) {
  const int32_t k4 = i / 4;
  plane[byte_in_plane(k4 / 4, row, i)] |= static_cast<uint8_t>((value & 3) << (k4 % 4 * 2));
}

inline void read_nibbles(const uint8_t* plane, int32_t row, uint8_t* weights) {
  for (int32_t i = 0; i < 32; ++i) weights[i] = nibble_at(plane, row, i);
}

inline void put_nibbles(uint8_t* plane, int32_t row, const uint8_t* weights) {
  for (int32_t i = 0; i < 32; ++i) put_nibble(plane, row, i, weights[i]);
}

// GGML's 32-value blocks hold value i in the low nibble of byte i, value i + 16 in the high one.
inline void file_nibbles(const uint8_t* bytes, uint8_t* weights) {
  for (int32_t i = 0; i < 16; ++i) {
    weights[i] = bytes[i] & 15;
    weights[i + 16] = bytes[i] >> 4;
  }
}

}  // namespace sluice::kernels
