#include "http/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "http/io_loop.h"
#include "http/server_core.h"

namespace sluice::http {
namespace asio = boost::asio;
namespace {

// After an error some of the request may be unread; closing then would reset the connection and
// could take the answer with it, so the rest is read and dropped for a while (RFC 9112, 9.6).
constexpr int kLingerMs = 2000;
constexpr size_t kLingerBytesMax = size_t{32} << 20;
// Pipelined requests that are answered without waiting, before other sessions get their turn.
constexpr int kRequestsPerTurn = 16;
constexpr size_t kOutputBytesKept = size_t{16} << 10;
constexpr size_t kRequestIdBytesMax = 128;

bool sane_request_id(std::string_view id) {
  if (id.empty() || id.size() > kRequestIdBytesMax) return false;
  for (const char c : id) {
    const bool sane = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '_' || c == '-';
    if (!sane) return false;
  }
  return true;
}

bool is_health_path(std::string_view path) {
  return path == "/health" || path == "/healthz" || path == "/livez" || path == "/metrics";
}

Code code_for(int status) {
  switch (status) {
    case 408: return Code::kDeadline;
    case 413:
    case 431: return Code::kTooLarge;
    case 415:
    case 417:
    case 501:
    case 505: return Code::kUnsupported;
    default: return Code::kInvalidArgument;
  }
}

}  // namespace

Session::Session(ServerCore& core, IoLoop& loop, Socket socket, std::string peer_address,
                 bool reserved)
    : core_(core),
      loop_(loop),
      socket_(std::move(socket)),
      peer_address_(std::move(peer_address)),
      reserved_(reserved),
      parser_({.header_bytes = core.options().max_header_bytes,
               .header_lines = core.options().max_header_lines,
               .body_bytes = core.options().max_body_bytes}) {
  loop_.add(this);
}

Session::~Session() {
  loop_.remove(this);
  core_.release(loop_);
}

void Session::start(std::shared_ptr<Session> session) {
  const auto executor = session->socket_.get_executor();
  asio::co_spawn(
      executor,
      [](std::shared_ptr<Session> self) -> Awaitable<void> {
        boost::system::error_code error;
        self->socket_.non_blocking(true, error);
        if (!error) co_await self->serve();
        self->close();
      }(std::move(session)),
      asio::detached);
}

Awaitable<void> Session::serve() {
  while (co_await read_head()) {
    co_await answer_one();
    if (!keep_alive_ || write_failed_ || input_reset_ || shut_) break;
    if (++requests_without_wait_ >= kRequestsPerTurn) {
      requests_without_wait_ = 0;
      co_await yield();
    }
  }
  if (must_linger_) co_await linger();
}

Awaitable<bool> Session::read_head() {
  using State = RequestParser::State;
  bool in_head = false;
  idle_ = true;
  set_deadline(core_.options().keep_alive_timeout_ms);
  while (true) {
    input_.consume(parser_.feed(input_.view()));
    if (parser_.state() != State::kHead) break;
    if (parser_.head_begun() && !in_head) {
      in_head = true;
      idle_ = false;
      set_deadline(core_.options().header_timeout_ms);
    }
    if (timed_out_ && in_head) {
      identify_request();
      co_await refuse(408, Error{Code::kDeadline, {}, "the request's head took too long", {}});
      co_return false;
    }
    if (gone() || timed_out_ || (loop_.draining() && !in_head)) co_return false;
    co_await wait_input();
  }
  idle_ = false;
  clear_deadline();
  keep_alive_ = parser_.keep_alive() && !loop_.draining() && !reserved_;
  identify_request();
  if (parser_.state() == State::kFailed) {
    co_await refuse_unparsed();
    co_return false;
  }
  co_return true;
}

void Session::identify_request() {
  Request& request = parser_.request();
  request.received_ns = loop_.now_ns();
  request.peer_address = peer_address_;
  request.client_address = core_.doors().client_address(peer_address_, request.headers);
  const auto id = request.headers.get("x-request-id");
  request.id = id && sane_request_id(*id) ? std::string(*id) : loop_.make_request_id();
}

Awaitable<void> Session::answer_one() {
  Request& request = parser_.request();
  if (Status allowed = core_.doors().check(request, peer_address_.empty()); !allowed) {
    co_return co_await refuse(403, std::move(allowed).error());
  }
  if (reserved_ && !is_health_path(request.path)) {
    core_.refused_connections.fetch_add(1, std::memory_order_relaxed);
    co_return co_await refuse(
        503,
        Error{Code::kOverloaded, {}, "too many connections", "retry later, or reuse connections"});
  }
  static const Handler preflight = [](Exchange& exchange) -> Awaitable<void> {
    co_await exchange.respond(Doors::preflight_response(exchange.request()));
  };
  Router::Match match{&preflight, {}};
  if (!Doors::is_preflight(request)) match = core_.router().match(request, parser_.raw_path());
  if (!match.handler) {
    if (match.allow.empty()) {
      co_return co_await refuse(404, Error{Code::kNotFound, {}, "no such path", {}});
    }
    co_return co_await refuse(405,
                              Error{Code::kInvalidArgument,
                                    {},
                                    "the path does not take " + request.method,
                                    "use " + match.allow},
                              match.allow);
  }
  if (!co_await read_body()) co_return;
  Exchange exchange(*this, parser_.take_request());
  co_await run_handler(*match.handler, exchange);
}

Awaitable<bool> Session::read_body() {
  using State = RequestParser::State;
  parser_.start_body();
  if (parser_.state() == State::kBody) {
    if (parser_.expects_continue() && input_.empty()) {
      output_ += "HTTP/1.1 100 Continue\r\n\r\n";
      if (!try_flush()) co_await flush_rest();
    }
    set_deadline(core_.options().body_timeout_ms);
    while (true) {
      input_.consume(parser_.feed(input_.view()));
      if (parser_.state() != State::kBody || gone() || timed_out_) break;
      co_await wait_input();
    }
    clear_deadline();
  }
  if (parser_.state() == State::kComplete) co_return true;
  keep_alive_ = false;
  if (parser_.state() == State::kFailed) {
    co_await refuse_unparsed();
  } else if (timed_out_) {
    co_await refuse(408, Error{Code::kDeadline, {}, "the request's body took too long", {}});
  }
  co_return false;
}

Awaitable<void> Session::run_handler(const Handler& handler, Exchange& exchange) {
  exchange_ = &exchange;
  pump_read();
  std::string thrown;
  try {
    co_await handler(exchange);
  } catch (const std::exception& error) {
    thrown = error.what();
    if (thrown.empty()) thrown = "exception";
  } catch (...) {
    thrown = "exception of unknown type";
  }
  exchange_ = nullptr;
  exchange.on_disconnect_ = nullptr;
  if (!thrown.empty()) log_error("handler of " + exchange.request().route + ": " + thrown);
  if (!exchange.started() && !gone()) {
    co_await exchange.respond(core_.router().write_error(
        exchange.request(), Error{Code::kInternal, {}, "the server failed to answer", {}}, 500));
  }
  const bool aborted = !exchange.finished();
  if (aborted) {
    keep_alive_ = false;
    // Without chunks a plain close would look like the end of the answer.
    if (exchange.started() && !exchange.chunked_) reset();
  }
  report(exchange, aborted);
}

Awaitable<void> Session::refuse_unparsed() {
  const int status = parser_.failed_status();
  co_await refuse(status, Error{code_for(status), {}, parser_.failure(), {}});
}

Awaitable<void> Session::refuse(int status, Error error, std::string allow) {
  using State = RequestParser::State;
  // What of the request is still to come would be taken for the next one.
  const bool unread = parser_.state() != State::kComplete &&
                      !(parser_.state() == State::kHeadDone && !parser_.has_body());
  if (unread) {
    keep_alive_ = false;
    must_linger_ = true;
  }
  clear_deadline();
  Exchange exchange(*this, parser_.take_request());
  Response response = core_.router().write_error(exchange.request(), error, status);
  if (!allow.empty()) response.headers.set("allow", allow);
  co_await exchange.respond(std::move(response));
  report(exchange, !exchange.finished());
}

void Session::report(const Exchange& exchange, bool aborted) {
  if (!core_.observer()) return;
  // 499 as in nginx's log: the client left before there was a status.
  const int status = exchange.status_sent() > 0 ? exchange.status_sent() : 499;
  core_.observer()->on_response(exchange.request(), status, exchange.headers_sent_ns(),
                                loop_.now_ns(), exchange.bytes_sent(), aborted);
}

Awaitable<void> Session::linger() {
  if (gone()) co_return;
  boost::system::error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  set_deadline(kLingerMs);
  for (size_t dropped = 0; dropped < kLingerBytesMax && !gone() && !timed_out_;) {
    dropped += input_.size();
    input_.consume(input_.size());
    co_await wait_input();
  }
  clear_deadline();
}

Awaitable<void> Session::yield() { return asio::post(socket_.get_executor(), asio::use_awaitable); }

void Session::set_deadline(int timeout_ms) {
  timed_out_ = false;
  loop_.wheel().set(*this, loop_.now_ns() + timeout_ms * kNsPerMs);
}

void Session::clear_deadline() { DeadlineWheel::clear(*this); }

void Session::on_deadline() {
  const auto self = shared_from_this();
  if (writing_) {
    stalled_ = true;
    write_failed_ = true;
    reset();
    if (exchange_) exchange_->notify_disconnect();
  } else {
    timed_out_ = true;
    wake();
  }
}

void Session::drain() {
  if (idle_) wake();
}

void Session::shut() {
  if (shut_) return;
  const auto self = shared_from_this();
  shut_ = true;
  close();
  if (exchange_) exchange_->notify_disconnect();
  wake();
}

void Session::abandon() {
  const auto self = weak_from_this().lock();
  waiter_ = nullptr;
}

Awaitable<void> Session::wait_input() {
  pump_read();
  if (gone() || timed_out_) co_return;
  requests_without_wait_ = 0;
  asio::use_awaitable_t<> token;
  co_await asio::async_initiate<asio::use_awaitable_t<>, void()>(
      [this](auto handler) {
        waiter_ = [resume = std::move(handler)]() mutable { std::move(resume)(); };
      },
      token);
}

void Session::wake() {
  if (!waiter_) return;
  auto waiter = std::exchange(waiter_, nullptr);
  waiter();
}

void Session::pump_read() {
  if (reading_ || gone()) return;
  const ServerOptions& options = core_.options();
  // Between requests the parser takes everything but an unfinished line, which max_header_bytes
  // bounds; behind a running handler the next requests wait, up to max_pipelined_bytes.
  const size_t limit = exchange_
                           ? options.max_pipelined_bytes
                           : std::max(options.max_pipelined_bytes, options.max_header_bytes) + 4096;
  if (input_.size() >= limit) return;
  const std::span<char> room = input_.prepare(limit - input_.size(), read_filled_);
  reading_ = true;
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this(), size = room.size()](
                              boost::system::error_code error, size_t count) {
                            self->read_filled_ = count == size;
                            self->on_read(error, count);
                          });
}

