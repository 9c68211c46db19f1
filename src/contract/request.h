// What a client asked, after its wire form has been parsed and validated once (field tables in
// contract/*_fields.cc). Plain values, freely copied between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::contract {

constexpr int kChoicesMax = 16;
constexpr int kStopStringsMax = 16;
constexpr int kStopTokenIdsMax = 128;

// One message of a conversation. Text parts have been joined; what the template needs of the rest
// stays JSON.
struct Message {
  std::string role;
  std::optional<std::string> content;
  std::string name;             // empty: none
  std::string tool_call_id;     // empty: none
  std::string tool_calls_json;  // a JSON array, empty: none
};

struct ChatPrompt {
  std::vector<Message> messages;
  std::string tools_json;            // a JSON array, empty: none
  std::string template_kwargs_json;  // a JSON object, empty: none
  bool add_generation_prompt = true;
  bool continue_final_message = false;
};

// Text is tokenized as it stands: special tokens in it are parsed, as completions APIs do.
struct TextPrompt {
  std::string text;
};

struct TokenPrompt {
  std::vector<int32_t> ids;
};

using Prompt = std::variant<ChatPrompt, TextPrompt, TokenPrompt>;

// Unset fields take the command line's value, then the model file's, the catalogue's, the
// architecture's.
struct Sampling {
  std::optional<float> temperature;         // 0: greedy
  std::optional<float> top_p;               // (0, 1]
  std::optional<int32_t> top_k;             // 0 and -1: off
  std::optional<float> min_p;               // [0, 1]
  std::optional<float> repetition_penalty;  // (0, 2], over prompt and answer
  std::optional<float> presence_penalty;    // [-2, 2], over the answer
  std::optional<float> frequency_penalty;   // [-2, 2], over the answer
  std::optional<uint64_t> seed;             // drawn at the door when unset
  std::vector<std::pair<int32_t, float>> logit_bias;
};

struct Stopping {
  std::optional<int32_t> max_tokens;  // unset: the default or the room left, the smaller
  int32_t min_tokens = 0;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool include_stop_in_output = false;
  bool ignore_eos = false;
  // Classic family: an answer that cannot fit the context is cut instead of refused.
  bool clamp_to_context = false;
};

// Where an answer continues: what another run of the same request has produced already. Its text
// is replayed through the output stage, and the first `sent_bytes` of it are not sent again.
struct Continuation {
  std::vector<int32_t> generated_ids;
  uint64_t sent_bytes = 0;
};

struct GenerateRequest {
  std::string id;     // x-request-id
  std::string model;  // empty: the served one
  Prompt prompt;
  Sampling sampling;
  Stopping stopping;
  int32_t n = 1;
  bool echo = false;     // the prompt's text comes before the answer's
  int32_t priority = 0;  // lower is sooner
  std::string key;       // whom fair share counts it for; empty: the anonymous one
  std::string cache_salt;
  int32_t default_max_tokens = 2048;
  // Steady-clock nanoseconds (base/clock.h); 0: none.
  int64_t arrival_ns = 0;
  int64_t deadline_ns = 0;
  int64_t first_token_deadline_ns = 0;
  Continuation continuation;
};

}  // namespace sluice::contract
