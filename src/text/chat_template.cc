#include "text/chat_template.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_parser.h"

namespace sluice::text {

Result<std::shared_ptr<const ChatTemplate>> ChatTemplate::create(std::string source,
                                                                 TemplateTokens tokens,
                                                                 TemplateLimits limits) {
  if (source.size() > kSourceBytesMax) {
    return fail(Code::kTooLarge, "chat template",
                "it has more than " + std::to_string(kSourceBytesMax) + " bytes");
  }
  if (!utf8_valid(source)) {
    return fail(Code::kInvalidArgument, "chat template", "it is not UTF-8 text");
  }
  std::shared_ptr<ChatTemplate> made(new ChatTemplate);
  made->program_ = TRY(jinja::parse(source));
  made->source_ = std::move(source);
  made->tokens_ = std::move(tokens);
  made->limits_ = limits;
  return made;
}

Result<Text> ChatTemplate::run(const Input& input) const {
  std::vector<std::pair<std::string, Value>> variables;
  const auto set = [&](std::string_view name, Value value) {
    for (auto& [known, old] : variables) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    variables.emplace_back(name, std::move(value));
  };
  const std::pair<std::string_view, const std::string&> tokens[] = {{"bos_token", tokens_.bos},
                                                                    {"eos_token", tokens_.eos},
                                                                    {"pad_token", tokens_.pad},
                                                                    {"unk_token", tokens_.unk}};
  for (const auto& [name, text] : tokens) {
    if (!text.empty()) set(name, Value::string(text, Trust::kTemplate));
  }
  set("documents", Value::none());
  set("messages", input.messages);
  set("tools", input.tools.is_undefined() ? Value::none() : input.tools);
  set("add_generation_prompt", Value::boolean(input.add_generation_prompt));
  if (input.kwargs.is_dict()) {
    if (input.kwargs.as_dict().items.size() > 256) {
      return fail(Code::kTooLarge, "chat_template_kwargs", "it has more than 256 keys");
    }
    for (const auto& [key, value] : input.kwargs.as_dict().items) {
      if (key.is_string()) set(key.as_string(), value);
    }
  }
  jinja::Interpreter interpreter(std::move(variables),
                                 {.budget = Budget(limits_.steps, limits_.memory_bytes),
                                  .output_bytes = limits_.output_bytes,
                                  .unix_time_s = input.unix_time_s});
  return interpreter.run(*program_);
}

Result<std::vector<ChatTemplate::Rendered>> ChatTemplate::render(const Input& input) const {
  const Text text = TRY(run(input));
  std::vector<Rendered> parts;
  size_t at = 0;
  const auto add = [&](size_t end, bool trusted) {
    if (at < end) parts.push_back({text.bytes.substr(at, end - at), trusted});
    at = end;
  };
  for (const Text::Range& range : text.foreign) {
    add(range.begin, true);
    add(range.end, false);
  }
  add(text.bytes.size(), true);
  return parts;
}

Result<std::string> ChatTemplate::render_text(const Input& input) const {
  Text text = TRY(run(input));
  return std::move(text.bytes);
}

}  // namespace sluice::text
