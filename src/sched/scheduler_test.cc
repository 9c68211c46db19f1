#include "sched/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice::sched {
namespace {

using testing::ElementsAre;

Options small_options() {
  return {.block_count = 16,
          .max_running = 8,
          .max_waiting = 8,
          .step_tokens_max = 256,
          .sampled_rows_max = 32,
          .prefill_chunk_tokens = 128,
          .prefill_chunk_tokens_decoding = 64};
}

class SchedulerTest : public testing::Test {
 protected:
  explicit SchedulerTest(Options options = small_options()) : scheduler_(options) {}
  ~SchedulerTest() override { scheduler_.check_integrity(); }

  // A prompt of `count` tokens, equal to others of the same `content` as far as both go.
  Sequence* add(int count, int32_t content = -1, int32_t priority = 0, uint64_t group = 0) {
    const uint64_t id = next_id_++;
    std::vector<int32_t> tokens(static_cast<size_t>(count),
                                content < 0 ? 1000 + static_cast<int32_t>(id) : content);
    return scheduler_.submit({.id = id,
                              .group = group == 0 ? id : group,
                              .tokens = std::move(tokens),
                              .prompt_tokens = count,
                              .priority = priority});
  }

  // One step; sampled sequences get a token. Returns {sequence id, tokens} of the items.
  std::vector<std::pair<uint64_t, int32_t>> step() {
    const auto items = scheduler_.plan(1);
    const std::vector<PlanItem> plan(items.begin(), items.end());
    std::vector<std::pair<uint64_t, int32_t>> out;
    scheduler_.complete();
    for (const PlanItem& item : plan) {
      out.emplace_back(item.sequence->id, item.count);
      if (item.sampled) scheduler_.append(*item.sequence, 7);
    }
    scheduler_.check_integrity();
    return out;
  }

