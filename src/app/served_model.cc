#include "app/served_model.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "app/commands.h"
#include "app/memory_plan.h"
#include "base/machine.h"
#include "engine/model_bundle.h"
#include "model/cpu_runner.h"
#include "tools/model_store.h"

namespace sluice::app {
namespace {

constexpr size_t kTemplateBytesMax = size_t{1} << 20;
// Tokens of one step; beyond about 64 nothing is gained per token.
constexpr int32_t kStepTokens = 512;

Result<std::string> read_template(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text;
  // read() reports what an iterator over the buffer would throw, for a directory for one.
  text.resize(kTemplateBytesMax + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || text.empty() || text.size() > kTemplateBytesMax) {
    return fail(Code::kInvalidArgument, "--chat-template",
                path + (text.empty() ? " cannot be read or is empty" : " is larger than 1 MiB"),
                "give a file with a Jinja template");
  }
  return text;
}

template <typename T, typename Number>
void set_if(std::optional<T>& target, Number value, Number least) {
  if (value >= least) target = static_cast<T>(value);
}

engine::LocalGeneratorOptions generator_options(const ServeOptions& options) {
  engine::LocalGeneratorOptions out;
  out.any_model_name = options.any_model_name;
  out.pool_threads = static_cast<size_t>(options.pool_threads);
  out.core.prefix_caching = options.prefix_cache;
  out.core.max_running = options.max_running;
  out.core.max_waiting = options.effective_max_waiting();
  out.core.max_waiting_tokens = options.max_waiting_tokens;
  out.core.queue_timeout_ns = static_cast<TimeNs>(options.queue_timeout_s * 1e9);
  set_if(out.sampling_overrides.temperature, options.temperature, 0.0);
  set_if(out.sampling_overrides.top_p, options.top_p, 1e-6);
  set_if(out.sampling_overrides.top_k, options.top_k, -1);
  set_if(out.sampling_overrides.min_p, options.min_p, 0.0);
  set_if(out.sampling_overrides.repetition_penalty, options.repetition_penalty, 1e-6);
  return out;
}

Result<ServedModel> load_fake(const ServeOptions& options, const Clock& clock) {
  model::FakeRunnerOptions fake;
  auto bundle = TRY(engine::make_fake_bundle(fake));
  bundle.created_s = std::time(nullptr);
  if (!options.served_model_names.empty()) bundle.names = options.served_model_names;
  if (options.ctx > 0) bundle.context_length = std::min(options.ctx, bundle.context_length);
  ServedModel out;
  out.name = bundle.names.front();
  out.generator = std::make_unique<engine::LocalGenerator>(std::move(bundle),
                                                           generator_options(options), clock);
  return out;
}

// What the tensors take in memory: 16-bit ones are widened when they are packed.
uint64_t packed_bytes_of(const loader::GgufFile& file) {
  uint64_t bytes = 0;
  for (const TensorView& tensor : file.tensors()) {
    const auto packed = kernels::plan_packing(tensor, false);
    bytes += packed ? packed->bytes() : tensor.data.size();
  }
  return bytes;
}

// Rows of a step in all their forms, and the logits of the sampled ones.
uint64_t scratch_bytes_of(const model::DecoderSpec& spec, const model::RunnerOptions& options) {
  const auto row = static_cast<uint64_t>(2 * spec.hidden + 3 * spec.q_columns() +
                                         2 * spec.kv_columns() + spec.feed_forward);
  return (row * static_cast<uint64_t>(options.step_tokens_max) +
          static_cast<uint64_t>(options.sampled_rows_max) *
              static_cast<uint64_t>(spec.vocab_size)) *
         sizeof(float);
}

std::string describe_memory(const model::MemoryReport& memory, int32_t context_length,
                            int32_t block_count) {
  return format_bytes(memory.weights_bytes + memory.embedding_bytes) + " weights, " +
         format_bytes(memory.kv_pool_bytes) + " reserved for " +
         std::to_string(static_cast<int64_t>(block_count) * model::kBlockTokens) +
         " tokens of KV cache (context " + std::to_string(context_length) + "), " +
         format_bytes(resident_bytes()) + " resident now";
}

// The name that clients use: the catalogue's, or the file's without its ending.
std::string model_name(const ServeOptions& options, const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(options.model, ignored)) return options.model;
  return path.stem().string();
}

}  // namespace

Result<ServedModel> load_served_model(const ServeOptions& options, const Clock& clock) {
  if (options.model == "fake") return load_fake(options, clock);
  const std::filesystem::path path =
      TRY(tools::ModelStore(options.models_dir).resolve(options.model));
  std::string chat_template = TRY(read_template(options.chat_template_file));
  const auto file = TRY(loader::GgufFile::open(path.string()));

  model::RunnerOptions chosen = TRY(runner_options(options.cpu_isa, options.kv_dtype));
  chosen.step_tokens_max = std::max(kStepTokens, options.max_running);
  chosen.sampled_rows_max = options.max_running;
  MemoryDemand demand;
  demand.spec = TRY(model::describe_model(*file));
  demand.weights_bytes = packed_bytes_of(*file);
  demand.scratch_bytes = scratch_bytes_of(demand.spec, chosen);
  demand.kv_dtype = chosen.kv_dtype;
  demand.max_running = options.max_running;
  demand.ctx = options.ctx;
  demand.memory_limit = options.memory_limit;
  demand.available_bytes = memory_available_bytes();
  const MemoryPlan plan = TRY(plan_memory(demand));
  chosen.block_count = plan.block_count;

  ServedModel out;
  out.team = std::make_unique<Team>(options.threads);
  auto runner = TRY(model::CpuRunner::create(*file, chosen, *out.team));
  TRY(file->check_unchanged());
  out.memory_report = describe_memory(runner->memory(), plan.context_length, plan.block_count);
  std::vector<std::string> names = options.served_model_names;
  if (names.empty()) names.push_back(model_name(options, path));
  auto bundle = TRY(
      engine::load_bundle(*file, std::move(chat_template), std::move(names), std::move(runner),
                          std::make_unique<sampling::Sampler>(kernels::kernels_for(chosen.isa))));
  bundle.context_length = plan.context_length;
  bundle.created_s = std::time(nullptr);
  out.name = bundle.names.front();
  out.generator = std::make_unique<engine::LocalGenerator>(std::move(bundle),
                                                           generator_options(options), clock);
  return out;
}

}  // namespace sluice::app
