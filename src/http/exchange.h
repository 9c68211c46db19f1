// One request being answered. It belongs to its session and lives on that session's io loop: the
// handler and everything it calls use it from that loop only, and only until the handler returns.
//
// One write at a time: a second respond/start/write/finish while one is suspended is refused.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "http/awaitable.h"
#include "http/message.h"

namespace sluice::http {

class Session;

class Exchange {
 public:
  Exchange(Session& session, Request request);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const Request& request() const { return request_; }

  // The whole answer. Bodies over 1 KiB are gzip'd when the client asks for it.
  Awaitable<Status> respond(Response response);

  // A streamed answer: the head goes out at once; the body is chunked on HTTP/1.1 and ends with
  // the connection on 1.0. Never compressed.
  Awaitable<Status> start(int status, Headers headers);
  // One chunk, one socket write; completes when the socket has taken it. kCancelled once the
  // client is gone, kDeadline once it has read nothing for the stalled writer's time.
  Awaitable<Status> write(std::string bytes);
  // The last chunk. A handler that started but did not finish: the session closes without it, so
  // that an interrupted stream never looks complete.
  Awaitable<Status> finish();

  bool started() const { return started_; }
  bool finished() const { return finished_; }
  // The client closed, half-closed, reset or stalled. Its work should end.
  bool disconnected() const;
  // Called once, on the io loop, when the client goes away while the handler runs; at once if it
  // is gone already. Replaces the callback before it; an empty one takes it back.
  void on_disconnect(std::function<void()> callback);

  boost::asio::any_io_executor executor() const;
  int io_index() const;
  TimeNs headers_sent_ns() const { return headers_sent_ns_; }  // 0 before
  size_t bytes_sent() const { return bytes_sent_; }            // heads and framing included
  int status_sent() const { return status_; }                  // 0 before

 private:
  friend class Session;

  Status check_sendable() const;
  void append_head(int status, const Headers& headers, std::string& out);
  Awaitable<Status> send(bool is_head);
  void notify_disconnect();

  Session& session_;
  Request request_;
  std::function<void()> on_disconnect_;
  bool started_ = false;
  bool finished_ = false;
  bool chunked_ = false;
  bool head_only_ = false;
  int status_ = 0;
  TimeNs headers_sent_ns_ = 0;
  size_t bytes_sent_ = 0;
};

}  // namespace sluice::http
