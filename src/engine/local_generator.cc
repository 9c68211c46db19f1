#include "engine/local_generator.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <limits>
#include <random>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace sluice::engine {

namespace asio = boost::asio;
using contract::Awaitable;

// The text side of the model, immutable. Work on the pool keeps it alive.
struct LocalGenerator::Texts {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat_template;

  Result<std::vector<text::ChatTemplate::Rendered>> render(
      const contract::ChatPrompt& prompt) const;
  Result<std::vector<int32_t>> encode(const contract::Prompt& prompt) const;
};

namespace {

constexpr size_t kOutletsBeforeSweep = 64;
// What a message costs the template beside its text, in bytes of text: empty ones take time too.
constexpr size_t kMessageBytes = 256;

size_t text_bytes(const contract::Prompt& prompt) {
  if (const auto* text = std::get_if<contract::TextPrompt>(&prompt)) return text->text.size();
  const auto* chat = std::get_if<contract::ChatPrompt>(&prompt);
  if (chat == nullptr) return 0;
  size_t bytes = chat->tools_json.size() + chat->template_kwargs_json.size();
  for (const contract::Message& message : chat->messages) {
    bytes += kMessageBytes + message.role.size() + message.tool_calls_json.size() +
             (message.content ? message.content->size() : 0);
  }
  return bytes;
}

Result<text::Value> message_value(const contract::Message& message) {
  using text::Value;
  std::vector<Value::Item> items;
  const auto put = [&](const char* name, Value value) {
    items.emplace_back(Value::string(name), std::move(value));
  };
  put("role", Value::string(message.role));
  put("content", message.content ? Value::string(*message.content) : Value::none());
  if (!message.name.empty()) put("name", Value::string(message.name));
  if (!message.tool_call_id.empty()) put("tool_call_id", Value::string(message.tool_call_id));
  if (!message.tool_calls_json.empty()) {
    put("tool_calls", TRY(text::parse_json(message.tool_calls_json)));
  }
  return Value::dict(std::move(items));
}

// The answer goes on where the last message ends: what the template puts behind it is cut off.
void cut_after_final_message(std::vector<text::ChatTemplate::Rendered>& parts,
                             std::string_view content) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = content.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return;
  // Templates often trim what they are given.
  content = content.substr(first, content.find_last_not_of(kSpace) + 1 - first);
  // In what the messages say: "end" is also a part of the template's own "<|im_end|>".
  for (size_t last = parts.size(); last-- > 0;) {
    if (parts[last].trusted) continue;
    const size_t found = parts[last].text.rfind(content);
    if (found == std::string::npos) continue;
    parts[last].text.resize(found + content.size());
    parts.resize(last + 1);
    return;
  }
  // A template that takes the message apart: wherever its text is whole.
  std::string all;
  for (const auto& part : parts) all += part.text;
  const size_t found = all.rfind(content);
  if (found == std::string::npos) return;
  size_t left = found + content.size();
  size_t kept = 0;
  for (; kept < parts.size() && left > 0; ++kept) {
    parts[kept].text.resize(std::min(parts[kept].text.size(), left));
    left -= parts[kept].text.size();
  }
  parts.resize(kept);
}

uint64_t draw_seed() {
  static_assert(sizeof(std::random_device::result_type) == 4);
  thread_local std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

template <typename T>
T first_set(T fallback, const std::optional<T>& a, const std::optional<T>& b,
            const std::optional<T>& c) {
  return a ? *a : b ? *b : c ? *c : fallback;
}

sampling::SampleSpec resolve_sampling(const contract::Sampling& asked,
                                      const contract::Sampling& line,
                                      const contract::Sampling& model) {
  sampling::SampleSpec spec;
  const auto pick = [&](auto& to, auto member) {
    to = first_set(to, asked.*member, line.*member, model.*member);
  };
  pick(spec.temperature, &contract::Sampling::temperature);
  pick(spec.top_p, &contract::Sampling::top_p);
  pick(spec.top_k, &contract::Sampling::top_k);
  pick(spec.min_p, &contract::Sampling::min_p);
  pick(spec.repetition_penalty, &contract::Sampling::repetition_penalty);
  pick(spec.presence_penalty, &contract::Sampling::presence_penalty);
  pick(spec.frequency_penalty, &contract::Sampling::frequency_penalty);
  spec.top_k = std::max(spec.top_k, 0);
  spec.seed = asked.seed ? *asked.seed : line.seed ? *line.seed : draw_seed();
  spec.logit_bias = asked.logit_bias;
  return spec;
}

}  // namespace

