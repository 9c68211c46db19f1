// The elementwise operations and the scans, against double precision and across ISAs.
#include "kernels/ops/ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace sluice::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Table {
  const char* name;
  decltype(&rms_norm_scalar) rms_norm;
  decltype(&rope_scalar) rope;
  decltype(&swiglu_scalar) swiglu;
  decltype(&add_scalar) add;
  decltype(&argmax_scalar) argmax;
  decltype(&chunk_maxima_scalar) chunk_maxima;
  decltype(&collect_scalar) collect;
  decltype(&weights_scalar) weights;
  decltype(&weight_sums_scalar) weight_sums;
};

#define SLUICE_TEST_TABLE(isa)                                                                   \
  Table {                                                                                        \
    #isa, rms_norm_##isa, rope_##isa, swiglu_##isa, add_##isa, argmax_##isa, chunk_maxima_##isa, \
        collect_##isa, weights_##isa, weight_sums_##isa                                          \
  }

std::vector<Table> tables() {
  std::vector<Table> all = {SLUICE_TEST_TABLE(scalar)};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back(SLUICE_TEST_TABLE(avx2));
  }
  if (isa_supported(Isa::kAvx512)) all.push_back(SLUICE_TEST_TABLE(avx512));
  return all;
}

std::vector<float> random_values(size_t count, float magnitude, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, magnitude);
  std::vector<float> x(count);
  for (float& value : x) value = normal(random);
  return x;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

const int32_t kCounts[] = {1, 15, 16, 17, 31, 64, 100, 576, 896, 1000};

