// The subcommands: each has one file, cmd_<name>.cc, and one row in main.cc.
#pragma once

#include <string>
#include <vector>

#include "app/command_line.h"
#include "model/cpu_runner.h"

namespace sluice::app {

using Arguments = std::vector<std::string>;

// Each returns the process's exit code.
int run_serve(const Arguments& arguments, const Environment& environment);
int run_models(const Arguments& arguments, const Environment& environment);
int run_eval(const Arguments& arguments, const Environment& environment);
int run_bench(const Arguments& arguments, const Environment& environment);
int run_pull(const Arguments& arguments, const Environment& environment);

// "sluice: <message>" on standard error, one line; returns 1.
int report(const Error& error);

// ${XDG_CACHE_HOME:-~/.cache}/sluice/models.
std::string default_models_directory(const Environment& environment);

// What --cpu-isa and --kv-dtype, already checked against their choices, say of a runner. An Error
// if this CPU lacks the ISA.
Result<model::RunnerOptions> runner_options(const std::string& isa, const std::string& kv_dtype);

}  // namespace sluice::app
