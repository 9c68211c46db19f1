#include "contract/forms.h"

#include <algorithm>

#include "base/json_writer.h"
#include "contract/errors.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kBusy = "服务繁忙请稍后再试 (busy, try again later)";

// OpenAI's "code", which its clients switch on.
std::string_view openai_code(Code code) {
  switch (code) {
    case Code::kContextLength: return "context_length_exceeded";
    case Code::kNotFound: return "not_found";
    case Code::kUnauthorized: return "invalid_api_key";
    case Code::kRateLimited: return "rate_limit_exceeded";
    case Code::kOverloaded: return "overloaded";
    case Code::kUnsupported: return "unsupported_value";
    default: return {};
  }
}

std::string openai_error(const Error& error, bool in_stream) {
  const ErrorRow& row = error_row(error.code);
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("error").begin_object();
  w.field("message", error.message()).field("type", row.type).key("param");
  error.where.empty() ? w.null() : w.value(error.where);
  w.key("code");
  if (in_stream) {
    w.value(row.status);
  } else if (const std::string_view code = openai_code(error.code); !code.empty()) {
    w.value(error.code == Code::kNotFound && error.where == "model" ? "model_not_found" : code);
  } else {
    w.null();
  }
  w.end_object().end_object();
  return body;
}

std::string classic_detail(const Error& error) {
  // The sentence that existing clients look for.
  if (error.code == Code::kOverloaded) return std::string(kBusy);
  return error.message();
}

void write_usage(JsonWriter& w, const Usage& usage) {
  w.begin_object()
      .field("prompt_tokens", usage.prompt_tokens)
      .field("completion_tokens", usage.completion_tokens)
      .field("total_tokens", usage.prompt_tokens + usage.completion_tokens)
      .key("prompt_tokens_details")
      .begin_object()
      .field("cached_tokens", usage.cached_tokens)
      .end_object()
      .end_object();
}

void write_model(JsonWriter& w, const ModelInfo& model) {
  w.begin_object()
      .field("id", model.id)
      .field("object", "model")
      .field("created", model.created_s)
      .field("owned_by", "sluice")
      .field("max_model_len", model.context_length)
      .end_object();
}

std::string head(std::string_view prefix, std::string_view id, std::string_view object,
                 int64_t created_s, std::string_view model) {
  std::string out;
  JsonWriter w(out);
  w.begin_object()
      .field("id", std::string(prefix) + std::string(id))
      .field("object", object)
      .field("created", created_s)
      .field("model", model)
      .key("choices")
      .begin_array();
  return out;
}

}  // namespace

std::string openai_error_body(const Error& error) { return openai_error(error, false); }
std::string openai_stream_error(const Error& error) { return openai_error(error, true); }

std::string classic_error_body(const Error& error) {
  std::string body;
  JsonWriter(body).begin_object().field("detail", classic_detail(error)).end_object();
  return body;
}

std::string classic_stream_error(const Error& error) {
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("detail", classic_detail(error))
      .field("code", error_row(error.code).status)
      .end_object();
  return body;
}

HeaderFields refusal_headers(const Error& error) {
  const ErrorRow& row = error_row(error.code);
  HeaderFields fields;
  if (!row.retry_may_help) {
    fields.emplace_back("x-should-retry", "false");
  } else if (row.status == 503 || row.status == 429) {
    fields.emplace_back("retry-after", std::to_string(std::max(error.retry_after_s, 1)));
  }
  return fields;
}

std::string model_body(const ModelInfo& model) {
  std::string body;
  JsonWriter w(body);
  write_model(w, model);
  return body;
}

std::string models_body(std::span<const ModelInfo> models) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("object", "list").key("data").begin_array();
  for (const ModelInfo& model : models) write_model(w, model);
  w.end_array().end_object();
  return body;
}

void add_usage(Usage& total, const Usage& choice) {
  total.prompt_tokens = std::max(total.prompt_tokens, choice.prompt_tokens);
  total.cached_tokens = std::max(total.cached_tokens, choice.cached_tokens);
  total.completion_tokens += choice.completion_tokens;
}

OpenAiForm::OpenAiForm(Kind kind, std::string_view id, int64_t created_s, std::string_view model,
                       bool include_usage)
    : kind_(kind), include_usage_(include_usage) {
  if (kind == Kind::kChat) {
    whole_head_ = head("chatcmpl-", id, "chat.completion", created_s, model);
    chunk_head_ = head("chatcmpl-", id, "chat.completion.chunk", created_s, model);
  } else {
    whole_head_ = head("cmpl-", id, "text_completion", created_s, model);
    chunk_head_ = whole_head_;
  }
}

std::string OpenAiForm::whole(std::span<const ChoiceText> choices, const Usage& usage) const {
  std::string out = whole_head_;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += ',';
    JsonWriter w(out);
    w.begin_object().field("index", static_cast<int64_t>(i));
    if (kind_ == Kind::kChat) {
      w.key("message")
          .begin_object()
          .field("role", "assistant")
          .field("content", choices[i].text)
          .key("refusal")
          .null()
          .end_object();
    } else {
      w.field("text", choices[i].text);
    }
    w.key("logprobs").null().field("finish_reason", finish_reason_name(choices[i].reason));
    w.end_object();
  }
  out += "],\"usage\":";
  JsonWriter w(out);
  write_usage(w, usage);
  out += '}';
  return out;
}

void OpenAiForm::append_choice(std::string& out, int32_t choice, std::string_view delta_json,
                               const FinishReason* reason) const {
  out += chunk_head_;
  out += "{\"index\":" + std::to_string(choice);
  out += kind_ == Kind::kChat ? ",\"delta\":" : ",\"text\":";
  out += delta_json;
  out += ",\"logprobs\":null,\"finish_reason\":";
  if (reason == nullptr) {
    out += "null";
  } else {
    out += '"';
    out += finish_reason_name(*reason);
    out += '"';
  }
  out += include_usage_ ? "}],\"usage\":null}" : "}]}";
}

void OpenAiForm::append_role_chunk(std::string& out, int32_t choice) const {
  append_choice(out, choice, R"({"role":"assistant","content":""})", nullptr);
}

void OpenAiForm::append_text_chunk(std::string& out, int32_t choice, std::string_view text) const {
  const std::string quoted = json_quote(text);
  append_choice(out, choice, kind_ == Kind::kChat ? "{\"content\":" + quoted + "}" : quoted,
                nullptr);
}

void OpenAiForm::append_finish_chunk(std::string& out, int32_t choice, FinishReason reason) const {
  append_choice(out, choice, kind_ == Kind::kChat ? "{}" : "\"\"", &reason);
}

void OpenAiForm::append_usage_chunk(std::string& out, const Usage& usage) const {
  out += chunk_head_;
  out += "],\"usage\":";
  JsonWriter w(out);
  write_usage(w, usage);
  out += '}';
}

std::string classic_answer(const ChoiceText& choice, const Usage& usage) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("text", choice.text).field("result", choice.text).key("usage");
  write_usage(w, usage);
  w.field("finish_reason", finish_reason_name(choice.reason)).end_object();
  return body;
}

std::string classic_done(FinishReason reason, const Usage& usage) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("finish_reason", finish_reason_name(reason)).key("usage");
  write_usage(w, usage);
  w.end_object();
  return body;
}

std::string classic_text(std::string_view key, std::string_view text) {
  std::string body;
  JsonWriter(body).begin_object().field(key, text).end_object();
  return body;
}

}  // namespace sluice::contract
