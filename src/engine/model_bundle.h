// ModelBundle: a model and all that belongs to it: vocabulary, template, runner, names, defaults.
// Made once at start, then owned by a LocalGenerator.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "contract/request.h"
#include "model/fake_runner.h"
#include "model/runner.h"
#include "sampling/sampler.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace sluice::loader {
class GgufFile;
}

namespace sluice::engine {

struct ModelBundle {
  std::vector<std::string> names;  // it is served under all of them; the first is its id
  std::string architecture;
  int32_t context_length = 0;  // trained, or what the command line says
  int64_t created_s = 0;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat_template;  // null: the model has none
  contract::Sampling sampling_defaults;                     // the model file's or the catalogue's
  std::unique_ptr<model::Runner> runner;
  std::unique_ptr<sampling::Sampler> sampler;
};

// `--model fake`: a vocabulary of the 256 bytes, a ChatML template, a FakeRunner.
Result<ModelBundle> make_fake_bundle(model::FakeRunnerOptions options);

// What a file says about its vocabulary. Errors name the key.
Result<text::TokenizerSpec> tokenizer_spec(const loader::GgufFile& file);

// The file's own template; null if it has none.
Result<std::shared_ptr<const text::ChatTemplate>> chat_template_of(
    const loader::GgufFile& file, const text::Tokenizer& tokenizer);

// What requests leave open: the file's general.sampling.* keys, then the architecture's own.
Result<contract::Sampling> sampling_defaults_of(const loader::GgufFile& file,
                                                std::string_view architecture);

// All but names, runner and sampler, which are the caller's, from the file. `template_source`
// replaces the file's template unless it is empty.
Result<ModelBundle> load_bundle(const loader::GgufFile& file, std::string template_source,
                                std::vector<std::string> names,
                                std::unique_ptr<model::Runner> runner,
                                std::unique_ptr<sampling::Sampler> sampler);

}  // namespace sluice::engine
