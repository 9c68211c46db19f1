#include "api/respond.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "contract/errors.h"

namespace sluice::api {
namespace {

using Parsed = std::expected<contract::ParsedRequest, contract::Problems>;

Parsed parse_now(const http::Request& request, const contract::FieldTable& table, Family family) {
  return family == Family::kClassic ? contract::parse_request_lax(table, request.body)
                                    : contract::parse_request(table, request.body);
}

}  // namespace

Family family_of(std::string_view path) {
  for (const std::string_view classic : {"/generate", "/stream", "/chat", "/ws"}) {
    if (path == classic) return Family::kClassic;
  }
  return Family::kOpenAi;
}

http::Response json_response(std::string body, int status) {
  return {status, {{"content-type", "application/json"}}, std::move(body)};
}

http::Response refusal(Family family, const Error& error) {
  http::Response response =
      json_response(family == Family::kOpenAi ? contract::openai_error_body(error)
                                              : contract::classic_error_body(error),
                    contract::error_row(error.code).status);
  for (const auto& [name, value] : contract::refusal_headers(error)) {
    response.headers.set(name, value);
  }
  return response;
}

http::Response refusal(Family family, const contract::Problems& problems, std::string_view source) {
  if (family == Family::kOpenAi) return refusal(family, problems.to_error());
  http::Response response = json_response(contract::validation_body(problems, source), 422);
  response.headers.set("x-should-retry", "false");
  return response;
}

http::Response write_error(const http::Request& request, const Error& error, int status) {
  http::Response response = refusal(family_of(request.path), error);
  response.status = status;
  if (status == 405) response.headers.set("x-should-retry", "false");
  return response;
}

http::Awaitable<Parsed> parse_body(ApiContext& context, const http::Request& request,
                                   const contract::FieldTable& table, Family family) {
  if (request.body.size() <= context.options.parse_on_pool_bytes || !context.pool) {
    co_return parse_now(request, table, family);
  }
  // The request stays put: its handler is suspended here.
  auto parsed = co_await boost::asio::co_spawn(
      context.pool,
      [&request, &table, family]() -> http::Awaitable<std::optional<Parsed>> {
        co_return parse_now(request, table, family);
      },
      boost::asio::use_awaitable);
  co_return std::move(*parsed);
}

std::vector<contract::ModelInfo> served_models(const ApiContext& context) {
  std::vector<contract::ModelInfo> models = context.generator->models();
  const std::vector<std::string>& names = context.options.served_model_names;
  if (names.empty() || models.empty()) return models;
  const contract::ModelInfo served = models.front();
  models.clear();
  for (const std::string& name : names) {
    models.push_back(served);
    models.back().id = name;
  }
  return models;
}

namespace {

// A header that holds a time, in nanoseconds; 0 without one.
Result<TimeNs> header_time(const http::Request& request, std::string_view name, double unit_ns) {
  const std::optional<std::string_view> text = request.headers.get(name);
  if (!text) return 0;
  double value = 0;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), value);
  // A day is beyond any request; NaN fails the comparison too.
  if (problem != std::errc() || end != text->data() + text->size() ||
      !(value > 0 && value * unit_ns <= 86400.0 * kNsPerSecond)) {
    return fail(Code::kInvalidArgument, std::string(name), "is not a time",
                "give a number above 0, at most a day");
  }
  return static_cast<TimeNs>(value * unit_ns);
}

// The earliest of the server's limit and what the client asks for.
Status set_deadlines(const ApiOptions& options, const http::Request& request,
                     contract::GenerateRequest& generate) {
  TimeNs whole_ns = TRY(header_time(request, "x-request-timeout", 1e9));
  if (options.request_timeout_ns > 0 && (whole_ns == 0 || whole_ns > options.request_timeout_ns)) {
    whole_ns = options.request_timeout_ns;
  }
  if (whole_ns > 0) generate.deadline_ns = request.received_ns + whole_ns;
  const TimeNs first_ns = TRY(header_time(request, "x-ttft-deadline-ms", 1e6));
  if (first_ns > 0) generate.first_token_deadline_ns = request.received_ns + first_ns;
  return {};
}

}  // namespace

Result<std::string> complete_request(ApiContext& context, const http::Request& request,
                                     Family family, contract::GenerateRequest& generate) {
  generate.id = request.id;
  generate.arrival_ns = request.received_ns;
  TRY(set_deadlines(context.options, request, generate));
  generate.default_max_tokens = family == Family::kClassic
                                    ? context.options.default_max_tokens_classic
                                    : context.options.default_max_tokens;
  const std::vector<contract::ModelInfo> models = served_models(context);
  std::string name = generate.model;
  // While there are none yet, the generator refuses whatever the name, and a retry helps.
  if (name.empty()) {
    if (!models.empty()) name = models.front().id;
  } else if (!context.options.any_model_name && !models.empty() &&
             std::ranges::find(models, name, &contract::ModelInfo::id) == models.end()) {
    return fail(Code::kNotFound, "model", "no model '" + name + "' is served here",
                "ask for '" + models.front().id + "', or leave it out");
  }
  // Other names for the one served model are this layer's business.
  if (!context.options.served_model_names.empty() || context.options.any_model_name) {
    generate.model.clear();
  }
  return name;
}

}  // namespace sluice::api
