#include <cstdio>
#include <thread>

#include "app/commands.h"
#include "base/json_writer.h"
#include "tools/eval_kl.h"
#include "tools/model_store.h"

namespace sluice::app {
namespace {

struct EvalOptions {
  std::string model = std::string(tools::kDefaultModel);
  std::string models_dir;
  std::string isa = "auto";
  std::string kv_dtype = "bf16";
  bool float_weights = false;
  bool json = false;
  int32_t threads = 1;

  OptionTable table() {
    OptionTable table;
    table.group("Options");
    table.text("model", &model, "NAME|FILE", "a name of the catalogue or a .gguf file");
    table.text("models-dir", &models_dir, "DIR", "where models are kept");
    table.choice("cpu-isa", &isa, {"auto", "scalar", "avx2", "avx512"}, "kernels to use");
    table.choice("kv-dtype", &kv_dtype, {"bf16", "f32"}, "type of cached keys and values");
    table.flag("float", &float_weights, "compute in float32 on unpacked weights: the reference");
    table.integer("threads", &threads, {1, kTeamSizeMax}, "compute threads");
    table.flag("json", &json, "print JSON");
    return table;
  }
};

Result<tools::KlReport> evaluate(const EvalOptions& options, const std::string& recording_path) {
  const tools::Recording recording = TRY(tools::read_recording(recording_path));
  const std::filesystem::path path =
      TRY(tools::ModelStore(options.models_dir).resolve(options.model));
  const auto file = TRY(loader::GgufFile::open(path.string()));
  const tools::RecordingSize size = tools::size_of(recording);
  model::RunnerOptions chosen = TRY(runner_options(options.isa, options.kv_dtype));
  chosen.float_weights = options.float_weights;
  chosen.block_count = size.tokens_max / model::kBlockTokens + 1;
  chosen.step_tokens_max = std::max(size.tokens_max, 1);
  chosen.sampled_rows_max = std::max(size.rows_max, 1);
  Team team(options.threads);
  const auto runner = TRY(model::CpuRunner::create(*file, chosen, team));
  return tools::eval_kl(*runner, recording);
}

}  // namespace

int run_eval(const Arguments& arguments, const Environment& environment) {
  EvalOptions options;
  options.models_dir = default_models_directory(environment);
  options.threads =
      std::clamp(static_cast<int32_t>(std::thread::hardware_concurrency()), 1, kTeamSizeMax);
  const OptionTable table = options.table();
  auto line = parse_command_line(table, arguments, environment, 2);
  if (!line) return report(line.error());
  if (answered(*line, table,
               {"sluice eval kl RECORDING [options]",
                "Compares next-token distributions with recorded ones "
                "(tests/golden/make_llamacpp_goldens.py records them).",
                ""}))
    return 0;
  if (line->positionals.size() != 2 || line->positionals[0] != "kl") {
    return report({Code::kInvalidArgument, "", "say what to evaluate, and against what",
                   "sluice eval kl RECORDING"});
  }
  const auto result = evaluate(options, line->positionals[1]);
  if (!result) return report(result.error());
  if (options.json) {
    std::string out;
    JsonWriter(out)
        .begin_object()
        .field("positions", result->positions)
        .field("mean_kl", result->mean_kl)
        .field("kl_p99", result->kl_p99)
        .field("kl_max", result->kl_max)
        .field("top1_agreement", result->top1_agreement)
        .end_object();
    std::printf("%s\n", out.c_str());
  } else {
    std::printf(
        "%lld positions: mean KL %.5f nats, 99th percentile %.5f, largest %.5f, "
        "top-1 agreement %.2f %%\n",
        static_cast<long long>(result->positions), result->mean_kl, result->kl_p99, result->kl_max,
        100 * result->top1_agreement);
  }
  return 0;
}

}  // namespace sluice::app
