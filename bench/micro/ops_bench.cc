// Attention and the sampler, one thread, at the shapes of a 0.5B Qwen2.5: group 7, head_dim 64, two
// kv heads, 151,936 tokens of vocabulary.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/kernels.h"
#include "sampling/sampler.h"

namespace sluice {
namespace {

using kernels::AttentionTask;
using kernels::KvDType;
using kernels::KvLayout;

// Arguments: tokens, context (their last position + 1), KvDType.
void attention(benchmark::State& state) {
  constexpr int32_t kGroup = 7;
  constexpr int32_t kHeadDim = 64;
  const auto tokens = static_cast<int32_t>(state.range(0));
  const auto context = static_cast<int32_t>(state.range(1));
  const KvLayout layout{static_cast<KvDType>(state.range(2)), 1, kHeadDim};
  const kernels::Kernels& table = kernels::kernels_for(kernels::best_isa());
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto values = [&](size_t count) {
    std::vector<float> x(count);
    for (float& value : x) value = normal(random);
    return x;
  };
  const auto k = values(kHeadDim), v = values(kHeadDim);
  const auto q = values(static_cast<size_t>(tokens) * kGroup * kHeadDim);
  const int32_t blocks = (context + 31) / 32;
  std::vector<std::byte> pool(layout.block_bytes() * static_cast<size_t>(blocks));
  std::vector<int32_t> block_table;
  for (int32_t i = 0; i < blocks; ++i) {
    block_table.push_back(i);
    for (int32_t slot = 0; slot < 32; ++slot) {
      table.kv_store(layout, k.data(), v.data(),
                     pool.data() + static_cast<size_t>(i) * layout.block_bytes(), slot);
    }
  }
  std::vector<float> out(q.size());
  std::vector<float> scratch(kernels::attention_scratch_floats(tokens, kGroup, kHeadDim));
  AttentionTask task;
  task.q = q.data();
  task.q_stride = task.out_stride = kGroup * kHeadDim;
  task.out = out.data();
  task.tokens = tokens;
  task.group = kGroup;
  task.first_position = context - tokens;
  task.scale = 0.125f;
  task.layout = &layout;
  task.pool = pool.data();
  task.blocks = block_table.data();
  task.scratch = scratch.data();
  for (auto _ : state) {
    table.attention(task);
    benchmark::DoNotOptimize(out.data());
  }
  const double keys = static_cast<double>(tokens) *
                      (static_cast<double>(context) - (static_cast<double>(tokens) - 1) / 2);
  state.counters["GMAC/s"] = benchmark::Counter(keys * kGroup * kHeadDim * 2 * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(attention)
    ->Args({1, 128, 1})
    ->Args({1, 1024, 1})
    ->Args({1, 4096, 1})
    ->Args({128, 128, 1})
    ->Args({128, 1024, 1})
    ->Args({1, 1024, 0});

struct Settings {
  float temperature;
  int32_t top_k;
  float top_p;
  float repetition_penalty;
};

// Logits shaped like a model's: a bell with a thin tail of likely tokens.
void sample(benchmark::State& state, const Settings& settings) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0.0f, 2.0f);
  std::vector<float> logits(151936);
  for (float& x : logits) x = normal(random);
  for (int i = 0; i < 60; ++i)
    logits[random() % logits.size()] = 20.0f - 0.2f * static_cast<float>(i);
  sampling::SampleSpec spec;
  spec.temperature = settings.temperature;
  spec.top_k = settings.top_k;
  spec.top_p = settings.top_p;
  spec.repetition_penalty = settings.repetition_penalty;
  sampling::TokenCounts counts;
  for (int i = 0; i < 500; ++i) counts.add_answer(static_cast<int32_t>(random() % logits.size()));
  sampling::Sampler sampler(kernels::kernels_for(kernels::best_isa()));
  int64_t position = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sampler.sample(spec, logits, counts, position++, {}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(sample, greedy, Settings{0.0f, 0, 1.0f, 1.0f});
BENCHMARK_CAPTURE(sample, qwen_defaults, Settings{0.7f, 20, 0.8f, 1.1f});
BENCHMARK_CAPTURE(sample, top_p_only, Settings{1.0f, 0, 0.95f, 1.0f});
BENCHMARK_CAPTURE(sample, unfiltered, Settings{1.0f, 0, 1.0f, 1.0f});
BENCHMARK_CAPTURE(sample, flat_top_p, Settings{20.0f, 0, 0.95f, 1.0f});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
