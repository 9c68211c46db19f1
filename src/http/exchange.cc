#include "http/exchange.h"

#include <charconv>

#include "http/gzip.h"
#include "http/io_loop.h"
#include "http/server_core.h"
#include "http/session.h"

namespace sluice::http {
namespace {

// Writes that a client's socket may take at once before other sessions get their turn.
constexpr int kWritesPerTurn = 64;

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

void append_number(std::string& out, size_t number, int base) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  out.append(digits, end);
}

// A line end in a value would let its author write headers, or a second response.
void append_value(std::string& out, std::string_view value) {
  const size_t from = out.size();
  out += value;
  for (size_t i = from; i < out.size(); ++i) {
    if (out[i] == '\r' || out[i] == '\n' || out[i] == '\0') out[i] = ' ';
  }
}

bool owned_by_session(std::string_view name) {
  return equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "connection") ||
         equal_ignoring_case(name, "transfer-encoding") || equal_ignoring_case(name, "date") ||
         equal_ignoring_case(name, "x-request-id");
}

}  // namespace

Exchange::Exchange(Session& session, Request request)
    : session_(session), request_(std::move(request)), head_only_(request_.method == "HEAD") {}

bool Exchange::disconnected() const { return session_.gone(); }

void Exchange::on_disconnect(std::function<void()> callback) {
  on_disconnect_ = std::move(callback);
  if (session_.gone()) notify_disconnect();
}

void Exchange::notify_disconnect() {
  if (!on_disconnect_) return;
  const std::function<void()> callback = std::exchange(on_disconnect_, nullptr);
  callback();
}

boost::asio::any_io_executor Exchange::executor() const { return session_.socket_.get_executor(); }

int Exchange::io_index() const { return session_.loop_.index(); }

void Exchange::append_head(int status, const Headers& headers, std::string& out) {
  status_ = status >= 200 && status <= 599 ? status : 500;
  if (headers.has_token("connection", "close")) session_.keep_alive_ = false;
  if (session_.loop_.draining()) session_.keep_alive_ = false;
  out += "HTTP/1.1 ";
  append_number(out, static_cast<size_t>(status_), 10);
  out += ' ';
  out += reason_phrase(status_);
  out += "\r\ndate: ";
  out += session_.loop_.date();
  out += "\r\nx-request-id: ";
  append_value(out, request_.id);
  out += "\r\n";
  session_.core_.doors().add_cors_headers(request_, out);
  for (const auto& [name, value] : headers) {
    if (owned_by_session(name)) continue;
    append_value(out, name);
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  if (!session_.keep_alive_) {
    out += "connection: close\r\n";
  } else if (request_.http_minor == 0 || started_) {
    out += "connection: keep-alive\r\n";
  }
}

Status Exchange::check_sendable() const {
  if (session_.writing_) {
    return fail(Code::kInternal, {}, "a write to this client is already under way");
  }
  if (session_.gone()) return session_.write_error();
  return {};
}

Awaitable<Status> Exchange::send(bool is_head) {
  const size_t bytes = session_.output_.size();
  if (is_head) headers_sent_ns_ = session_.loop_.now_ns();
  Status status;
  if (!session_.try_flush()) co_await session_.flush_rest();
  if (session_.write_failed_ || session_.shut_) {
    status = session_.write_error();
  } else {
    bytes_sent_ += bytes;
  }
  co_return status;
}

Awaitable<Status> Exchange::respond(Response response) {
  if (started_ || session_.writing_) {
    co_return fail(Code::kInternal, {}, "the answer to this request has already begun");
  }
  // A client that only closed its side may still be reading; whoever sends the whole answer gets
  // to try.
  if (session_.write_failed_ || session_.shut_) co_return session_.write_error();
  Headers& headers = response.headers;
  if (response.body.size() > kGzipBytesMin) {
    headers.add("vary", "Accept-Encoding");
    if (!headers.has("content-encoding") && accepts_gzip(request_.headers)) {
      if (auto packed = gzip(response.body)) {
        response.body = std::move(*packed);
        headers.set("content-encoding", "gzip");
      }
    }
  }
  std::string& out = session_.output_;
  append_head(response.status, headers, out);
  started_ = true;
  if (!has_no_body(status_)) {
    out += "content-length: ";
    append_number(out, response.body.size(), 10);
    out += "\r\n";
  }
  out += "\r\n";
  if (!has_no_body(status_) && !head_only_) out += response.body;
  const Status status = co_await send(true);
  finished_ = status.has_value();
  co_return status;
}

Awaitable<Status> Exchange::start(int status, Headers headers) {
  if (started_) {
    co_return fail(Code::kInternal, {}, "the answer to this request has already begun");
  }
  if (const Status sendable = check_sendable(); !sendable) co_return sendable;
  started_ = true;
  chunked_ = request_.http_minor > 0 && !has_no_body(status);
  if (has_no_body(status)) head_only_ = true;
  // Without chunks the end of the connection is the end of the body.
  if (!chunked_ && !head_only_) session_.keep_alive_ = false;
  std::string& out = session_.output_;
  append_head(status, headers, out);
  if (chunked_) out += "transfer-encoding: chunked\r\n";
  out += "\r\n";
  co_return co_await send(true);
}

Awaitable<Status> Exchange::write(std::string bytes) {
  if (!started_ || finished_) {
    co_return fail(Code::kInternal, {}, "a write outside of a streamed answer");
  }
  if (++session_.writes_without_yield_ >= kWritesPerTurn) {
    session_.writes_without_yield_ = 0;
    co_await session_.yield();
  }
  if (const Status sendable = check_sendable(); !sendable) co_return sendable;
  // An empty chunk would be the last one.
  if (head_only_ || bytes.empty()) co_return Status();
  std::string& out = session_.output_;
  if (chunked_) {
    append_number(out, bytes.size(), 16);
    out += "\r\n";
  }
  out += bytes;
  if (chunked_) out += "\r\n";
  co_return co_await send(false);
}

Awaitable<Status> Exchange::finish() {
  if (!started_ || finished_) {
    co_return fail(Code::kInternal, {}, "the end of an answer that is not under way");
  }
  if (const Status sendable = check_sendable(); !sendable) co_return sendable;
  if (chunked_ && !head_only_) {
    session_.output_ += "0\r\n\r\n";
    if (const Status status = co_await send(false); !status) co_return status;
  }
  finished_ = true;
  co_return Status();
}

}  // namespace sluice::http
