// How much KV cache there is room for, and so how long a context can be.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "kernels/kv_layout.h"
#include "model/architecture.h"

namespace sluice::app {

struct MemoryDemand {
  model::DecoderSpec spec;
  uint64_t weights_bytes = 0;  // packed, with the embedding
  uint64_t scratch_bytes = 0;
  kernels::KvDType kv_dtype = kernels::KvDType::kBF16;
  int32_t max_running = 1;
  int32_t ctx = 0;            // asked for; 0: the trained length, as far as memory goes
  uint64_t memory_limit = 0;  // 0: nine tenths of what is available
  uint64_t available_bytes = 0;
};

struct MemoryPlan {
  int32_t block_count = 0;
  int32_t context_length = 0;
};

// The pool is sized for 4,096 tokens a running sequence, or one whole context if that is more, as
// far as memory goes. An Error names what is needed, what there is, and what would help.
Result<MemoryPlan> plan_memory(const MemoryDemand& demand);

}  // namespace sluice::app
