#include "kernels/activations.h"

#include "base/check.h"

namespace sluice::kernels {

namespace {
constexpr size_t kAlignment = 64;
constexpr int32_t kBlockValues = 32;
}  // namespace

size_t Activations::bytes_needed(int32_t tokens, int32_t columns) {
  CHECK(tokens >= 0 && columns >= 0 && columns % kBlockValues == 0);
  // Floats take 4 bytes a value, quantised rows 1.5.
  const size_t bytes = static_cast<size_t>(tokens) * static_cast<size_t>(columns) * sizeof(float);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void Activations::bind(std::byte* memory, int32_t tokens, int32_t columns, bool as_float) {
  CHECK(tokens >= 0 && columns >= 0 && columns % kBlockValues == 0);
  memory_ = memory;
  tokens_ = tokens;
  columns_ = columns;
  as_float_ = as_float;
}

}  // namespace sluice::kernels
