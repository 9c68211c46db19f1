// Rows of activations as the matrix products read them: int8 with one scale for 32 values, or
// float32 for float weights. Laid out in tiles of at most 6 tokens, so that a kernel walks one
// stream; see quant/ for the walk.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

constexpr int32_t kTileTokensMax = 6;

// How the tokens of a step are dealt to tiles: evenly, over as few tiles as can be; the first
// tokens % tiles of them hold one token more. Inlined always: files with ISA flags use it too.
struct Tiling {
  int32_t tokens = 0;

  [[gnu::always_inline]] int32_t tiles() const {
    return (tokens + kTileTokensMax - 1) / kTileTokensMax;
  }
  [[gnu::always_inline]] int32_t tokens_in(int32_t tile) const {
    return tokens / tiles() + (tile < tokens % tiles() ? 1 : 0);
  }
  [[gnu::always_inline]] int32_t first_token(int32_t tile) const {
    const int32_t longer = tokens % tiles();
    return tile * (tokens / tiles()) + (tile < longer ? tile : longer);
  }
  [[gnu::always_inline]] int32_t tile_of(int32_t token) const {
    const int32_t base = tokens / tiles();
    const int32_t longer = tokens % tiles();
    const int32_t in_longer = longer * (base + 1);
    return token < in_longer ? token / (base + 1) : longer + (token - in_longer) / base;
  }
};

// One k-block of a tile of T tokens, as int8 activations lie in memory: T * 48 bytes,
//   [T][32] i8   the values, round(x / scale)
//   [T] i32      -8 * (sum of the 32 values): kernels start their sums at -zero * sum
//   [T] i32      the same for the first 16 values
//   [T] f32      scale
//   [T] f32      scale * sum, for formats with a minimum
// Blocks of a tile follow each other, and tiles follow each other.
constexpr int32_t kActivationBlockBytes = 48;  // a token
constexpr int32_t kZeroUnit = 8;               // the sums' factor

class Activations {
 public:
  // Bytes that `tokens` rows of `columns` values need at most, in either form.
  static size_t bytes_needed(int32_t tokens, int32_t columns);

  // Points the rows at `memory` (64-byte aligned, bytes_needed() long, owned by the caller).
  void bind(std::byte* memory, int32_t tokens, int32_t columns, bool as_float);

  int32_t tokens() const { return tokens_; }
  int32_t columns() const { return columns_; }
  bool as_float() const { return as_float_; }
  std::byte* data() const { return memory_; }

 private:
  std::byte* memory_ = nullptr;
  int32_t tokens_ = 0;
  int32_t columns_ = 0;
  bool as_float_ = false;
};

}  // namespace sluice::kernels
