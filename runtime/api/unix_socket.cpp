#include "runtime/api/unix_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace nvtee::api {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof a.sun_path)
    return fail(fmt::format("'{}' cannot be the path of a unix socket", path),
                fmt::format("use a path of 1 to {} bytes", sizeof a.sun_path - 1));
  std::memcpy(a.sun_path, path.data(), path.size());
  return a;
}

net::Fd new_socket() {
  return net::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<net::Fd> take_lock(const std::string& path) {
  const std::string name = path + ".lock";
  net::Fd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock)
    return fail_errno("cannot open " + name, errno, "create its directory, or choose another --socket");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(fmt::format("another daemon holds {}", path),
                "stop it, or choose another api_socket (--socket)", EADDRINUSE);
  return lock;
}

// Makes the path free, or says why it may not be taken.
Status0 clear_path(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0)
    return errno == ENOENT ? Status0{} : fail_errno("cannot look at " + path, errno);
  if (!S_ISSOCK(st.st_mode))
    return fail(fmt::format("{} exists and is not a socket", path),
                "remove it if nobody needs it, or choose another api_socket", EEXIST);
  if (const auto answer = connect_unix(path, kSecond); answer || answer.error().code != ECONNREFUSED)
    return fail(fmt::format("another program answers on {}", path),
                "stop it, or choose another api_socket (--socket)", EADDRINUSE);
  if (::unlink(path.c_str()) != 0) return fail_errno("cannot remove the left-over socket " + path, errno);
  return {};
}

}  // namespace

Result<ListenSocket> ListenSocket::open(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  std::error_code ignored;  // /run/nvtee is not there after a boot; when it cannot be made, the lock says so
  std::filesystem::create_directory(std::filesystem::path(path).parent_path(), ignored);
  auto lock = take_lock(path);
  if (!lock) return std::unexpected(lock.error());
  if (Status0 r = clear_path(path); !r) return std::unexpected(r.error());
  ListenSocket out;
  out.socket_ = new_socket();
  if (!out.socket_) return fail_errno("cannot create a socket", errno);
  // The mode of the file comes from the socket: so it is never there with a wider one.
  if (::fchmod(out.socket_.get(), 0600) != 0) return fail_errno("cannot set the mode of " + path, errno);
  if (::bind(out.socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail_errno("cannot bind " + path, errno);
  if (::listen(out.socket_.get(), 64) != 0) return fail_errno("cannot listen on " + path, errno);
  struct stat st{};
  if (::lstat(path.c_str(), &st) == 0) out.inode_ = st.st_ino;
  out.path_ = path;
  out.lock_ = std::move(*lock);
  return out;
}

ListenSocket::~ListenSocket() {
  struct stat st{};
  if (socket_ && ::lstat(path_.c_str(), &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode_)
    ::unlink(path_.c_str());
}

Result<net::Fd> connect_unix(const std::string& path, Duration timeout) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  net::Fd fd = new_socket();
  if (!fd) return fail_errno("cannot create a socket", errno);
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout);
  // EAGAIN: the listener's queue is full, and there is no event to wait for (unix(7)).
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN || std::chrono::steady_clock::now() >= until)
      return fail_errno("cannot connect to " + path, errno);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fd;
}

}  // namespace nvtee::api