  Scheduler scheduler_;
  uint64_t next_id_ = 1;
};

using P = std::pair<uint64_t, int32_t>;

TEST_F(SchedulerTest, PromptIsComputedInChunksThenTokenByToken) {
  Sequence* sequence = add(200);
  EXPECT_THAT(step(), ElementsAre(P(1, 128)));
  EXPECT_EQ(sequence->state, State::kPrefilling);
  EXPECT_THAT(step(), ElementsAre(P(1, 72)));
  EXPECT_EQ(sequence->state, State::kDecoding);
  EXPECT_THAT(step(), ElementsAre(P(1, 1)));
  scheduler_.finish(*sequence);
  EXPECT_TRUE(scheduler_.idle());
  EXPECT_TRUE(step().empty());
  EXPECT_EQ(scheduler_.pool_stats().used, 0);
}

TEST_F(SchedulerTest, DecodesComeFirstAndPrefillTakesTheSmallerChunk) {
  add(10);
  step();
  add(200);
  EXPECT_THAT(step(), ElementsAre(P(1, 1), P(2, 64)));
}

TEST_F(SchedulerTest, OneBudgetIsSharedByAllPrompts) {
  add(100);
  add(100);
  EXPECT_THAT(step(), ElementsAre(P(1, 100), P(2, 28)));
}

TEST_F(SchedulerTest, PriorityThenArrivalDecidesWhoStarts) {
  add(10, -1, 5);
  add(10, -1, 0);
  add(10, -1, 5);
  EXPECT_THAT(step(), ElementsAre(P(2, 10), P(1, 10), P(3, 10)));
}

TEST_F(SchedulerTest, PrefixOfAnotherSequenceIsNotComputedAgain) {
  Sequence* first = add(100, 42);
  step();
  Sequence* second = add(100, 42);
  EXPECT_THAT(step(), ElementsAre(P(1, 1), P(2, 4)));
  EXPECT_EQ(second->cached_tokens, 96);
  scheduler_.finish(*first);
  scheduler_.finish(*second);
}

TEST_F(SchedulerTest, ChoicesOfOneRequestShareItsPrompt) {
  for (int i = 0; i < 3; ++i) add(128, 42, 0, 99);
  EXPECT_THAT(step(), ElementsAre(P(1, 128)));
  // A hit leaves the last token, and so the block it is in, to compute.
  EXPECT_THAT(step(), ElementsAre(P(1, 1), P(2, 32)));
  EXPECT_THAT(step(), ElementsAre(P(1, 1), P(2, 1), P(3, 32)));
}

TEST_F(SchedulerTest, NewestOfLowestPriorityIsPreemptedWhenBlocksRunOut) {
  Sequence* low_old = add(120, -1, 1);
  Sequence* low_new = add(120, -1, 1);
  Sequence* high = add(120, -1, 0);
  step();
  step();
  step();
  step();
  ASSERT_EQ(scheduler_.running(), 3);
  while (scheduler_.counters().preemptions == 0) ASSERT_FALSE(step().empty());
  EXPECT_EQ(low_new->state, State::kPreempted);
  EXPECT_EQ(low_old->state, State::kDecoding);
  EXPECT_EQ(high->state, State::kDecoding);
  const size_t tokens = low_new->tokens.size();
  scheduler_.finish(*high);
  // Computed again from all its tokens, and then goes on.
  while (low_new->tokens.size() == tokens) ASSERT_FALSE(step().empty());
  EXPECT_EQ(low_new->tokens.size(), tokens + 1);
}

TEST_F(SchedulerTest, RefusesWhatCouldNeverFit) {
  EXPECT_TRUE(scheduler_.can_submit(16 * kv::kBlockTokens, 1, 10));
  const Status refused = scheduler_.can_submit(16 * kv::kBlockTokens + 1, 1, 10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kContextLength);
}

TEST_F(SchedulerTest, RefusesBeyondMaxRunningAndMaxWaiting) {
  for (int i = 0; i < 15; ++i) add(4);
  EXPECT_TRUE(scheduler_.can_submit(4, 1, 4));
  EXPECT_FALSE(scheduler_.can_submit(4, 2, 4));
  add(4);
  const Status refused = scheduler_.can_submit(4, 1, 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  step();
  EXPECT_EQ(scheduler_.running(), 8);
  EXPECT_EQ(scheduler_.waiting(), 8);
}

TEST_F(SchedulerTest, FailedStepLeavesNothingBehind) {
  Sequence* sequence = add(100);
  EXPECT_EQ(scheduler_.plan(1).size(), 1u);
  scheduler_.abandon();
  scheduler_.finish(*sequence);
  EXPECT_EQ(scheduler_.pool_stats().used, 0);
  EXPECT_EQ(scheduler_.pool_stats().cached, 0);
}

TEST(Scheduler, BoundsWaitingPromptTokens) {
  Options options = small_options();
  options.max_waiting_tokens = 100;
  Scheduler scheduler(options);
  EXPECT_TRUE(scheduler.can_submit(500, 1, 500)) << "nobody waits";
  scheduler.submit({.id = 1, .group = 1, .tokens = std::vector<int32_t>(60), .prompt_tokens = 60});
  EXPECT_TRUE(scheduler.can_submit(40, 1, 40));
  EXPECT_FALSE(scheduler.can_submit(41, 1, 41));
}

// Random traffic in pools that are far too small: everything gets done, and nothing leaks.
TEST(Scheduler, EverySequenceEndsInSmallPools) {
  for (const int32_t blocks : {3, 5, 9, 17}) {
    for (const bool caching : {false, true}) {
      Options options = small_options();
      options.block_count = blocks;
      options.prefix_caching = caching;
      options.prefill_chunk_tokens = 33;
      options.prefill_chunk_tokens_decoding = 7;
      Scheduler scheduler(options);
      std::mt19937 random(static_cast<uint32_t>(blocks));
      std::map<Sequence*, int> wanted;
      int started = 0;
      int steps = 0;
      while (started < 200 || !scheduler.idle()) {
        ASSERT_LT(++steps, 100'000) << "no progress";
        if (started < 200 && random() % 4 == 0 && scheduler.can_submit(1, 1, 1)) {
          const auto prompt = static_cast<int32_t>(1 + random() % 60);
          const auto id = static_cast<uint64_t>(++started);
          Sequence* sequence = scheduler.submit(
              {.id = id,
               .group = id,
               .tokens = std::vector<int32_t>(static_cast<size_t>(prompt), started % 3),
               .prompt_tokens = prompt,
               .priority = static_cast<int32_t>(random() % 2)});
          wanted[sequence] = static_cast<int>(1 + random() % 35);
        }
        const auto items = scheduler.plan(1);
        ASSERT_TRUE(!items.empty() || scheduler.idle()) << "stuck";
        const std::vector<PlanItem> plan(items.begin(), items.end());
        scheduler.complete();
        for (const PlanItem& item : plan) {
          if (!item.sampled) continue;
          scheduler.append(*item.sequence, 5);
          if (--wanted[item.sequence] == 0) {
            wanted.erase(item.sequence);
            scheduler.finish(*item.sequence);
          }
        }
        if (!wanted.empty() && random() % 32 == 0) {  // one goes away, wherever it is
          auto gone = wanted.begin();
          std::advance(gone, random() % wanted.size());
          scheduler.finish(*gone->first);
          wanted.erase(gone);
        }
        if (steps % 16 == 0) scheduler.check_integrity();
      }
      scheduler.check_integrity();
      EXPECT_EQ(scheduler.pool_stats().used, 0);
      if (blocks <= 5) EXPECT_GT(scheduler.counters().preemptions, 0);
    }
  }
}

}  // namespace
}  // namespace sluice::sched
