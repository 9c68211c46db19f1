// Activations to int8, one scale for 32 values: the specification.
//   scale = amax / 127, q = round to nearest even of x * (127 / amax)
// A block with a value that is not finite gets the scale NaN and zeros, so that every product with
// it is NaN; a block smaller than kQuantiseSmallest is zero.
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/activations.h"
#include "kernels/quant/matmul.h"

namespace sluice::kernels {

namespace {

constexpr uint32_t kMagnitude = 0x7fffffff;
constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kQuietNan = 0x7fc00000;

void quantize_block(const float* x, uint8_t* block, int32_t tokens, int32_t place) {
  uint32_t amax_bits = 0;  // magnitudes order like their bits, NaN last
  for (int32_t i = 0; i < 32; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]) & kMagnitude;
    if (bits > amax_bits) amax_bits = bits;
  }
  const auto amax = std::bit_cast<float>(amax_bits);
  int8_t values[32] = {};
  int32_t sums[2] = {0, 0};
  float scale = 0;
  if (amax_bits >= kInfinity) {
    scale = std::bit_cast<float>(kQuietNan);
  } else if (amax >= kQuantiseSmallest) {
    scale = amax / 127.0f;
    const float inverse = 127.0f / amax;
    for (int32_t i = 0; i < 32; ++i) {
      const auto q = static_cast<int32_t>(std::nearbyint(x[i] * inverse));
      values[i] = static_cast<int8_t>(q > 127 ? 127 : q < -127 ? -127 : q);
      sums[i / 16] += values[i];
    }
  }
  const int32_t sum = sums[0] + sums[1];
  const int32_t zeros = -kZeroUnit * sum;
  const int32_t half_zeros = -kZeroUnit * sums[0];
  const float scaled_sum = scale * static_cast<float>(sum);
  std::memcpy(block + 32 * place, values, sizeof(values));
  std::memcpy(block + 32 * tokens + 4 * place, &zeros, sizeof(zeros));
  std::memcpy(block + 36 * tokens + 4 * place, &half_zeros, sizeof(half_zeros));
  std::memcpy(block + 40 * tokens + 4 * place, &scale, sizeof(scale));
  std::memcpy(block + 44 * tokens + 4 * place, &scaled_sum, sizeof(scaled_sum));
}

}  // namespace

void quantize_scalar(const QuantizeTask& task) {
  for (int32_t b = 0; b < task.blocks; ++b) {
    quantize_block(task.x + 32 * b,
                   task.tile + static_cast<size_t>(b) * static_cast<size_t>(task.tile_tokens) *
                                   kActivationBlockBytes,
                   task.tile_tokens, task.tile_token);
  }
}

}  // namespace sluice::kernels
