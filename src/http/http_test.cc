#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <thread>

#include "base/mutex.h"
#include "http/server.h"
#include "http/sse.h"
#include "http/test_client.h"

namespace sluice::http {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Counts what the handlers and the observer saw; tests wait on it.
class Ledger final : public Observer {
 public:
  void on_response(const Request& request, int status, TimeNs, TimeNs, size_t,
                   bool aborted) override {
    note("response " + std::to_string(status) + (aborted ? " aborted " : " ") + request.path);
  }
  void note(std::string line) {
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  bool wait_for(std::string_view line) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    MutexLock lock(mutex_);
    while (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) {
      if (!changed_.wait_for(mutex_, end - std::chrono::steady_clock::now())) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

Awaitable<void> hold_until_gone(Exchange& exchange, Ledger& ledger) {
  boost::asio::steady_timer timer(exchange.executor(),
                                  std::chrono::steady_clock::time_point::max());
  exchange.on_disconnect([&] {
    ledger.note("gone " + exchange.request().path);
    timer.cancel();
  });
  ledger.note("holding " + exchange.request().path);
  boost::system::error_code error;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
  ledger.note("cancelled " + exchange.request().path);
}

class HttpServer : public testing::Test {
 protected:
  void TearDown() override {
    server_.reset();  // before the ledger that its handlers use
  }

  uint16_t start(ServerOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<Server>(options, make_router(), &ledger_);
    const Status bound = server_->listen();
    EXPECT_TRUE(bound.has_value());
    server_->start();
    return server_->port();
  }

  Router make_router() {
    Router router;
    router.add("GET", "/health", [](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.respond({200, {{"content-type", "text/plain"}}, "OK"});
    });
    router.add("POST", "/echo", [](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.respond({200, {}, exchange.request().body});
    });
    router.add("GET", "/peer", [](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.respond({200, {}, exchange.request().client_address});
    });
    router.add("GET", "/events", [](Exchange& exchange) -> Awaitable<void> {
      SseWriter writer(exchange);
      co_await writer.start();
      co_await writer.event("one", "named", "7", 30);
      co_await writer.event("two\nlines");
      co_await writer.comment("ping");
      co_await writer.finish();
    });
    router.add("GET", "/abandoned", [](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.start(200, {});
      co_await exchange.write("half");
    });
    router.add("GET", "/throws", [](Exchange&) -> Awaitable<void> {
      throw std::runtime_error("on purpose");
      co_return;
    });
    router.add("GET", "/nothing", [](Exchange&) -> Awaitable<void> { co_return; });
    router.add("GET", "/hold", [this](Exchange& exchange) -> Awaitable<void> {
      co_await hold_until_gone(exchange, ledger_);
    });
    router.add("GET", "/hold-stream", [this](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.start(200, {});
      co_await exchange.write("first");
      co_await hold_until_gone(exchange, ledger_);
      const Status status = co_await exchange.write("late");
      ledger_.note(status ? "late write taken" : "late write refused");
    });
    router.add("GET", "/flood", [this](Exchange& exchange) -> Awaitable<void> {
      exchange.on_disconnect([this] { ledger_.note("flood gone"); });
      co_await exchange.start(200, {});
      Status status;
      while (status) status = co_await exchange.write(std::string(1 << 20, 'x'));
      ledger_.note("flood " + std::string(code_name(status.error().code)));
    });
    router.add("GET", "/large", [](Exchange& exchange) -> Awaitable<void> {
      co_await exchange.respond({200, {}, std::string(8 << 20, 'y')});
    });
    return router;
  }

  Ledger ledger_;
  std::unique_ptr<Server> server_;
};

constexpr std::string_view kHealth = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) +
         "\r\n";
}

TEST_F(HttpServer, KeepsTheConnectionAndEchoesASaneRequestId) {
  TestClient client(start());
  EXPECT_THAT(client.exchange(get("/health", "X-Request-Id: my-id.1\r\n")),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("x-request-id: my-id.1\r\n"),
                    HasSubstr("date: "), testing::EndsWith("\r\n\r\nOK")));
  EXPECT_THAT(client.exchange(get("/health", "X-Request-Id: not sane\r\n")),
              AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("not sane"))));
  client.send(get("/health", "Connection: close\r\n"));
  EXPECT_THAT(client.read_all(), HasSubstr("connection: close"));
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestClient client(start());
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string body = std::to_string(i);
    all +=
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(client.read_response(), testing::EndsWith("\r\n\r\n" + std::to_string(i)));
  }
}

