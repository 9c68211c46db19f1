// Rows and readers that the tables of several endpoints share.
#include <charconv>
#include <utility>

#include "contract/field_reader.h"

namespace sluice::contract {
namespace {

constexpr size_t kStopStringBytesMax = 1024;
constexpr int kLogitBiasMax = 1024;

void add_stop(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto text = scope.string(element);
  if (!text) return;
  if (text->empty()) {
    return scope.problem(&element, "must not be empty", "string_too_short",
                         "String should have at least 1 character", "{\"min_length\":1}");
  }
  if (text->size() > kStopStringBytesMax) {
    return scope.problem(&element, "must have at most 1024 bytes", "string_too_long",
                         "String should have at most 1024 characters", "{\"max_length\":1024}");
  }
  parsed.request.stopping.stop.emplace_back(*text);
}

void too_long(FieldScope& scope, const Element& element, size_t max, size_t actual) {
  const std::string bound = std::to_string(max);
  const std::string length = std::to_string(actual);
  scope.problem(
      &element, "must have at most " + bound + " items, not " + length, "too_long",
      "List should have at most " + bound + " items after validation, not " + length,
      "{\"field_type\":\"List\",\"max_length\":" + bound + ",\"actual_length\":" + length + "}");
}

FieldRow later_row(std::string_view name, std::string_view doc) {
  FieldRow row;
  row.name = name;
  row.later = true;
  row.doc = doc;
  return row;
}

}  // namespace

void read_stop(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  simdjson::dom::array array;
  if (element.get_array().get(array) != simdjson::SUCCESS) {
    if (element.is_string()) return add_stop(scope, element, parsed);
    return scope.problem(
        &element, "must be a string or an array of strings, not " + std::string(type_name(element)),
        "string_type", "Input should be a valid string");
  }
  if (array.size() > kStopStringsMax) {
    return too_long(scope, element, kStopStringsMax, array.size());
  }
  int64_t index = 0;
  for (const Element item : array) {
    const auto step = scope.into(index++);
    add_stop(scope, item, parsed);
  }
}

bool read_token_ids(FieldScope& scope, const simdjson::dom::array& array, size_t length_max,
                    std::vector<int32_t>& ids) {
  ids.reserve(std::min(array.size(), length_max));
  int64_t index = 0;
  bool ok = true;
  for (const Element item : array) {
    if (scope.overflowed()) return false;
    const auto step = scope.into(index++);
    const auto id = scope.integer(item, 0, INT32_MAX);
    ok = ok && id.has_value();
    if (ok) ids.push_back(static_cast<int32_t>(*id));
  }
  return ok;
}

void read_stop_token_ids(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto array = scope.array(element);
  if (!array) return;
  if (array->size() > kStopTokenIdsMax) {
    return too_long(scope, element, kStopTokenIdsMax, array->size());
  }
  read_token_ids(scope, *array, kStopTokenIdsMax, parsed.request.stopping.stop_token_ids);
}

void read_logit_bias(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto object = scope.object(element);
  if (!object) return;
  if (object->size() > kLogitBiasMax) {
    return too_long(scope, element, kLogitBiasMax, object->size());
  }
  for (const auto field : *object) {
    const auto step = scope.into(field.key);
    int32_t id = -1;
    const char* end = field.key.data() + field.key.size();
    const auto [rest, error] = std::from_chars(field.key.data(), end, id);
    if (error != std::errc() || rest != end || id < 0) {
      scope.invalid(nullptr, "a key must be a token id");
      continue;
    }
    const Element value = field.value;
    if (const auto bias = scope.number(value, -100, 100)) {
      parsed.request.sampling.logit_bias.emplace_back(id, static_cast<float>(*bias));
    }
  }
}

void read_template_kwargs(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  if (scope.object(element)) parsed.chat.template_kwargs_json = simdjson::minify(element);
}

FieldRow model_row() {
  FieldRow row = string_row("model", "The model's name; the served one if absent.",
                            [](ParsedRequest& p, std::string_view v) { p.request.model = v; });
  // Refusals quote it, and under --any-model-name each event of a stream repeats it.
  row.length_max = 1024;
  return row;
}

void add_sampling_rows(std::vector<FieldRow>& rows) {
  using P = ParsedRequest;
  constexpr int64_t kMax = INT32_MAX;
  rows.push_back(
      number_row("temperature", 0, 2, "0 always takes the likeliest token.",
                 [](P& p, double v) { p.request.sampling.temperature = static_cast<float>(v); }));
  FieldRow top_p =
      number_row("top_p", 0, 1, "Keeps the likeliest tokens that together reach this share.",
                 [](P& p, double v) { p.request.sampling.top_p = static_cast<float>(v); });
  top_p.min_exclusive = true;
  rows.push_back(std::move(top_p));
  rows.push_back(integer_row(
      "top_k", -1, kMax, "null", "Keeps this many of the likeliest tokens; 0 and -1 keep all.",
      [](P& p, int64_t v) { p.request.sampling.top_k = static_cast<int32_t>(v); }));
  rows.push_back(number_row(
      "min_p", 0, 1, "Drops tokens less likely than this share of the likeliest one's probability.",
      [](P& p, double v) { p.request.sampling.min_p = static_cast<float>(v); }));
  FieldRow repetition = number_row(
      "repetition_penalty", 0, 2, "Above 1 makes tokens of prompt and answer less likely.",
      [](P& p, double v) { p.request.sampling.repetition_penalty = static_cast<float>(v); });
  repetition.min_exclusive = true;
  rows.push_back(std::move(repetition));
  rows.push_back(number_row(
      "presence_penalty", -2, 2, "Taken off the logit of each token of the answer.",
      [](P& p, double v) { p.request.sampling.presence_penalty = static_cast<float>(v); }));
  rows.push_back(number_row(
      "frequency_penalty", -2, 2, "Taken off the logit of each token, as often as it was used.",
      [](P& p, double v) { p.request.sampling.frequency_penalty = static_cast<float>(v); }));
  rows.push_back(integer_row(
      "seed", INT64_MIN, INT64_MAX - 1, "null", "The same seed and request: the same answer.",
      [](P& p, int64_t v) { p.request.sampling.seed = static_cast<uint64_t>(v); }));
  rows.push_back(composite_row(
      "logit_bias", FieldKind::kObject,
      R"({"type":"object","additionalProperties":{"type":"number","minimum":-100,"maximum":100}})",
      "Added to the logits of tokens, by id.", read_logit_bias));
  rows.push_back(composite_row(
      "stop", FieldKind::kUnion,
      R"({"anyOf":[{"type":"string","minLength":1},{"type":"array","maxItems":16,"items":{"type":"string","minLength":1}}]})",
      "Texts at which the answer ends.", read_stop));
  rows.push_back(
      composite_row("stop_token_ids", FieldKind::kArray,
                    R"({"type":"array","maxItems":128,"items":{"type":"integer","minimum":0}})",
                    "Tokens at which the answer ends.", read_stop_token_ids));
  rows.push_back(boolean_row("include_stop_str_in_output", false,
                             "The answer ends with the stop text instead of before.",
                             [](P& p, bool v) { p.request.stopping.include_stop_in_output = v; }));
  rows.push_back(boolean_row("ignore_eos", false, "Goes on after the model's own end.",
                             [](P& p, bool v) { p.request.stopping.ignore_eos = v; }));
  rows.push_back(integer_row(
      "min_tokens", 0, kMax, "0", "No end before this many tokens.",
      [](P& p, int64_t v) { p.request.stopping.min_tokens = static_cast<int32_t>(v); }));
  rows.push_back(
      integer_row("priority", INT32_MIN, kMax, "0", "Lower is served sooner.",
                  [](P& p, int64_t v) { p.request.priority = static_cast<int32_t>(v); }));
  FieldRow salt = string_row("cache_salt", "Prefixes are shared only under the same salt.",
                             [](P& p, std::string_view v) { p.request.cache_salt = v; });
  salt.length_min = 1;
  salt.length_max = 1024;
  rows.push_back(std::move(salt));
  rows.push_back(
      string_row("user", "The end user; not used.", [](P& p, std::string_view v) { p.user = v; }));
  rows.push_back(model_row());
}

void add_later_rows(std::vector<FieldRow>& rows) {
  for (const std::string_view name :
       {"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"}) {
    rows.push_back(later_row(name, "Constrained decoding."));
  }
  rows.push_back(composite_row(
      "response_format", FieldKind::kObject, R"({"type":"object"})", "Only {\"type\": \"text\"}.",
      [](FieldScope& scope, const Element& element, ParsedRequest&) {
        const auto object = scope.object(element);
        if (!object) return;
        const auto step = scope.into("type");
        Element type;
        if (object->at_key("type").get(type) != simdjson::SUCCESS) return scope.missing(&element);
        const auto text = scope.string(type);
        if (text && *text != "text") {
          scope.unsupported(&type, "only 'text' is supported; others are not supported yet");
        }
      }));
}

}  // namespace sluice::contract
