// Chooses tokens from logits. Order: logit bias, repetition, presence and frequency penalties,
// banned ids, temperature, top-k, top-p, min-p, draw. Exact, without a full sort.
//
// "Sorted" means by logit descending, then id ascending. Weights are e^((logit - max) /
// temperature) rounded to multiples of 2^-34, so that every sum of them is exact and no result
// depends on the order of an addition. NaN counts as -inf.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kernels.h"
#include "sampling/sample_spec.h"

namespace sluice::sampling {

// Which tokens a sequence has seen, for the penalties. Owned by the sequence; engine thread.
class TokenCounts {
 public:
  void add_prompt(std::span<const int32_t> ids);
  void add_answer(int32_t id);

  struct Entry {
    int32_t id;
    int32_t in_prompt;
    int32_t in_answer;
  };
  std::span<const Entry> entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;  // first-seen order
  std::vector<int32_t> slots_;  // open-addressing index into entries_; -1: free
  void add(int32_t id, bool answer);
  void grow();
};

// The largest vocabulary: the number of weights whose sum is exact.
constexpr int32_t kVocabSizeMax = 1 << 18;

// A number of [0, 1) that depends on nothing but its arguments (a chain of SplitMix64 finalisers).
double uniform_number(uint64_t seed, int32_t choice, int64_t position);

// Scratch memory of one thread that samples. `kernels` must outlive it.
class Sampler {
 public:
  explicit Sampler(const kernels::Kernels& kernels);
  ~Sampler();

  // The token at `position` (index in the whole sequence of the token being chosen). `logits`
  // [vocab], 1 to kVocabSizeMax, is changed where penalties, bias or `banned` ids apply; ids
  // outside the vocabulary are ignored. A row without any logit above -inf yields token 0.
  //
  // top-k keeps exactly k tokens of the sorted row; top-p the shortest sorted prefix of those whose
  // weight is at least p of theirs, never nothing; min-p then drops what weighs less than min_p of
  // the heaviest. The draw inverts the cumulative weight of the rest in the order of their ids.
  int32_t sample(const SampleSpec& spec, std::span<float> logits, const TokenCounts& counts,
                 int64_t position, std::span<const int32_t> banned);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace sluice::sampling
