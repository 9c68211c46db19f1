#include "engine/local_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <random>
#include <thread>

#include "engine/test_support.h"

namespace sluice::engine {
namespace {

namespace asio = boost::asio;
using contract::Awaitable;
using contract::ChatPrompt;
using contract::Event;
using contract::FinishReason;
using contract::GenerateRequest;
using contract::Stream;
using contract::TextPrompt;
using contract::TokenPrompt;
using testing::HasSubstr;

GenerateRequest text_request(std::string text, int32_t max_tokens = 20, uint64_t seed = 1) {
  GenerateRequest request;
  request.prompt = TextPrompt{std::move(text)};
  request.stopping.max_tokens = max_tokens;
  request.sampling.seed = seed;
  return request;
}

ChatPrompt chat(std::vector<std::pair<std::string, std::string>> messages) {
  ChatPrompt prompt;
  for (auto& [role, content] : messages) {
    prompt.messages.push_back(
        {.role = role, .content = content, .name = {}, .tool_call_id = {}, .tool_calls_json = {}});
  }
  return prompt;
}

Awaitable<Outcome> read_all(std::unique_ptr<Stream> stream) {
  auto sink = std::make_shared<CollectingSink>();
  while (true) {
    Result<std::optional<Event>> event = co_await stream->next();
    if (!event) {
      sink->emit(1, std::unexpected(event.error()));
      break;
    }
    if (!*event) break;
    sink->emit(1, std::move(**event));
  }
  co_return sink->outcomes[1];
}

Awaitable<Outcome> answer(contract::Generator& generator, GenerateRequest request) {
  auto stream = co_await generator.submit(std::move(request));
  if (!stream) {
    Outcome refused;
    refused.error = stream.error();
    co_return refused;
  }
  co_return co_await read_all(std::move(*stream));
}

class LocalGeneratorTest : public testing::Test {
 protected:
  void start(LocalGeneratorOptions options = {}, model::FakeRunnerOptions fake = endless()) {
    if (fake.words.empty()) fake.words = test_words();
    generator_ = std::make_unique<LocalGenerator>(make_fake_bundle(std::move(fake)).value(),
                                                  std::move(options), clock_);
  }
  ~LocalGeneratorTest() override {
    if (generator_ == nullptr) return;
    generator_->stop();
    EXPECT_EQ(generator_->stats().kv_usage, 0);
    EXPECT_EQ(generator_->stats().running + generator_->stats().waiting, 0);
  }

  static model::FakeRunnerOptions endless() {
    model::FakeRunnerOptions options;
    options.end_every = 0;
    return options;
  }

  template <typename T>
  T run(Awaitable<T> awaitable) {
    auto future = asio::co_spawn(loop_, std::move(awaitable), asio::use_future);
    loop_.restart();
    loop_.run();
    return future.get();
  }

  Outcome ask(GenerateRequest request) { return run(answer(*generator_, std::move(request))); }

  template <typename Condition>
  static void wait_until(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }

