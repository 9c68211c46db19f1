// module: http
// The bytes of a connection, in two cuts: the requests read must not depend on where reads end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/doors.h"
#include "http/request_parser.h"
#include "http/router.h"

namespace {

using namespace sluice::http;

constexpr ParserLimits kLimits{.header_bytes = 512, .header_lines = 8, .body_bytes = 256};

const Router& router() {
  static const Router instance = [] {
    Router made;
    const Handler handler = [](Exchange&) -> Awaitable<void> { co_return; };
    made.add("GET", "/v1/models/{id*}", handler);
    made.add("POST", "/v1/streams/{id}/x", handler);
    made.add("GET", "/health", handler);
    return made;
  }();
  return instance;
}

const Doors& doors() {
  static const Doors instance = [] {
    Doors::Options options;
    options.loopback_bind = true;
    options.allowed_hosts = {"box"};
    options.cors_origins = {"https://app"};
    options.trusted_proxies = {*parse_network("10.0.0.0/8")};
    return Doors(std::move(options));
  }();
  return instance;
}

// What the requests of a connection are, as one text.
std::string read_connection(std::string_view bytes, size_t step) {
  RequestParser parser(kLimits);
  std::string seen;
  std::string pending;
  while (true) {
    pending.erase(0, parser.feed(pending));
    if (parser.state() == RequestParser::State::kHeadDone) {
      Request& request = parser.request();
      seen += doors().check(request, false) ? "in " : "out ";
      seen += doors().client_address("10.0.0.1", request.headers);
      router().match(request, parser.raw_path());
      seen += request.route;
      parse_query(request.query);
      parser.start_body();
    } else if (parser.state() == RequestParser::State::kComplete) {
      const Request request = parser.take_request();
      if (request.body.size() > kLimits.body_bytes || request.headers.size() > 9) std::abort();
      seen += request.method + request.path + request.body + "\n";
    } else if (parser.state() == RequestParser::State::kFailed) {
      return seen + std::to_string(parser.failed_status());
    } else {
      if (pending.size() > 1024 + kLimits.header_bytes + step) std::abort();
      if (bytes.empty()) return seen;
      pending += bytes.substr(0, step);
      bytes.remove_prefix(std::min(step, bytes.size()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_connection(bytes, size + 1);
  if (whole != read_connection(bytes, 7)) std::abort();
  return 0;
}
