#include "model/cpu_runner.h"

#include <cmath>
#include <cstdio>
#include <string>

#include "base/check.h"
#include "model/forward_pass.h"

namespace sluice::model {
namespace {

// Raised whenever a change of ours may change answers (docs/numerics.md).
constexpr int kNumericsContract = 1;

std::string fingerprint_of(const loader::GgufFile& file, const RunnerOptions& options) {
  char text[96];
  std::snprintf(text, sizeof text, "c%d-%s-%016llx-%s%s", kNumericsContract,
                std::string(kernels::isa_name(options.isa)).c_str(),
                static_cast<unsigned long long>(file.fingerprint()),
                options.kv_dtype == kernels::KvDType::kBF16 ? "bf16" : "f32",
                options.float_weights ? "-float" : "");
  return text;
}

size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t panel_columns(const kernels::PackedMatrix& weights) {
  return static_cast<int64_t>(weights.panels()) * kernels::kPanelRows;
}

}  // namespace

size_t kv_block_bytes(const DecoderSpec& spec, kernels::KvDType dtype) {
  const kernels::KvLayout layout{dtype, spec.kv_heads, spec.head_dim};
  return layout.block_bytes() * static_cast<size_t>(spec.layers);
}

CpuRunner::~CpuRunner() = default;

Result<std::unique_ptr<CpuRunner>> CpuRunner::create(const loader::GgufFile& file,
                                                     const RunnerOptions& options, Team& team) {
  std::unique_ptr<CpuRunner> runner(new CpuRunner);
  runner->options_ = options;
  runner->team_ = &team;
  runner->kernels_ = &kernels::kernels_for(options.isa);
  runner->spec_ = TRY(describe_model(file));
  const DecoderSpec& spec = runner->spec_;
  runner->weights_ = TRY(DecoderWeights::load(file, spec, options.float_weights, team));
  runner->kv_layout_ = {options.kv_dtype, spec.kv_heads, spec.head_dim};
  const size_t pool_bytes =
      kv_block_bytes(spec, options.kv_dtype) * static_cast<size_t>(options.block_count);
  runner->kv_pool_ = TRY(AlignedBuffer::allocate(pool_bytes));

  const std::vector<double>& factors = runner->weights_->rope_factors();
  for (int32_t i = 0; i < spec.head_dim / 2; ++i) {
    const double frequency = std::pow(spec.rope_base, -2.0 * i / spec.head_dim);
    runner->rope_frequencies_.push_back(
        factors.empty() ? frequency : frequency / factors[static_cast<size_t>(i)]);
  }

  runner->step_ = std::make_unique<Step>();
  Step& step = *runner->step_;
  const LayerWeights& layer = runner->weights_->layers().front();
  step.k_offset = panel_columns(layer.q);
  step.v_offset = step.k_offset + panel_columns(layer.k);
  step.qkv_stride = step.v_offset + panel_columns(layer.v);
  const auto rows = static_cast<size_t>(options.step_tokens_max);
  const size_t floats = sizeof(float);
  const size_t hidden = padded(rows * static_cast<size_t>(spec.hidden) * floats);
  const size_t qkv = padded(rows * static_cast<size_t>(step.qkv_stride) * floats);
  const size_t attention = padded(rows * static_cast<size_t>(spec.q_columns()) * floats);
  const size_t rope = padded(rows * static_cast<size_t>(spec.head_dim) * floats);
  const size_t activations = padded(kernels::Activations::bytes_needed(
      options.step_tokens_max, std::max(spec.hidden, spec.q_columns())));
  const size_t ffn_activations =
      padded(kernels::Activations::bytes_needed(options.step_tokens_max, spec.feed_forward));
  const size_t scratch =
      padded(ForwardPass::scratch_floats(spec, options.step_tokens_max) * floats);
  const auto workers = static_cast<size_t>(team.size());
  step.memory = TRY(AlignedBuffer::allocate(hidden + qkv + attention + rope + activations +
                                            ffn_activations + workers * scratch));
  std::byte* next = step.memory.data();
  const auto carve = [&next](size_t bytes) {
    std::byte* start = next;
    next += bytes;
    return start;
  };
  step.hidden = reinterpret_cast<float*>(carve(hidden));
  step.qkv = reinterpret_cast<float*>(carve(qkv));
  step.attention = reinterpret_cast<float*>(carve(attention));
  step.rope = reinterpret_cast<float*>(carve(rope));
  step.activations = carve(activations);
  step.ffn_activations = carve(ffn_activations);
  for (size_t i = 0; i < workers; ++i) {
    step.worker_scratch.push_back(reinterpret_cast<float*>(carve(scratch)));
  }
  step.logits = TRY(AlignedBuffer::allocate(static_cast<size_t>(options.sampled_rows_max) *
                                            static_cast<size_t>(spec.vocab_size) * floats));

  RunnerInfo& info = runner->info_;
  info.architecture = spec.architecture;
  info.vocab_size = spec.vocab_size;
  info.context_length = spec.context_length;
  info.block_count = options.block_count;
  info.step_tokens_max = options.step_tokens_max;
  info.sampled_rows_max = options.sampled_rows_max;
  info.fingerprint = fingerprint_of(file, options);
  return runner;
}

Status CpuRunner::submit(const StepInput& input) {
  Step& step = *step_;
  CHECK(!step.submitted);
  step.slices.assign(input.slices.begin(), input.slices.end());
  step.slice_first_row.clear();
  step.token_ids.clear();
  step.positions.clear();
  step.row_slices.clear();
  step.sampled_rows.clear();
  step.attention_units.clear();
  step.argmax_wanted.clear();
  for (size_t s = 0; s < step.slices.size(); ++s) {
    const SequenceSlice& slice = step.slices[s];
    const auto count = static_cast<int32_t>(slice.tokens.size());
    const auto first_row = static_cast<int32_t>(step.token_ids.size());
    CHECK(count > 0 && slice.sampled_rows <= count);
    CHECK(static_cast<int64_t>(slice.blocks.size()) * kBlockTokens >= slice.position + count);
    step.slice_first_row.push_back(first_row);
    for (int32_t i = 0; i < count; ++i) {
      const int32_t id = slice.tokens[static_cast<size_t>(i)];
      CHECK(id >= 0 && id < spec_.vocab_size);
      step.token_ids.push_back(id);
      step.positions.push_back(slice.position + i);
      step.row_slices.push_back(static_cast<int32_t>(s));
    }
    for (int32_t i = count - slice.sampled_rows; i < count; ++i) {
      step.sampled_rows.push_back(first_row + i);
      step.argmax_wanted.push_back(slice.argmax_is_enough);
    }
    for (int32_t first = 0; first < count; first += kAttentionTileTokens) {
      const int32_t tokens = std::min(kAttentionTileTokens, count - first);
      for (int32_t head = 0; head < spec_.kv_heads; ++head) {
        step.attention_units.push_back({static_cast<int32_t>(s), first, tokens, head});
      }
    }
  }
  CHECK(static_cast<int32_t>(step.token_ids.size()) <= options_.step_tokens_max);
  CHECK(static_cast<int32_t>(step.sampled_rows.size()) <= options_.sampled_rows_max);
  step.argmax_ids.assign(step.sampled_rows.size(), -1);
  step.submitted = true;
  return {};
}

Result<StepOutput> CpuRunner::wait() {
  Step& step = *step_;
  CHECK(step.submitted);
  step.submitted = false;
  if (!step.token_ids.empty()) {
    team_->run([this](int worker) { ForwardPass(*this, worker).run(); });
  }
  StepOutput output;
  output.logits = {reinterpret_cast<float*>(step.logits.data()),
                   step.sampled_rows.size() * static_cast<size_t>(spec_.vocab_size)};
  output.ids = step.argmax_ids;
  return output;
}

MemoryReport CpuRunner::memory() const {
  return {weights_->packed_bytes(), weights_->embedding_bytes(), kv_pool_.size(),
          step_->memory.size() + step_->logits.size()};
}

}  // namespace sluice::model
