// Small helpers around TCP sockets; all sockets are non-blocking and close-on-exec.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "runtime/base/result.hpp"

namespace nvtee::net {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) {
      reset();
      fd_ = std::exchange(o.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// "127.0.0.1:4420", "[::1]:4420": numeric addresses only (no resolver on a data path).
struct Address {
  std::string host;
  std::uint16_t port = 0;

  std::string text() const;
  bool operator==(const Address&) const = default;
};
// `default_port` is used when the text names none. Errors name what is wrong with the text.
Result<Address> parse_address(const std::string& text, std::uint16_t default_port);

// Listening socket (SO_REUSEADDR). Port 0 picks one: see local_address().
Result<Fd> listen_tcp(const Address& address, int backlog = 1024);
// A connected, non-blocking socket with TCP_NODELAY; an empty Fd means "nobody waits".
Result<Fd> accept_tcp(int listener);
// Starts a connect; the socket turns writable when it is decided: then ask connect_result().
Result<Fd> connect_tcp(const Address& address);
Status0 connect_result(int fd);
Result<Address> local_address(int fd);
Result<Address> peer_address(int fd);
// TCP_USER_TIMEOUT in ms: unacknowledged bytes older than this end the connection.
void set_user_timeout(int fd, unsigned milliseconds);

}  // namespace nvtee::net
