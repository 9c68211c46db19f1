#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/kernels.h"
#include "kernels/quant/products.h"
#include "kernels/quant/test_tensors.h"

namespace sluice::kernels {
namespace {

using StoreFunction = decltype(Kernels::store_activations);
using MatmulFunction = decltype(Kernels::matmul);

struct Products {
  Isa isa;
  StoreFunction store;
  MatmulFunction matmul;
};

constexpr Products kScalarProducts{Isa::kScalar, store_activations_scalar, matmul_scalar};
constexpr Products kVectorProducts[] = {{Isa::kAvx2, store_activations_avx2, matmul_avx2},
                                        {Isa::kAvx512, store_activations_avx512, matmul_avx512}};
constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                            DType::kQ5_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K};

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

std::vector<std::byte> stored(const Products& products, const std::vector<float>& x, int32_t tokens,
                              int32_t columns, bool as_float) {
  // Bytes that nothing writes stay 0x55 whatever the ISA.
  const size_t size = Activations::bytes_needed(tokens, columns);
  AlignedBytes memory = aligned_bytes(size);
  std::memset(memory.get(), 0x55, size);
  Activations activations;
  activations.bind(memory.get(), tokens, columns, as_float);
  for (int32_t t = 0; t < tokens; ++t) {
    products.store(x.data() + static_cast<size_t>(t) * static_cast<size_t>(columns), columns, t, 0,
                   activations);
  }
  return {memory.get(), memory.get() + size};
}

// [tokens][panels * 32]
std::vector<float> multiply(const Products& products, const PackedMatrix& packed,
                            const std::vector<float>& x, int32_t tokens, int32_t split = 0) {
  AlignedBytes memory = aligned_bytes(Activations::bytes_needed(tokens, packed.columns));
  Activations activations;
  activations.bind(memory.get(), tokens, packed.columns, packed.float_activations());
  for (int32_t t = 0; t < tokens; ++t) {
    products.store(x.data() + static_cast<size_t>(t) * static_cast<size_t>(packed.columns),
                   packed.columns, t, 0, activations);
  }
  const int64_t stride = packed.panels() * 32;
  std::vector<float> out(static_cast<size_t>(stride * tokens), -1.0f);
  products.matmul(packed, split, packed.panels(), activations,
                  out.data() + int64_t{split} * kPanelRows, stride);
  products.matmul(packed, 0, split, activations, out.data(), stride);
  return out;
}

void expect_same(const std::vector<float>& expected, const std::vector<float>& actual,
                 const std::string& what) {
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(same_bits(expected[i], actual[i]))
        << what << " at " << i << ": " << expected[i] << " against " << actual[i];
  }
}

std::string name_of(DType dtype, Isa isa, int32_t tokens) {
  return std::string(dtype_name(dtype)) + " " + std::string(isa_name(isa)) + " tokens " +
         std::to_string(tokens);
}

class MatmulOfType : public testing::TestWithParam<DType> {
 protected:
  // Enough blocks to cross a chunk, and an odd number of panels with a padded last one.
  static constexpr int32_t kRows = 70;
  static constexpr int32_t kColumns = 32 * 40;
};

TEST_P(MatmulOfType, EveryIsaEqualsScalarBitForBitForEveryTokenCount) {
  const TestTensor tensor = random_tensor(GetParam(), kRows, kColumns, 1);
  const TestMatrix matrix = pack_all(tensor.view);
  for (int32_t tokens = 1; tokens <= 70; ++tokens) {
    const auto x = random_floats(static_cast<size_t>(tokens) * kColumns, 100u + tokens, 4);
    const auto expected = multiply(kScalarProducts, matrix.packed, x, tokens);
    for (const Products& products : kVectorProducts) {
      if (!isa_supported(products.isa)) continue;
      expect_same(expected, multiply(products, matrix.packed, x, tokens),
                  name_of(GetParam(), products.isa, tokens));
    }
  }
}

TEST_P(MatmulOfType, ATokensResultDoesNotDependOnItsNeighboursOrTheSplit) {
  const TestTensor tensor = random_tensor(GetParam(), kRows, kColumns, 2);
  const TestMatrix matrix = pack_all(tensor.view);
  const auto x = random_floats(70 * kColumns, 3, 4);
  const size_t width = static_cast<size_t>(matrix.packed.panels()) * 32;
  for (const Products& products : {kScalarProducts, kVectorProducts[0], kVectorProducts[1]}) {
    if (!isa_supported(products.isa)) continue;
    std::vector<float> alone;
    for (size_t t = 0; t < 70; ++t) {
      const std::vector<float> row(x.begin() + static_cast<int64_t>(t * kColumns),
                                   x.begin() + static_cast<int64_t>((t + 1) * kColumns));
      const auto out = multiply(products, matrix.packed, row, 1);
      alone.insert(alone.end(), out.begin(), out.end());
    }
    for (const int32_t tokens : {2, 5, 6, 7, 12, 13, 33, 70}) {
      const std::vector<float> expected(alone.begin(),
                                        alone.begin() + static_cast<int64_t>(width) * tokens);
      for (int32_t split = 0; split <= matrix.packed.panels(); ++split) {
        expect_same(expected, multiply(products, matrix.packed, x, tokens, split),
                    name_of(GetParam(), products.isa, tokens));
      }
    }
  }
}

