#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

namespace sluice::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const kernels::Kernels& table() { return kernels::kernels_for(kernels::best_isa()); }

// Softmax, full sort, prefix, minimum, inverse of the cumulative sum: nothing clever.
int32_t reference_draw(const SampleSpec& spec, const std::vector<float>& logits, int64_t position) {
  const auto count = static_cast<int32_t>(logits.size());
  float max = -kInfinity;
  for (float x : logits) {
    if (x > max) max = x;
  }
  if (max == -kInfinity) return 0;
  std::vector<double> weights(logits.size());
  kernels::kernels_for(kernels::Isa::kScalar)
      .weights(logits.data(), count, max, 1.0f / spec.temperature, weights.data());
  std::vector<int32_t> order;
  for (int32_t i = 0; i < count; ++i) {
    if (logits[static_cast<size_t>(i)] > -kInfinity) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const float left = logits[static_cast<size_t>(a)];
    const float right = logits[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  });
  const auto weight = [&](int32_t id) { return weights[static_cast<size_t>(id)]; };
  if (spec.top_k > 0 && order.size() > static_cast<size_t>(spec.top_k)) {
    order.resize(static_cast<size_t>(spec.top_k));
  }
  if (spec.top_p < 1.0f) {
    double total = 0;
    for (int32_t id : order) total += weight(id);
    double sum = 0;
    size_t kept = 0;
    while (kept < order.size()) {
      sum += weight(order[kept++]);
      if (sum >= static_cast<double>(spec.top_p) * total) break;
    }
    order.resize(kept);
  }
  std::erase_if(order, [&](int32_t id) { return weight(id) < static_cast<double>(spec.min_p); });
  std::sort(order.begin(), order.end());
  double total = 0;
  for (int32_t id : order) total += weight(id);
  const double target = uniform_number(spec.seed, spec.choice, position) * total;
  double sum = 0;
  for (int32_t id : order) {
    sum += weight(id);
    if (sum > target) return id;
  }
  return order.back();
}

// Rows of several characters: smooth, peaked, full of ties, with holes.
std::vector<float> random_row(std::mt19937& random, size_t vocab, int kind) {
  std::normal_distribution<float> normal(0.0f, kind == 1 ? 6.0f : 1.5f);
  std::vector<float> row(vocab);
  for (float& x : row) x = normal(random);
  if (kind == 2) {
    for (float& x : row) x = std::round(x);
  }
  if (kind == 3) {
    for (float& x : row) {
      if (random() % 3 == 0) x = -kInfinity;
      if (random() % 50 == 0) x = std::numeric_limits<float>::quiet_NaN();
    }
  }
  if (kind == 4) std::fill(row.begin(), row.end(), 2.5f);
  return row;
}

TEST(Sampler, DrawsWhatAFullSortWouldDraw) {
  std::mt19937 random(1);
  const TokenCounts counts;
  const size_t vocabs[] = {1, 2, 17, 255, 256, 257, 1000, 3001};
  const int32_t ks[] = {0, 1, 2, 5, 20, 100, 4000};
  const float ps[] = {1.0f, 0.0f, 1e-6f, 0.3f, 0.8f, 0.95f, 0.9999f};
  const float mins[] = {0.0f, 0.0f, 0.05f, 0.9f, 1.0f};
  const float temperatures[] = {0.01f, 0.7f, 1.0f, 3.0f, 100.0f};
  Sampler sampler(table());
  for (int trial = 0; trial < 6000; ++trial) {
    SampleSpec spec;
    spec.top_k = ks[random() % 7];
    spec.top_p = ps[random() % 7];
    spec.min_p = mins[random() % 5];
    spec.temperature = temperatures[random() % 5];
    spec.seed = random();
    spec.choice = static_cast<int32_t>(random() % 4);
    std::vector<float> row = random_row(random, vocabs[random() % 8], trial % 5);
    const int32_t expected = reference_draw(spec, row, trial);
    ASSERT_EQ(sampler.sample(spec, row, counts, trial, {}), expected)
        << "trial " << trial << " vocab " << row.size() << " k " << spec.top_k << " p "
        << spec.top_p << " min " << spec.min_p << " T " << spec.temperature;
  }
}