Result<std::vector<text::ChatTemplate::Rendered>> LocalGenerator::Texts::render(
    const contract::ChatPrompt& prompt) const {
  if (chat_template == nullptr) {
    return fail(Code::kUnsupported, "messages", "this model has no chat template",
                "use /v1/completions, or start the server with --chat-template FILE");
  }
  text::ChatTemplate::Input input;
  std::vector<text::Value> messages;
  for (const contract::Message& message : prompt.messages) {
    messages.push_back(TRY(message_value(message)));
  }
  input.messages = text::Value::list(std::move(messages));
  if (!prompt.tools_json.empty()) input.tools = TRY(text::parse_json(prompt.tools_json));
  if (!prompt.template_kwargs_json.empty()) {
    input.kwargs = TRY(text::parse_json(prompt.template_kwargs_json));
  }
  input.add_generation_prompt = prompt.add_generation_prompt && !prompt.continue_final_message;
  input.unix_time_s = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  auto parts = TRY(chat_template->render(input));
  if (prompt.continue_final_message && !prompt.messages.empty()) {
    cut_after_final_message(parts, prompt.messages.back().content.value_or(""));
  }
  return parts;
}

Result<std::vector<int32_t>> LocalGenerator::Texts::encode(const contract::Prompt& prompt) const {
  if (const auto* tokens = std::get_if<contract::TokenPrompt>(&prompt)) return tokens->ids;
  if (const auto* plain = std::get_if<contract::TextPrompt>(&prompt)) {
    auto ids = tokenizer->encode(plain->text, text::Tokenizer::Special::kParse);
    const auto bos = tokenizer->bos();
    if (tokenizer->add_bos() && bos && (ids.empty() || ids.front() != *bos)) {
      ids.insert(ids.begin(), *bos);
    }
    return ids;
  }
  const auto parts = TRY(render(std::get<contract::ChatPrompt>(prompt)));
  std::vector<text::Segment> segments;
  for (const auto& part : parts) segments.push_back({part.text, part.trusted});
  return tokenizer->encode_segments(segments);
}

