#include "api/handlers.h"
#include "api/respond.h"

namespace sluice::api {
namespace {

struct RouteRow {
  const char* method;
  const char* pattern;
  Awaitable<void> (*handler)(ApiContext&, Exchange&);
};

constexpr RouteRow kRoutes[] = {
    {"POST", "/v1/chat/completions", chat_completions},
    {"POST", "/v1/completions", completions},
    {"GET", "/v1/models", list_models},
    {"GET", "/v1/models/{id*}", get_model},
    {"POST", "/tokenize", tokenize},
    {"POST", "/detokenize", detokenize},
    {"POST", "/apply-template", apply_template},
    {"POST", "/generate", classic_generate},
    {"POST", "/stream", classic_stream},
    {"GET", "/stream", classic_stream_query},
    {"GET", "/health", health},
    {"GET", "/healthz", healthz},
    {"GET", "/livez", livez},
    {"GET", "/metrics", metrics},
};

}  // namespace

void add_routes(http::Router& router, ApiContext& context) {
  for (const RouteRow& row : kRoutes) {
    router.add(row.method, row.pattern, [&context, handler = row.handler](Exchange& exchange) {
      return handler(context, exchange);
    });
  }
  router.set_error_writer(write_error);
}

}  // namespace sluice::api
