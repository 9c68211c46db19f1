// Chooses tokens from logits. Order: logit bias, repetition / presence / frequency penalties,
// (min_tokens bans), temperature, top-k, top-p, min-p, draw. Exact, without a full sort.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

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
  std::vector<int32_t> slots_;  // open-addressing index into entries_
  void add(int32_t id, bool answer);
  void grow();
};

// Scratch memory of one thread that samples.
class Sampler {
 public:
  Sampler();
  ~Sampler();

  // The token at `position` (index in the whole sequence of the token being chosen). `logits`
  // [vocab] is changed where penalties, bias or `banned` ids apply. A row without any finite logit
  // yields token 0.
  int32_t sample(const SampleSpec& spec, std::span<float> logits, const TokenCounts& counts,
                 int64_t position, std::span<const int32_t> banned);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace sluice::sampling
