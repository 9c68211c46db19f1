// One connection: reads requests, applies the doors, runs handlers one after the other, writes
// answers. Shared by its coroutine and its outstanding read; lives on one io loop.
//
// While a handler runs a read stays outstanding, so that a client that goes away is noticed at
// once; what it brings instead is the next request, kept (bounded) until its turn. Every wait has
// a deadline, of which a session has one at a time.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "http/deadline_wheel.h"
#include "http/exchange.h"
#include "http/input_buffer.h"
#include "http/request_parser.h"
#include "http/router.h"

namespace sluice::http {

class IoLoop;
class ServerCore;

class Session final : public std::enable_shared_from_this<Session>, public DeadlineEntry {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                  boost::asio::io_context::executor_type>;

  // An empty peer address is a unix socket. `reserved`: beyond the limit of connections, so that
  // only the health paths are answered.
  Session(ServerCore& core, IoLoop& loop, Socket socket, std::string peer_address, bool reserved);
  ~Session() override;

  static void start(std::shared_ptr<Session> session);
  void drain();    // closes now if idle, else after the answer
  void shut();     // closes now
  void abandon();  // the loop has ended: drops the coroutine that waits for input
  void on_deadline() override;

 private:
  friend class Exchange;

  Awaitable<void> serve();
  Awaitable<bool> read_head();
  Awaitable<void> answer_one();
  Awaitable<bool> read_body();
  Awaitable<void> run_handler(const Handler& handler, Exchange& exchange);
  Awaitable<void> refuse(int status, Error error, std::string allow = {});
  Awaitable<void> refuse_unparsed();
  Awaitable<void> linger();
  void identify_request();
  void report(const Exchange& exchange, bool aborted);

  // Lets the loop's other work go first.
  Awaitable<void> yield();
  void set_deadline(int timeout_ms);
  void clear_deadline();
  // Until there are more bytes, the input ends, the deadline passes or the session is shut.
  Awaitable<void> wait_input();
  void wake();
  void pump_read();
  void on_read(boost::system::error_code error, size_t count);

  // Sends output_; true when that is over, one way or the other (write_failed_). Else flush_rest
  // waits for the client. One write at a time.
  bool try_flush();
  Awaitable<void> flush_rest();
  Status write_error() const;
  void close();
  void reset();  // closes so that the client sees an error, not an end

  bool gone() const { return input_ended_ || write_failed_ || shut_; }

  ServerCore& core_;
  IoLoop& loop_;
  Socket socket_;
  const std::string peer_address_;
  const bool reserved_;

  RequestParser parser_;
  InputBuffer input_;
  std::move_only_function<void()> waiter_;
  std::string output_;
  size_t output_sent_ = 0;
  Exchange* exchange_ = nullptr;  // the one being answered
  int requests_without_wait_ = 0;
  int writes_without_yield_ = 0;
  bool reading_ = false;
  bool read_filled_ = false;  // the last read filled its room
  bool writing_ = false;      // an asynchronous write is outstanding
  bool input_ended_ = false;  // end of file or a reset
  bool input_reset_ = false;
  bool write_failed_ = false;
  bool stalled_ = false;
  bool timed_out_ = false;
  bool shut_ = false;
  bool idle_ = false;  // between requests
  bool keep_alive_ = true;
  bool must_linger_ = false;
};

}  // namespace sluice::http