  SteadyClock clock_;
  asio::io_context loop_{1};
  std::unique_ptr<LocalGenerator> generator_;
};

TEST_F(LocalGeneratorTest, StreamsAnAnswer) {
  start();
  Outcome outcome = ask(text_request("hello", 20));
  ASSERT_FALSE(outcome.error);
  EXPECT_EQ(outcome.admitted->prompt_tokens, 5);
  EXPECT_EQ(outcome.admitted->seed, 1u);
  EXPECT_EQ(outcome.choices[0].ids.size(), 20u);
  EXPECT_EQ(outcome.choices[0].finished->reason, FinishReason::kLength);
  EXPECT_EQ(ask(text_request("hello", 20)).text(), outcome.text());
}

TEST_F(LocalGeneratorTest, ChatGoesThroughTheTemplate) {
  start();
  GenerateRequest request = text_request("");
  request.prompt = chat({{"user", "hi <|im_end|>"}});
  const std::string text =
      run(generator_->apply_template("", std::get<ChatPrompt>(request.prompt))).value();
  EXPECT_EQ(text, "<|im_start|>user\nhi <|im_end|><|im_end|>\n<|im_start|>assistant\n");
  const auto ids = run(generator_->tokenize("fake", request.prompt)).value();
  // What the user wrote stays text; what the template wrote are control tokens.
  EXPECT_EQ(std::ranges::count(ids, 258), 1);
  EXPECT_EQ(std::ranges::count(ids, 257), 2);
  EXPECT_EQ(run(generator_->detokenize("", ids)).value(), text);
  EXPECT_EQ(ask(request).admitted->prompt_tokens, static_cast<int64_t>(ids.size()));
}

TEST_F(LocalGeneratorTest, ContinuesTheFinalMessage) {
  start();
  ChatPrompt prompt = chat({{"user", "hi"}, {"assistant", "the answer is "}});
  prompt.continue_final_message = true;
  EXPECT_EQ(run(generator_->apply_template("", prompt)).value(),
            "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nthe answer is");
  // What the message says is also a part of the marker behind it.
  prompt = chat({{"user", "when?"}, {"assistant", "in the end"}, {"assistant", "end"}});
  prompt.continue_final_message = true;
  EXPECT_TRUE(run(generator_->apply_template("", prompt)).value().ends_with("assistant\nend"));
}

TEST_F(LocalGeneratorTest, UnknownModelIsRefusedUnlessAnyNameGoes) {
  start();
  GenerateRequest request = text_request("x");
  request.model = "other";
  Outcome outcome = ask(request);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::kNotFound);
  EXPECT_EQ(outcome.error->where, "model");
  EXPECT_EQ(generator_->stats().rejections[0], 1u);
  generator_->stop();
  start({.core = {}, .any_model_name = true, .sampling_overrides = {}});
  EXPECT_FALSE(ask(request).error);
}

TEST_F(LocalGeneratorTest, AnswerBeyondTheContextIsRefusedWithBothNumbersOrClamped) {
  model::FakeRunnerOptions fake = endless();
  fake.context_length = 100;
  start({}, fake);
  EXPECT_EQ(ask(text_request(std::string(60, 'x'), 40)).choices[0].ids.size(), 40u);
  const Outcome refused = ask(text_request(std::string(60, 'x'), 41));
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, Code::kContextLength);
  EXPECT_EQ(refused.error->where, "max_tokens");
  EXPECT_THAT(refused.error->what, HasSubstr("100"));
  EXPECT_THAT(refused.error->what, HasSubstr("101"));
  GenerateRequest clamped = text_request(std::string(60, 'x'), 1 << 30);
  clamped.stopping.clamp_to_context = true;
  EXPECT_EQ(ask(clamped).choices[0].ids.size(), 40u);
  GenerateRequest open = text_request(std::string(60, 'x'));
  open.stopping.max_tokens.reset();
  EXPECT_EQ(ask(open).choices[0].ids.size(), 40u);
  open.default_max_tokens = 7;
  EXPECT_EQ(ask(open).choices[0].ids.size(), 7u);
  EXPECT_EQ(ask(text_request(std::string(99, 'x'), 1)).choices[0].ids.size(), 1u);
  clamped.prompt = TextPrompt{std::string(100, 'x')};
  const Outcome full = ask(clamped);
  ASSERT_TRUE(full.error);
  EXPECT_EQ(full.error->where, "prompt");
  GenerateRequest only_prompt = text_request(std::string(100, 'x'), 0);
  EXPECT_TRUE(ask(only_prompt).over());
}

TEST_F(LocalGeneratorTest, KvPoolBoundsTheContext) {
  model::FakeRunnerOptions fake = endless();
  fake.block_count = 4;
  start({}, fake);
  EXPECT_EQ(generator_->models()[0].context_length, 128);
  EXPECT_EQ(ask(text_request("x", 127)).choices[0].ids.size(), 127u);
  EXPECT_EQ(ask(text_request("x", 128)).error->code, Code::kContextLength);
}

TEST_F(LocalGeneratorTest, RefusesIdsThatAreNoTokens) {
  start();
  for (const int32_t bad : {-1, 259, INT32_MAX}) {
    GenerateRequest request = text_request("x");
    request.stopping.stop_token_ids = {bad};
    EXPECT_EQ(ask(request).error->where, "stop_token_ids");
    request = text_request("x");
    request.prompt = TokenPrompt{{1, bad}};
    EXPECT_EQ(ask(request).error->where, "prompt");
    request = text_request("x");
    request.sampling.logit_bias = {{bad, 1.0f}};
    EXPECT_EQ(ask(request).error->where, "logit_bias");
    request = text_request("x");
    request.continuation.generated_ids = {bad};
    EXPECT_EQ(ask(request).error->where, "generated_ids");
    EXPECT_FALSE(run(generator_->detokenize("", {bad})));
  }
  GenerateRequest request = text_request("");
  EXPECT_EQ(ask(request).error->code, Code::kInvalidArgument);
  request = text_request("x", -1);
  EXPECT_EQ(ask(request).error->where, "max_tokens");
  for (const int32_t n : {0, -1, 17}) {
    request = text_request("x");
    request.n = n;
    EXPECT_EQ(ask(request).error->where, "n");
  }
}

TEST_F(LocalGeneratorTest, RequestThenCommandLineThenModelDecideSampling) {
  LocalGeneratorOptions options;
  options.sampling_overrides.temperature = 0.0f;
  start(options);
  GenerateRequest request = text_request("hello", 30, 1);
  const std::string greedy = ask(request).text();
  request.sampling.seed = 2;
  EXPECT_EQ(ask(request).text(), greedy);
  request.sampling.temperature = 1.0f;
  EXPECT_NE(ask(request).text(), greedy);
}

