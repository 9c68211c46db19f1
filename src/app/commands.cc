#include "app/commands.h"

#include <cstdio>

namespace sluice::app {

int report(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message().c_str());
  return 1;
}

std::string default_models_directory(const Environment& environment) {
  std::string cache = variable(environment, "XDG_CACHE_HOME");
  if (cache.empty()) cache = variable(environment, "HOME") + "/.cache";
  return cache + "/sluice/models";
}

Result<model::RunnerOptions> runner_options(const std::string& isa, const std::string& kv_dtype) {
  model::RunnerOptions options;
  if (isa != "auto") options.isa = *kernels::isa_from_name(isa);
  if (!kernels::isa_supported(options.isa)) {
    return fail(Code::kUnsupported, "--cpu-isa", "this CPU has no " + isa, "leave it at auto");
  }
  if (kv_dtype == "f32") options.kv_dtype = kernels::KvDType::kF32;
  return options;
}

}  // namespace sluice::app