TEST_P(MatmulOfType, RowsThatPadTheLastPanelAreZero) {
  const TestTensor tensor = random_tensor(GetParam(), 33, 256, 4);
  const TestMatrix matrix = pack_all(tensor.view);
  const auto x = random_floats(7 * 256, 5);
  const auto out = multiply(kScalarProducts, matrix.packed, x, 7);
  for (size_t t = 0; t < 7; ++t) {
    EXPECT_NE(out[t * 64 + 32], 0);
    for (size_t r = 33; r < 64; ++r) EXPECT_EQ(out[t * 64 + r], 0);
  }
}

TEST_P(MatmulOfType, ScalarIsWithinTheQuantisationBoundOfTheExactProduct) {
  const TestTensor tensor = random_tensor(GetParam(), 40, kColumns, 6);
  const TestMatrix matrix = pack_all(tensor.view);
  const auto x = random_floats(3 * kColumns, 7, 2);
  const auto out = multiply(kScalarProducts, matrix.packed, x, 3);
  std::vector<float> weights(kColumns);
  for (int32_t row = 0; row < 40; ++row) {
    dequantize_row(tensor.view, row, weights.data());
    for (size_t t = 0; t < 3; ++t) {
      double exact = 0;
      double bound = 0;
      for (size_t block = 0; block < kColumns / 32; ++block) {
        double amax = 0;
        double weight_sum = 0;
        double terms = 0;
        for (size_t i = block * 32; i < block * 32 + 32; ++i) {
          const double value = x[t * kColumns + i];
          exact += value * weights[i];
          amax = std::max(amax, std::abs(value));
          weight_sum += std::abs(weights[i]);
          terms += std::abs(value * weights[i]);
        }
        // Half a step of the int8 activations, then the roundings of the float chain.
        if (!matrix.packed.float_activations()) bound += weight_sum * amax / 127 * 0.5001;
        bound += (kColumns + 8.0) * terms * 0x1p-24 + 1e-6;
      }
      EXPECT_NEAR(out[t * 64 + static_cast<size_t>(row)], exact, bound)
          << dtype_name(GetParam()) << " row " << row;
    }
  }
}

// Blocks of one byte value everywhere: the largest sums of either sign, and -128 in Q8_0.
TEST_P(MatmulOfType, ExtremeWeightsAndActivationsAreExact) {
  for (const int fill : {0x00, 0xff, 0x80, 0x7f, 0x0f, 0xf0}) {
    TestTensor tensor = random_tensor(GetParam(), 32, 256, 8);
    if (half_fields(GetParam()).first >= 0) {
      const auto block_bytes = static_cast<size_t>(info(GetParam()).block_bytes);
      const HalfFields fields = half_fields(GetParam());
      for (size_t at = 0; at < tensor.bytes.size(); at += block_bytes) {
        std::memset(tensor.bytes.data() + at, fill, block_bytes);
        const uint16_t one = float_to_half(1);
        std::memcpy(tensor.bytes.data() + at + fields.first, &one, 2);
        if (fields.second >= 0) std::memcpy(tensor.bytes.data() + at + fields.second, &one, 2);
      }
    }
    const TestMatrix matrix = pack_all(tensor.view);
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<float> x(256, sign * 127);
      const auto expected = multiply(kScalarProducts, matrix.packed, x, 1);
      std::vector<float> weights(256);
      dequantize_row(tensor.view, 0, weights.data());
      double exact = 0;
      double magnitude = 0;
      for (const float weight : weights) {
        exact += static_cast<double>(sign) * 127 * static_cast<double>(weight);
        magnitude += 127 * std::abs(static_cast<double>(weight));
      }
      EXPECT_NEAR(expected[0], exact, magnitude * 1e-5);
      for (const Products& products : kVectorProducts) {
        if (!isa_supported(products.isa)) continue;
        expect_same(expected, multiply(products, matrix.packed, x, 1),
                    name_of(GetParam(), products.isa, fill));
      }
    }
  }
}

