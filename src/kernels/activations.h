// Rows of activations as the matrix products read them: int8 with one scale for 32 values, or
// float32 for float weights. Laid out in tiles of at most 6 tokens, so that a kernel walks one
// stream; see quant/ for the walk.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

constexpr int32_t kTileTokensMax = 6;

// How the tokens of a step are dealt to tiles: evenly, over as few tiles as can be.
struct Tiling {
  int32_t tokens = 0;
  int32_t tiles() const { return (tokens + kTileTokensMax - 1) / kTileTokensMax; }
};

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
