// CpuRunner: a decoder computed on the cores of this machine.
//
// It owns the packed weights, the KV pool and the scratch memory; the team is the caller's.
// submit() checks and remembers a step, wait() computes it in fused stages on all workers with one
// barrier between stages (docs/engine-contract.md).
#pragma once

#include <memory>
#include <vector>

#include "base/team.h"
#include "kernels/kernels.h"
#include "model/runner.h"
#include "model/weights.h"

namespace sluice::model {

struct RunnerOptions {
  kernels::Isa isa = kernels::best_isa();
  kernels::KvDType kv_dtype = kernels::KvDType::kBF16;
  bool float_weights = false;  // the float path: no quantised activations
  int32_t block_count = 0;     // KV blocks of the pool; touched as they are used
  int32_t step_tokens_max = 512;
  int32_t sampled_rows_max = 256;
};

// Bytes that one KV block takes over all layers.
size_t kv_block_bytes(const DecoderSpec& spec, kernels::KvDType dtype);

struct MemoryReport {
  size_t weights_bytes = 0;
  size_t embedding_bytes = 0;
  size_t kv_pool_bytes = 0;  // reserved
  size_t scratch_bytes = 0;  // reserved
};

class CpuRunner final : public Runner {
 public:
  static Result<std::unique_ptr<CpuRunner>> create(const loader::GgufFile& file,
                                                   const RunnerOptions& options, Team& team);
  ~CpuRunner() override;

  const RunnerInfo& info() const override { return info_; }
  Status submit(const StepInput& input) override;
  Result<StepOutput> wait() override;

  MemoryReport memory() const;

 private:
  CpuRunner() = default;
  struct Step;
  friend class ForwardPass;

  DecoderSpec spec_;
  RunnerOptions options_;
  RunnerInfo info_;
  Team* team_ = nullptr;
  const kernels::Kernels* kernels_ = nullptr;
  kernels::KvLayout kv_layout_;
  std::unique_ptr<DecoderWeights> weights_;
  std::vector<double> rope_frequencies_;  // [head_dim / 2]
  AlignedBuffer kv_pool_;                 // [layer][block]
  std::unique_ptr<Step> step_;
};

}  // namespace sluice::model
