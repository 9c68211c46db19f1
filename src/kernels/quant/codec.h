// What packing needs to know of a format: one table of functions each, made from its struct in
// quant/<format>/ by codec_of().
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quant/layouts.h"

namespace sluice::kernels {

struct Codec {
  int32_t file_values;  // columns come in multiples of this
  int32_t file_bytes;   // that many values take in the file
  size_t (*panel_bytes)(int32_t columns);
  // Packs `rows` (1 to 32) rows into a panel; further rows become zeros.
  void (*pack_panel)(const uint8_t* file_rows, size_t row_bytes, int32_t rows, int32_t columns,
                     uint8_t* panel);
  void (*dequantize)(const uint8_t* file_row, int32_t columns, float* out);
  void (*unpack)(const uint8_t* panel, int32_t row, int32_t columns, float* out);
};

extern const Codec kQ4Codec;
extern const Codec kQ4MinCodec;
extern const Codec kQ4KCodec;
extern const Codec kQ5Codec;
extern const Codec kQ6KCodec;
extern const Codec kQ8Codec;

}  // namespace sluice::kernels
