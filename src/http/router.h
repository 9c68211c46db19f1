// Methods and path patterns to handlers. Filled before the server starts, then immutable and read
// by every io loop.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/exchange.h"

namespace sluice::http {

using Handler = std::function<Awaitable<void>(Exchange&)>;
// Gives the body of an error its shape; the session sets nothing but its own headers afterwards.
using ErrorWriter = std::function<Response(const Request&, const Error&, int status)>;

class Router {
 public:
  using ErrorWriter = http::ErrorWriter;

  Router();

  // The pattern is a path whose segments are literal, {name} (one segment) or, as the last one,
  // {name*} (the rest, slashes included). Literal segments win over parameters.
  void add(std::string method, std::string pattern, Handler handler);
  void set_error_writer(ErrorWriter writer) { error_writer_ = std::move(writer); }

  struct Match {
    const Handler* handler = nullptr;
    std::string allow;  // set when the path exists but not with this method
  };
  // Sets the request's route and path parameters. `raw_path` is the path as sent. HEAD falls back
  // to GET.
  Match match(Request& request, std::string_view raw_path) const;

  Response write_error(const Request& request, const Error& error, int status) const;

 private:
  struct Route {
    std::string pattern;
    std::vector<std::string> segments;
    std::map<std::string, Handler, std::less<>> handlers;  // by method
  };

  bool match_segments(const Route& route, const std::vector<std::string_view>& raw,
                      Request& request) const;
  static Match pick(const Route& route, Request& request);

  std::vector<Route> routes_;  // sorted so that the first match is the most literal
  std::map<std::string, size_t, std::less<>> literal_;
  ErrorWriter error_writer_;
};

}  // namespace sluice::http
