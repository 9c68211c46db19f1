// FakeRunner: a runner without a model, for tests, the simulator and `--model fake`.
//
// Its vocabulary is bytes: ids 0 to 255 are the bytes themselves. The answer is readable words,
// and a function of (tokens so far, seed) alone. It keeps the tokens in block-indexed memory and
// reads them back through the block table of each step, so that any mix-up of blocks changes the
// text. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/runner.h"

namespace sluice::model {

struct FakeRunnerOptions {
  int32_t vocab_size = 259;  // at least 257
  int32_t end_id = 258;      // the token that ends an answer
  int32_t context_length = 32768;
  int32_t block_count = 1024;
  int32_t step_tokens_max = 2048;
  int32_t sampled_rows_max = 256;
  // After a sentence, one answer in so many ends; 0: none does.
  uint32_t end_every = 8;
  // What it says; sorted and made unique. Empty: English words.
  std::vector<std::string> words = {};
  // What a step costs, as given to `spend`, which may advance a clock or wait.
  TimeNs step_ns = 0;
  TimeNs token_ns = 0;
  std::function<void(TimeNs)> spend = {};
};

class FakeRunner final : public Runner {
 public:
  explicit FakeRunner(FakeRunnerOptions options);

  const RunnerInfo& info() const override { return info_; }
  Status submit(const StepInput& input) override;
  Result<StepOutput> wait() override;

  // The next `count` steps fail.
  void fail_next(int count) { failures_ = count; }

 private:
  void store(const SequenceSlice& slice);
  // The token after those up to and including `position`.
  int32_t next_token(const SequenceSlice& slice, int32_t position) const;
  int32_t read(const SequenceSlice& slice, int32_t position) const;
  void fill_row(const SequenceSlice& slice, int32_t position, int32_t token,
                std::span<float> row) const;
  uint64_t hash_of(const SequenceSlice& slice, int32_t position) const;

  const FakeRunnerOptions options_;
  RunnerInfo info_;
  std::vector<std::string> words_;  // sorted
  std::vector<int32_t> memory_;     // [block][kBlockTokens] token ids
  StepInput input_;
  std::vector<int32_t> ids_;
  std::vector<float> logits_;
  int failures_ = 0;
};

}  // namespace sluice::model
