// Measures what a runner computes a second: prefill, and decoding in lock step at several batch
// sizes. No HTTP, no sampling beyond the argmax.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/runner.h"

namespace sluice::tools {

struct BenchCase {
  int32_t batch = 1;
  int32_t prompt_tokens = 128;
  int32_t output_tokens = 64;
};

struct BenchResult {
  BenchCase bench;
  double prefill_tokens_per_s = 0;  // of all prompts, one after the other
  double decode_tokens_per_s = 0;   // of all streams together
  double step_ms_median = 0;        // of the decode steps
};

// KV blocks that a case needs.
int32_t blocks_needed(const BenchCase& bench);

Result<BenchResult> bench_runner(model::Runner& runner, const BenchCase& bench);

}  // namespace sluice::tools
