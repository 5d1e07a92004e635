// Unix sockets of the control API: who owns the path, and connecting with a bound.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::api {

// A listening unix socket of mode 0600. A socket file that nobody answers on is left over from a crash and is
// replaced; one that answers, or a file that is no socket, is refused. A lock file (PATH.lock) decides
// between two that start at once; it stays.
class ListenSocket {
 public:
  static Result<ListenSocket> open(const std::string& path);
  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();  // removes the socket file if it is still this one
  int fd() const { return socket_.get(); }

 private:
  ListenSocket() = default;
  std::string path_;
  net::Fd lock_, socket_;
  std::uint64_t inode_ = 0;
};

// A connected, non-blocking unix socket. The error's code is the errno.
Result<net::Fd> connect_unix(const std::string& path, Duration timeout);

}  // namespace nvtee::api
