#include "http/server.h"

#include "http/server_core.h"

namespace sluice::http {

Server::Server(ServerOptions options, Router router, Observer* observer)
    : core_(std::make_unique<ServerCore>(std::move(options), std::move(router), observer)) {}

Server::~Server() {
  stop();
  join();
}

Status Server::listen() { return core_->listen(); }
uint16_t Server::port() const { return core_->port(); }
std::string Server::url() const { return core_->url(); }
void Server::start() { core_->start(); }
void Server::drain() { core_->drain(); }
void Server::stop() { core_->stop(); }
void Server::join() { core_->join(); }

boost::asio::io_context& Server::context(int index) { return core_->loop(index).context(); }
int Server::io_threads() const { return static_cast<int>(core_->loops()); }
size_t Server::open_connections() const { return core_->open_connections; }
size_t Server::refused_connections() const { return core_->refused_connections; }

}  // namespace sluice::http