LocalGenerator::LocalGenerator(ModelBundle bundle, LocalGeneratorOptions options,
                               const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      bundle_(std::move(bundle)),
      texts_(std::make_shared<const Texts>(Texts{bundle_.tokenizer, bundle_.chat_template})),
      engine_(std::make_shared<Engine>(
          std::make_unique<EngineCore>(options_.core, *bundle_.tokenizer, *bundle_.runner,
                                       *bundle_.sampler, clock),
          clock,
          static_cast<size_t>(options_.core.max_running) +
              static_cast<size_t>(options_.core.max_waiting))),
      context_length_(std::min(bundle_.context_length, engine_->context_length())),
      pool_(options_.pool_threads) {
  CHECK(!bundle_.names.empty());
  engine_->start();
}

LocalGenerator::~LocalGenerator() { stop(); }

void LocalGenerator::stop() {
  draining_.store(true);
  engine_->stop();
  pool_.join();
}

Status LocalGenerator::check_model(const std::string& model) const {
  if (model.empty() || options_.any_model_name ||
      std::ranges::find(bundle_.names, model) != bundle_.names.end()) {
    return {};
  }
  return fail(Code::kNotFound, "model", "the model '" + model + "' is not served here",
              "use '" + bundle_.names.front() + "' or leave it out");
}

Awaitable<Result<std::vector<int32_t>>> LocalGenerator::prompt_ids(contract::Prompt prompt) {
  if (text_bytes(prompt) < options_.pool_from_bytes) co_return texts_->encode(prompt);
  auto on_pool = [](std::shared_ptr<const Texts> texts,
                    contract::Prompt moved) -> Awaitable<Result<std::vector<int32_t>>> {
    co_return texts->encode(moved);
  };
  co_return co_await asio::co_spawn(pool_, on_pool(texts_, std::move(prompt)), asio::use_awaitable);
}

Awaitable<Result<std::unique_ptr<contract::Stream>>> LocalGenerator::submit(
    contract::GenerateRequest request) {
  if (request.arrival_ns == 0) request.arrival_ns = clock_.now_ns();
  const auto refuse = [this](Error error) {
    count_refusal(error);
    return std::unexpected(std::move(error));
  };
  if (draining_.load()) {
    co_return refuse(
        {Code::kUnavailable, "", "the server is shutting down", "try again in a few seconds", 5});
  }
  if (Status known = check_model(request.model); !known) co_return refuse(known.error());
  Result<std::vector<int32_t>> ids = co_await prompt_ids(std::move(request.prompt));
  if (!ids) co_return refuse(ids.error());
  std::string echo;
  if (request.echo) {
    echo = text::replace_invalid_utf8(bundle_.tokenizer->decode(*ids, /*skip_control=*/true));
  }
  Result<EngineRequest> resolved = resolve(request, std::move(*ids));
  if (!resolved) co_return refuse(resolved.error());
  const size_t echoed =
      static_cast<size_t>(std::min<uint64_t>(request.continuation.sent_bytes, echo.size()));
  echo.erase(0, echoed);
  resolved->continuation.sent_bytes -= echoed;

  const auto outlet = outlet_for(co_await asio::this_coro::executor);
  resolved->id = engine_->next_request_id();
  resolved->sink = outlet;
  auto stream =
      std::make_unique<LocalStream>(engine_, outlet, resolved->id, request.n, std::move(echo));
  if (Status queued = engine_->submit(std::move(*resolved)); !queued) {
    stream->push(std::unexpected(queued.error()));  // the engine has nothing to cancel
    co_return refuse(queued.error());
  }
  co_return stream;
}

Status LocalGenerator::check_ids(const contract::GenerateRequest& request,
                                 std::span<const int32_t> prompt) const {
  const int32_t vocab_size =
      std::min(bundle_.tokenizer->vocab_size(), bundle_.runner->info().vocab_size);
  const auto check = [&](const char* field, int32_t id) -> Status {
    if (id >= 0 && id < vocab_size) return {};
    return fail(
        Code::kInvalidArgument, field,
        std::to_string(id) + " is not one of the model's " + std::to_string(vocab_size) + " tokens",
        "ids go from 0 to " + std::to_string(vocab_size - 1));
  };
  for (const int32_t id : prompt) TRY(check("prompt", id));
  for (const int32_t id : request.stopping.stop_token_ids) TRY(check("stop_token_ids", id));
  for (const auto& [id, bias] : request.sampling.logit_bias) TRY(check("logit_bias", id));
  for (const int32_t id : request.continuation.generated_ids) TRY(check("generated_ids", id));
  return {};
}

// How many tokens the answer may have.
Result<int32_t> LocalGenerator::answer_tokens(const contract::GenerateRequest& request,
                                              int32_t prompt_tokens) const {
  const int32_t room = context_length_ - prompt_tokens;
  const std::optional<int32_t>& asked = request.stopping.max_tokens;
  if (asked && *asked < 0) {
    return fail(Code::kInvalidArgument, "max_tokens", "must not be negative", "use at least 1");
  }
  if (room < 1 && !(asked && *asked == 0 && room == 0)) {
    return fail(Code::kContextLength, "prompt",
                "the prompt has " + std::to_string(prompt_tokens) + " tokens, and the context is " +
                    std::to_string(context_length_) + " tokens with the answer",
                "shorten the prompt");
  }
  if (!asked) return std::min(request.default_max_tokens, room);
  if (*asked <= room || request.stopping.clamp_to_context) return std::min(*asked, room);
  return fail(Code::kContextLength, "max_tokens",
              "the context is " + std::to_string(context_length_) + " tokens, and " +
                  std::to_string(int64_t{prompt_tokens} + *asked) + " were asked for (" +
                  std::to_string(prompt_tokens) + " of the prompt, " + std::to_string(*asked) +
                  " of the answer)",
              "shorten the prompt or lower max_tokens to " + std::to_string(room));
}

Result<EngineRequest> LocalGenerator::resolve(const contract::GenerateRequest& request,
                                              std::vector<int32_t> ids) const {
  TRY(check_ids(request, ids));
  if (ids.empty()) {
    return fail(Code::kInvalidArgument, "prompt", "has no tokens", "send at least one");
  }
  if (request.n < 1 || request.n > contract::kChoicesMax) {
    return fail(Code::kInvalidArgument, "n",
                "must be between 1 and " + std::to_string(contract::kChoicesMax));
  }
  if (request.n > options_.core.max_running + options_.core.max_waiting) {
    return fail(Code::kInvalidArgument, "n", "is more than this server takes at all");
  }
  if (request.n > 1 && !request.continuation.generated_ids.empty()) {
    return fail(Code::kInvalidArgument, "n", "must be 1 when an answer is continued");
  }
  const auto prompt_tokens =
      static_cast<int32_t>(std::min<size_t>(ids.size(), std::numeric_limits<int32_t>::max() / 2));
  const int32_t max_tokens = TRY(answer_tokens(request, prompt_tokens));
  if (request.continuation.generated_ids.size() >
      static_cast<size_t>(context_length_ - prompt_tokens)) {
    return fail(Code::kContextLength, "generated_ids", "prompt and answer exceed the context");
  }
  const contract::Stopping& stopping = request.stopping;
  return EngineRequest{.prompt_ids = std::move(ids),
                       .sampling = resolve_sampling(request.sampling, options_.sampling_overrides,
                                                    bundle_.sampling_defaults),
                       .stopping = {.max_tokens = max_tokens,
                                    .min_tokens = std::clamp(stopping.min_tokens, 0, max_tokens),
                                    .stop = stopping.stop,
                                    .stop_token_ids = stopping.stop_token_ids,
                                    .include_stop_in_output = stopping.include_stop_in_output,
                                    .ignore_eos = stopping.ignore_eos},
                       .n = request.n,
                       .priority = request.priority,
                       .key = request.key,
                       .cache_salt = request.cache_salt,
                       .arrival_ns = request.arrival_ns,
                       .deadline_ns = request.deadline_ns,
                       .first_token_deadline_ns = request.first_token_deadline_ns,
                       .continuation = request.continuation};
}

std::shared_ptr<LoopOutlet> LocalGenerator::outlet_for(const asio::any_io_executor& executor) {
  void* const loop = &asio::query(executor, asio::execution::context);
  MutexLock lock(mutex_);
  std::shared_ptr<LoopOutlet> outlet = outlets_[loop].lock();
  if (outlet == nullptr) {
    if (outlets_.size() > kOutletsBeforeSweep) {
      std::erase_if(outlets_, [](const auto& entry) { return entry.second.expired(); });
    }
    outlet = std::make_shared<LoopOutlet>(executor);
    outlets_[loop] = outlet;
  }
  return outlet;
}

Awaitable<Result<std::vector<int32_t>>> LocalGenerator::tokenize(std::string model,
                                                                 contract::Prompt prompt) {
  if (Status known = check_model(model); !known) co_return std::unexpected(known.error());
  co_return co_await prompt_ids(std::move(prompt));
}

Awaitable<Result<std::string>> LocalGenerator::detokenize(std::string model,
                                                          std::vector<int32_t> ids) {
  if (Status known = check_model(model); !known) co_return std::unexpected(known.error());
  contract::GenerateRequest only_ids;
  if (Status valid = check_ids(only_ids, ids); !valid) co_return std::unexpected(valid.error());
  co_return text::replace_invalid_utf8(bundle_.tokenizer->decode(ids, /*skip_control=*/false));
}

Awaitable<Result<std::string>> LocalGenerator::apply_template(std::string model,
                                                              contract::ChatPrompt prompt) {
  if (Status known = check_model(model); !known) co_return std::unexpected(known.error());
  const auto parts = texts_->render(prompt);
  if (!parts) co_return std::unexpected(parts.error());
  std::string text;
  for (const auto& part : *parts) text += part.text;
  co_return text;
}

std::vector<contract::ModelInfo> LocalGenerator::models() const {
  std::vector<contract::ModelInfo> out;
  for (const std::string& name : bundle_.names) {
    out.push_back({.id = name,
                   .created_s = bundle_.created_s,
                   .context_length = context_length_,
                   .architecture = bundle_.architecture});
  }
  return out;
}

contract::Load LocalGenerator::load() const {
  const contract::EngineStats stats = engine_->stats();
  contract::Load load;
  load.running = stats.running;
  load.waiting = stats.waiting;
  load.kv_usage = stats.kv_usage;
  if (draining_.load()) {
    load.health = contract::Health::kDraining;
    load.reason = "shutting down";
  }
  return load;
}

contract::EngineStats LocalGenerator::stats() const {
  contract::EngineStats stats = engine_->stats();
  for (size_t i = 0; i < rejections_.size(); ++i) {
    stats.rejections[i] += rejections_[i].load(std::memory_order_relaxed);
  }
  return stats;
}

void LocalGenerator::count_refusal(const Error& error) {
  using contract::Rejection;
  const Rejection reason = error.code == Code::kContextLength ? Rejection::kContextLength
                           : error.code == Code::kOverloaded  ? Rejection::kQueueFull
                           : error.code == Code::kUnavailable ? Rejection::kUnavailable
                                                              : Rejection::kInvalid;
  rejections_[static_cast<size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace sluice::engine
