// The listener and its io loops: one io_context and one thread (io_N) a loop, sessions pinned to
// the loop they were dealt to, the least loaded one at the time.
//
// Owned by whoever wires the program. Life: construct, listen, start, [drain], stop, join.
// listen, start, drain, stop and join are called from one thread outside the io loops (drain and
// stop also from a signal-waiting thread); the counters from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/router.h"

namespace boost::asio {
class io_context;
}

namespace sluice::http {

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or a name; IPv6 without brackets
  uint16_t port = 8000;            // 0: any free one
  std::string unix_socket = {};    // a path; listens there besides (or, with an empty host, only)
  int io_threads = 1;
  size_t limit_connections = 16384;
  // Connections beyond the limit that may ask for /health, /healthz, /livez and /metrics.
  size_t reserved_connections = 64;

  size_t max_body_bytes = size_t{16} << 20;
  size_t max_header_bytes = size_t{64} << 10;  // request line and trailers included
  int max_header_lines = 100;
  size_t max_pipelined_bytes = size_t{64} << 10;

  int keep_alive_timeout_ms = 30'000;
  int header_timeout_ms = 10'000;
  int body_timeout_ms = 60'000;
  int stalled_writer_timeout_ms = 60'000;

  std::vector<std::string> allowed_hosts = {};  // further names for a loopback address, no port
  std::vector<std::string> cors_origins = {};   // "https://example.com"; "*" is every origin
  // Addresses or networks whose X-Forwarded-For is believed; unix sockets always are.
  std::vector<std::string> trusted_proxies = {"127.0.0.0/8", "::1"};
};

// Sees every response, those to malformed requests included. Called from any io thread.
class Observer {
 public:
  virtual ~Observer() = default;
  // Times are SteadyClock's; header_ns is 0 if no head was sent. `aborted`: the answer did not
  // reach its end.
  virtual void on_response(const Request& request, int status, TimeNs header_ns, TimeNs end_ns,
                           size_t bytes, bool aborted) = 0;
};

class ServerCore;

class Server {
 public:
  // `observer` may be null and outlives the server.
  Server(ServerOptions options, Router router, Observer* observer);
  ~Server();  // stops and joins
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds. kConflict if the address is taken, kInvalidArgument for one that cannot be had.
  Status listen();
  uint16_t port() const;    // after listen
  std::string url() const;  // "http://127.0.0.1:8000", after listen
  void start();             // spawns the io threads
  void drain();             // no new connections; each kept one closes after its answer
  void stop();              // closes every connection; running handlers see a disconnect
  void join();              // until the io threads have ended

  boost::asio::io_context& context(int index);
  int io_threads() const;
  size_t open_connections() const;
  size_t refused_connections() const;

 private:
  std::unique_ptr<ServerCore> core_;
};

}  // namespace sluice::http
