// Float weights: panels [k][32 rows] f32. Any file type can be packed so, unpacked first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace sluice::kernels {

// Values of a row stored as F32, F16 or BF16.
void dequantize_floats(DType dtype, const uint8_t* file_row, int32_t columns, float* out);

// Places one row of floats into its panel.
void pack_f32_row(const float* values, int32_t row, int32_t columns, uint8_t* panel);

void unpack_f32_row(const uint8_t* panel, int32_t row, int32_t columns, float* out);

}  // namespace sluice::kernels
