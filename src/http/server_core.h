// What the sessions of a server share: read-only after listen(), but for the counters.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "http/doors.h"
#include "http/io_loop.h"
#include "http/server.h"
#include "http/session.h"

namespace sluice::http {

class ServerCore {
 public:
  ServerCore(ServerOptions options, Router router, Observer* observer);
  ~ServerCore();

  const ServerOptions& options() const { return options_; }
  const Router& router() const { return router_; }
  const Doors& doors() const { return *doors_; }
  Observer* observer() const { return observer_; }

  Status listen();
  void start();
  void drain();
  void stop();
  void join();
  uint16_t port() const { return port_; }
  std::string url() const;
  IoLoop& loop(int index) { return *loops_[static_cast<size_t>(index)]; }
  size_t loops() const { return loops_.size(); }

  // A session has ended. Any io thread.
  void release(IoLoop& loop);

  std::atomic<size_t> open_connections = 0;
  std::atomic<size_t> refused_connections = 0;

 private:
  Status listen_tcp();
  Status listen_unix();
  IoLoop& least_loaded();
  template <typename Acceptor>
  void accept_next(Acceptor& acceptor);
  void admit(IoLoop& loop, Session::Socket socket, std::string peer_address);
  void close_acceptors();  // on loop 0, or before start

  const ServerOptions options_;
  const Router router_;
  Observer* const observer_;
  std::optional<Doors> doors_;
  uint16_t port_ = 0;
  bool loopback_ = false;
  bool unix_bound_ = false;
  bool started_ = false;
  std::vector<std::unique_ptr<IoLoop>> loops_;
  std::optional<boost::asio::ip::tcp::acceptor> tcp_acceptor_;
  std::optional<boost::asio::local::stream_protocol::acceptor> unix_acceptor_;
  std::optional<boost::asio::steady_timer> accept_retry_;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::http
