// module: text
//
// A template, then a NUL, then JSON for its variables: neither may crash, hang or outgrow limits.
#include <cstdint>
#include <string>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(input.find('\0'), size);
  const auto made =
      ChatTemplate::create(std::string(input.substr(0, cut)), {"<s>", "</s>", "<pad>", "<unk>"},
                           {.steps = 20'000, .memory_bytes = 8 << 20, .output_bytes = 1 << 20});
  if (!made) return 0;
  const auto messages = parse_json(
      R"([{"role": "system", "content": "a"}, {"role": "user", "content": "é b"},
          {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {
          "name": "f", "arguments": {"x": 1.5}}}]}, {"role": "tool", "content": "{}"}])");
  ChatTemplate::Input values{.messages = *messages, .tools = *messages};
  if (cut < size) {
    auto kwargs = parse_json(input.substr(cut + 1));
    if (kwargs) values.kwargs = *kwargs;
  }
  const auto parts = (*made)->render(values);
  const auto text = (*made)->render_text(values);
  if (parts.has_value() != text.has_value()) __builtin_trap();
  if (!parts) return 0;
  std::string joined;
  for (const auto& part : *parts) joined += part.text;
  if (joined != *text) __builtin_trap();
  return 0;
}
