// Weights as the matrix products read them: panels of 32 output rows, repacked once at load,
// lossless for the file's bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/view.h"

namespace sluice::kernels {

constexpr int32_t kPanelRows = 32;
constexpr int32_t kQuantGroup = 32;  // values that share an activation scale

// The memory layouts. Several file types share one: a Q4_0 is a Q4_1 with a fixed minimum.
enum class PackFormat : uint8_t { kF32, kQ4, kQ4Min, kQ4K, kQ5, kQ6K, kQ8 };

struct PackedMatrix {
  PackFormat format = PackFormat::kF32;
  int32_t rows = 0;           // outputs N; the last panel is padded with zeros
  int32_t columns = 0;        // inputs K, a multiple of 32 (256 for K formats)
  size_t panel_bytes = 0;     // a multiple of 64
  std::byte* data = nullptr;  // [panels][panel_bytes], 64-byte aligned; owned by the caller

  int32_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  size_t bytes() const { return static_cast<size_t>(panels()) * panel_bytes; }
  // Whether its products take float activations instead of int8 ones.
  bool float_activations() const { return format == PackFormat::kF32; }
};

// The shape and size of a tensor once packed, with data still null. An Error if the type or the
// number of columns cannot be packed. `as_float` unpacks any type to F32: the float path.
Result<PackedMatrix> plan_packing(const TensorView& tensor, bool as_float);

// Fills panels [panel_begin, panel_end) of `packed` (planned from the same tensor, data set).
// Threads may pack disjoint ranges.
void pack_panels(const TensorView& tensor, int32_t panel_begin, int32_t panel_end,
                 const PackedMatrix& packed);

// One row of a tensor of any supported type as float32: [columns]. The specification of each
// format, and the embedding lookup.
void dequantize_row(const TensorView& tensor, int64_t row, float* out);

// One row of a packed matrix as float32, equal bit for bit to the tensor's dequantize_row up to the
// rounding of scale products; for embeddings tied to the head, whose file mapping is dropped.
void unpack_row(const PackedMatrix& packed, int32_t row, float* out);

}  // namespace sluice::kernels