TEST_P(MatmulOfType, HugeTinyZeroAndNotFiniteScalesAgreeOverIsas) {
  for (const uint16_t half : {uint16_t{0}, uint16_t{0x8000}, uint16_t{1}, uint16_t{0x03ff},
                              uint16_t{0x7bff}, uint16_t{0x7c00}, uint16_t{0x7e00}}) {
    TestTensor tensor = random_tensor(GetParam(), 33, 256, 9);
    const HalfFields fields = half_fields(GetParam());
    if (fields.first < 0) return;  // floats have no scales
    const auto block_bytes = static_cast<size_t>(info(GetParam()).block_bytes);
    for (size_t at = 0; at < tensor.bytes.size(); at += block_bytes) {
      std::memcpy(tensor.bytes.data() + at + fields.first, &half, 2);
    }
    const TestMatrix matrix = pack_all(tensor.view);
    for (const float range : {0.0f, 1e-38f, 1e-30f, 1.0f, 1e30f, 3e38f}) {
      const auto x = random_floats(8 * 256, 10, range);
      const auto expected = multiply(kScalarProducts, matrix.packed, x, 8);
      for (const Products& products : kVectorProducts) {
        if (!isa_supported(products.isa)) continue;
        expect_same(expected, multiply(products, matrix.packed, x, 8),
                    name_of(GetParam(), products.isa, half));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MatmulOfType, testing::ValuesIn(kTypes),
                         [](const auto& param) { return std::string(dtype_name(param.param)); });

TEST(Activations, EveryIsaStoresTheSameBytes) {
  constexpr int32_t kColumns = 320;
  for (int32_t tokens = 1; tokens <= 70; ++tokens) {
    const auto x = random_floats(static_cast<size_t>(tokens) * kColumns, 20u + tokens, 3);
    const auto expected = stored(kScalarProducts, x, tokens, kColumns, false);
    for (const Products& products : kVectorProducts) {
      if (!isa_supported(products.isa)) continue;
      EXPECT_EQ(expected, stored(products, x, tokens, kColumns, false)) << tokens;
    }
  }
}

TEST(Activations, OddValuesAreStoredAlikeAndNeverAsGarbage) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> specials = {
      0.0f,    -0.0f,    1e-45f,    -1e-45f,    1e-38f,        0x1p-100f,      0x1.fffffep-101f,
      3.4e38f, -3.4e38f, kInfinity, -kInfinity, std::nanf(""), -std::nanf(""), 1.0f,
      0.5f,    63.5f,    127.0f};
  for (const float a : specials) {
    for (const float b : specials) {
      std::vector<float> x(64, a);
      x[17] = b;
      x[40] = b;
      const auto expected = stored(kScalarProducts, x, 1, 64, false);
      for (const Products& products : kVectorProducts) {
        if (!isa_supported(products.isa)) continue;
        EXPECT_EQ(expected, stored(products, x, 1, 64, false)) << a << " " << b;
      }
    }
  }
}

TEST(Activations, RoundToNearestEvenAndReachTheEnds) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127;
  x[1] = 0.5f;
  x[2] = 1.5f;
  x[3] = 2.5f;
  x[4] = -0.5f;
  x[5] = -127;
  x[6] = -126.5f;
  const auto bytes = stored(kScalarProducts, x, 1, 32, false);
  const int8_t expected[] = {127, 0, 2, 2, 0, -127, -126};
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(static_cast<int8_t>(bytes[i]), expected[i]) << i;
  float scale = 0;
  std::memcpy(&scale, bytes.data() + 40, 4);
  EXPECT_EQ(scale, 1.0f);
}

TEST(Activations, ANotFiniteValueMakesEveryProductNotANumber) {
  const TestTensor tensor = random_tensor(DType::kQ8_0, 32, 64, 11);
  const TestMatrix matrix = pack_all(tensor.view);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    std::vector<float> x(64, 1.0f);
    x[33] = bad;
    for (const float value : multiply(kScalarProducts, matrix.packed, x, 1)) {
      EXPECT_TRUE(std::isnan(value));
    }
  }
}

TEST(Activations, ColumnRangesMayBeStoredOneByOne) {
  constexpr int32_t kColumns = 256;
  const auto x = random_floats(9 * kColumns, 12);
  const auto expected = stored(kScalarProducts, x, 9, kColumns, false);
  AlignedBytes memory = aligned_bytes(expected.size());
  std::memset(memory.get(), 0x55, expected.size());
  Activations activations;
  activations.bind(memory.get(), 9, kColumns, false);
  for (int32_t column = kColumns - 64; column >= 0; column -= 64) {
    for (int32_t t = 8; t >= 0; --t) {
      store_activations_scalar(x.data() + t * kColumns + column, 64, t, column, activations);
    }
  }
  EXPECT_EQ(expected, std::vector<std::byte>(memory.get(), memory.get() + expected.size()));
}

TEST(Tiling, DealsTokensEvenlyAndInOrder) {
  for (int32_t tokens = 1; tokens <= 100; ++tokens) {
    const Tiling tiling{tokens};
    int32_t next = 0;
    for (int32_t tile = 0; tile < tiling.tiles(); ++tile) {
      EXPECT_EQ(tiling.first_token(tile), next);
      EXPECT_GE(tiling.tokens_in(tile), tokens / tiling.tiles());
      EXPECT_LE(tiling.tokens_in(tile), kTileTokensMax);
      for (int32_t i = 0; i < tiling.tokens_in(tile); ++i) EXPECT_EQ(tiling.tile_of(next++), tile);
    }
    EXPECT_EQ(next, tokens);
  }
}

}  // namespace
}  // namespace sluice::kernels
