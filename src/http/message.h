// What a client asked and what it is answered: plain values, owned by whoever holds them.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace sluice::http {

// ASCII only: header names and tokens have no other letters.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// Header fields in the order they came; names compare without case. A request has at most 100 of
// them, so that a linear search beats any index.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // Replaces every field of this name by one.
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  // The first field of this name. The view lives until the headers change.
  std::optional<std::string_view> get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  size_t count(std::string_view name) const;
  void erase(std::string_view name);
  // Whether the comma-separated list of this name (over all its fields) has the token.
  bool has_token(std::string_view name, std::string_view token) const;

  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  void clear() { fields_.clear(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

struct Request {
  std::string method;
  std::string target;  // as sent
  std::string path;    // percent-decoded
  std::string query;   // raw, without '?'
  Headers headers;
  std::string body;            // whole, chunking undone
  std::string peer_address;    // empty for a unix socket
  std::string client_address;  // the peer, or what a trusted proxy says
  std::string id;              // the client's own x-request-id if it is sane, else generated
  int http_minor = 1;
  std::string route;  // the pattern that matched; empty if none. Bounded, so fit for a label
  std::vector<std::pair<std::string, std::string>> path_parameters;  // percent-decoded
  TimeNs received_ns = 0;                                            // when its head was complete

  // The value of a {name} in the route's pattern; empty if there is none.
  std::string_view path_parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;  // content-length, date, connection and x-request-id are the session's
  std::string body;
};

// "Not Found" and the like; "Unknown" for a number without a name.
std::string_view reason_phrase(int status);

// Undoes %XX (and '+' as a space when asked, as in queries). Nothing on a malformed escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// name=value pairs of a query, decoded, in order; malformed escapes stay as they were sent.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace sluice::http
