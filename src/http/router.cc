#include "http/router.h"

#include <algorithm>

#include "base/check.h"
#include "base/json_writer.h"

namespace sluice::http {
namespace {

// What a path has beyond these many segments is no route of ours.
constexpr size_t kSegmentsMax = 64;

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }
bool is_rest(std::string_view segment) { return segment.ends_with("*}"); }

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (out.size() + 1 < kSegmentsMax) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) break;
    out.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  out.push_back(path);
  return out;
}

Response write_plain_error(const Request&, const Error& error, int status) {
  Response response;
  response.status = status;
  response.headers.set("content-type", "application/json");
  JsonWriter json(response.body);
  json.begin_object().key("error").begin_object();
  json.field("message", error.message()).field("code", status);
  json.end_object().end_object();
  return response;
}

}  // namespace

Router::Router() : error_writer_(write_plain_error) {}

void Router::add(std::string method, std::string pattern, Handler handler) {
  CHECK(pattern.starts_with('/') && handler);
  const auto known = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& route) { return route.pattern == pattern; });
  if (known != routes_.end()) {
    known->handlers[std::move(method)] = std::move(handler);
    return;
  }
  Route route;
  for (const std::string_view segment : split(pattern)) route.segments.emplace_back(segment);
  route.pattern = std::move(pattern);
  route.handlers[std::move(method)] = std::move(handler);
  routes_.push_back(std::move(route));
  // Literal before {name} before {name*}, segment by segment.
  const auto rank = [](const std::string& segment) {
    return is_rest(segment) ? 2 : is_parameter(segment) ? 1 : 0;
  };
  std::sort(routes_.begin(), routes_.end(), [&](const Route& a, const Route& b) {
    for (size_t i = 0; i < std::min(a.segments.size(), b.segments.size()); ++i) {
      const int rank_a = rank(a.segments[i]);
      const int rank_b = rank(b.segments[i]);
      if (rank_a != rank_b) return rank_a < rank_b;
    }
    return a.pattern < b.pattern;
  });
  literal_.clear();
  for (size_t i = 0; i < routes_.size(); ++i) {
    if (routes_[i].pattern.find('{') == std::string::npos) literal_[routes_[i].pattern] = i;
  }
}

bool Router::match_segments(const Route& route, const std::vector<std::string_view>& raw,
                            Request& request) const {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (size_t i = 0; i < route.segments.size(); ++i) {
    const std::string& segment = route.segments[i];
    if (i >= raw.size()) return false;
    if (is_parameter(segment)) {
      const bool rest = is_rest(segment);
      const char* end =
          raw[rest ? raw.size() - 1 : i].data() + raw[rest ? raw.size() - 1 : i].size();
      auto value = percent_decode({raw[i].data(), static_cast<size_t>(end - raw[i].data())});
      if (!value || value->empty()) return false;
      parameters.emplace_back(segment.substr(1, segment.size() - (rest ? 3 : 2)),
                              std::move(*value));
      if (rest) {
        request.path_parameters = std::move(parameters);
        return true;
      }
    } else if (const auto value = percent_decode(raw[i]); !value || *value != segment) {
      return false;
    }
  }
  if (raw.size() != route.segments.size()) return false;
  request.path_parameters = std::move(parameters);
  return true;
}

Router::Match Router::pick(const Route& route, Request& request) {
  request.route = route.pattern;
  Match match;
  auto found = route.handlers.find(request.method);
  if (found == route.handlers.end() && request.method == "HEAD") {
    found = route.handlers.find("GET");
  }
  if (found != route.handlers.end()) {
    match.handler = &found->second;
    return match;
  }
  for (const auto& [method, handler] : route.handlers) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += method;
    if (method == "GET" && !route.handlers.contains("HEAD")) match.allow += ", HEAD";
  }
  return match;
}

Router::Match Router::match(Request& request, std::string_view raw_path) const {
  if (const auto found = literal_.find(raw_path); found != literal_.end()) {
    return pick(routes_[found->second], request);
  }
  const std::vector<std::string_view> segments = split(raw_path);
  for (const Route& route : routes_) {
    if (match_segments(route, segments, request)) return pick(route, request);
  }
  return {};
}

Response Router::write_error(const Request& request, const Error& error, int status) const {
  Response response = error_writer_(request, error, status);
  if (response.status == 200) response.status = status;
  return response;
}

}  // namespace sluice::http
