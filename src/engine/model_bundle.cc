#include "engine/model_bundle.h"

#include <limits>
#include <utility>

#include "loader/gguf.h"
#include "text/byte_alphabet.h"

namespace sluice::engine {
namespace {

constexpr const char* kChatMl =
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

Result<int32_t> optional_id(const loader::GgufFile& file, const char* key) {
  if (!file.has(key)) return -1;
  return file.get_i32(key);
}

text::TemplateTokens template_tokens(const text::Tokenizer& tokenizer) {
  const auto name = [&](std::optional<int32_t> id) {
    return id ? std::string(tokenizer.token_text(*id)) : std::string();
  };
  return {.bos = name(tokenizer.bos()),
          .eos = name(tokenizer.eos()),
          .pad = name(tokenizer.pad()),
          .unk = name(tokenizer.unk())};
}

}  // namespace

Result<ModelBundle> make_fake_bundle(model::FakeRunnerOptions options) {
  text::TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "qwen2";
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(text::bytes_to_alphabet(std::string(1, static_cast<char>(byte))));
    spec.types.push_back(text::TokenType::kNormal);
  }
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    spec.tokens.emplace_back(control);
    spec.types.push_back(text::TokenType::kControl);
  }
  spec.eos_id = static_cast<int32_t>(spec.tokens.size()) - 1;
  options.vocab_size = static_cast<int32_t>(spec.tokens.size());
  options.end_id = spec.eos_id;
  ModelBundle bundle;
  bundle.names = {"fake"};
  bundle.architecture = "fake";
  bundle.context_length = options.context_length;
  bundle.tokenizer = TRY(text::Tokenizer::create(std::move(spec)));
  bundle.chat_template =
      TRY(text::ChatTemplate::create(kChatMl, template_tokens(*bundle.tokenizer)));
  bundle.runner = std::make_unique<model::FakeRunner>(std::move(options));
  bundle.sampler = std::make_unique<sampling::Sampler>(kernels::kernels_for(kernels::best_isa()));
  return bundle;
}

Result<text::TokenizerSpec> tokenizer_spec(const loader::GgufFile& file) {
  text::TokenizerSpec spec;
  spec.model = TRY(file.get_string("tokenizer.ggml.model"));
  spec.pre = TRY(file.get_string("tokenizer.ggml.pre", "default"));
  const auto tokens = TRY(file.get_strings("tokenizer.ggml.tokens"));
  spec.tokens.assign(tokens.begin(), tokens.end());
  if (file.has("tokenizer.ggml.merges")) {
    const auto merges = TRY(file.get_strings("tokenizer.ggml.merges"));
    spec.merges.assign(merges.begin(), merges.end());
  }
  if (file.has("tokenizer.ggml.token_type")) {
    for (const int64_t type : TRY(file.get_integers("tokenizer.ggml.token_type"))) {
      if (type < 1 || type > 6) {
        return fail(Code::kCorrupt, file.path() + ": tokenizer.ggml.token_type",
                    std::to_string(type) + " is no type of token",
                    "the types are 1 to 6; fetch the file again");
      }
      spec.types.push_back(static_cast<text::TokenType>(type - 1));
    }
  }
  spec.bos_id = TRY(optional_id(file, "tokenizer.ggml.bos_token_id"));
  spec.eos_id = TRY(optional_id(file, "tokenizer.ggml.eos_token_id"));
  spec.pad_id = TRY(optional_id(file, "tokenizer.ggml.padding_token_id"));
  spec.unk_id = TRY(optional_id(file, "tokenizer.ggml.unknown_token_id"));
  spec.add_bos = TRY(file.get_bool("tokenizer.ggml.add_bos_token", false));
  spec.add_eos = TRY(file.get_bool("tokenizer.ggml.add_eos_token", false));
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const int32_t id = TRY(optional_id(file, key));
    if (id >= 0) spec.extra_eog_ids.push_back(id);
  }
  return spec;
}

Result<std::shared_ptr<const text::ChatTemplate>> chat_template_of(
    const loader::GgufFile& file, const text::Tokenizer& tokenizer) {
  const std::string_view source = TRY(file.get_string("tokenizer.chat_template", ""));
  if (source.empty()) return nullptr;
  return text::ChatTemplate::create(std::string(source), template_tokens(tokenizer));
}

Result<contract::Sampling> sampling_defaults_of(const loader::GgufFile& file,
                                                std::string_view architecture) {
  contract::Sampling out;
  // What Qwen2's own generation_config.json says; other architectures go without.
  if (architecture == "qwen2") {
    out.temperature = 0.7f;
    out.top_p = 0.8f;
    out.top_k = 20;
    out.repetition_penalty = 1.1f;
  }
  const auto read = [&file](const char* key, std::optional<float>& field, float min,
                            float max) -> Status {
    if (!file.has(key)) return {};
    const float value = TRY(file.get_f32(key));
    if (!(value >= min && value <= max)) {
      return fail(Code::kCorrupt, file.path() + ": key '" + key + "'", "is out of range",
                  "convert the file again");
    }
    field = value;
    return {};
  };
  TRY(read("general.sampling.temp", out.temperature, 0, 2));
  TRY(read("general.sampling.top_p", out.top_p, 1e-6f, 1));
  TRY(read("general.sampling.min_p", out.min_p, 0, 1));
  TRY(read("general.sampling.penalty_repeat", out.repetition_penalty, 1e-6f, 2));
  if (file.has("general.sampling.top_k")) {
    out.top_k = std::max(-1, TRY(file.get_i32("general.sampling.top_k")));
  }
  return out;
}

Result<ModelBundle> load_bundle(const loader::GgufFile& file, std::string template_source,
                                std::vector<std::string> names,
                                std::unique_ptr<model::Runner> runner,
                                std::unique_ptr<sampling::Sampler> sampler) {
  ModelBundle bundle;
  bundle.names = std::move(names);
  bundle.architecture = runner->info().architecture;
  bundle.context_length = runner->info().context_length;
  text::TokenizerSpec spec = TRY(tokenizer_spec(file));
  bundle.tokenizer = TRY(text::Tokenizer::create(std::move(spec)));
  if (bundle.tokenizer->vocab_size() > runner->info().vocab_size) {
    return fail(Code::kCorrupt, file.path() + ": tokenizer.ggml.tokens",
                std::to_string(bundle.tokenizer->vocab_size()) + " tokens, but the model has " +
                    std::to_string(runner->info().vocab_size),
                "fetch the file again");
  }
  bundle.chat_template = template_source.empty()
                             ? TRY(chat_template_of(file, *bundle.tokenizer))
                             : TRY(text::ChatTemplate::create(std::move(template_source),
                                                              template_tokens(*bundle.tokenizer)));
  bundle.sampling_defaults = TRY(sampling_defaults_of(file, bundle.architecture));
  bundle.runner = std::move(runner);
  bundle.sampler = std::move(sampler);
  return bundle;
}

}  // namespace sluice::engine