TEST(RmsNorm, DividesByTheRootMeanSquareOnEveryIsa) {
  for (int32_t count : kCounts) {
    const auto n = static_cast<size_t>(count);
    const std::vector<float> x = random_values(n, 3.0f, 1);
    const std::vector<float> gain = random_values(n, 1.0f, 2);
    double squares = 0;
    for (float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
    std::vector<float> first(n);
    rms_norm_scalar(x.data(), gain.data(), 1e-5f, count, first.data());
    for (size_t i = 0; i < n; ++i) {
      const double expected = static_cast<double>(x[i]) / std::sqrt(squares / count + 1e-5) *
                              static_cast<double>(gain[i]);
      EXPECT_NEAR(static_cast<double>(first[i]), expected, 1e-6 * (1 + std::abs(expected)));
    }
    for (const Table& table : tables()) {
      std::vector<float> in_place = x;
      table.rms_norm(in_place.data(), gain.data(), 1e-5f, count, in_place.data());
      EXPECT_TRUE(same_bits(in_place, first)) << table.name << " " << count;
    }
  }
}

TEST(RmsNorm, OfZerosIsZero) {
  for (const Table& table : tables()) {
    std::vector<float> x(33, 0.0f), gain(33, 2.0f), out(33, 1.0f);
    table.rms_norm(x.data(), gain.data(), 1e-6f, 33, out.data());
    EXPECT_EQ(out, x);
  }
}

TEST(Rope, RotatesBothPairingsOnEveryIsa) {
  for (int32_t head_dim : {16, 48, 64, 80, 128, 256}) {
    const auto half = static_cast<size_t>(head_dim / 2);
    const std::vector<float> head = random_values(2 * half, 2.0f, 3);
    std::vector<float> cosines, sines;
    for (size_t i = 0; i < half; ++i) {
      cosines.push_back(std::cos(0.37f * static_cast<float>(i)));
      sines.push_back(std::sin(0.37f * static_cast<float>(i)));
    }
    for (bool adjacent : {false, true}) {
      for (const Table& table : tables()) {
        std::vector<float> first = head, turned = head;
        rope_scalar(first.data(), cosines.data(), sines.data(), head_dim, adjacent);
        table.rope(turned.data(), cosines.data(), sines.data(), head_dim, adjacent);
        EXPECT_TRUE(same_bits(turned, first)) << table.name;
        for (size_t i = 0; i < half; ++i) {
          const size_t a = adjacent ? 2 * i : i;
          const size_t b = adjacent ? 2 * i + 1 : i + half;
          EXPECT_NEAR(turned[a], head[a] * cosines[i] - head[b] * sines[i], 2e-6f);
          EXPECT_NEAR(turned[b], head[b] * cosines[i] + head[a] * sines[i], 2e-6f);
        }
      }
    }
  }
}

TEST(Swiglu, AgreesWithDoublePrecisionOnEveryIsa) {
  for (int32_t count : kCounts) {
    const auto n = static_cast<size_t>(count);
    const std::vector<float> gate = random_values(n, 8.0f, 4);
    const std::vector<float> up = random_values(n, 2.0f, 5);
    std::vector<float> first(n);
    swiglu_scalar(gate.data(), up.data(), count, first.data());
    for (size_t i = 0; i < n; ++i) {
      const auto g = static_cast<double>(gate[i]);
      const double expected = g / (1 + std::exp(-g)) * static_cast<double>(up[i]);
      EXPECT_NEAR(static_cast<double>(first[i]), expected, 1e-6 * std::abs(expected) + 1e-30);
    }
    for (const Table& table : tables()) {
      std::vector<float> out(n);
      table.swiglu(gate.data(), up.data(), count, out.data());
      EXPECT_TRUE(same_bits(out, first)) << table.name << " " << count;
    }
  }
}

TEST(Swiglu, IsSafeForLargeGates) {
  for (const Table& table : tables()) {
    const std::vector<float> gate = {1e30f, -1e30f, 100.0f, -100.0f, 0.0f, 88.5f, -88.5f, kNan};
    const std::vector<float> up(gate.size(), 1.0f);
    std::vector<float> out(gate.size());
    table.swiglu(gate.data(), up.data(), static_cast<int32_t>(gate.size()), out.data());
    EXPECT_EQ(out[0], 1e30f);
    EXPECT_EQ(out[1], 0.0f);
    EXPECT_EQ(out[2], 100.0f);
    EXPECT_NEAR(out[3], 0.0f, 1e-35f);
    EXPECT_EQ(out[4], 0.0f);
    EXPECT_EQ(out[5], 88.5f);
    EXPECT_NEAR(out[6], 0.0f, 1e-35f);
    EXPECT_TRUE(std::isnan(out[7]));
  }
}

TEST(Add, AddsEveryElement) {
  for (const Table& table : tables()) {
    for (int32_t count : kCounts) {
      const auto n = static_cast<size_t>(count);
      std::vector<float> x = random_values(n, 1.0f, 6);
      const std::vector<float> before = x, y = random_values(n, 1.0f, 7);
      table.add(x.data(), y.data(), count);
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(x[i], before[i] + y[i]);
    }
  }
}

TEST(Argmax, TakesTheLowestIndexAndIgnoresNan) {
  for (const Table& table : tables()) {
    for (int32_t count : {1, 17, 64, 1023, 1024, 1025, 5000}) {
      std::vector<float> x = random_values(static_cast<size_t>(count), 1.0f, 8);
      EXPECT_EQ(table.argmax(x.data(), count), std::max_element(x.begin(), x.end()) - x.begin());
      for (float& value : x) value = std::round(value);
      EXPECT_EQ(table.argmax(x.data(), count), std::max_element(x.begin(), x.end()) - x.begin());
      x[static_cast<size_t>(count - 1)] = 9.0f;
      x[0] = kNan;
      EXPECT_EQ(table.argmax(x.data(), count), count == 1 ? 0 : count - 1);
    }
    const std::vector<float> none = {-kInfinity, kNan, -kInfinity};
    EXPECT_EQ(table.argmax(none.data(), 3), 0);
  }
}

TEST(SampleScan, FindsWhatAPlainLoopFindsOnEveryIsa) {
  for (int32_t count : {1, 15, 255, 256, 257, 1000, 2048}) {
    const auto n = static_cast<size_t>(count);
    std::vector<float> x = random_values(n, 3.0f, 9);
    if (count > 20) {
      x[3] = kNan;
      x[7] = -kInfinity;
    }
    const size_t chunks = (n + kSampleChunk - 1) / kSampleChunk;
    std::vector<float> expected_maxima(chunks, -kInfinity);
    for (size_t i = 0; i < n; ++i) {
      float& max = expected_maxima[i / kSampleChunk];
      if (x[i] > max) max = x[i];
    }
    std::vector<int32_t> expected_ids;
    for (size_t i = 0; i < n; ++i) {
      if (x[i] >= 1.5f) expected_ids.push_back(static_cast<int32_t>(i));
    }
    const float max = *std::max_element(expected_maxima.begin(), expected_maxima.end());
    std::vector<double> first(n);
    weights_scalar(x.data(), count, max, 1.25f, first.data());
    for (size_t i = 0; i < n; ++i) {
      const double exact =
          std::isnan(x[i]) ? 0 : std::exp(1.25 * (static_cast<double>(x[i]) - max));
      EXPECT_NEAR(first[i], exact, 4e-6 * exact + 0x1p-34);
    }
    for (const Table& table : tables()) {
      std::vector<float> maxima(chunks);
      table.chunk_maxima(x.data(), count, maxima.data());
      EXPECT_TRUE(same_bits(maxima, expected_maxima)) << table.name;
      std::vector<int32_t> ids(n);
      ids.resize(
          static_cast<size_t>(table.collect(x.data(), count, maxima.data(), 1.5f, ids.data())));
      EXPECT_EQ(ids, expected_ids) << table.name;
      std::vector<double> weights(n), sums(chunks), expected_sums(chunks);
      table.weights(x.data(), count, max, 1.25f, weights.data());
      EXPECT_TRUE(same_bits(weights, first)) << table.name;
      table.weight_sums(x.data(), count, max, 1.25f, maxima.data(), sums.data());
      for (size_t i = 0; i < n; ++i) expected_sums[i / kSampleChunk] += first[i];
      EXPECT_EQ(sums, expected_sums) << table.name;
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
