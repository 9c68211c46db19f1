// The checks at the door that need nothing but the head of a request: who it is from, and that no
// web page is driving the server behind its user's back (cross-origin posts, DNS rebinding).
// Immutable after parsing; any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/message.h"

namespace sluice::http {

// "127.0.0.1" or "10.0.0.0/8", IPv4 or IPv6.
struct Network {
  std::array<unsigned char, 16> prefix{};  // IPv4 as ::ffff:a.b.c.d
  int bits = 128;
};

// kInvalidArgument for what is neither an address nor a network.
Result<Network> parse_network(std::string_view text);

// The canonical text of an address, IPv4-mapped IPv6 as IPv4; a port and brackets are dropped.
// Nothing if it is no address.
std::optional<std::string> canonical_address(std::string_view text);

class Doors {
 public:
  struct Options {
    bool loopback_bind = false;
    std::vector<std::string> allowed_hosts;
    std::vector<std::string> cors_origins;
    std::vector<Network> trusted_proxies;
  };
  explicit Doors(Options options);

  // The rightmost untrusted entry of X-Forwarded-For, else X-Real-IP, else the peer; the headers
  // count only if the peer is trusted. An empty peer is a unix socket, which is.
  std::string client_address(std::string_view peer, const Headers& headers) const;

  // kForbidden when Host does not name this server (loopback only; `unix_peer` skips it) or Origin
  // is neither the server's own nor allowed.
  Status check(const Request& request, bool unix_peer) const;

  // Whether the request is a CORS preflight; check() comes first.
  static bool is_preflight(const Request& request);
  // 204 with what an allowed origin may do; `allow` is the list of methods.
  static Response preflight_response(const Request& request);
  // Adds Access-Control-Allow-Origin where the request's origin is allowed.
  void add_cors_headers(const Request& request, std::string& head) const;

 private:
  bool trusted(std::string_view address) const;
  bool allowed_origin(std::string_view origin) const;
  bool allowed_host(std::string_view host) const;

  Options options_;
};

}  // namespace sluice::http
