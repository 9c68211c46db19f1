#include "http/server_core.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace sluice::http {
namespace asio = boost::asio;
using asio::ip::tcp;
using UnixProtocol = asio::local::stream_protocol;
namespace {

constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kAcceptRetry{100};
// To connections beyond limit and reserve; nothing of theirs is read.
constexpr std::string_view kRefusal =
    "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"
    "connection: close\r\n\r\n";

TimeNs tick_for(const ServerOptions& options) {
  const int shortest = std::min({options.keep_alive_timeout_ms, options.header_timeout_ms,
                                 options.body_timeout_ms, options.stalled_writer_timeout_ms});
  return std::clamp(shortest / 8, 5, 250) * kNsPerMs;
}

std::string show_endpoint(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string peer_of(const tcp::endpoint& endpoint) {
  return canonical_address(endpoint.address().to_string()).value_or("unknown");
}
std::string peer_of(const UnixProtocol::endpoint&) { return {}; }

}  // namespace

ServerCore::ServerCore(ServerOptions options, Router router, Observer* observer)
    : options_(std::move(options)), router_(std::move(router)), observer_(observer) {
  for (int i = 0; i < std::max(options_.io_threads, 1); ++i) {
    loops_.push_back(std::make_unique<IoLoop>(i, tick_for(options_)));
  }
}

ServerCore::~ServerCore() {
  // Sessions that outlived the loops' grace refer to the core and die with the loops.
  tcp_acceptor_.reset();
  unix_acceptor_.reset();
  accept_retry_.reset();
  loops_.clear();
}

Status ServerCore::listen() {
  Doors::Options doors;
  for (const std::string& text : options_.trusted_proxies) {
    doors.trusted_proxies.push_back(TRY(parse_network(text)));
  }
  if (options_.host.empty() && options_.unix_socket.empty()) {
    return fail(Code::kInvalidArgument, "--host", "there is no address to listen on",
                "give --host or --unix-socket");
  }
  if (!options_.host.empty()) {
    if (Status bound = listen_tcp(); !bound) return bound;
  }
  if (!options_.unix_socket.empty()) {
    if (Status bound = listen_unix(); !bound) return bound;
  }
  doors.loopback_bind = loopback_;
  doors.allowed_hosts = options_.allowed_hosts;
  doors.cors_origins = options_.cors_origins;
  doors_.emplace(std::move(doors));
  return {};
}

Status ServerCore::listen_tcp() {
  asio::io_context& context = loops_[0]->context();
  const std::string shown = show_endpoint(options_.host, options_.port);
  boost::system::error_code error;
  tcp::endpoint endpoint(asio::ip::make_address(options_.host, error), options_.port);
  if (error) {
    const auto found = tcp::resolver(context).resolve(options_.host, "", error);
    if (error || found.empty()) {
      return fail(Code::kInvalidArgument, shown, "the host name cannot be resolved",
                  "check --host; 127.0.0.1 is this machine only, 0.0.0.0 every interface");
    }
    endpoint = found.begin()->endpoint();
    for (const auto& entry : found) {
      if (entry.endpoint().address().is_v4()) endpoint = entry.endpoint();
    }
    endpoint.port(options_.port);
  }
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error == asio::error::address_in_use) {
    return fail(Code::kConflict, shown, "address already in use",
                "stop the other process or choose another --port");
  }
  if (error == boost::system::errc::address_not_available) {
    return fail(Code::kInvalidArgument, shown, "the address is not one of this machine's",
                "choose another --host; 0.0.0.0 is every interface");
  }
  if (error == asio::error::access_denied) {
    return fail(Code::kForbidden, shown, "not allowed to listen on this port",
                "choose a --port of 1024 or more");
  }
  if (error) return fail(Code::kIo, shown, error.message(), "choose another --host or --port");
  port_ = acceptor.local_endpoint(error).port();
  loopback_ = endpoint.address().is_loopback();
  tcp_acceptor_.emplace(std::move(acceptor));
  return {};
}

Status ServerCore::listen_unix() {
  const std::string& path = options_.unix_socket;
  asio::io_context& context = loops_[0]->context();
  if (path.size() >= 108) {
    return fail(Code::kInvalidArgument, path, "a unix socket's path has at most 107 bytes",
                "choose a shorter --unix-socket");
  }
  const UnixProtocol::endpoint endpoint(path);
  boost::system::error_code error;
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) {
    // A socket that nobody answers on is left over from a process that was killed.
    UnixProtocol::socket probe(context);
    if (S_ISSOCK(info.st_mode)) probe.connect(endpoint, error);
    if (!S_ISSOCK(info.st_mode) || error != asio::error::connection_refused) {
      return fail(Code::kConflict, path, "address already in use",
                  "stop the other process or choose another --unix-socket");
    }
    ::unlink(path.c_str());
  }
  error.clear();
  UnixProtocol::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return fail(Code::kIo, path, error.message(), "choose another --unix-socket");
  unix_bound_ = true;
  unix_acceptor_.emplace(std::move(acceptor));
  return {};
}

