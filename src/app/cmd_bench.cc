#include <charconv>
#include <cstdio>

#include "app/commands.h"
#include "base/json_writer.h"
#include "base/machine.h"
#include "model/cpu_runner.h"
#include "tools/bench_engine.h"
#include "tools/model_store.h"

namespace sluice::app {
namespace {

struct BenchOptions {
  std::string model = std::string(tools::kDefaultModel);
  std::string models_dir;
  std::string isa = "auto";
  std::string kv_dtype = "bf16";
  int32_t threads = 1;
  std::vector<std::string> batch = {"1", "4", "16", "32"};
  std::vector<std::string> prompt = {"128"};
  std::vector<std::string> output = {"64"};
  int32_t rounds = 1;
  bool json = false;

  OptionTable table() {
    OptionTable table;
    table.group("Options");
    table.text("model", &model, "NAME|FILE", "a name of the catalogue or a .gguf file");
    table.text("models-dir", &models_dir, "DIR", "where models are kept");
    table.list("batch", &batch, "N,...", "streams that decode together");
    table.list("prompt", &prompt, "N,...", "tokens of a prompt");
    table.list("output", &output, "N,...", "tokens of an answer");
    table.integer("rounds", &rounds, {1, 1000}, "times that everything is repeated");
    table.choice("cpu-isa", &isa, {"auto", "scalar", "avx2", "avx512"}, "kernels to use");
    table.choice("kv-dtype", &kv_dtype, {"bf16", "f32"}, "type of cached keys and values");
    table.integer("threads", &threads, {1, kTeamSizeMax}, "compute threads");
    table.flag("json", &json, "print JSON, one object a line");
    return table;
  }
};

Result<std::vector<int32_t>> numbers(const std::vector<std::string>& words, const char* option) {
  std::vector<int32_t> out;
  for (const std::string& word : words) {
    int32_t value = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (problem != std::errc() || end != word.data() + word.size() || value < 1 ||
        value > 1'000'000) {
      return fail(Code::kInvalidArgument, option, "'" + word + "' is not a count",
                  "give whole numbers from 1 to 1000000");
    }
    out.push_back(value);
  }
  if (out.empty()) return fail(Code::kInvalidArgument, option, "is empty");
  return out;
}

Result<std::vector<tools::BenchCase>> cases_of(const BenchOptions& options) {
  std::vector<tools::BenchCase> cases;
  for (const int32_t prompt : TRY(numbers(options.prompt, "--prompt"))) {
    for (const int32_t output : TRY(numbers(options.output, "--output"))) {
      for (const int32_t batch : TRY(numbers(options.batch, "--batch"))) {
        cases.push_back({batch, prompt, output});
      }
    }
  }
  return cases;
}

void print(const tools::BenchResult& result, bool json) {
  if (json) {
    std::string out;
    JsonWriter(out)
        .begin_object()
        .field("batch", result.bench.batch)
        .field("prompt_tokens", result.bench.prompt_tokens)
        .field("output_tokens", result.bench.output_tokens)
        .field("prefill_tokens_per_s", result.prefill_tokens_per_s)
        .field("decode_tokens_per_s", result.decode_tokens_per_s)
        .field("step_ms_median", result.step_ms_median)
        .end_object();
    std::printf("%s\n", out.c_str());
  } else {
    std::printf("%6d %8d %8d %12.1f %12.1f %12.2f\n", result.bench.batch,
                result.bench.prompt_tokens, result.bench.output_tokens, result.prefill_tokens_per_s,
                result.decode_tokens_per_s, result.step_ms_median);
  }
  std::fflush(stdout);
}

Status bench(const BenchOptions& options) {
  const std::vector<tools::BenchCase> cases = TRY(cases_of(options));
  const std::filesystem::path path =
      TRY(tools::ModelStore(options.models_dir).resolve(options.model));
  const auto file = TRY(loader::GgufFile::open(path.string()));
  model::RunnerOptions chosen = TRY(runner_options(options.isa, options.kv_dtype));
  for (const tools::BenchCase& bench_case : cases) {
    chosen.block_count = std::max(chosen.block_count, tools::blocks_needed(bench_case));
    chosen.step_tokens_max = std::max(chosen.step_tokens_max, bench_case.batch);
    chosen.sampled_rows_max = std::max(chosen.sampled_rows_max, bench_case.batch);
  }
  Team team(options.threads);
  const auto runner = TRY(model::CpuRunner::create(*file, chosen, team));
  if (!options.json) {
    std::printf("%6s %8s %8s %12s %12s %12s\n", "batch", "prompt", "output", "prefill/s",
                "decode/s", "step ms");
  }
  for (int32_t round = 0; round < options.rounds; ++round) {
    for (const tools::BenchCase& bench_case : cases) {
      print(TRY(tools::bench_runner(*runner, bench_case)), options.json);
    }
  }
  return {};
}

}  // namespace

int run_bench(const Arguments& arguments, const Environment& environment) {
  BenchOptions options;
  options.models_dir = default_models_directory(environment);
  options.threads = std::min(usable_cores(), kTeamSizeMax);
  const OptionTable table = options.table();
  auto line = parse_command_line(table, arguments, environment, 1);
  if (!line) return report(line.error());
  if (answered(*line, table,
               {"sluice bench engine [options]",
                "Measures prefill and lock-step decoding, without HTTP.", ""}))
    return 0;
  if (line->positionals.size() != 1 || line->positionals[0] != "engine") {
    return report({Code::kInvalidArgument, "", "say what to measure", "sluice bench engine"});
  }
  const Status status = bench(options);
  return status ? 0 : report(status.error());
}

}  // namespace sluice::app