TEST_F(HttpServer, AHalfClosedClientStillGetsWholeAnswersButItsHandlersAreTold) {
  const uint16_t port = start();
  TestClient client(port);
  client.send(kHealth);
  client.half_close();
  EXPECT_THAT(client.read_all(), testing::EndsWith("OK"));

  TestClient waiting(port);
  waiting.send(get("/hold"));
  ASSERT_TRUE(ledger_.wait_for("holding /hold"));
  waiting.half_close();
  EXPECT_TRUE(ledger_.wait_for("cancelled /hold"));
  EXPECT_TRUE(ledger_.wait_for("response 499 aborted /hold"));
}

TEST_F(HttpServer, AClosedClientCancelsItsStream) {
  TestClient client(start());
  client.send(get("/hold-stream"));
  EXPECT_THAT(client.read_until("first"), HasSubstr("transfer-encoding: chunked"));
  ASSERT_TRUE(ledger_.wait_for("holding /hold-stream"));
  client.close();
  EXPECT_TRUE(ledger_.wait_for("gone /hold-stream"));
  EXPECT_TRUE(ledger_.wait_for("late write refused"));
}

TEST_F(HttpServer, DecodesChunkedBodiesAndAnswersExpect) {
  TestClient client(start());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_response(), testing::EndsWith("\r\n\r\nabcde"));
}

