// Sequence: one generation as the scheduler sees it: its tokens, how many of them have their KV
// computed, and where. Created and destroyed by the Scheduler; the engine's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kv/block_table.h"

namespace sluice::sched {

enum class State : uint8_t {
  kWaiting,
  kPrefilling,  // in the batch, not all tokens computed yet
  kDecoding,
  kPreempted,  // waits again, to be recomputed
};

struct SequenceSpec {
  uint64_t id = 0;              // unique among the living
  uint64_t group = 0;           // of sequences of one request, which share a prompt
  std::vector<int32_t> tokens;  // prompt, then what has been generated before; at least one
  int32_t prompt_tokens = 0;
  int32_t priority = 0;  // lower is sooner
  std::string key = {};  // whom it counts for
  std::string cache_salt = {};
  void* owner = nullptr;  // the engine's
};

struct Sequence {
  uint64_t id = 0;
  uint64_t group = 0;
  uint64_t order = 0;  // of arrival
  std::vector<int32_t> tokens;
  int32_t prompt_tokens = 0;
  int32_t priority = 0;
  std::string key;
  std::string cache_salt;
  void* owner = nullptr;

  State state = State::kWaiting;
  int32_t computed = 0;       // tokens whose KV is in the blocks
  int32_t cached_tokens = 0;  // found in the cache when it was first admitted
  int32_t preemptions = 0;
  TimeNs admitted_ns = 0;  // first time in the batch; 0: never yet
  kv::BlockTable table;

  int32_t pending() const { return static_cast<int32_t>(tokens.size()) - computed; }
  bool in_batch() const { return state == State::kPrefilling || state == State::kDecoding; }
};

}  // namespace sluice::sched