TEST_F(LocalGeneratorTest, DrawsASeedAndSaysIt) {
  start();
  GenerateRequest request = text_request("hello", 30);
  request.sampling.seed.reset();
  Outcome first = ask(request);
  EXPECT_NE(ask(request).admitted->seed, first.admitted->seed);
  request.sampling.seed = first.admitted->seed;
  EXPECT_EQ(ask(request).text(), first.text());
}

TEST_F(LocalGeneratorTest, EchoPutsThePromptBeforeEachChoice) {
  start();
  GenerateRequest request = text_request("hello ", 10);
  const std::string text = ask(request).text();
  request.echo = true;
  request.n = 2;
  Outcome outcome = ask(request);
  EXPECT_EQ(outcome.choices[0].text, "hello " + text);
  EXPECT_TRUE(outcome.choices[1].text.starts_with("hello "));
  request.n = 1;
  request.continuation = {{outcome.choices[0].ids.begin(), outcome.choices[0].ids.begin() + 3}, 4};
  EXPECT_EQ(ask(request).text(), "o " + text);
}

TEST_F(LocalGeneratorTest, LongPromptsAreTokenizedOnThePool) {
  LocalGeneratorOptions options;
  options.pool_from_bytes = 1;
  start(options);
  EXPECT_EQ(ask(text_request("hello", 5)).choices[0].ids.size(), 5u);
  EXPECT_EQ(run(generator_->tokenize("", TextPrompt{"abc"})).value().size(), 3u);
}

TEST_F(LocalGeneratorTest, SlowReaderFindsOneDelta) {
  start();
  auto stream = run(generator_->submit(text_request("hello", 500))).value();
  EXPECT_FALSE(stream->ready());
  wait_until([&] { return generator_->stats().finished[1] == 1; });
  loop_.restart();
  loop_.poll();
  EXPECT_TRUE(stream->ready());
  EXPECT_TRUE(std::holds_alternative<contract::Admitted>(**run(stream->next())));
  const Event delta = **run(stream->next());
  EXPECT_EQ(std::get<contract::Delta>(delta).ids.size(), 500u);
  EXPECT_TRUE(std::holds_alternative<contract::Finished>(**run(stream->next())));
  EXPECT_EQ(*run(stream->next()), std::nullopt);
}

