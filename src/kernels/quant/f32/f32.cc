#include "kernels/quant/f32/f32.h"

#include <cstring>

#include "base/check.h"
#include "tensor/half.h"

namespace sluice::kernels {

namespace {
size_t offset_of(int32_t row, int32_t column) {
  return (32 * static_cast<size_t>(column) + static_cast<size_t>(row)) * sizeof(float);
}
}  // namespace

void dequantize_floats(DType dtype, const uint8_t* file_row, int32_t columns, float* out) {
  if (dtype == DType::kF32) {
    std::memcpy(out, file_row, static_cast<size_t>(columns) * sizeof(float));
    return;
  }
  CHECK(dtype == DType::kF16 || dtype == DType::kBF16);
  for (int32_t i = 0; i < columns; ++i) {
    uint16_t bits;
    std::memcpy(&bits, file_row + 2 * static_cast<size_t>(i), sizeof(bits));
    out[i] = dtype == DType::kF16 ? half_to_float(bits) : bfloat_to_float(bits);
  }
}

void pack_f32_row(const float* values, int32_t row, int32_t columns, uint8_t* panel) {
  for (int32_t k = 0; k < columns; ++k) {
    std::memcpy(panel + offset_of(row, k), values + k, sizeof(float));
  }
}

void unpack_f32_row(const uint8_t* panel, int32_t row, int32_t columns, float* out) {
  for (int32_t k = 0; k < columns; ++k) {
    std::memcpy(out + k, panel + offset_of(row, k), sizeof(float));
  }
}

}  // namespace sluice::kernels
