// OutputStage: from the token ids of one sequence to the text its client sees. Text and stopping
// are decided here and nowhere else: preemption does not reach it, and an answer that another run
// began is pushed through it again. One a sequence, engine thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "contract/event.h"
#include "text/incremental_decoder.h"
#include "text/stop_matcher.h"
#include "text/tokenizer.h"

namespace sluice::engine {

struct StopRules {
  int32_t max_tokens = 0;
  // Before so many tokens nothing ends the answer: tokens that would are not sampled, and stop
  // strings are not looked for.
  int32_t min_tokens = 0;
  std::vector<std::string> stop = {};
  std::vector<int32_t> stop_token_ids = {};
  bool include_stop_in_output = false;
  bool ignore_eos = false;
};

class OutputStage {
 public:
  // The first `skip_bytes` of the text have been sent by another run. The tokenizer must outlive
  // the stage.
  OutputStage(const text::Tokenizer& tokenizer, StopRules rules, uint64_t skip_bytes);

  // Takes the next token and appends what may be shown to `out`: whole UTF-8 characters, often
  // none. A reason means that the answer is over; nothing is pushed after it.
  std::optional<contract::FinishReason> push(int32_t id, std::string& out);

  // Whether no further token is allowed.
  bool full() const { return generated_ >= rules_.max_tokens; }

  // Tokens that the next one must not be.
  std::span<const int32_t> banned() const {
    return generated_ < rules_.min_tokens ? std::span<const int32_t>(ending_ids_)
                                          : std::span<const int32_t>();
  }

  int32_t generated() const { return generated_; }
  // The stop string that ended the answer; empty if none did.
  std::string_view stop_string() const { return matcher_.matched(); }

 private:
  void show(std::string_view text, std::string& out);
  void match(std::string_view text, std::string& out);
  contract::FinishReason finish(contract::FinishReason reason, std::string& out);

  const text::Tokenizer& tokenizer_;
  StopRules rules_;
  std::vector<int32_t> ending_ids_;  // banned below min_tokens
  text::IncrementalDecoder decoder_;
  text::StopMatcher matcher_;
  uint64_t skip_bytes_;
  int32_t generated_ = 0;
};

}  // namespace sluice::engine