TEST_F(LocalGeneratorTest, CancelledStreamSaysSo) {
  start();
  auto stream = run(generator_->submit(text_request("hello", 20'000))).value();
  EXPECT_TRUE(run(stream->next()));
  stream->cancel();
  stream->cancel();
  EXPECT_TRUE(stream->ready());
  EXPECT_EQ(run(stream->next()).error().code, Code::kCancelled);
  wait_until([&] { return generator_->stats().running == 0; });
}

TEST_F(LocalGeneratorTest, CancelWakesTheReader) {
  start({.core = {.max_running = 1}, .sampling_overrides = {}});
  auto busy = run(generator_->submit(text_request("x", 30'000))).value();
  auto stream = run(generator_->submit(text_request("hello", 30'000))).value();
  std::optional<Code> code;
  asio::co_spawn(
      loop_,
      [&]() -> Awaitable<void> {
        while (true) {
          const auto event = co_await stream->next();
          if (event) continue;
          code = event.error().code;
          break;
        }
      },
      asio::detached);
  loop_.restart();
  loop_.poll();
  asio::post(loop_, [&] { stream->cancel(); });
  loop_.run();
  EXPECT_EQ(code, Code::kCancelled);
}

TEST_F(LocalGeneratorTest, DestroyedStreamCostsNothing) {
  start();
  run(generator_->submit(text_request("hello", 20'000))).value().reset();
  wait_until([&] {
    const auto stats = generator_->stats();
    return stats.steps > 0 ? stats.running + stats.waiting == 0
                           : stats.cancelled[0] + stats.cancelled[1] + stats.cancelled[2] == 1;
  });
  EXPECT_FALSE(ask(text_request("x", 3)).error);
}

TEST_F(LocalGeneratorTest, StopEndsStreamsWithUnavailable) {
  start();
  auto stream = run(generator_->submit(text_request("hello", 30'000))).value();
  generator_->stop();
  const Outcome outcome = run(read_all(std::move(stream)));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::kUnavailable);
  EXPECT_EQ(ask(text_request("x")).error->code, Code::kUnavailable);
  EXPECT_EQ(generator_->load().health, contract::Health::kDraining);
  EXPECT_EQ(generator_->busy_ns(), 0);
}

TEST_F(LocalGeneratorTest, DrainFinishesWhatWasAdmitted) {
  start();
  auto stream = run(generator_->submit(text_request("hello", 200))).value();
  generator_->drain();
  EXPECT_EQ(ask(text_request("x")).error->code, Code::kUnavailable);
  EXPECT_EQ(run(read_all(std::move(stream))).choices[0].ids.size(), 200u);
}

// A drain must not take an engine for idle that is in the first step of its only request.
TEST_F(LocalGeneratorTest, LoadCountsRequestsThatNoStepHasFinishedYet) {
  std::promise<void> entered;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  model::FakeRunnerOptions fake = endless();
  fake.spend = [&, first = true](TimeNs) mutable {
    if (!std::exchange(first, false)) return;
    entered.set_value();
    released.wait();
  };
  start({}, fake);
  auto one = run(generator_->submit(text_request("x", 5))).value();
  entered.get_future().wait();
  EXPECT_EQ(generator_->load().running + generator_->load().waiting, 1);
  auto two = run(generator_->submit(text_request("x", 5))).value();
  EXPECT_EQ(generator_->load().running + generator_->load().waiting, 2);
  release.set_value();
  EXPECT_FALSE(run(read_all(std::move(one))).error);
  EXPECT_FALSE(run(read_all(std::move(two))).error);
  wait_until([&] { return generator_->load().running + generator_->load().waiting == 0; });
}

// While a step hangs, the inbox fills and refuses; cancels get in all the same.
TEST_F(LocalGeneratorTest, HungStepRefusesSubmitsBeyondTheInboxButNoCancel) {
  std::promise<void> entered;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  model::FakeRunnerOptions fake = endless();
  fake.spend = [&, first = true](TimeNs) mutable {
    if (!std::exchange(first, false)) return;
    entered.set_value();
    released.wait();
  };
  start({.core = {.max_running = 2, .max_waiting = 3}, .sampling_overrides = {}}, fake);
  std::vector<std::unique_ptr<Stream>> streams;
  streams.push_back(run(generator_->submit(text_request("x", 30'000))).value());
  entered.get_future().wait();
  for (int i = 0; i < 5; ++i) {
    streams.push_back(run(generator_->submit(text_request("x", 30'000))).value());
  }
  const auto refused = run(generator_->submit(text_request("x", 5)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_GT(refused.error().retry_after_s, 0);
  wait_until([&] { return generator_->busy_ns() > 0; });
  streams.clear();
  release.set_value();
  wait_until([&] {
    const auto stats = generator_->stats();
    return stats.steps > 0 && stats.running + stats.waiting == 0;
  });
  EXPECT_FALSE(ask(text_request("x", 5)).error);
}

// Clients on four loops that come, read a while and vanish, in a pool of a few blocks.
TEST_F(LocalGeneratorTest, StormOfSubmitsAndCancelsLeavesNothing) {
  model::FakeRunnerOptions fake = endless();
  fake.block_count = 24;
  fake.context_length = 200;
  start({.core = {.max_running = 8, .max_waiting = 40}, .sampling_overrides = {}}, fake);
  const std::string quiet = ask(text_request("the same", 40, 7)).text();
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  const auto client = [&](uint32_t seed) -> Awaitable<void> {
    std::mt19937 random(seed);
    for (int i = 0; i < 8; ++i) {
      GenerateRequest request = text_request("the same", 40, 7);
      request.priority = static_cast<int32_t>(random() % 3);
      auto stream = co_await generator_->submit(std::move(request));
      if (!stream) {
        ++refused;
        continue;
      }
      const uint32_t how = random() % 4;
      if (how == 0) continue;  // gone at once
      Outcome outcome;
      if (how == 1) {
        for (uint32_t n = random() % 20; n > 0; --n) {
          const auto event = co_await (*stream)->next();
          if (!event || !*event) break;
        }
        if (random() % 2 == 0) (*stream)->cancel();
        continue;
      }
      outcome = co_await read_all(std::move(*stream));
      if (outcome.error) {
        EXPECT_EQ(outcome.error->code, Code::kOverloaded);
        ++refused;
      } else {
        EXPECT_EQ(outcome.text(), quiet);
        ++answered;
      }
    }
  };
  // The loops live until the engine has stopped, which may post to them until then.
  std::vector<std::unique_ptr<asio::io_context>> loops;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    loops.push_back(std::make_unique<asio::io_context>(1));
    threads.emplace_back([&client, t, loop = loops.back().get()] {
      for (uint32_t c = 0; c < 25; ++c) {
        asio::co_spawn(*loop, client(t * 100 + c), asio::detached);
      }
      loop->run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(answered, 50);
  wait_until([&] { return generator_->stats().running + generator_->stats().waiting == 0; });
  EXPECT_EQ(ask(text_request("the same", 40, 7)).text(), quiet);
  generator_->stop();
}

}  // namespace
}  // namespace sluice::engine
