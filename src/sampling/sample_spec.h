// How the next token of one sequence is chosen. Resolved: every field has its value.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::sampling {

struct SampleSpec {
  float temperature = 1.0f;         // 0: argmax, the lowest id among equals
  int32_t top_k = 0;                // 0: off
  float top_p = 1.0f;               // 1: off
  float min_p = 0.0f;               // 0: off
  float repetition_penalty = 1.0f;  // over prompt and answer; 1: off
  float presence_penalty = 0.0f;    // over the answer
  float frequency_penalty = 0.0f;   // over the answer
  uint64_t seed = 0;
  int32_t choice = 0;  // of n; the random numbers are keyed by (seed, choice, position)
  std::vector<std::pair<int32_t, float>> logit_bias;

  bool is_greedy() const { return temperature == 0.0f || top_k == 1; }
  bool changes_logits() const {
    return repetition_penalty != 1.0f || presence_penalty != 0.0f || frequency_penalty != 0.0f ||
           !logit_bias.empty();
  }
  // The argmax of the raw logits is the answer.
  bool argmax_is_enough() const { return is_greedy() && !changes_logits(); }
};

}  // namespace sluice::sampling
