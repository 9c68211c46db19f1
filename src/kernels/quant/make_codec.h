// The shared body of the codecs: walks rows and blocks, and leaves the bits to the format F.
#pragma once

#include <cstring>

#include "kernels/quant/codec.h"
#include "kernels/quant/layouts.h"

namespace sluice::kernels {

template <class F>
struct CodecOf {
  static constexpr int32_t kFileBlocks = F::kFileValues / 32;

  static size_t panel_bytes(int32_t columns) {
    return static_cast<size_t>(columns / 32 / F::kGroupBlocks) * kGroupBytes<F>;
  }

  static uint8_t* header_of(uint8_t* panel, int32_t block) {
    return panel + static_cast<size_t>(block / F::kGroupBlocks) * kGroupBytes<F>;
  }

  static uint8_t* block_of(uint8_t* panel, int32_t block) {
    return header_of(panel, block) + F::kHeaderBytes +
           static_cast<size_t>(block % F::kGroupBlocks) * F::kBlockBytes;
  }

  static void pack_panel(const uint8_t* file_rows, size_t row_bytes, int32_t rows, int32_t columns,
                         uint8_t* panel) {
    std::memset(panel, 0, panel_bytes(columns));
    uint8_t weights[32];
    for (int32_t row = 0; row < rows; ++row) {
      const uint8_t* file_row = file_rows + static_cast<size_t>(row) * row_bytes;
      for (int32_t block = 0; block < columns / 32; ++block) {
        const uint8_t* file = file_row + static_cast<size_t>(block / kFileBlocks) * F::kFileBytes;
        F::file_weights(file, block % kFileBlocks, weights);
        F::put(file, block % kFileBlocks, weights, row, header_of(panel, block),
               block_of(panel, block));
      }
    }
  }

  // The one place that says what a weight is worth: (q - zero) * scale, plus the minimum.
  static void values(const uint8_t* weights, const float* scales, float minimum, float* out) {
    for (int32_t i = 0; i < 32; ++i) {
      const auto q = static_cast<float>(weights[i] - kZero<F>);
      const float product = scales[i / 16] * q;
      out[i] = F::kHasMinimum ? product + minimum : product;
    }
  }

  static void dequantize(const uint8_t* file_row, int32_t columns, float* out) {
    uint8_t weights[32];
    for (int32_t block = 0; block < columns / 32; ++block) {
      const uint8_t* file = file_row + static_cast<size_t>(block / kFileBlocks) * F::kFileBytes;
      const int32_t inner = block % kFileBlocks;
      F::file_weights(file, inner, weights);
      const float scales[2] = {F::file_scale(file, inner, 0), F::file_scale(file, inner, 1)};
      values(weights, scales, F::file_minimum(file, inner), out + 32 * block);
    }
  }

  static void unpack(const uint8_t* const_panel, int32_t row, int32_t columns, float* out) {
    auto* panel = const_cast<uint8_t*>(const_panel);  // only read
    uint8_t weights[32];
    for (int32_t block = 0; block < columns / 32; ++block) {
      const uint8_t* header = header_of(panel, block);
      const uint8_t* at = block_of(panel, block);
      F::weights(at, row, weights);
      const float scales[2] = {F::scale(header, at, row, 0), F::scale(header, at, row, 1)};
      values(weights, scales, F::minimum(header, at, row), out + 32 * block);
    }
  }
};

template <class F>
constexpr Codec codec_of() {
  return Codec{.file_values = F::kFileValues,
               .file_bytes = F::kFileBytes,
               .panel_bytes = CodecOf<F>::panel_bytes,
               .pack_panel = CodecOf<F>::pack_panel,
               .dequantize = CodecOf<F>::dequantize,
               .unpack = CodecOf<F>::unpack};
}

}  // namespace sluice::kernels
