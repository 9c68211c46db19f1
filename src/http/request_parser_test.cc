#include "http/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using State = RequestParser::State;

// Feeds a whole text `step` bytes at a time, as a session would.
void feed_all(RequestParser& parser, std::string_view text, size_t step = 1 << 20) {
  std::string pending;
  while (true) {
    if (parser.state() == State::kHeadDone) parser.start_body();
    pending.erase(0, parser.feed(pending));
    if (parser.state() == State::kHeadDone) continue;
    if (parser.state() == State::kComplete || parser.state() == State::kFailed) return;
    if (text.empty()) return;
    pending += text.substr(0, step);
    text.remove_prefix(std::min(step, text.size()));
  }
}

int status_of(std::string_view text, ParserLimits limits = {}) {
  RequestParser parser(limits);
  feed_all(parser, text);
  if (parser.state() == State::kComplete) return 200;
  return parser.state() == State::kFailed ? parser.failed_status() : 0;
}

std::string with(std::string_view line) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
}

TEST(RequestParser, ReadsTheSameWhateverTheBytesAreCutInto) {
  const std::string text =
      "POST /v1/a%20b?x=%31&y HTTP/1.1\r\nHost: example:80\r\nTransfer-Encoding: chunked\r\n"
      "X-Empty:\r\nX-Padded: \t v \t\r\n\r\n5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: "
      "t\r\n\r\n";
  for (const size_t step : {1, 2, 3, 7, 1000}) {
    RequestParser parser({});
    feed_all(parser, text, step);
    ASSERT_EQ(parser.state(), State::kComplete) << parser.failure() << " step " << step;
    const Request request = parser.take_request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/a b");
    EXPECT_EQ(request.query, "x=%31&y");
    EXPECT_EQ(request.body, "hello0123456789");
    EXPECT_EQ(request.headers.get("x-padded"), "v");
    EXPECT_EQ(request.headers.get("X-EMPTY"), "");
    EXPECT_FALSE(request.headers.has("trailer"));
  }
}

TEST(RequestParser, RefusesWhatTwoParsersCouldReadDifferently) {
  for (const char* line :
       {"Content-Length: 1\r\nContent-Length: 1", "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1, 1", "Content-Length: +1", "Content-Length: -1", "Content-Length: 0x1",
        "Content-Length:", "Content-Length: 1\r\nTransfer-Encoding: chunked", "Host: b",
        "X: a\r\n folded", " leading: 1", "X : 1", ": 1", "no colon", "X: a\rb", "X: a\nY: b",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"}) {
    EXPECT_EQ(status_of(with(line)), 400) << line;
  }
  EXPECT_EQ(status_of(with(std::string_view("X: a\0b", 6))), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestParser, RefusesMalformedRequestLines) {
  for (const char* line : {"GET /", "GET", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "G(T / HTTP/1.1",
                           "GET / http/1.1", "GET / HTTP/1.10", "GET x HTTP/1.1", "GET * HTTP/1.1",
                           "GET /%zz HTTP/1.1", "GET /\x01 HTTP/1.1", "GET http:// HTTP/1.1",
                           "GET http://a@b/ HTTP/1.1", " GET / HTTP/1.1"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
  EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
}

TEST(RequestParser, TakesTheHostOfAnAbsoluteTarget) {
  RequestParser parser({});
  feed_all(parser, "GET http://b:8/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(parser.state(), State::kComplete);
  EXPECT_EQ(parser.request().headers.get("host"), "b:8");
  EXPECT_EQ(parser.request().path, "/p");
}

TEST(RequestParser, NamesWhatItLacks) {
  EXPECT_EQ(status_of(with("Transfer-Encoding: gzip, chunked")), 501);
  EXPECT_EQ(status_of(with("Content-Encoding: gzip")), 415);
  EXPECT_EQ(status_of(with("Content-Encoding: identity")), 200);
  EXPECT_EQ(status_of(with("Expect: cake")), 417);
}

TEST(RequestParser, RefusesBadChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* body : {"x\r\n", "\r\n", "-1\r\n", "0x1\r\na\r\n", "1\r\nab\r\n", "1 x\r\n",
                           "FFFFFFFFFFFFFFFFF\r\n", "1\na\n", "0\r\n folded\r\n\r\n"}) {
    EXPECT_EQ(status_of(head + body), 400) << body;
  }
  EXPECT_EQ(status_of(head + "1;" + std::string(1100, 'x')), 400);
  EXPECT_EQ(status_of(head + "FFFFFFFFFFFFFFFF\r\n"), 413);
}

TEST(RequestParser, SmallChunksDoNotCountAsHeaders) {
  const ParserLimits limits{.header_bytes = 200};
  std::string text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 1000; ++i) text += "1\r\nx\r\n";
  EXPECT_EQ(status_of(text + "0\r\n\r\n", limits), 200);
  EXPECT_EQ(status_of(text + "0\r\nX: " + std::string(200, 'y') + "\r\n\r\n", limits), 431);
}

TEST(RequestParser, HoldsTheBodyLimitAtTheEdge) {
  const ParserLimits limits{.body_bytes = 10};
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(status_of(head + "Content-Length: 10\r\n\r\n0123456789", limits), 200);
  EXPECT_EQ(status_of(head + "Content-Length: 11\r\n\r\n", limits), 413);
  EXPECT_EQ(status_of(head + "Content-Length: 99999999999999999999999\r\n\r\n", limits), 413);
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n";
  EXPECT_EQ(status_of(chunked + "5\r\n56789\r\n0\r\n\r\n", limits), 200);
  EXPECT_EQ(status_of(chunked + "6\r\n", limits), 413);
}

TEST(RequestParser, HoldsTheHeaderLimitsAtTheEdge) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
  EXPECT_EQ(status_of(request, {.header_bytes = request.size()}), 200);
  EXPECT_EQ(status_of(request, {.header_bytes = request.size() - 1}), 431);
  EXPECT_EQ(status_of(request, {.header_lines = 2}), 200);
  EXPECT_EQ(status_of(request, {.header_lines = 1}), 431);
  // Without a line end in sight it must not wait for more.
  EXPECT_EQ(status_of(std::string(101, 'a'), {.header_bytes = 100}), 431);
  EXPECT_EQ(status_of(std::string(100, 'a'), {.header_bytes = 100}), 0);
}

TEST(RequestParser, ServesPipelinedRequestsInOrder) {
  RequestParser parser({});
  std::string text =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n"
      "Connection: close\r\n\r\n";
  std::string paths;
  while (!text.empty()) {
    text.erase(0, parser.feed(text));
    if (parser.state() == State::kHeadDone) parser.start_body();
    text.erase(0, parser.feed(text));
    ASSERT_EQ(parser.state(), State::kComplete);
    paths += parser.request().path + parser.request().body + (parser.keep_alive() ? "+" : "-");
    parser.take_request();
  }
  EXPECT_EQ(paths, "/1abc+/2-");
}

}  // namespace
}  // namespace sluice::http
