// Where the bits of each packed format lie. Constants only: every file may include this, those with
// ISA flags too.
//
// A panel holds 32 rows. Along k it is a sequence of groups of blocks; a block covers 32 values of
// k, is a multiple of 64 bytes, and holds, for each k-quad k4 (0 to 7) and each half of the panel g
// (16 rows), vectors of 64 bytes in which byte 4 * row + k belongs to (row, 4 * k4 + k):
//   4-bit plane   [k4 = 0..3][g]: low nibble k4, high nibble k4 + 4
//   1-bit plane   [g]: bit k4
//   2-bit plane   [k4 / 4][g]: bits 2 * (k4 % 4) and up
//   8-bit plane   [k4 = 0..7][g]
// Weights are stored unsigned, w + zero with zero = kZeroUnit << kZeroShift (0 without a shift).
// Scales follow: one a row and block, fp16, or (K formats) small integers that multiply an fp16
// scale of the header shared by the group's 8 blocks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

constexpr int32_t kNoZero = -1;
constexpr int32_t kVectorBytes = 64;
constexpr int32_t kNibbleBytes = 512;
constexpr int32_t kScaleBytes = 64;  // 32 fp16

// Q4_0: [nibbles][d fp16]. w = d * (q - 8).
struct Q4Layout {
  static constexpr int32_t kZeroShift = 0;
  static constexpr int32_t kGroupBlocks = 1;
  static constexpr int32_t kHeaderBytes = 0;
  static constexpr int32_t kBlockBytes = kNibbleBytes + kScaleBytes;
  static constexpr int32_t kHalves = 1;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kPairedNibbles = true;
};

// Q4_1: [nibbles][d fp16][m fp16]. w = d * q + m.
struct Q4MinLayout {
  static constexpr int32_t kZeroShift = kNoZero;
  static constexpr int32_t kGroupBlocks = 1;
  static constexpr int32_t kHeaderBytes = 0;
  static constexpr int32_t kBlockBytes = kNibbleBytes + 2 * kScaleBytes;
  static constexpr int32_t kHalves = 1;
  static constexpr bool kHasMinimum = true;
  static constexpr bool kPairedNibbles = true;
};

// Q4_K: header [d fp16][dmin fp16], block [nibbles][sc u8][m u8]. w = (d * sc) * q - dmin * m.
struct Q4KLayout {
  static constexpr int32_t kZeroShift = kNoZero;
  static constexpr int32_t kGroupBlocks = 8;
  static constexpr int32_t kHeaderBytes = 2 * kScaleBytes;
  static constexpr int32_t kBlockBytes = kNibbleBytes + 64;
  static constexpr int32_t kHalves = 1;
  static constexpr bool kHasMinimum = true;
  static constexpr bool kPairedNibbles = true;
};

// Q5_0: [1-bit plane][nibbles][d fp16]. w = d * (q - 16). In the order of reading, which is what
// the hardware's prefetcher follows.
struct Q5Layout {
  static constexpr int32_t kZeroShift = 1;
  static constexpr int32_t kGroupBlocks = 1;
  static constexpr int32_t kHeaderBytes = 0;
  static constexpr int32_t kHighOffset = 0;
  static constexpr int32_t kNibbleOffset = 128;
  static constexpr int32_t kScaleOffset = kNibbleOffset + kNibbleBytes;
  static constexpr int32_t kBlockBytes = kScaleOffset + kScaleBytes;
  static constexpr int32_t kHalves = 1;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kPairedNibbles = true;
};

// Q6_K: header [d fp16], block [2-bit plane][nibbles][sc i8, k 0..15][sc i8, k 16..31].
// w = (d * sc) * (q - 32).
struct Q6KLayout {
  static constexpr int32_t kZeroShift = 2;
  static constexpr int32_t kGroupBlocks = 8;
  static constexpr int32_t kHeaderBytes = kScaleBytes;
  static constexpr int32_t kHighOffset = 0;
  static constexpr int32_t kNibbleOffset = 256;
  static constexpr int32_t kScaleOffset = kNibbleOffset + kNibbleBytes;
  static constexpr int32_t kBlockBytes = kScaleOffset + 64;
  static constexpr int32_t kHalves = 2;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kPairedNibbles = false;
};

// Q8_0: [bytes][d fp16]. w = d * (q - 128).
struct Q8Layout {
  static constexpr int32_t kZeroShift = 4;
  static constexpr int32_t kGroupBlocks = 1;
  static constexpr int32_t kHeaderBytes = 0;
  static constexpr int32_t kScaleOffset = 1024;
  static constexpr int32_t kBlockBytes = kScaleOffset + kScaleBytes;
  static constexpr int32_t kHalves = 1;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kPairedNibbles = false;
};

template <class Layout>
inline constexpr int32_t kGroupBytes =
    Layout::kHeaderBytes + Layout::kGroupBlocks * Layout::kBlockBytes;

template <class Layout>
inline constexpr int32_t kZero = Layout::kZeroShift == kNoZero ? 0 : 8 << Layout::kZeroShift;

}  // namespace sluice::kernels
