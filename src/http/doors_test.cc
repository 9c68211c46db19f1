#include "http/doors.h"

#include <gtest/gtest.h>

#include "http/gzip.h"
#include "http/router.h"

namespace sluice::http {
namespace {

Doors make_doors(std::vector<std::string> hosts = {}, std::vector<std::string> origins = {}) {
  Doors::Options options;
  options.loopback_bind = true;
  options.allowed_hosts = std::move(hosts);
  options.cors_origins = std::move(origins);
  for (const char* proxy : {"127.0.0.0/8", "::1", "10.1.0.0/16"}) {
    options.trusted_proxies.push_back(parse_network(proxy).value());
  }
  return Doors(std::move(options));
}

bool passes(const Doors& doors, std::string_view host, std::string_view origin = {}) {
  Request request;
  request.headers.set("host", host);
  if (!origin.empty()) request.headers.set("origin", origin);
  return doors.check(request, false).has_value();
}

TEST(Doors, ALoopbackServerAnswersOnlyToItsOwnNames) {
  const Doors doors = make_doors({"box.lan"});
  for (const char* host : {"localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:1", "127.9.9.9",
                           "[::1]:80", "[::1]", "box.lan:9"}) {
    EXPECT_TRUE(passes(doors, host)) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
                           "128.0.0.1", "", "[::2]", "0.0.0.0"}) {
    EXPECT_FALSE(passes(doors, host)) << host;
  }
}

TEST(Doors, APageOfAnotherOriginIsRefused) {
  const Doors doors = make_doors({}, {"https://app.example"});
  EXPECT_TRUE(passes(doors, "localhost:80", "http://localhost:80"));
  EXPECT_TRUE(passes(doors, "localhost:80", "https://app.example"));
  for (const char* origin : {"http://localhost:81", "http://evil.example", "null", "localhost:80",
                             "file://localhost:80", "https://app.example.evil"}) {
    EXPECT_FALSE(passes(doors, "localhost:80", origin)) << origin;
  }
}

TEST(Doors, TheClientIsTheRightmostUntrustedEntry) {
  const Doors doors = make_doors();
  EXPECT_EQ(doors.client_address("8.8.8.8", {{"X-Forwarded-For", "1.1.1.1"}}), "8.8.8.8");
  EXPECT_EQ(doors.client_address("127.0.0.1", {{"X-Forwarded-For", "6.6.6.6, 1.1.1.1, 10.1.2.3"}}),
            "1.1.1.1");
  EXPECT_EQ(doors.client_address(
                "", {{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "[2001:DB8::1]:443"}}),
            "2001:db8::1");
  EXPECT_EQ(doors.client_address("::1", {{"X-Real-IP", "::ffff:9.9.9.9"}}), "9.9.9.9");
  EXPECT_EQ(doors.client_address("::1", {{"X-Forwarded-For", "10.1.0.1"}, {"X-Real-IP", "x"}}),
            "::1");
  EXPECT_EQ(doors.client_address("::1", {{"X-Forwarded-For", "5.5.5.5, garbage"}}), "::1");
}

TEST(Doors, NetworksAreReadStrictly) {
  for (const char* text : {"", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/x", "::1/129", "a/8"}) {
    EXPECT_FALSE(parse_network(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_network("0.0.0.0/0").has_value());
}

TEST(Router, LiteralSegmentsWinAndTheRestTakesSlashes) {
  Router router;
  const Handler handler = [](Exchange&) -> Awaitable<void> { co_return; };
  router.add("GET", "/v1/models/{id*}", handler);
  router.add("GET", "/v1/models/list", handler);
  router.add("POST", "/v1/models/{id}/load", handler);
  const auto match = [&](std::string method, std::string_view path) {
    Request request;
    request.method = std::move(method);
    const Router::Match found = router.match(request, path);
    return request.route + "|" + std::string(request.path_parameter("id")) + "|" + found.allow +
           (found.handler ? "+" : "-");
  };
  EXPECT_EQ(match("GET", "/v1/models/list"), "/v1/models/list||+");
  EXPECT_EQ(match("HEAD", "/v1/models/a/b%20c"), "/v1/models/{id*}|a/b c|+");
  EXPECT_EQ(match("POST", "/v1/models/a%2Fb/load"), "/v1/models/{id}/load|a/b|+");
  EXPECT_EQ(match("PUT", "/v1/models/list"), "/v1/models/list||GET, HEAD-");
  EXPECT_EQ(match("GET", "/v1/models/"), "||-");
  EXPECT_EQ(match("GET", "/v2"), "||-");
}

TEST(Message, QueriesAreDecoded) {
  const auto pairs = parse_query("a=1+2&b=%e4%BD%A0&c&&=d&e=%zz");
  ASSERT_EQ(pairs.size(), 5u);
  EXPECT_EQ(pairs[0].second, "1 2");
  EXPECT_EQ(pairs[1].second, "你");
  EXPECT_EQ(pairs[2].first, "c");
  EXPECT_EQ(pairs[4].second, "%zz");
}

TEST(Gzip, IsUsedOnlyWhenAskedFor) {
  EXPECT_TRUE(accepts_gzip({{"accept-encoding", "br, gzip;q=0.5"}}));
  EXPECT_TRUE(accepts_gzip({{"accept-encoding", "*"}}));
  EXPECT_FALSE(accepts_gzip({{"accept-encoding", "gzip;q=0, *"}}));
  EXPECT_FALSE(accepts_gzip({{"accept-encoding", "br"}}));
  EXPECT_FALSE(accepts_gzip({}));
}

}  // namespace
}  // namespace sluice::http
