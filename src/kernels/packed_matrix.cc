#include "kernels/packed_matrix.h"

#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "base/check.h"
#include "kernels/quant/codec.h"
#include "kernels/quant/f32/f32.h"

namespace sluice::kernels {

namespace {

const uint8_t* file_row(const TensorView& tensor, int64_t row) {
  return reinterpret_cast<const uint8_t*>(tensor.data.data()) +
         static_cast<size_t>(row) * tensor.row_bytes();
}

PackFormat native_format(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16: return PackFormat::kF32;
    case DType::kQ4_0: return PackFormat::kQ4;
    case DType::kQ4_1: return PackFormat::kQ4Min;
    case DType::kQ5_0: return PackFormat::kQ5;
    case DType::kQ8_0: return PackFormat::kQ8;
    case DType::kQ4_K: return PackFormat::kQ4K;
    case DType::kQ6_K: return PackFormat::kQ6K;
  }
  CHECK(false);
}

// Null for float weights.
const Codec* codec_for(PackFormat format) {
  switch (format) {
    case PackFormat::kF32: return nullptr;
    case PackFormat::kQ4: return &kQ4Codec;
    case PackFormat::kQ4Min: return &kQ4MinCodec;
    case PackFormat::kQ4K: return &kQ4KCodec;
    case PackFormat::kQ5: return &kQ5Codec;
    case PackFormat::kQ6K: return &kQ6KCodec;
    case PackFormat::kQ8: return &kQ8Codec;
  }
  CHECK(false);
}

}  // namespace

Result<PackedMatrix> plan_packing(const TensorView& tensor, bool as_float) {
  constexpr int64_t kLargest = std::numeric_limits<int32_t>::max() - kPanelRows;
  const int64_t rows = tensor.rows();
  const int64_t columns = tensor.columns();
  if (rows < 1 || columns < 1 || rows > kLargest || columns > kLargest) {
    return fail(Code::kUnsupported, tensor.name,
                "a matrix of " + std::to_string(rows) + " x " + std::to_string(columns) +
                    " values is outside what can be multiplied");
  }
  const int32_t multiple =
      info(tensor.dtype).block_values > kQuantGroup ? info(tensor.dtype).block_values : kQuantGroup;
  if (columns % multiple != 0) {
    return fail(Code::kUnsupported, tensor.name,
                "rows of " + std::to_string(columns) + " values, which is no multiple of " +
                    std::to_string(multiple) + " as type " + std::string(dtype_name(tensor.dtype)) +
                    " needs");
  }
  if (tensor.data.size() / tensor.row_bytes() < static_cast<size_t>(rows)) {
    return fail(Code::kCorrupt, tensor.name, "has fewer bytes than its shape needs",
                "download the file again");
  }
  PackedMatrix packed;
  packed.format = as_float ? PackFormat::kF32 : native_format(tensor.dtype);
  packed.rows = static_cast<int32_t>(rows);
  packed.columns = static_cast<int32_t>(columns);
  const Codec* codec = codec_for(packed.format);
  packed.panel_bytes = codec != nullptr
                           ? codec->panel_bytes(packed.columns)
                           : static_cast<size_t>(packed.columns) * kPanelRows * sizeof(float);
  return packed;
}

void pack_panels(const TensorView& tensor, int32_t panel_begin, int32_t panel_end,
                 const PackedMatrix& packed) {
  CHECK(panel_begin >= 0 && panel_end <= packed.panels());
  CHECK(packed.data != nullptr && reinterpret_cast<uintptr_t>(packed.data) % 64 == 0);
  const Codec* codec = codec_for(packed.format);
  std::unique_ptr<float[]> values;
  if (codec == nullptr) values = std::make_unique<float[]>(static_cast<size_t>(packed.columns));
  for (int32_t panel = panel_begin; panel < panel_end; ++panel) {
    auto* at =
        reinterpret_cast<uint8_t*>(packed.data) + static_cast<size_t>(panel) * packed.panel_bytes;
    const int32_t first = panel * kPanelRows;
    const int32_t count = packed.rows - first < kPanelRows ? packed.rows - first : kPanelRows;
    if (codec != nullptr) {
      codec->pack_panel(file_row(tensor, first), tensor.row_bytes(), count, packed.columns, at);
      continue;
    }
    std::memset(at, 0, packed.panel_bytes);
    for (int32_t row = 0; row < count; ++row) {
      dequantize_row(tensor, first + row, values.get());
      pack_f32_row(values.get(), row, packed.columns, at);
    }
  }
}

void dequantize_row(const TensorView& tensor, int64_t row, float* out) {
  CHECK(row >= 0 && row < tensor.rows());
  const auto columns = static_cast<int32_t>(tensor.columns());
  const Codec* codec = codec_for(native_format(tensor.dtype));
  if (codec != nullptr) {
    codec->dequantize(file_row(tensor, row), columns, out);
  } else {
    dequantize_floats(tensor.dtype, file_row(tensor, row), columns, out);
  }
}

void unpack_row(const PackedMatrix& packed, int32_t row, float* out) {
  CHECK(row >= 0 && row < packed.rows);
  const auto* panel = reinterpret_cast<const uint8_t*>(packed.data) +
                      static_cast<size_t>(row / kPanelRows) * packed.panel_bytes;
  const Codec* codec = codec_for(packed.format);
  if (codec != nullptr) {
    codec->unpack(panel, row % kPanelRows, packed.columns, out);
  } else {
    unpack_f32_row(panel, row % kPanelRows, packed.columns, out);
  }
}

}  // namespace sluice::kernels
