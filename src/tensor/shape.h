// The dimensions of a tensor in ggml's order: dims[0] is the fastest, the columns of a matrix.
#pragma once

#include <array>
#include <cstdint>

namespace sluice {

struct Shape {
  std::array<int64_t, 4> dims{1, 1, 1, 1};
  int32_t rank = 1;

  int64_t columns() const { return dims[0]; }
  int64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  int64_t elements() const { return dims[0] * rows(); }  // checked not to overflow by the loader
};

}  // namespace sluice
