// GET /v1/models and /v1/models/{id}; POST /tokenize, /detokenize, /apply-template.
#include <algorithm>

#include "api/handlers.h"
#include "api/respond.h"
#include "base/json_writer.h"

namespace sluice::api {
namespace {

using Parsed = std::optional<contract::ParsedRequest>;

// Parses, or refuses and answers nothing.
Awaitable<Parsed> parse_or_refuse(ApiContext& context, Exchange& exchange,
                                  const contract::FieldTable& table) {
  auto parsed = co_await parse_body(context, exchange.request(), table, Family::kOpenAi);
  if (!parsed) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, parsed.error(), "body"));
    co_return std::nullopt;
  }
  const auto model =
      complete_request(context, exchange.request(), Family::kOpenAi, parsed->request);
  if (!model) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, model.error()));
    co_return std::nullopt;
  }
  co_return std::move(*parsed);
}

}  // namespace

Awaitable<void> list_models(ApiContext& context, Exchange& exchange) {
  (void)co_await exchange.respond(json_response(contract::models_body(served_models(context))));
}

Awaitable<void> get_model(ApiContext& context, Exchange& exchange) {
  const std::vector<contract::ModelInfo> models = served_models(context);
  const std::string id(exchange.request().path_parameter("id"));
  const auto model = std::ranges::find(models, id, &contract::ModelInfo::id);
  if (models.empty()) {
    const Error error{Code::kUnavailable, {}, "the model is being loaded", "try again in a second"};
    (void)co_await exchange.respond(refusal(Family::kOpenAi, error));
    co_return;
  }
  if (model == models.end()) {
    const Error error{Code::kNotFound, "model", "no model '" + id + "' is served here",
                      "GET /v1/models lists what is"};
    (void)co_await exchange.respond(refusal(Family::kOpenAi, error));
    co_return;
  }
  (void)co_await exchange.respond(json_response(contract::model_body(*model)));
}

Awaitable<void> tokenize(ApiContext& context, Exchange& exchange) {
  Parsed parsed = co_await parse_or_refuse(context, exchange, contract::tokenize_fields());
  if (!parsed) co_return;
  const auto ids = co_await context.generator->tokenize(parsed->request.model,
                                                        std::move(parsed->request.prompt));
  if (!ids) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, ids.error()));
    co_return;
  }
  const std::vector<contract::ModelInfo> models = context.generator->models();
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("count", static_cast<int64_t>(ids->size()));
  if (!models.empty()) w.field("max_model_len", models.front().context_length);
  w.key("tokens").begin_array();
  for (const int32_t id : *ids) w.value(id);
  w.end_array().end_object();
  (void)co_await exchange.respond(json_response(std::move(body)));
}

Awaitable<void> detokenize(ApiContext& context, Exchange& exchange) {
  Parsed parsed = co_await parse_or_refuse(context, exchange, contract::detokenize_fields());
  if (!parsed) co_return;
  const auto text =
      co_await context.generator->detokenize(parsed->request.model, std::move(parsed->tokens));
  if (!text) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, text.error()));
    co_return;
  }
  (void)co_await exchange.respond(json_response(contract::classic_text("prompt", *text)));
}

Awaitable<void> apply_template(ApiContext& context, Exchange& exchange) {
  Parsed parsed = co_await parse_or_refuse(context, exchange, contract::apply_template_fields());
  if (!parsed) co_return;
  const auto text =
      co_await context.generator->apply_template(parsed->request.model, std::move(parsed->chat));
  if (!text) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, text.error()));
    co_return;
  }
  (void)co_await exchange.respond(json_response(contract::classic_text("prompt", *text)));
}

}  // namespace sluice::api
