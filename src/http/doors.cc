#include "http/doors.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sluice::http {
namespace {

using AddressBytes = std::array<unsigned char, 16>;

constexpr AddressBytes kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

std::optional<AddressBytes> parse_address(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (std::strlen(buffer) != text.size()) return std::nullopt;
  AddressBytes bytes = kMappedPrefix;
  if (inet_pton(AF_INET, buffer, bytes.data() + 12) == 1) return bytes;
  if (inet_pton(AF_INET6, buffer, bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_mapped(const AddressBytes& bytes) {
  return std::equal(bytes.begin(), bytes.begin() + 12, kMappedPrefix.begin());
}

bool contains(const Network& network, const AddressBytes& address) {
  const int whole = network.bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, network.prefix.begin())) return false;
  const int rest = network.bits % 8;
  if (rest == 0) return true;
  const int mask = 0xFF << (8 - rest) & 0xFF;
  const auto at = static_cast<size_t>(whole);
  return (address[at] & mask) == (network.prefix[at] & mask);
}

// "host:port", "[v6]:port", a bare host or a bare IPv6 address, without the port and brackets.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    return close == std::string_view::npos ? text : text.substr(1, close - 1);
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    return text;
  }
  return text.substr(0, colon);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_loopback(const AddressBytes& bytes) {
  if (is_mapped(bytes)) return bytes[12] == 127;
  AddressBytes one{};
  one[15] = 1;
  return bytes == one;
}

}  // namespace

Result<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  const auto invalid = [&] {
    return fail(Code::kInvalidArgument, std::string(text), "not an address or network",
                "write 10.0.0.1, 10.0.0.0/8, ::1 or fd00::/8");
  };
  if (!address) return invalid();
  Network network{*address, 128};
  if (slash == std::string_view::npos) return network;
  const std::string_view bits = text.substr(slash + 1);
  int value = 0;
  const auto parsed = std::from_chars(bits.data(), bits.data() + bits.size(), value);
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  if (bits.empty() || parsed.ec != std::errc() || parsed.ptr != bits.data() + bits.size() ||
      value < 0 || value > (v4 ? 32 : 128)) {
    return invalid();
  }
  network.bits = v4 ? kMappedBits + value : value;
  return network;
}

std::optional<std::string> canonical_address(std::string_view text) {
  const auto bytes = parse_address(without_port(trim(text)));
  if (!bytes) return std::nullopt;
  char buffer[INET6_ADDRSTRLEN];
  if (is_mapped(*bytes)) {
    inet_ntop(AF_INET, bytes->data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes->data(), buffer, sizeof buffer);
  }
  return std::string(buffer);
}

Doors::Doors(Options options) : options_(std::move(options)) {}

bool Doors::trusted(std::string_view address) const {
  if (address.empty()) return true;
  const auto bytes = parse_address(address);
  return bytes && std::any_of(options_.trusted_proxies.begin(), options_.trusted_proxies.end(),
                              [&](const Network& network) { return contains(network, *bytes); });
}

std::string Doors::client_address(std::string_view peer, const Headers& headers) const {
  if (!trusted(peer)) return std::string(peer);
  std::string forwarded;
  for (const auto& [name, value] : headers) {
    if (equal_ignoring_case(name, "x-forwarded-for")) {
      if (!forwarded.empty()) forwarded += ',';
      forwarded += value;
    }
  }
  std::string_view rest = forwarded;
  while (!rest.empty()) {
    const size_t comma = rest.rfind(',');
    const std::string_view item = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
    auto address = canonical_address(item);
    // What is left of an entry that no proxy could have written is the client's own invention.
    if (!address) break;
    if (!trusted(*address)) return std::move(*address);
  }
  if (const auto real = headers.get("x-real-ip")) {
    if (auto address = canonical_address(*real)) return std::move(*address);
  }
  return std::string(peer);
}

bool Doors::allowed_host(std::string_view host) const {
  std::string_view name = without_port(host);
  if (name.ends_with('.')) name.remove_suffix(1);
  if (equal_ignoring_case(name, "localhost")) return true;
  if (const auto address = parse_address(name); address && is_loopback(*address)) return true;
  return std::any_of(options_.allowed_hosts.begin(), options_.allowed_hosts.end(),
                     [&](const std::string& allowed) {
                       return allowed == "*" || equal_ignoring_case(allowed, name);
                     });
}

bool Doors::allowed_origin(std::string_view origin) const {
  return std::any_of(options_.cors_origins.begin(), options_.cors_origins.end(),
                     [&](const std::string& allowed) {
                       return allowed == "*" || equal_ignoring_case(allowed, origin);
                     });
}

Status Doors::check(const Request& request, bool unix_peer) const {
  const auto host = request.headers.get("host");
  // An HTTP/1.0 client without Host is no browser.
  if (options_.loopback_bind && !unix_peer && host && !allowed_host(*host)) {
    return fail(Code::kForbidden, "Host", "the name does not belong to this server",
                "use localhost or 127.0.0.1, or start the server with --allowed-hosts");
  }
  const auto origin = request.headers.get("origin");
  if (!origin || allowed_origin(*origin)) return {};
  const size_t scheme = origin->find("://");
  if (scheme != std::string_view::npos && host && !host->empty() &&
      equal_ignoring_case(origin->substr(scheme + 3), *host) &&
      (origin->starts_with("http://") || origin->starts_with("https://"))) {
    return {};
  }
  return fail(Code::kForbidden, "Origin", "pages of this origin may not use this server",
              "start the server with --cors-origin to allow it");
}

bool Doors::is_preflight(const Request& request) {
  return request.method == "OPTIONS" && request.headers.has("origin") &&
         request.headers.has("access-control-request-method");
}

Response Doors::preflight_response(const Request& request) {
  Response response;
  response.status = 204;
  response.headers.set("access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
  response.headers.set(
      "access-control-allow-headers",
      request.headers.get("access-control-request-headers").value_or("content-type"));
  response.headers.set("access-control-max-age", "600");
  return response;
}

void Doors::add_cors_headers(const Request& request, std::string& head) const {
  if (options_.cors_origins.empty()) return;
  // A cache must not hand one origin's answer to another.
  head += "vary: Origin\r\n";
  const auto origin = request.headers.get("origin");
  if (!origin || !allowed_origin(*origin)) return;
  head += "access-control-allow-origin: ";
  head += *origin;
  head += "\r\naccess-control-expose-headers: x-request-id, retry-after\r\n";
}

}  // namespace sluice::http