std::string ServerCore::url() const {
  if (!tcp_acceptor_) return "unix:" + options_.unix_socket;
  return "http://" + show_endpoint(options_.host, port_);
}

void ServerCore::start() {
  if (started_) return;
  started_ = true;
  accept_retry_.emplace(loops_[0]->context());
  if (tcp_acceptor_) accept_next(*tcp_acceptor_);
  if (unix_acceptor_) accept_next(*unix_acceptor_);
  for (auto& loop : loops_) {
    threads_.emplace_back([&loop = *loop] {
      pthread_setname_np(pthread_self(), ("io_" + std::to_string(loop.index())).c_str());
      loop.run();
    });
  }
}

IoLoop& ServerCore::least_loaded() {
  return **std::min_element(loops_.begin(), loops_.end(), [](const auto& a, const auto& b) {
    return a->connections.load() < b->connections.load();
  });
}

template <typename Acceptor>
void ServerCore::accept_next(Acceptor& acceptor) {
  IoLoop& loop = least_loaded();
  acceptor.async_accept(
      loop.context(), [this, &acceptor, &loop](boost::system::error_code error, auto socket) {
        if (!acceptor.is_open()) return;
        if (!error) {
          boost::system::error_code ignored;
          const auto peer = socket.remote_endpoint(ignored);
          if constexpr (std::is_same_v<Acceptor, tcp::acceptor>) {
            socket.set_option(tcp::no_delay(true), ignored);
          }
          admit(loop, Session::Socket(std::move(socket)), peer_of(peer));
        } else if (error == boost::system::errc::too_many_files_open ||
                   error == boost::system::errc::too_many_files_open_in_system ||
                   error == boost::system::errc::no_buffer_space ||
                   error == boost::system::errc::not_enough_memory) {
          // The connection stays in the backlog; trying again at once would spin.
          log_warning("cannot accept connections: " + error.message());
          accept_retry_->expires_after(kAcceptRetry);
          accept_retry_->async_wait([this, &acceptor](boost::system::error_code cancelled) {
            if (!cancelled && acceptor.is_open()) accept_next(acceptor);
          });
          return;
        }
        accept_next(acceptor);
      });
}

void ServerCore::admit(IoLoop& loop, Session::Socket socket, std::string peer_address) {
  const size_t before = open_connections.fetch_add(1);
  loop.connections.fetch_add(1);
  if (before >= options_.limit_connections + options_.reserved_connections) {
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kRefusal), ignored);
    socket.close(ignored);
    refused_connections.fetch_add(1, std::memory_order_relaxed);
    release(loop);
    return;
  }
  const bool reserved = before >= options_.limit_connections;
  asio::dispatch(loop.context(), [this, &loop, reserved, peer = std::move(peer_address),
                                  socket = std::move(socket)]() mutable {
    Session::start(
        std::make_shared<Session>(*this, loop, std::move(socket), std::move(peer), reserved));
  });
}

void ServerCore::release(IoLoop& loop) {
  loop.connections.fetch_sub(1);
  open_connections.fetch_sub(1);
}

void ServerCore::close_acceptors() {
  boost::system::error_code ignored;
  if (accept_retry_) accept_retry_->cancel();
  if (tcp_acceptor_) tcp_acceptor_->close(ignored);
  if (unix_acceptor_) unix_acceptor_->close(ignored);
  if (unix_bound_) ::unlink(options_.unix_socket.c_str());
  unix_bound_ = false;
}

void ServerCore::drain() {
  if (!started_) return close_acceptors();
  asio::post(loops_[0]->context(), [this] { close_acceptors(); });
  for (auto& loop : loops_) {
    asio::post(loop->context(), [&loop = *loop] { loop.drain(); });
  }
}

void ServerCore::stop() {
  if (!started_) return close_acceptors();
  asio::post(loops_[0]->context(), [this] {
    close_acceptors();
    for (auto& loop : loops_) {
      asio::post(loop->context(), [&loop = *loop] { loop.stop(); });
    }
  });
}

void ServerCore::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace sluice::http
