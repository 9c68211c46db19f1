// For tests of the engine: a core with a fake runner and a clock that stands still, and what its
// requests got.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine_core.h"
#include "engine/model_bundle.h"

namespace sluice::engine {

// What one choice of a request got.
struct Answer {
  std::string text;
  std::vector<int32_t> ids;
  std::optional<contract::Finished> finished;
};

struct Outcome {
  std::optional<contract::Admitted> admitted;
  std::map<int32_t, Answer> choices;
  std::optional<Error> error;

  const std::string& text() { return choices[0].text; }
  bool over(size_t n = 1) const {
    if (error) return true;
    size_t finished = 0;
    for (const auto& [index, answer] : choices) finished += answer.finished ? 1 : 0;
    return finished == n;
  }
};

class CollectingSink final : public EventSink {
 public:
  void emit(uint64_t id, Result<contract::Event> event) override {
    Outcome& outcome = outcomes[id];
    EXPECT_FALSE(outcome.error) << "an event after the error";
    if (!event) {
      outcome.error = event.error();
    } else if (const auto* admitted = std::get_if<contract::Admitted>(&*event)) {
      EXPECT_FALSE(outcome.admitted) << "admitted twice";
      outcome.admitted = *admitted;
    } else if (const auto* delta = std::get_if<contract::Delta>(&*event)) {
      EXPECT_TRUE(outcome.admitted);
      Answer& answer = outcome.choices[delta->choice];
      EXPECT_FALSE(answer.finished) << "text after the end";
      answer.text += delta->text;
      answer.ids.insert(answer.ids.end(), delta->ids.begin(), delta->ids.end());
    } else {
      const auto& finished = std::get<contract::Finished>(*event);
      EXPECT_FALSE(outcome.choices[finished.choice].finished) << "finished twice";
      outcome.choices[finished.choice].finished = finished;
    }
  }
  void flush() override { ++flushes; }

  std::map<uint64_t, Outcome> outcomes;
  int flushes = 0;
};

// What the fake says in tests: with characters of two, three and four bytes.
inline std::vector<std::string> test_words() {
  return {"wasser", "straße", "水車", "über", "œuvre", "mill", "millet", "flow", "🌊", "a", "ab"};
}

class CoreHarness {
 public:
  explicit CoreHarness(CoreOptions options = {}, model::FakeRunnerOptions fake = {}) {
    if (fake.words.empty()) fake.words = test_words();
    bundle_ = make_fake_bundle(std::move(fake)).value();
    core_ = std::make_unique<EngineCore>(options, *bundle_.tokenizer, *bundle_.runner,
                                         *bundle_.sampler, clock_);
  }
  ~CoreHarness() { core_->check_integrity(); }

  EngineCore& core() { return *core_; }
  FakeClock& clock() { return clock_; }
  model::FakeRunner& runner() { return static_cast<model::FakeRunner&>(*bundle_.runner); }
  const text::Tokenizer& tokenizer() { return *bundle_.tokenizer; }

  EngineRequest request(std::string_view prompt, uint64_t seed = 1, int32_t max_tokens = 40) {
    EngineRequest made;
    made.prompt_ids = bundle_.tokenizer->encode(prompt, text::Tokenizer::Special::kAsText);
    made.sampling.seed = seed;
    made.stopping.max_tokens = max_tokens;
    return made;
  }

  uint64_t submit(EngineRequest request) {
    request.id = next_id_++;
    request.sink = sink_;
    request.arrival_ns = clock_.now_ns();
    const uint64_t id = request.id;
    core_->submit(std::move(request));
    return id;
  }

  bool step() {
    clock_.advance_ns(kNsPerMs);
    const bool worked = core_->step();
    // It walks all blocks, which under a sanitizer takes longer than the step.
    if (++steps_ % 8 == 0) core_->check_integrity();
    return worked;
  }

  void finish_all() {
    for (int i = 0; !core_->idle(); ++i) {
      ASSERT_LT(i, 100'000) << "no end";
      step();
    }
  }

  Outcome& outcome(uint64_t id) { return sink_->outcomes[id]; }
  CollectingSink& sink() { return *sink_; }

  Outcome run(EngineRequest request) {
    const uint64_t id = submit(std::move(request));
    finish_all();
    return outcome(id);
  }

 private:
  FakeClock clock_;
  ModelBundle bundle_;
  std::shared_ptr<CollectingSink> sink_ = std::make_shared<CollectingSink>();
  std::unique_ptr<EngineCore> core_;
  uint64_t next_id_ = 1;
  uint64_t steps_ = 0;
};

}  // namespace sluice::engine
