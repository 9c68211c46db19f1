// What comes back on a stream, in order: Admitted, any number of Delta, one Finished a choice.
// An error ends the stream instead. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sluice::contract {

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t cached_tokens = 0;
};

struct Timings {
  int64_t queue_ns = 0;
  int64_t prefill_ns = 0;
  int64_t decode_ns = 0;
};

enum class FinishReason : uint8_t { kStop, kLength, kToolCalls };

constexpr const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kToolCalls: return "tool_calls";
  }
  return "stop";
}

// The request is in the batch: from here on a status of 200 is true.
struct Admitted {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  uint64_t seed = 0;
};

// New text of one choice; whole UTF-8 characters. Several tokens may be merged into one delta for
// a slow reader, and `text` may be empty while bytes or a possible stop string are held back.
struct Delta {
  int32_t choice = 0;
  std::string text;
  std::vector<int32_t> ids;
};

struct Finished {
  int32_t choice = 0;
  FinishReason reason = FinishReason::kStop;
  std::string stop_string;  // which one matched, if one did
  Usage usage;              // of this choice; the prompt counts once a request
  Timings timings;
};

using Event = std::variant<Admitted, Delta, Finished>;

}  // namespace sluice::contract
