// ChatTemplate: a model's Jinja chat template, run as Hugging Face's apply_chat_template runs it.
// Immutable after create: any thread may render, each render is bounded by TemplateLimits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/value.h"

namespace sluice::text {

namespace jinja {
struct Program;
}

// What templates know as bos_token and so on; an empty one is undefined to the template.
struct TemplateTokens {
  std::string bos, eos, pad, unk;
};

struct TemplateLimits {
  uint64_t steps = 1'000'000;          // expressions and statements run, and work on long texts
  uint64_t memory_bytes = 256u << 20;  // of all values ever made by one render
  size_t output_bytes = 16u << 20;     // of the prompt
};

class ChatTemplate {
 public:
  static constexpr size_t kSourceBytesMax = 1u << 20;

  struct Input {
    Value messages = {};  // a list of dicts
    Value tools = {};     // undefined: the template sees none, as with Hugging Face
    Value kwargs = {};    // undefined, or a dict of more variables
    bool add_generation_prompt = true;
    int64_t unix_time_s = 0;  // what strftime_now prints, in UTC
  };

  // A part of the prompt; special tokens are parsed only in `trusted` ones, which are the
  // template's own text. Neighbours differ in `trusted`.
  struct Rendered {
    std::string text;
    bool trusted;
  };

  // An Error names line and column of the template.
  static Result<std::shared_ptr<const ChatTemplate>> create(std::string source,
                                                            TemplateTokens tokens,
                                                            TemplateLimits limits = {});

  // What the template refuses with raise_exception comes back as kInvalidArgument with its words;
  // kTooLarge if it goes beyond a limit.
  Result<std::vector<Rendered>> render(const Input& input) const;
  Result<std::string> render_text(const Input& input) const;

  const std::string& source() const { return source_; }

 private:
  ChatTemplate() = default;
  Result<Text> run(const Input& input) const;

  std::string source_;
  TemplateTokens tokens_;
  TemplateLimits limits_;
  std::shared_ptr<const jinja::Program> program_;
};

}  // namespace sluice::text
