// Random tensors of each file type, for tests and benches: any bits are valid weights, so blocks
// are random bytes with scales set to something sane.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "kernels/activations.h"
#include "kernels/packed_matrix.h"
#include "tensor/half.h"
#include "tensor/view.h"

namespace sluice::kernels {

struct TestTensor {
  std::vector<std::byte> bytes;
  TensorView view;
};

// Offsets of the fp16 fields of one file block; -1 for none.
struct HalfFields {
  int32_t first;
  int32_t second;
};

inline HalfFields half_fields(DType dtype) {
  switch (dtype) {
    case DType::kQ4_1:
    case DType::kQ4_K: return {0, 2};
    case DType::kQ6_K: return {208, -1};
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16: return {-1, -1};
    default: return {0, -1};
  }
}

// Scales uniform in +-`scale_max`.
inline TestTensor random_tensor(DType dtype, int64_t rows, int64_t columns, uint32_t seed,
                                float scale_max = 0.02f) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> scales(-scale_max, scale_max);
  TestTensor tensor;
  tensor.view.name = "test";
  tensor.view.dtype = dtype;
  tensor.view.shape.dims = {columns, rows, 1, 1};
  tensor.view.shape.rank = 2;
  tensor.bytes.resize(static_cast<size_t>(rows) * tensor.view.row_bytes());
  const auto block_bytes = static_cast<size_t>(info(dtype).block_bytes);
  for (size_t at = 0; at < tensor.bytes.size(); at += block_bytes) {
    std::byte* block = tensor.bytes.data() + at;
    const float value = scales(random);
    const uint16_t half = float_to_half(value);
    const uint16_t bfloat = float_to_bfloat(value);
    if (dtype == DType::kF32) {
      std::memcpy(block, &value, 4);
    } else if (dtype == DType::kF16) {
      std::memcpy(block, &half, 2);
    } else if (dtype == DType::kBF16) {
      std::memcpy(block, &bfloat, 2);
    } else {
      for (size_t i = 0; i < block_bytes; ++i) block[i] = static_cast<std::byte>(random() & 255);
      const HalfFields fields = half_fields(dtype);
      std::memcpy(block + fields.first, &half, 2);
      const uint16_t second = float_to_half(scales(random));
      if (fields.second >= 0) std::memcpy(block + fields.second, &second, 2);
    }
  }
  tensor.view.data = tensor.bytes;
  return tensor;
}

struct FreeAligned {
  void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{64}); }
};
using AlignedBytes = std::unique_ptr<std::byte, FreeAligned>;

inline AlignedBytes aligned_bytes(size_t bytes) {
  return AlignedBytes(
      static_cast<std::byte*>(::operator new(bytes > 0 ? bytes : 64, std::align_val_t{64})));
}

// A tensor packed, with its memory.
struct TestMatrix {
  PackedMatrix packed;
  AlignedBytes memory;
};

inline TestMatrix pack_all(const TensorView& view, bool as_float = false) {
  TestMatrix matrix;
  matrix.packed = plan_packing(view, as_float).value();
  matrix.memory = aligned_bytes(matrix.packed.bytes());
  matrix.packed.data = matrix.memory.get();
  pack_panels(view, 0, matrix.packed.panels(), matrix.packed);
  return matrix;
}

inline std::vector<float> random_floats(size_t count, uint32_t seed, float range = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> distribution(-range, range);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

}  // namespace sluice::kernels