TEST_F(HttpServer, HoldsTheBodyLimitAtTheEdge) {
  const uint16_t port = start({.max_body_bytes = 1000});
  const auto post = [&](size_t size) {
    TestClient client(port);
    return client.exchange("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                           std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
  };
  EXPECT_THAT(post(1000), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post(1001), AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("connection: close")));
  EXPECT_THAT(post(4 << 20), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServer, RefusesMalformedRequestsAndCloses) {
  const uint16_t port = start();
  for (const auto& [request, status] : std::vector<std::pair<std::string, int>>{
           {"GET / HTTP/1.1\r\n\r\n", 400},
           {get("/health", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
           {get("/health", "X: " + std::string(70000, 'x') + "\r\n"), 431},
           {"nonsense\r\n", 400},
           {get("/echo", "Content-Encoding: zstd\r\n"), 415}}) {
    TestClient client(port);
    client.send(request);
    client.half_close();
    EXPECT_THAT(client.read_all(), AllOf(StartsWith("HTTP/1.1 " + std::to_string(status)),
                                         HasSubstr("connection: close"), HasSubstr("\"error\"")));
  }
}

TEST_F(HttpServer, KnowsItsPathsAndMethods) {
  TestClient client(start());
  EXPECT_THAT(client.exchange(get("/none")), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(client.exchange("DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("allow: GET, HEAD\r\n")));
  client.send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_response(true), HasSubstr("content-length: 2"));
  // No byte of a body may stand before the next answer.
  EXPECT_THAT(client.exchange(kHealth), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, TheDoorsRefuseForeignHostsAndOrigins) {
  TestClient client(start({.cors_origins = {"https://app.example"}}));
  EXPECT_THAT(client.exchange("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(client.exchange(get("/health", "Origin: https://evil.example\r\n")),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(client.exchange(get("/health", "Origin: https://app.example\r\n")),
              AllOf(StartsWith("HTTP/1.1 200"),
                    HasSubstr("access-control-allow-origin: https://app.example")));
  EXPECT_THAT(client.exchange("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                              "https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 204"), HasSubstr("access-control-allow-methods")));
  EXPECT_THAT(client.exchange(get("/peer", "X-Forwarded-For: 9.9.9.9\r\n")),
              testing::EndsWith("9.9.9.9"));
}

TEST_F(HttpServer, FormatsEventStreams) {
  TestClient client(start());
  client.send(get("/events"));
  const std::string answer = client.read_until("0\r\n\r\n");
  EXPECT_THAT(answer, AllOf(HasSubstr("content-type: text/event-stream; charset=utf-8\r\n"),
                            HasSubstr("x-accel-buffering: no\r\n"),
                            HasSubstr("event: named\nid: 7\nretry: 30\ndata: one\n\n"),
                            HasSubstr("data: two\ndata: lines\n\n"), HasSubstr(": ping\n\n")));
  EXPECT_THAT(client.exchange(kHealth), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, AnInterruptedStreamNeverLooksComplete) {
  const uint16_t port = start();
  TestClient chunked(port);
  chunked.send(get("/abandoned"));
  EXPECT_THAT(chunked.read_all(), AllOf(HasSubstr("4\r\nhalf\r\n"), Not(HasSubstr("0\r\n\r\n"))));
  EXPECT_TRUE(ledger_.wait_for("response 200 aborted /abandoned"));
  TestClient old(port);
  old.send("GET /abandoned HTTP/1.0\r\n\r\n");
  old.read_all();
  EXPECT_TRUE(old.was_reset());
}

TEST_F(HttpServer, ServesHttp10) {
  const uint16_t port = start();
  TestClient client(port);
  client.send("GET /events HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_all(), AllOf(HasSubstr("connection: close"), HasSubstr("data: one"),
                                       Not(HasSubstr("chunked"))));
  EXPECT_FALSE(client.was_reset());
  TestClient kept(port);
  const std::string request = "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_THAT(kept.exchange(request), HasSubstr("connection: keep-alive"));
  EXPECT_THAT(kept.exchange(request), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, HandlersThatFailAre500) {
  TestClient client(start());
  EXPECT_THAT(client.exchange(get("/throws")), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(client.exchange(get("/nothing")), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(client.exchange(kHealth), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, SlowHeadsAndBodiesTimeOutAndIdleConnectionsClose) {
  const uint16_t port =
      start({.keep_alive_timeout_ms = 60, .header_timeout_ms = 40, .body_timeout_ms = 40});
  TestClient head(port);
  head.send("GET /health HT");
  EXPECT_THAT(head.read_all(), StartsWith("HTTP/1.1 408"));
  TestClient body(port);
  body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabc");
  EXPECT_THAT(body.read_response(), StartsWith("HTTP/1.1 408"));
  TestClient idle(port);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(idle.timed_out());
}

TEST_F(HttpServer, AReaderThatStallsIsCut) {
  TestClient client(start({.stalled_writer_timeout_ms = 60}), 4096);
  client.send(get("/flood"));
  EXPECT_TRUE(ledger_.wait_for("flood gone"));
  EXPECT_TRUE(ledger_.wait_for("flood deadline_exceeded"));
}

TEST_F(HttpServer, AHandlerThatNeverWaitsDoesNotStarveOthers) {
  const uint16_t port = start();
  TestClient flood(port);
  flood.send("HEAD /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(flood.read_response(true), StartsWith("HTTP/1.1 200"));
  TestClient other(port);
  EXPECT_THAT(other.exchange(kHealth), StartsWith("HTTP/1.1 200"));
  flood.close();
  EXPECT_TRUE(ledger_.wait_for("flood cancelled"));
}

TEST_F(HttpServer, ASlowReaderGetsALargeAnswerWhole) {
  TestClient client(start(), 4096);
  client.send(get("/large"));
  const std::string answer = client.read_response();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, size_t{8} << 20);
  EXPECT_THAT(client.exchange(kHealth), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, LargeBodiesAreCompressedWhenAskedFor) {
  TestClient client(start());
  const std::string answer = client.exchange(get("/large", "Accept-Encoding: gzip\r\n"));
  EXPECT_THAT(answer, HasSubstr("content-encoding: gzip"));
  EXPECT_LT(answer.size(), 100'000u);
  EXPECT_THAT(client.exchange(get("/health", "Accept-Encoding: gzip\r\n")),
              Not(HasSubstr("content-encoding")));
}

TEST_F(HttpServer, PastTheConnectionLimitOnlyHealthIsServed) {
  const uint16_t port = start({.limit_connections = 1, .reserved_connections = 1});
  TestClient first(port);
  EXPECT_THAT(first.exchange(kHealth), StartsWith("HTTP/1.1 200"));
  {
    TestClient second(port);
    EXPECT_THAT(second.exchange(kHealth), StartsWith("HTTP/1.1 200"));
    second.read_all();
  }
  while (server_->open_connections() > 1) std::this_thread::yield();
  TestClient second(port);
  // Held open, so that the next one is past the reserve too.
  second.send("GET /peer HT");
  TestClient third(port);
  EXPECT_THAT(third.read_all(), StartsWith("HTTP/1.1 503"));
  second.send("TP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(first.exchange(get("/peer")), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, AThousandConnectionsOnTwoLoops) {
  const uint16_t port = start({.io_threads = 2});
  std::vector<TestClient> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(port);
    ASSERT_TRUE(clients.back().connected());
    ASSERT_TRUE(clients.back().send(kHealth));
  }
  for (TestClient& client : clients) {
    ASSERT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_EQ(server_->open_connections(), 1000u);
}

TEST_F(HttpServer, DrainFinishesWhatRunsAndClosesWhatIdles) {
  const uint16_t port = start();
  TestClient idle(port);
  idle.exchange(kHealth);
  TestClient busy(port);
  busy.send(get("/hold"));
  ASSERT_TRUE(ledger_.wait_for("holding /hold"));
  server_->drain();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(TestClient(port).connected());
  while (server_->open_connections() > 1) std::this_thread::yield();
  server_->stop();
  server_->join();
  EXPECT_TRUE(ledger_.wait_for("cancelled /hold"));
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(HttpServer, ServesAUnixSocketWhateverTheHostAndReplacesADeadOne) {
  const std::string path = testing::TempDir() + "sluice_http_test_" + std::to_string(::getpid());
  ServerOptions options;
  options.unix_socket = path;
  options.host = "";
  {
    // Bound and closed, as a killed process leaves it.
    TestClient dead(path, TestClient::kBind);
  }
  start(options);
  TestClient client(path);
  EXPECT_THAT(client.exchange("GET /peer HTTP/1.1\r\nHost: any\r\nX-Real-IP: 9.9.9.9\r\n\r\n"),
              testing::EndsWith("\r\n\r\n9.9.9.9"));
  Server second(options, Router(), nullptr);
  EXPECT_EQ(second.listen().error().code, Code::kConflict);
  server_.reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(HttpServer, WhatIsPipelinedBehindAHandlerIsBounded) {
  TestClient client(start({.max_pipelined_bytes = 4096}));
  client.send(get("/hold"));
  ASSERT_TRUE(ledger_.wait_for("holding /hold"));
  // More than the server's and the sockets' buffers hold: the sender must be held back.
  EXPECT_FALSE(client.send(std::string(size_t{64} << 20, 'x'), 200));
  client.close();
}

TEST_F(HttpServer, ATakenPortIsAConflictThatSaysWhatToDo) {
  const uint16_t port = start();
  Server second({.port = port}, Router(), nullptr);
  const Status status = second.listen();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_EQ(status.error().message(),
            "127.0.0.1:" + std::to_string(port) +
                ": address already in use; stop the other process or choose another --port");
  EXPECT_FALSE(Server({.host = "no such host", .port = 0}, Router(), nullptr).listen().has_value());
  EXPECT_FALSE(Server({.host = "203.0.113.1", .port = 0}, Router(), nullptr).listen().has_value());
}

}  // namespace
}  // namespace sluice::http
