// GET /health, /healthz and /livez: answered on the io loop from the generator's published load.
#include "api/handlers.h"
#include "api/respond.h"
#include "base/json_writer.h"

namespace sluice::api {
namespace {

struct Readiness {
  bool ok = true;
  std::string status = "OK";
  std::string reason;
};

Readiness readiness(const ApiContext& context, const contract::Load& load) {
  switch (load.health) {
    case contract::Health::kLoading: return {false, "loading", load.reason};
    case contract::Health::kDraining: return {false, "draining", load.reason};
    case contract::Health::kDead: return {false, "dead", load.reason};
    case contract::Health::kServing: break;
  }
  if (context.draining.load()) return {false, "draining", "the server is about to stop"};
  return {};
}

http::Response plain(const Readiness& state) {
  std::string body = state.ok ? "OK" : state.status;
  if (!state.reason.empty()) body += ": " + state.reason;
  return {state.ok ? 200 : 503, {{"content-type", "text/plain; charset=utf-8"}}, std::move(body)};
}

}  // namespace

Awaitable<void> health(ApiContext& context, Exchange& exchange) {
  const contract::Load load = context.generator->load();
  const Readiness state = readiness(context, load);
  const std::vector<contract::ModelInfo> models = served_models(context);
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("status", state.status);
  if (!state.reason.empty()) w.field("reason", state.reason);
  w.key("model");
  models.empty() ? w.null() : w.value(models.front().id);
  w.field("running", load.running).field("waiting", load.waiting);
  w.field("kv_usage", load.kv_usage);
  w.field("uptime_s", (SteadyClock().now_ns() - context.start_ns) / kNsPerSecond);
  w.field("version", context.options.version).end_object();
  (void)co_await exchange.respond(json_response(std::move(body), state.ok ? 200 : 503));
}

Awaitable<void> healthz(ApiContext& context, Exchange& exchange) {
  (void)co_await exchange.respond(plain(readiness(context, context.generator->load())));
}

Awaitable<void> livez(ApiContext& context, Exchange& exchange) {
  const contract::Load load = context.generator->load();
  Readiness state;
  if (load.health == contract::Health::kDead) state = {false, "dead", load.reason};
  (void)co_await exchange.respond(plain(state));
}

}  // namespace sluice::api
