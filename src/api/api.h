// The HTTP endpoints over a Generator. add_routes() registers them all; the handlers keep nothing
// between requests.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "contract/generator.h"
#include "http/router.h"
#include "telemetry/telemetry.h"

namespace sluice::api {

struct ApiOptions {
  // What clients may call the served model, the first being what answers say; empty: the
  // generator's own name for it.
  std::vector<std::string> served_model_names;
  bool any_model_name = false;
  int32_t default_max_tokens = 2048;
  int32_t default_max_tokens_classic = 512;
  TimeNs request_timeout_ns = 600 * kNsPerSecond;  // of a whole request; 0: none
  int ping_interval_ms = 15'000;
  // Bodies over this are parsed on the pool, so that the io loop is not held up.
  size_t parse_on_pool_bytes = size_t{64} << 10;
  std::string version;
};

// What the handlers share. It and all it points to outlive the server.
struct ApiContext {
  ApiOptions options;
  contract::Generator* generator = nullptr;
  telemetry::Telemetry* telemetry = nullptr;
  boost::asio::any_io_executor pool;  // of an asio::thread_pool
  TimeNs start_ns = SteadyClock().now_ns();
  // Set once a drain begins: /health turns 503 while requests are still served.
  std::atomic<bool> draining = false;
};

void add_routes(http::Router& router, ApiContext& context);

}  // namespace sluice::api
