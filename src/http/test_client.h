// A raw blocking socket for tests: every byte is the test's own, every read has a time limit.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::http {

class TestClient {
 public:
  explicit TestClient(uint16_t port, int receive_buffer_bytes = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    set_limit(SO_RCVTIMEO, 10'000);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // A unix socket: connected, or with kBind only bound.
  enum Mode { kConnect, kBind };
  explicit TestClient(const std::string& path, Mode mode = kConnect) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_limit(SO_RCVTIMEO, 10'000);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    connected_ = (mode == kBind ? ::bind(fd_, generic, sizeof address)
                                : ::connect(fd_, generic, sizeof address)) == 0;
  }
  ~TestClient() { close(); }
  TestClient(TestClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        connected_(other.connected_),
        buffer_(std::move(other.buffer_)) {}
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }

  // False if the peer is gone or has taken nothing for so long.
  bool send(std::string_view bytes, int limit_ms = 10'000) {
    set_limit(SO_SNDTIMEO, limit_ms);
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // What comes up to and with `mark`; all there was if the connection ended before.
  std::string read_until(std::string_view mark) {
    while (buffer_.find(mark) == std::string::npos && receive()) {
    }
    const size_t at = buffer_.find(mark);
    return take(at == std::string::npos ? buffer_.size() : at + mark.size());
  }
  std::string read_exactly(size_t count) {
    while (buffer_.size() < count && receive()) {
    }
    return take(std::min(count, buffer_.size()));
  }
  std::string read_all() {
    while (receive()) {
    }
    return take(buffer_.size());
  }
  // A head and the body its content-length tells of.
  std::string read_response(bool head_only = false) {
    std::string head = read_until("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    if (head_only || at == std::string::npos) return head;
    return head + read_exactly(std::stoul(head.substr(at + 16)));
  }
  std::string exchange(std::string_view request) {
    send(request);
    return read_response();
  }
  // Whether the connection's end was an error and not an end of file.
  bool was_reset() const { return was_reset_; }
  bool timed_out() const { return timed_out_; }

 private:
  void set_limit(int option, int limit_ms) {
    const timeval limit{limit_ms / 1000, limit_ms % 1000 * 1000};
    ::setsockopt(fd_, SOL_SOCKET, option, &limit, sizeof limit);
  }
  bool receive() {
    char bytes[16384];
    const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count < 0) {
      timed_out_ = errno == EAGAIN;
      was_reset_ = errno == ECONNRESET;
    }
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(count));
    return true;
  }
  std::string take(size_t count) {
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
  }

  int fd_ = -1;
  bool connected_ = false;
  bool was_reset_ = false;
  bool timed_out_ = false;
  std::string buffer_;
};

}  // namespace sluice::http