void Session::on_read(boost::system::error_code error, size_t count) {
  reading_ = false;
  if (error) {
    input_ended_ = true;
    input_reset_ = error != asio::error::eof;
    if (exchange_) exchange_->notify_disconnect();
  } else {
    input_.commit(count);
    // Whoever is not waiting is running: read on, to notice the end.
    if (exchange_) pump_read();
  }
  wake();
}

bool Session::try_flush() {
  boost::system::error_code error;
  while (output_sent_ < output_.size() && !write_failed_ && !shut_) {
    const size_t count = socket_.write_some(
        asio::buffer(output_.data() + output_sent_, output_.size() - output_sent_), error);
    if (error == asio::error::would_block) return false;
    if (error) write_failed_ = true;
    output_sent_ += count;
  }
  output_.clear();
  output_sent_ = 0;
  if (output_.capacity() > kOutputBytesKept) output_.shrink_to_fit();
  return true;
}

Awaitable<void> Session::flush_rest() {
  writing_ = true;
  while (!try_flush()) {
    // A client that reads, however slowly, gets its time anew.
    set_deadline(core_.options().stalled_writer_timeout_ms);
    const auto [error] =
        co_await socket_.async_wait(Socket::wait_write, asio::as_tuple(asio::use_awaitable));
    if (error) write_failed_ = true;
  }
  clear_deadline();
  writing_ = false;
}

Status Session::write_error() const {
  if (stalled_) return fail(Code::kDeadline, {}, "the client stopped reading");
  return fail(Code::kCancelled, {}, "the client has gone");
}

void Session::close() {
  boost::system::error_code error;
  socket_.shutdown(asio::socket_base::shutdown_both, error);
  socket_.close(error);
}

void Session::reset() {
  boost::system::error_code error;
  socket_.set_option(asio::socket_base::linger(true, 0), error);
  socket_.close(error);
}

}  // namespace sluice::http
