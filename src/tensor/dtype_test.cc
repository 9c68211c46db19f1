#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

#include "tensor/view.h"

namespace sluice {
namespace {

constexpr DType kAll[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                          DType::kQ5_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K};

TEST(DType, TableIsInTheOrderOfTheEnum) {
  for (const DType dtype : kAll) {
    EXPECT_EQ(info(dtype).dtype, dtype);
    EXPECT_EQ(dtype_from_ggml(info(dtype).ggml_id), dtype);
    EXPECT_EQ(ggml_type_name(info(dtype).ggml_id), dtype_name(dtype));
  }
}

// ggml.h and ggml-common.h: fp16 scales, then 4-, 5-, 6- or 8-bit values and their high bits.
TEST(DType, BlockSizesAreThoseOfGgml) {
  EXPECT_EQ(info(DType::kQ4_0).block_bytes, 2 + 16);
  EXPECT_EQ(info(DType::kQ4_1).block_bytes, 2 + 2 + 16);
  EXPECT_EQ(info(DType::kQ5_0).block_bytes, 2 + 4 + 16);
  EXPECT_EQ(info(DType::kQ8_0).block_bytes, 2 + 32);
  EXPECT_EQ(info(DType::kQ4_K).block_bytes, 2 + 2 + 12 + 128);
  EXPECT_EQ(info(DType::kQ6_K).block_bytes, 128 + 64 + 16 + 2);
}

TEST(DType, KnowsTheNamesOfTypesThatItCannotRead) {
  EXPECT_EQ(dtype_from_ggml(11), std::nullopt);
  EXPECT_EQ(ggml_type_name(11), "Q3_K");
  EXPECT_EQ(ggml_type_name(39), "MXFP4");
  EXPECT_EQ(ggml_type_name(31), "");
  EXPECT_EQ(ggml_type_name(std::numeric_limits<uint32_t>::max()), "");
}

TEST(Shape, IsMadeOfOneToFourDimensions) {
  const std::array<uint64_t, 5> dims{6, 5, 4, 3, 2};
  EXPECT_FALSE(make_shape(std::span(dims).first(0)));
  EXPECT_EQ(make_shape(std::span(dims).first(1))->elements(), 6);
  const auto shape = make_shape(std::span(dims).first(4));
  EXPECT_EQ(shape->columns(), 6);
  EXPECT_EQ(shape->rows(), 60);
  EXPECT_EQ(shape->elements(), 360);
  EXPECT_FALSE(make_shape(dims));
}

TEST(Shape, RefusesZeroAndOverflow) {
  const auto make = [](std::array<uint64_t, 2> dims) { return make_shape(dims); };
  EXPECT_FALSE(make({0, 1}));
  EXPECT_FALSE(make({1, 0}));
  EXPECT_TRUE(make({uint64_t{1} << 62, 1}));
  EXPECT_TRUE(make({(uint64_t{1} << 63) - 1, 1}));
  EXPECT_FALSE(make({uint64_t{1} << 63, 1}));
  EXPECT_FALSE(make({uint64_t{1} << 32, uint64_t{1} << 31}));
  EXPECT_FALSE(make({uint64_t{1} << 32, uint64_t{1} << 32}));
}

TEST(TensorBytes, CountsWholeBlocksAndRefusesOverflow) {
  const auto bytes = [](DType dtype, std::array<uint64_t, 2> dims) {
    return tensor_bytes(dtype, *make_shape(dims));
  };
  EXPECT_EQ(bytes(DType::kQ4_K, {512, 3}), 2u * 144 * 3);
  EXPECT_EQ(bytes(DType::kQ4_K, {511, 3}), std::nullopt);
  EXPECT_EQ(bytes(DType::kF32, {uint64_t{1} << 61, 1}), size_t{1} << 63);
  EXPECT_EQ(bytes(DType::kF32, {uint64_t{1} << 62, 1}), std::nullopt);
}

}  // namespace
}  // namespace sluice
