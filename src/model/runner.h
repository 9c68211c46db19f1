// Runner: the seam between the engine and whatever computes the model.
//
// The engine hands over one flat step at a time and gets logits, or token ids, of the rows it asked
// for. The interface is asynchronous so that a device can overlap; the CPU computes inside wait().
// One thread (the engine's) calls it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::model {

constexpr int32_t kBlockTokens = 32;  // tokens of one KV block

// Consecutive tokens of one sequence in a step.
struct SequenceSlice {
  uint64_t sequence_id = 0;
  std::span<const int32_t> tokens;  // at least one; ids < vocab_size
  int32_t position = 0;             // of tokens[0] in the sequence
  std::span<const int32_t> blocks;  // block table, covers position + tokens.size() tokens
  int32_t sampled_rows = 0;         // logits are wanted of the last so many tokens (0: none)
  bool argmax_is_enough = false;    // the sampler would take the argmax of the raw logits
  uint64_t seed = 0;                // what a runner that makes up text keys it by
};

struct StepInput {
  std::span<const SequenceSlice> slices;
};

// Rows in the order of the slices. Views belong to the runner until its next submit().
struct StepOutput {
  std::span<float> logits;       // [rows, vocab_size] f32, row-major; empty when ids are given
  std::span<const int32_t> ids;  // [rows]; -1 where the row's logits are given instead
};

struct RunnerInfo {
  std::string architecture;
  int32_t vocab_size = 0;
  int32_t context_length = 0;    // trained
  int32_t block_count = 0;       // KV blocks in the pool
  int32_t step_tokens_max = 0;   // tokens of one step
  int32_t sampled_rows_max = 0;  // rows of one step
  std::string fingerprint;       // numerics: ISA, model, KV type, contract version
};

class Runner {
 public:
  virtual ~Runner() = default;

  virtual const RunnerInfo& info() const = 0;

  // Takes the step; its spans must live until wait() returns.
  virtual Status submit(const StepInput& input) = 0;
  virtual Result<StepOutput> wait() = 0;
};

}  // namespace sluice::model
