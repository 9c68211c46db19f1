#include "tensor/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace sluice {
namespace {

// The value of a half by the formula of IEEE 754: (-1)^s 2^(e-15) (1 + m/1024), in double.
double half_value(uint32_t half) {
  const double sign = (half & 0x8000u) != 0 ? -1.0 : 1.0;
  const int exponent = static_cast<int>(half >> 10 & 31u);
  const double mantissa = static_cast<double>(half & 1023u);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024.0 + mantissa, exponent - 25);
}

bool is_special(uint32_t half) { return (half >> 10 & 31u) == 31; }

TEST(Half, EveryHalfConvertsToItsValueAndBack) {
  for (uint32_t half = 0; half < 65536; ++half) {
    const float value = half_to_float(static_cast<uint16_t>(half));
    if (is_special(half)) {
      if ((half & 1023u) == 0) {
        EXPECT_TRUE(std::isinf(value) && std::signbit(value) == (half >= 0x8000u)) << half;
        EXPECT_EQ(float_to_half(value), half);
      } else {
        EXPECT_TRUE(std::isnan(value)) << half;
        EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value)))) << half;
      }
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), half_value(half)) << half;
    ASSERT_EQ(std::signbit(value), half >= 0x8000u) << half;
    ASSERT_EQ(float_to_half(value), half) << half;
  }
}

TEST(Half, RoundsToNearestAndTiesToEven) {
  for (uint32_t half = 0; half < 0x7BFF; ++half) {
    const double low = half_value(half);
    const double high = half_value(half + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(static_cast<double>(middle), (low + high) / 2);
    const uint32_t even = half % 2 == 0 ? half : half + 1;
    ASSERT_EQ(float_to_half(middle), even) << half;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), half) << half;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 1e30F)), half + 1) << half;
    ASSERT_EQ(float_to_half(-middle), even | 0x8000u) << half;
  }
}

TEST(Half, OverflowsToInfinityHalfwayToTheNextPower) {
  EXPECT_EQ(float_to_half(65504.0F), 0x7BFF);
  EXPECT_EQ(float_to_half(65519.996F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_EQ(float_to_half(-65520.0F), 0xFC00);
}

TEST(Half, TinyValuesRoundToZeroOrTheSmallest) {
  const float smallest = std::ldexp(1.0F, -24);
  EXPECT_EQ(float_to_half(smallest / 2), 0x0000);
  EXPECT_EQ(float_to_half(std::nextafter(smallest / 2, 1.0F)), 0x0001);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0x0000);
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
}

TEST(Half, ConvertsInConstantExpressions) {
  static_assert(half_to_float(0x3C00) == 1.0F);
  static_assert(float_to_half(-2.0F) == 0xC000);
  static_assert(bfloat_to_float(0x3F80) == 1.0F);
  static_assert(float_to_bfloat(1.0F) == 0x3F80);
}

TEST(Bfloat, EveryBfloatSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bfloat_to_float(static_cast<uint16_t>(bits));
    const uint16_t back = float_to_bfloat(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bfloat_to_float(back))) << bits;
    } else {
      ASSERT_EQ(back, bits);
    }
  }
}

TEST(Bfloat, RoundsToNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    const double low = bfloat_to_float(static_cast<uint16_t>(bits));
    const double high = bfloat_to_float(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(float_to_bfloat(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(float_to_bfloat(std::nextafter(middle, 0.0F)), bits) << bits;
    ASSERT_EQ(float_to_bfloat(std::nextafter(middle, INFINITY)), bits + 1) << bits;
  }
}

TEST(Bfloat, OverflowsToInfinity) {
  EXPECT_EQ(float_to_bfloat(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(float_to_bfloat(-INFINITY), 0xFF80);
}

}  // namespace
}  // namespace sluice
