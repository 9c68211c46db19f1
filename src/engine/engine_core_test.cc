#include "engine/engine_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "engine/test_support.h"

namespace sluice::engine {
namespace {

using contract::FinishReason;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

model::FakeRunnerOptions endless(int32_t blocks = 1024) {
  model::FakeRunnerOptions options;
  options.end_every = 0;
  options.block_count = blocks;
  return options;
}

TEST(EngineCore, AnswersARequest) {
  CoreHarness harness({}, endless());
  const Outcome outcome = harness.run(harness.request("how deep is the water? ", 1, 40));
  ASSERT_TRUE(outcome.admitted);
  EXPECT_EQ(outcome.admitted->prompt_tokens, 23);
  const Answer& answer = outcome.choices.at(0);
  ASSERT_TRUE(answer.finished);
  EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
  EXPECT_EQ(answer.finished->usage.prompt_tokens, 23);
  EXPECT_EQ(answer.finished->usage.completion_tokens, 40);
  EXPECT_EQ(answer.ids.size(), 40u);
  EXPECT_TRUE(utf8_valid(answer.text));
  EXPECT_THAT(answer.text, HasSubstr(" "));
}

TEST(EngineCore, SeedDecidesTheAnswerUnlessGreedy) {
  CoreHarness harness({}, endless());
  const std::string one = harness.run(harness.request("hello", 1)).text();
  EXPECT_EQ(harness.run(harness.request("hello", 1)).text(), one);
  EXPECT_NE(harness.run(harness.request("hello", 2)).text(), one);
  EngineRequest greedy = harness.request("hello", 1);
  greedy.sampling.temperature = 0;
  EngineRequest other = harness.request("hello", 2);
  other.sampling.temperature = 0;
  EXPECT_EQ(harness.run(greedy).text(), harness.run(other).text());
}

TEST(EngineCore, EndTokenEndsAndIsNotShown) {
  model::FakeRunnerOptions fake;
  fake.end_every = 1;
  CoreHarness harness({}, fake);
  const Outcome outcome = harness.run(harness.request("x", 1, 5000));
  const Answer& answer = outcome.choices.at(0);
  EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
  EXPECT_EQ(answer.ids.back(), 258);
  EXPECT_TRUE(answer.text.ends_with('.')) << answer.text;
  EXPECT_EQ(static_cast<size_t>(answer.finished->usage.completion_tokens), answer.ids.size());
}

TEST(EngineCore, IgnoreEosGoesOnToMaxTokens) {
  model::FakeRunnerOptions fake;
  fake.end_every = 1;
  CoreHarness harness({}, fake);
  EngineRequest request = harness.request("x", 1, 2000);
  request.stopping.ignore_eos = true;
  const Outcome outcome = harness.run(request);
  const Answer& answer = outcome.choices.at(0);
  EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
  EXPECT_EQ(answer.ids.size(), 2000u);
  EXPECT_THAT(answer.ids, testing::Contains(258));
  EXPECT_THAT(answer.text, Not(HasSubstr("<|")));
}

TEST(EngineCore, MinTokensKeepsEndTokensAway) {
  model::FakeRunnerOptions fake;
  fake.end_every = 1;
  CoreHarness harness({}, fake);
  EngineRequest request = harness.request("x", 1, 2000);
  const auto without = harness.run(request).choices.at(0).ids.size();
  request.stopping.min_tokens = static_cast<int32_t>(without) + 10;
  const Outcome outcome = harness.run(request);
  const Answer& answer = outcome.choices.at(0);
  EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
  EXPECT_GT(answer.ids.size(), without + 10);
  const auto end = std::ranges::find(answer.ids, 258);
  EXPECT_EQ(end, answer.ids.end() - 1);
}

TEST(EngineCore, MaxTokensZeroComputesNothing) {
  CoreHarness harness;
  EngineRequest request = harness.request("hello", 1, 0);
  request.n = 3;
  const uint64_t id = harness.submit(request);
  EXPECT_TRUE(harness.core().idle());
  const Outcome& outcome = harness.outcome(id);
  ASSERT_TRUE(outcome.over(3));
  EXPECT_EQ(outcome.admitted->prompt_tokens, 5);
  EXPECT_EQ(outcome.choices.at(2).finished->reason, FinishReason::kLength);
  EXPECT_EQ(harness.core().stats().steps, 0u);
}

TEST(EngineCore, StopTokenIdEndsTheAnswer) {
  CoreHarness harness({}, endless());
  EngineRequest request = harness.request("x", 1, 500);
  request.stopping.stop_token_ids = {' '};
  const Outcome outcome = harness.run(request);
  const Answer& answer = outcome.choices.at(0);
  EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
  EXPECT_EQ(answer.ids.back(), ' ');
  EXPECT_THAT(answer.text, Not(HasSubstr(" ")));
  request.stopping.include_stop_in_output = true;
  EXPECT_EQ(harness.run(request).text(), answer.text + " ");
}

// Every cut of the answer as a stop string, wherever its bytes lie among the tokens.
TEST(EngineCore, StopStringNeverLeaks) {
  CoreHarness harness({}, endless());
  const std::string whole = harness.run(harness.request("x", 3, 120)).text();
  for (size_t begin = 0; begin < whole.size(); begin += 3) {
    for (const size_t length : {1u, 2u, 7u, 15u}) {
      const std::string stop = whole.substr(begin, length);
      if (!utf8_valid(stop)) continue;
      const size_t first = whole.find(stop);
      EngineRequest request = harness.request("x", 3, 120);
      request.stopping.stop = {stop, "never said"};
      Outcome outcome = harness.run(request);
      EXPECT_EQ(outcome.text(), whole.substr(0, first));
      EXPECT_EQ(outcome.choices[0].finished->reason, FinishReason::kStop);
      EXPECT_EQ(outcome.choices[0].finished->stop_string, stop);
      request.stopping.include_stop_in_output = true;
      EXPECT_EQ(harness.run(request).text(), whole.substr(0, first) + stop);
    }
  }
}

TEST(EngineCore, TextHeldBackForAStopStringComesAtTheEnd) {
  CoreHarness harness({}, endless());
  const std::string whole = harness.run(harness.request("x", 3, 50)).text();
  EngineRequest request = harness.request("x", 3, 50);
  request.stopping.stop = {whole.substr(whole.size() - 1) + "something else"};
  if (!utf8_valid(request.stopping.stop[0])) request.stopping.stop = {" something else"};
  EXPECT_EQ(harness.run(request).text(), whole);
}

TEST(EngineCore, ChoicesDifferAndCountOnThePromptOnce) {
  CoreHarness harness({}, endless());
  EngineRequest request = harness.request(std::string(200, 'x'), 9, 30);
  const std::string alone = harness.run(request).text();
  request.n = 3;
  const uint64_t id = harness.submit(request);
  harness.finish_all();
  Outcome& outcome = harness.outcome(id);
  ASSERT_TRUE(outcome.over(3));
  EXPECT_EQ(outcome.choices[0].text, alone);
  EXPECT_NE(outcome.choices[1].text, outcome.choices[0].text);
  EXPECT_NE(outcome.choices[2].text, outcome.choices[1].text);
  EXPECT_EQ(outcome.choices[2].finished->usage.prompt_tokens, 200);
}

TEST(EngineCore, SecondRequestWithThePromptFindsItCached) {
  CoreHarness harness({}, endless());
  const EngineRequest request = harness.request(std::string(100, 'y'), 4, 20);
  const Outcome first = harness.run(request);
  EXPECT_EQ(first.admitted->cached_tokens, 0);
  Outcome second = harness.run(request);
  EXPECT_EQ(second.admitted->cached_tokens, 96);
  EXPECT_EQ(second.choices[0].finished->usage.cached_tokens, 96);
  EXPECT_EQ(second.choices[0].text, first.choices.at(0).text);
  EngineRequest salted = request;
  salted.cache_salt = "another tenant";
  EXPECT_EQ(harness.run(salted).admitted->cached_tokens, 0);
}

// The answer continued from every token, with every count of bytes that the run could have sent.
TEST(EngineCore, ContinuationAtEveryTokenGivesTheSameText) {
  CoreHarness harness({}, endless());
  for (const bool with_stop : {false, true}) {
    EngineRequest request = harness.request("go ", 5, 90);
    request.sampling.frequency_penalty = 0.5f;
    if (with_stop) request.stopping.stop = {"。", "flow flow"};
    const Outcome whole = harness.run(request);
    const Answer& answer = whole.choices.at(0);
    for (size_t cut = 0; cut <= answer.ids.size(); ++cut) {
      // What a client had at that moment.
      OutputStage stage(harness.tokenizer(), request.stopping, 0);
      std::string sent;
      for (size_t i = 0; i < cut; ++i) stage.push(answer.ids[i], sent);
      for (const size_t bytes : {sent.size(), sent.size() / 2, size_t{0}}) {
        if (!utf8_valid(sent.substr(0, bytes))) continue;
        EngineRequest rest = request;
        rest.continuation = {{answer.ids.begin(), answer.ids.begin() + static_cast<long>(cut)},
                             bytes};
        Outcome outcome = harness.run(rest);
        ASSERT_EQ(sent.substr(0, bytes) + outcome.text(), answer.text) << "cut at " << cut;
        ASSERT_EQ(outcome.choices[0].finished->usage.completion_tokens,
                  answer.finished->usage.completion_tokens);
      }
    }
  }
}

TEST(EngineCore, SentBytesInsideACharacterStillGiveWellFormedText) {
  CoreHarness harness({}, endless());
  const Outcome whole = harness.run(harness.request("go ", 5, 60));
  for (uint64_t bytes = 0; bytes < 70; ++bytes) {
    EngineRequest request = harness.request("go ", 5, 60);
    request.continuation = {whole.choices.at(0).ids, bytes};
    EXPECT_TRUE(utf8_valid(harness.run(request).text()));
  }
}

TEST(EngineCore, RefusesBeyondItsBounds) {
  CoreHarness harness({.max_running = 2, .max_waiting = 1}, endless(8));
  const uint64_t hopeless = harness.submit(harness.request("x", 1, 8 * 32));
  ASSERT_TRUE(harness.outcome(hopeless).error);
  EXPECT_EQ(harness.outcome(hopeless).error->code, Code::kContextLength);
  for (int i = 0; i < 3; ++i) harness.submit(harness.request("x", 1, 10));
  const uint64_t refused = harness.submit(harness.request("x", 1, 10));
  ASSERT_TRUE(harness.outcome(refused).error);
  EXPECT_EQ(harness.outcome(refused).error->code, Code::kOverloaded);
  EXPECT_GT(harness.outcome(refused).error->retry_after_s, 0);
  harness.finish_all();
  EXPECT_EQ(harness.core().stats().rejections[2], 1u);
}

TEST(EngineCore, CancelFreesTheSequenceWhereverItIs) {
  CoreHarness harness({.max_running = 1, .prefill_chunk_tokens = 32}, endless());
  const uint64_t decoding = harness.submit(harness.request("x", 1, 1000));
  const uint64_t queued = harness.submit(harness.request("y", 1, 1000));
  for (int i = 0; i < 5; ++i) harness.step();
  harness.core().cancel(queued);
  harness.core().check_integrity();
  EXPECT_EQ(harness.core().stats().waiting, 0);
  harness.core().cancel(decoding);
  EXPECT_TRUE(harness.core().idle());
  EXPECT_EQ(harness.core().stats().kv_usage, 0);
  const uint64_t prefilling = harness.submit(harness.request(std::string(100, 'z'), 1, 10));
  harness.step();
  ASSERT_TRUE(harness.outcome(prefilling).admitted);
  ASSERT_TRUE(harness.outcome(prefilling).choices.empty());
  harness.core().cancel(prefilling);
  harness.core().cancel(prefilling);  // again, and one that never was
  harness.core().cancel(12345);
  EXPECT_TRUE(harness.core().idle());
  EXPECT_EQ(harness.core().stats().kv_usage, 0);
  EXPECT_FALSE(harness.step());
  EXPECT_EQ(harness.core().stats().cancelled, (std::array<uint64_t, 4>{1, 1, 1, 0}));
  EXPECT_FALSE(harness.outcome(queued).error) << "nobody listens any more";
}

TEST(EngineCore, CancelOfAPreemptedSequence) {
  CoreHarness harness({.prefix_caching = false}, endless(10));
  const uint64_t older = harness.submit(harness.request(std::string(96, 'o'), 1, 100));
  const uint64_t newer = harness.submit(harness.request(std::string(96, 'n'), 1, 100));
  while (harness.core().stats().preemptions == 0) ASSERT_TRUE(harness.step());
  harness.core().cancel(newer);
  EXPECT_EQ(harness.core().stats().cancelled[3], 1u);
  harness.finish_all();
  EXPECT_TRUE(harness.outcome(older).over());
}

TEST(EngineCore, DeadlinesEndRequestsWhereverTheyAre) {
  CoreHarness harness({.max_running = 1, .queue_timeout_ns = 50 * kNsPerMs}, endless());
  EngineRequest request = harness.request("x", 1, 10'000);
  request.deadline_ns = harness.clock().now_ns() + 80 * kNsPerMs;
  const uint64_t running = harness.submit(request);
  const uint64_t queued = harness.submit(harness.request("y", 1, 10));
  request.deadline_ns = 0;
  request.first_token_deadline_ns = harness.clock().now_ns() + 20 * kNsPerMs;
  const uint64_t hurried = harness.submit(request);
  harness.finish_all();
  EXPECT_EQ(harness.outcome(running).error->code, Code::kDeadline);
  EXPECT_GT(harness.outcome(running).choices[0].ids.size(), 50u);
  EXPECT_EQ(harness.outcome(queued).error->code, Code::kOverloaded);
  EXPECT_EQ(harness.outcome(hurried).error->code, Code::kDeadline);
  using contract::Rejection;
  const contract::EngineStats& stats = harness.core().stats();
  EXPECT_EQ(stats.rejections[static_cast<size_t>(Rejection::kQueueTimeout)], 1u);
  EXPECT_EQ(stats.rejections[static_cast<size_t>(Rejection::kDeadline)], 1u);
}

// The client's own limit is a cancel with a reason, not a full server, even in mid-prefill.
TEST(EngineCore, MissedFirstTokenDeadlineOfAnAdmittedRequestIsACancel) {
  CoreHarness harness({.prefill_chunk_tokens = 32}, endless());
  EngineRequest request = harness.request(std::string(400, 'x'), 1, 10);
  request.first_token_deadline_ns = harness.clock().now_ns() + 5 * kNsPerMs;
  const uint64_t late = harness.submit(request);
  harness.finish_all();
  EXPECT_TRUE(harness.outcome(late).admitted);
  EXPECT_EQ(harness.outcome(late).error->code, Code::kDeadline);
  EXPECT_EQ(harness.core().stats().cancelled, (std::array<uint64_t, 4>{0, 1, 0, 0}));
  request = harness.request("x", 1, 200);
  request.first_token_deadline_ns = harness.clock().now_ns() + 5 * kNsPerMs;
  EXPECT_FALSE(harness.run(request).error) << "met, so it ends nothing later";
}

TEST(EngineCore, FailedStepFailsItsRequestsAndNoOther) {
  CoreHarness harness({.max_running = 2}, endless());
  const uint64_t first = harness.submit(harness.request("x", 1, 30));
  const uint64_t second = harness.submit(harness.request("y", 1, 30));
  const uint64_t waiting = harness.submit(harness.request("z", 1, 30));
  harness.step();
  harness.runner().fail_next(1);
  harness.finish_all();
  EXPECT_EQ(harness.outcome(first).error->code, Code::kInternal);
  EXPECT_EQ(harness.outcome(second).error->code, Code::kInternal);
  ASSERT_TRUE(harness.outcome(waiting).over());
  EXPECT_FALSE(harness.outcome(waiting).error);
}

TEST(EngineCore, TimingsAndCountersAddUp) {
  CoreHarness harness({.max_running = 1, .prefill_chunk_tokens = 32}, endless());
  const uint64_t first = harness.submit(harness.request("x", 1, 10));
  const uint64_t second = harness.submit(harness.request(std::string(64, 'y'), 1, 5));
  harness.finish_all();
  // A step is a millisecond; nothing takes time within it.
  const contract::Timings quick = harness.outcome(first).choices[0].finished->timings;
  EXPECT_EQ(quick.queue_ns, 1 * kNsPerMs);
  EXPECT_EQ(quick.prefill_ns, 0);
  EXPECT_EQ(quick.decode_ns, 9 * kNsPerMs);
  const contract::Timings waited = harness.outcome(second).choices[0].finished->timings;
  EXPECT_EQ(waited.queue_ns, 11 * kNsPerMs);
  EXPECT_EQ(waited.prefill_ns, 1 * kNsPerMs);
  EXPECT_EQ(waited.decode_ns, 4 * kNsPerMs);
  const contract::EngineStats& stats = harness.core().stats();
  EXPECT_EQ(stats.steps, 16u);
  EXPECT_EQ(stats.prompt_tokens, 65u);
  EXPECT_EQ(stats.generation_tokens, 15u);
  EXPECT_EQ(stats.finished[static_cast<size_t>(FinishReason::kLength)], 2u);
  EXPECT_DOUBLE_EQ(stats.time_to_first_token.sum, 0.001 + 0.012);
  EXPECT_NEAR(stats.inter_token.sum, 0.009 + 0.004, 1e-9);
  EXPECT_NEAR(stats.iteration_tokens.sum, 65 + 9 + 4, 1e-9);
  EXPECT_EQ(stats.running + stats.waiting, 0);
}

TEST(EngineCore, FailAllEndsEveryRequestWithTheError) {
  CoreHarness harness({.max_running = 1}, endless());
  const uint64_t running = harness.submit(harness.request("x", 1, 10));
  const uint64_t waiting = harness.submit(harness.request("y", 1, 10));
  harness.step();
  harness.core().fail_all({Code::kUnavailable, "", "going down", ""});
  EXPECT_TRUE(harness.core().idle());
  EXPECT_EQ(harness.outcome(running).error->code, Code::kUnavailable);
  EXPECT_EQ(harness.outcome(waiting).error->code, Code::kUnavailable);
}

TEST(EngineCore, OneFlushAStepHoweverManyStreams) {
  CoreHarness harness({}, endless());
  for (int i = 0; i < 20; ++i) harness.submit(harness.request("x", 1, 30));
  const int before = harness.sink().flushes;
  harness.step();
  EXPECT_EQ(harness.sink().flushes, before + 1);
}

class EngineCoreTraffic : public testing::TestWithParam<int> {};

// Random company, chunk sizes, pools of a few blocks, cache on and off: each answer is the one of
// a quiet engine.
TEST_P(EngineCoreTraffic, EveryAnswerEqualsTheQuietOne) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()));
  const auto below = [&](uint32_t n) { return static_cast<int32_t>(random() % n); };
  CoreOptions options{.prefix_caching = below(2) == 0,
                      .max_running = 1 + below(40),
                      .max_waiting = 1000,
                      .prefill_chunk_tokens = 1 + below(200),
                      .prefill_chunk_tokens_decoding = 1 + below(60),
                      .queue_timeout_ns = 0};
  model::FakeRunnerOptions fake;
  fake.block_count = 8 + below(40);
  fake.end_every = 4;
  CoreHarness busy(options, fake);
  model::FakeRunnerOptions roomy;
  roomy.end_every = fake.end_every;
  CoreHarness quiet({.prefix_caching = false}, roomy);
  std::map<uint64_t, EngineRequest> requests;
  for (int i = 0; i < 60; ++i) {
    EngineRequest request = busy.request(
        std::string(static_cast<size_t>(1 + below(120)), static_cast<char>('a' + below(2))),
        random() % 3, 1 + below(120));
    request.priority = below(2);
    request.n = below(5) == 0 ? 3 : 1;
    if (below(3) == 0) request.stopping.stop = {"mill", "水車"};
    if (below(3) == 0) request.sampling.temperature = 0;
    if (below(4) == 0) request.sampling.repetition_penalty = 1.1f;
    if (below(4) == 0) request.stopping.min_tokens = below(20);
    requests[busy.submit(request)] = request;
    for (int steps = below(6); steps > 0; --steps) busy.step();
    if (below(8) == 0) {
      auto gone = std::next(requests.begin(), below(static_cast<uint32_t>(requests.size())));
      if (!busy.outcome(gone->first).over(static_cast<size_t>(gone->second.n))) {
        busy.core().cancel(gone->first);
        requests.erase(gone);
      }
    }
  }
  busy.finish_all();
  EXPECT_EQ(busy.core().stats().kv_usage, 0);
  for (const auto& [id, request] : requests) {
    Outcome& got = busy.outcome(id);
    Outcome wanted = quiet.run(request);
    ASSERT_TRUE(got.over(static_cast<size_t>(request.n)));
    ASSERT_FALSE(got.error) << got.error->message();
    for (int32_t choice = 0; choice < request.n; ++choice) {
      ASSERT_EQ(got.choices[choice].ids, wanted.choices[choice].ids);
      ASSERT_EQ(got.choices[choice].text, wanted.choices[choice].text);
      ASSERT_EQ(got.choices[choice].finished->reason, wanted.choices[choice].finished->reason);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineCoreTraffic, testing::Range(1, 13));

}  // namespace
}  // namespace sluice::engine