TEST(Sampler, ChoosesTheSameOnEveryIsa) {
  std::mt19937 random(2);
  const TokenCounts counts;
  Sampler scalar(kernels::kernels_for(kernels::Isa::kScalar));
  Sampler best(table());
  for (int trial = 0; trial < 200; ++trial) {
    SampleSpec spec;
    spec.temperature = 0.8f;
    spec.top_k = trial % 3 == 0 ? 40 : 0;
    spec.top_p = trial % 2 == 0 ? 0.9f : 1.0f;
    spec.seed = random();
    std::vector<float> row = random_row(random, 2000, trial % 5);
    std::vector<float> copy = row;
    ASSERT_EQ(scalar.sample(spec, row, counts, trial, {}),
              best.sample(spec, copy, counts, trial, {}));
  }
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const TokenCounts counts;
  Sampler sampler(table());
  std::vector<float> row(600, -kInfinity);
  const double probabilities[] = {0.4, 0.3, 0.2, 0.08, 0.02};
  for (size_t i = 0; i < 5; ++i) row[i * 130] = static_cast<float>(std::log(probabilities[i]));
  SampleSpec spec;
  spec.seed = 7;
  constexpr int kDraws = 20000;
  std::map<int32_t, int> seen;
  for (int i = 0; i < kDraws; ++i) ++seen[sampler.sample(spec, row, counts, i, {})];
  double chi_square = 0;
  for (size_t i = 0; i < 5; ++i) {
    const double expected = probabilities[i] * kDraws;
    const double off = seen[static_cast<int32_t>(i * 130)] - expected;
    chi_square += off * off / expected;
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_LT(chi_square, 18.5);  // 4 degrees of freedom, p = 0.001
}

TEST(Sampler, NumbersAreUniformOverPositionsSeedsAndChoices) {
  int histogram[64] = {};
  constexpr int kDraws = 64000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform_number(static_cast<uint64_t>(i % 10), i % 7, i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++histogram[static_cast<int>(u * 64)];
  }
  double chi_square = 0;
  for (int n : histogram) chi_square += (n - 1000.0) * (n - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 103.5);  // 63 degrees of freedom, p = 0.001
}

TEST(Sampler, ADrawDependsOnSeedChoiceAndPositionOnly) {
  std::mt19937 random(3);
  const TokenCounts counts;
  const std::vector<float> row = random_row(random, 500, 0);
  SampleSpec spec;
  spec.seed = 11;
  std::vector<int32_t> forward, backward;
  Sampler one(table());
  Sampler other(table());
  for (int i = 0; i < 50; ++i) {
    auto copy = row;
    forward.push_back(one.sample(spec, copy, counts, i, {}));
  }
  for (int i = 49; i >= 0; --i) {
    auto copy = row;
    backward.push_back(other.sample(spec, copy, counts, i, {}));
  }
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  spec.choice = 1;
  int equal = 0;
  for (int i = 0; i < 50; ++i) {
    auto copy = row;
    equal += one.sample(spec, copy, counts, i, {}) == forward[static_cast<size_t>(i)];
  }
  EXPECT_LT(equal, 15);
}

TEST(Sampler, AppliesBiasThenPenaltiesThenBans) {
  TokenCounts counts;
  const int32_t prompt[] = {0, 1, 1};
  counts.add_prompt(prompt);
  for (int32_t id : {1, 2, 2}) counts.add_answer(id);
  SampleSpec spec;
  spec.temperature = 0;
  spec.repetition_penalty = 2.0f;
  spec.presence_penalty = 0.5f;
  spec.frequency_penalty = 0.25f;
  spec.logit_bias = {{0, 3.0f}, {4, -100.0f}, {99, 5.0f}, {-1, 5.0f}};
  std::vector<float> row = {1.0f, -2.0f, 4.0f, 1.5f, 50.0f, 60.0f};
  const int32_t banned[] = {5, 77, -3};
  Sampler sampler(table());
  EXPECT_EQ(sampler.sample(spec, row, counts, 0, banned), 0);
  // (1 + 3) / 2; -2 * 2 - 0.5 - 0.25; 4 / 2 - 0.5 - 2 * 0.25.
  const std::vector<float> expected = {2.0f, -4.75f, 1.0f, 1.5f, -50.0f, -kInfinity};
  EXPECT_EQ(row, expected);
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  const TokenCounts counts;
  Sampler sampler(table());
  std::vector<float> row(700, 1.0f);
  row[300] = row[301] = row[650] = 2.0f;
  row[10] = std::numeric_limits<float>::quiet_NaN();
  SampleSpec spec;
  spec.temperature = 0;
  EXPECT_EQ(sampler.sample(spec, row, counts, 0, {}), 300);
  spec.temperature = 1;
  spec.top_k = 1;
  EXPECT_EQ(sampler.sample(spec, row, counts, 0, {}), 300);
}

TEST(Sampler, SurvivesRowsWithoutAnAnswer) {
  const TokenCounts counts;
  Sampler sampler(table());
  for (float value : {-kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (float temperature : {0.0f, 1.0f}) {
      std::vector<float> row(300, value);
      SampleSpec spec;
      spec.temperature = temperature;
      EXPECT_EQ(sampler.sample(spec, row, counts, 0, {}), 0);
    }
  }
  std::vector<float> row(300, 0.0f);
  row[44] = kInfinity;
  EXPECT_EQ(sampler.sample({}, row, counts, 0, {}), 44);
  const float huge = std::numeric_limits<float>::max();
  std::vector<float> extreme = {-huge, huge, -huge, 0.0f};
  for (float temperature : {1e-38f, 1e-6f, 1.0f, 1e6f}) {
    SampleSpec spec;
    spec.temperature = temperature;
    spec.top_p = 0.9f;
    EXPECT_EQ(sampler.sample(spec, extreme, counts, 0, {}), 1) << temperature;
  }
}

TEST(TokenCounts, CountsPromptAndAnswerApartAcrossGrowth) {
  TokenCounts counts;
  std::vector<int32_t> prompt(1000);
  std::iota(prompt.begin(), prompt.end(), 0);
  counts.add_prompt(prompt);
  counts.add_prompt(prompt);
  for (int32_t id = 0; id < 2000; id += 2) counts.add_answer(id * 64);
  std::map<int32_t, std::pair<int32_t, int32_t>> seen;
  for (const auto& entry : counts.entries()) {
    EXPECT_TRUE(seen.emplace(entry.id, std::pair(entry.in_prompt, entry.in_answer)).second);
  }
  EXPECT_EQ(seen.at(0), std::pair(2, 1));
  EXPECT_EQ(seen.at(1), std::pair(2, 0));
  EXPECT_EQ(seen.at(128), std::pair(2, 1));
  EXPECT_EQ(seen.at(1998 * 64), std::pair(0, 1));
  EXPECT_EQ(counts.entries()[3].id, 3);
}

}  // namespace
}  // namespace sluice::sampling
