// A named, typed, read-only view of tensor data that somebody else owns.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace sluice {

struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> data;  // rows() x row_bytes()

  int64_t rows() const { return shape.rows(); }
  int64_t columns() const { return shape.columns(); }
  size_t row_bytes() const {
    const DTypeInfo& type = info(dtype);
    return static_cast<size_t>(columns() / type.block_values) *
           static_cast<size_t>(type.block_bytes);
  }
};

// Bytes of all values; nothing if a row is not whole blocks or the size overflows.
inline std::optional<size_t> tensor_bytes(DType dtype, const Shape& shape) {
  const DTypeInfo& type = info(dtype);
  if (shape.columns() % type.block_values != 0) return std::nullopt;
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(shape.elements() / type.block_values),
                             static_cast<size_t>(type.block_bytes), &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace sluice
