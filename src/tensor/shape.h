// The dimensions of a tensor in ggml's order: dims[0] is the fastest, the columns of a matrix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace sluice {

struct Shape {
  std::array<int64_t, 4> dims{1, 1, 1, 1};
  int32_t rank = 1;

  int64_t columns() const { return dims[0]; }
  int64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  int64_t elements() const { return dims[0] * rows(); }  // make_shape() sees that it fits
};

// The shape of untrusted dimensions: nothing unless there are 1 to 4, none is 0 and their product
// fits an int64_t.
inline std::optional<Shape> make_shape(std::span<const uint64_t> dims) {
  if (dims.empty() || dims.size() > 4) return std::nullopt;
  Shape shape;
  shape.rank = static_cast<int32_t>(dims.size());
  uint64_t elements = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 || __builtin_mul_overflow(elements, dims[i], &elements)) return std::nullopt;
    if (elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    shape.dims[i] = static_cast<int64_t>(dims[i]);
  }
  return shape;
}

}  // namespace sluice
