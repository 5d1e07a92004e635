#include "runtime/net/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace nvtee::net {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Numeric only: never asks a resolver, so never blocks.
Result<SocketAddress> numeric(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || !found)
    return fail("'" + host + "' is not a numeric IPv4 or IPv6 address",
                "give an address such as 192.0.2.1 or [2001:db8::1]");
  SocketAddress a;
  std::memcpy(&a.storage, found->ai_addr, found->ai_addrlen);
  a.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return a;
}

Result<Address> name_of(const SocketAddress& a) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(a.get(), a.size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
      0)
    return fail("a socket's address is of an unknown family");
  return Address{host, static_cast<std::uint16_t>(std::stoul(port))};
}

Result<std::uint16_t> parse_port(std::string_view digits, const std::string& whole) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > 65535)
    return fail("'" + std::string(digits) + "' in '" + whole + "' is not a port", "ports are 0 to 65535");
  return static_cast<std::uint16_t>(value);
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

Result<Fd> tcp_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd)
    return fail_errno("cannot create a socket", errno,
                      errno == EMFILE ? "raise the limit of open files" : "");
  return fd;
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> parse_address(const std::string& text, std::uint16_t default_port) {
  if (text.empty()) return fail("an address is empty", "give one such as 192.0.2.1:4420");
  std::string host;
  std::string_view rest;  // ":port" or nothing
  const std::string_view all = text;
  if (text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string::npos) return fail("'" + text + "' has '[' without ']'");
    host = text.substr(1, end - 1);
    rest = all.substr(end + 1);
    if (host.find(':') == std::string::npos)
      return fail("'" + host + "' in '" + text + "' is not an IPv6 address");
  } else if (const auto colon = text.find(':');
             colon != std::string::npos && text.find(':', colon + 1) == std::string::npos) {
    host = text.substr(0, colon);
    rest = all.substr(colon);
  } else {
    host = text;  // no port, or a bare IPv6 address
  }
  std::uint16_t port = default_port;
  if (!rest.empty()) {
    if (rest.front() != ':')
      return fail("'" + std::string(rest) + "' follows ']' in '" + text + "'", "write [address]:port");
    auto parsed = parse_port(rest.substr(1), text);
    if (!parsed) return std::unexpected(parsed.error());
    port = *parsed;
  }
  auto address = numeric(host, port);
  if (!address) return std::unexpected(address.error());
  return name_of(*address);  // one spelling per address
}

Result<Fd> listen_tcp(const Address& address, int backlog) {
  auto where = numeric(address.host, address.port);
  if (!where) return std::unexpected(where.error());
  auto fd = tcp_socket(where->storage.ss_family);
  if (!fd) return fd;
  set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // Each family is configured by its own line, so "[::]" means IPv6 only whatever the system's default.
  if (where->storage.ss_family == AF_INET6) set_option(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(fd->get(), where->get(), where->size) != 0)
    return fail_errno("cannot bind " + address.text(), errno,
                      "is it an address of this machine, and the port free?");
  if (::listen(fd->get(), backlog) != 0) return fail_errno("cannot listen on " + address.text(), errno);
  return fd;
}

Result<Fd> accept_tcp(int listener) {
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) {
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return fail_errno("cannot accept a connection", errno, "raise the limit of open files");
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EFAULT:
    case EPERM:
      return fail_errno("cannot accept a connection", errno);
    default:
      return Fd{};  // nobody waits, or the one who did has gone again
  }
}

Result<Fd> connect_tcp(const Address& address) {
  auto where = numeric(address.host, address.port);
  if (!where) return std::unexpected(where.error());
  auto fd = tcp_socket(where->storage.ss_family);
  if (!fd) return fd;
  set_option(fd->get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd->get(), where->get(), where->size) != 0 && errno != EINPROGRESS && errno != EINTR)
    return fail_errno("cannot connect to " + address.text(), errno);
  return fd;
}

Status0 connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return fail_errno("cannot connect", error);
  sockaddr_storage peer{};
  size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0)
    return fail_errno("not connected", errno);
  return {};
}

Result<Address> local_address(int fd) {
  SocketAddress a;
  a.size = sizeof a.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&a.storage), &a.size) != 0)
    return fail_errno("a socket has no local address", errno);
  return name_of(a);
}

Result<Address> peer_address(int fd) {
  SocketAddress a;
  a.size = sizeof a.storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&a.storage), &a.size) != 0)
    return fail_errno("a socket is not connected", errno);
  return name_of(a);
}

void set_user_timeout(int fd, unsigned milliseconds) {
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(milliseconds));
}

}  // namespace nvtee::net
