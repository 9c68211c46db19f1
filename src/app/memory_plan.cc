#include "app/memory_plan.h"

#include <algorithm>
#include <string>

#include "base/option_table.h"
#include "model/cpu_runner.h"

namespace sluice::app {
namespace {

constexpr int64_t kTokensOfARunningSequence = 4096;
constexpr int64_t kContextMin = 256;

std::unexpected<Error> too_little(const MemoryDemand& demand, uint64_t budget, uint64_t needed,
                                  const std::string& what) {
  const std::string have =
      demand.memory_limit != 0 ? "--memory-limit allows " : "there is room for ";
  return fail(Code::kResource, "memory",
              what + " needs " + format_bytes(needed) + ", " + have + format_bytes(budget),
              "lower --ctx, raise --memory-limit, free some memory, or use a smaller model "
              "(smollm2-135m-instruct)");
}

}  // namespace

Result<MemoryPlan> plan_memory(const MemoryDemand& demand) {
  const uint64_t budget =
      demand.memory_limit != 0 ? demand.memory_limit : demand.available_bytes / 10 * 9;
  const uint64_t fixed = demand.weights_bytes + demand.scratch_bytes;
  const uint64_t block_bytes = model::kv_block_bytes(demand.spec, demand.kv_dtype);
  const auto blocks_for = [](int64_t tokens) {
    return (tokens + model::kBlockTokens - 1) / model::kBlockTokens;
  };
  const int64_t trained = demand.spec.context_length;
  if (demand.ctx > trained) {
    return fail(Code::kInvalidArgument, "--ctx",
                std::to_string(demand.ctx) + " is beyond the model's trained length",
                "give at most " + std::to_string(trained));
  }
  const int64_t wanted = demand.ctx != 0 ? demand.ctx : trained;
  const int64_t least = demand.ctx != 0 ? demand.ctx : std::min(kContextMin, trained);
  const uint64_t least_bytes = fixed + static_cast<uint64_t>(blocks_for(least)) * block_bytes;
  if (least_bytes > budget) {
    return too_little(demand, budget, least_bytes,
                      "the model with a context of " + std::to_string(least) + " tokens");
  }
  const auto room =
      static_cast<int64_t>(std::min<uint64_t>((budget - fixed) / block_bytes, 1u << 24));
  const int64_t pool_tokens = std::max(wanted, kTokensOfARunningSequence * demand.max_running);
  MemoryPlan plan;
  plan.block_count = static_cast<int32_t>(std::min(room, blocks_for(pool_tokens)));
  plan.context_length =
      static_cast<int32_t>(std::min(wanted, int64_t{plan.block_count} * model::kBlockTokens));
  return plan;
}

}  // namespace sluice::app
