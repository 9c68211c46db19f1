#include "app/memory_plan.h"

#include <gtest/gtest.h>

#include "model/cpu_runner.h"

namespace sluice::app {
namespace {

MemoryDemand demand() {
  MemoryDemand out;
  out.spec.layers = 24;
  out.spec.kv_heads = 2;
  out.spec.head_dim = 64;
  out.spec.context_length = 32768;
  out.weights_bytes = uint64_t{486} << 20;
  out.scratch_bytes = uint64_t{50} << 20;
  out.max_running = 16;
  out.available_bytes = uint64_t{20} << 30;
  return out;
}

TEST(MemoryPlan, GivesTheTrainedContextWhereThereIsRoom) {
  const auto plan = plan_memory(demand());
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->context_length, 32768);
  EXPECT_EQ(plan->block_count, 16 * 4096 / 32);
}

TEST(MemoryPlan, ShortensTheContextToWhatFits) {
  MemoryDemand tight = demand();
  tight.memory_limit = tight.weights_bytes + tight.scratch_bytes +
                       100 * model::kv_block_bytes(tight.spec, tight.kv_dtype);
  const auto plan = plan_memory(tight);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->block_count, 100);
  EXPECT_EQ(plan->context_length, 3200);
}

TEST(MemoryPlan, RefusesAContextThatWasAskedForAndDoesNotFit) {
  MemoryDemand tight = demand();
  tight.ctx = 8192;
  const uint64_t block = model::kv_block_bytes(tight.spec, tight.kv_dtype);
  tight.memory_limit = tight.weights_bytes + tight.scratch_bytes + 256 * block;
  ASSERT_TRUE(plan_memory(tight).has_value());
  tight.memory_limit -= 1;
  const auto plan = plan_memory(tight);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Code::kResource);
  EXPECT_NE(plan.error().message().find("--ctx"), std::string::npos);
}

TEST(MemoryPlan, RefusesAContextBeyondTheTrainedLength) {
  MemoryDemand wide = demand();
  wide.ctx = 32769;
  EXPECT_FALSE(plan_memory(wide).has_value());
  wide.ctx = 32768;
  EXPECT_TRUE(plan_memory(wide).has_value());
}

TEST(MemoryPlan, NamesTheNeedWhenNotEvenTheWeightsFit) {
  MemoryDemand tiny = demand();
  tiny.memory_limit = uint64_t{100} << 20;
  const auto plan = plan_memory(tiny);
  ASSERT_FALSE(plan.has_value());
  EXPECT_NE(plan.error().message().find("--memory-limit allows 100.0 MiB"), std::string::npos);
}

}  // namespace
}  // namespace sluice::app
