#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>

#include "kernels/packed_matrix.h"
#include "kernels/quant/test_tensors.h"

namespace sluice::kernels {
namespace {

constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                            DType::kQ5_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K};

uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

class PackingOfType : public testing::TestWithParam<DType> {};

TEST_P(PackingOfType, UnpackedRowsEqualTheFilesRowsBitForBit) {
  for (const bool as_float : {false, true}) {
    for (const int64_t rows : {1, 31, 32, 33, 70}) {
      const TestTensor tensor = random_tensor(GetParam(), rows, 512, 31);
      const TestMatrix matrix = pack_all(tensor.view, as_float);
      EXPECT_EQ(matrix.packed.float_activations(), as_float || info(GetParam()).block_values == 1);
      std::vector<float> expected(512);
      std::vector<float> actual(512);
      for (int32_t row = 0; row < rows; ++row) {
        dequantize_row(tensor.view, row, expected.data());
        unpack_row(matrix.packed, row, actual.data());
        for (size_t i = 0; i < 512; ++i) {
          ASSERT_EQ(bits(expected[i]), bits(actual[i])) << "row " << row << " column " << i;
        }
      }
    }
  }
}

TEST_P(PackingOfType, PanelsPackedApartEqualPanelsPackedTogether) {
  const TestTensor tensor = random_tensor(GetParam(), 100, 256, 32);
  const TestMatrix whole = pack_all(tensor.view);
  TestMatrix parts = whole.packed.panels() == 4 ? pack_all(tensor.view) : TestMatrix{};
  ASSERT_NE(parts.packed.data, nullptr);
  std::memset(parts.packed.data, 0x55, parts.packed.bytes());
  for (const int32_t panel : {2, 0, 3, 1}) {
    pack_panels(tensor.view, panel, panel + 1, parts.packed);
  }
  EXPECT_EQ(std::memcmp(whole.packed.data, parts.packed.data, whole.packed.bytes()), 0);
}

TEST_P(PackingOfType, PanelsAreWholeCacheLines) {
  const TestTensor tensor = random_tensor(GetParam(), 33, 768, 33);
  const PackedMatrix plan = plan_packing(tensor.view, false).value();
  EXPECT_EQ(plan.panel_bytes % 64, 0u);
  EXPECT_EQ(plan.panels(), 2);
  EXPECT_EQ(plan.bytes(), 2 * plan.panel_bytes);
  EXPECT_EQ(plan.data, nullptr);
}

TEST_P(PackingOfType, RefusesColumnsThatAreNoMultipleOfItsBlock) {
  const int64_t multiple = std::max(32, info(GetParam()).block_values);
  TensorView view;
  view.name = "blk.0.odd";
  view.dtype = GetParam();
  const std::vector<std::byte> bytes(1 << 16);
  view.data = bytes;
  for (const int64_t columns : {multiple - 1, multiple + 1, multiple / 2, int64_t{0}}) {
    view.shape.dims = {columns, 2, 1, 1};
    const auto plan = plan_packing(view, false);
    ASSERT_FALSE(plan.has_value()) << columns;
    EXPECT_EQ(plan.error().code, Code::kUnsupported);
    EXPECT_EQ(plan.error().where, "blk.0.odd");
  }
  view.shape.dims = {multiple, 2, 1, 1};
  EXPECT_TRUE(plan_packing(view, false).has_value());
}

TEST_P(PackingOfType, RefusesDataShorterThanTheShape) {
  TestTensor tensor = random_tensor(GetParam(), 3, 256, 34);
  EXPECT_TRUE(plan_packing(tensor.view, false).has_value());
  tensor.view.data = tensor.view.data.first(tensor.view.data.size() - 1);
  const auto plan = plan_packing(tensor.view, true);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Code::kCorrupt);
}

INSTANTIATE_TEST_SUITE_P(Types, PackingOfType, testing::ValuesIn(kTypes),
                         [](const auto& param) { return std::string(dtype_name(param.param)); });

TEST(Packing, RefusesMoreRowsThanCanBeIndexed) {
  TensorView view;
  view.dtype = DType::kQ8_0;
  view.shape.dims = {32, int64_t{1} << 31, 1, 1};
  EXPECT_EQ(plan_packing(view, false).error().code, Code::kUnsupported);
  view.shape.dims = {int64_t{1} << 31, 1, 1, 1};
  EXPECT_EQ(plan_packing(view, false).error().code, Code::kUnsupported);
}

TEST(Dequantize, AgreesWithTheGgufPackageBitForBit) {
  std::ifstream file(SLUICE_SOURCE_DIR "/tests/golden/quants.bin", std::ios::binary);
  const std::vector<char> golden{std::istreambuf_iterator<char>(file),
                                 std::istreambuf_iterator<char>()};
  size_t at = 0;
  int32_t records = 0;
  while (at + 12 <= golden.size()) {
    uint32_t head[3];  // type, values, bytes of blocks
    std::memcpy(head, golden.data() + at, sizeof(head));
    at += sizeof(head);
    const auto dtype = dtype_from_ggml(head[0]);
    ASSERT_TRUE(dtype.has_value());
    TensorView view;
    view.dtype = *dtype;
    view.shape.dims = {head[1], 1, 1, 1};
    view.data = std::as_bytes(std::span(golden.data() + at, head[2]));
    ASSERT_EQ(view.row_bytes(), head[2]);
    at += head[2];
    std::vector<float> expected(head[1]);
    std::memcpy(expected.data(), golden.data() + at, head[1] * sizeof(float));
    at += head[1] * sizeof(float);
    std::vector<float> actual(head[1]);
    dequantize_row(view, 0, actual.data());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(bits(expected[i]), bits(actual[i])) << dtype_name(*dtype) << " value " << i;
    }
    ++records;
  }
  EXPECT_EQ(at, golden.size());
  EXPECT_EQ(records, 8);
}

}  // namespace
}  // namespace sluice::kernels
