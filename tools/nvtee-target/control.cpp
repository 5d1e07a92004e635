#include "tools/nvtee-target/control.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/log.hpp"

namespace nvtee::target {
namespace {

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof a.sun_path)
    return fail("the control path '" + path + "' is empty or too long", "use at most 107 bytes");
  std::memcpy(a.sun_path, path.data(), path.size());
  return a;
}

bool somebody_listens(const sockaddr_un& a) {
  net::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0;
}

}  // namespace

// One connection: reads a line, answers, until the other side closes.
class ControlServer::Client final : private net::FdHandler, private net::Deferred {
 public:
  Client(ControlServer& server, net::Fd socket) : server_(server), socket_(std::move(socket)) {}
  ~Client() {
    if (watched_) server_.reactor_.remove(socket_.get(), this);
  }
  bool start() { return watched_ = server_.reactor_.add(socket_.get(), EPOLLIN, this).has_value(); }

 private:
  void on_fd(std::uint32_t events) override {
    if ((events & EPOLLOUT) && !flush()) return end();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !read_in()) return end();
  }
  bool read_in() {
    char chunk[4096];
    const ssize_t n = ::recv(socket_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    in_.append(chunk, static_cast<std::size_t>(n));
    for (std::size_t end; (end = in_.find('\n')) != std::string::npos;) {
      out_ += server_.answer(in_.substr(0, end));
      in_.erase(0, end + 1);
    }
    return in_.size() <= kMaxRequest && flush();
  }
  bool flush() {
    while (!out_.empty()) {
      const ssize_t n = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n < 0) return false;
      out_.erase(0, static_cast<std::size_t>(n));
    }
    // Bounded: while an answer waits, no more requests are read.
    server_.reactor_.modify(socket_.get(), out_.empty() ? EPOLLIN : EPOLLOUT, this);
    return true;
  }
  void end() { server_.reactor_.defer(this); }  // not inside its own call
  void on_deferred() override { server_.forget(this); }

  ControlServer& server_;
  net::Fd socket_;
  bool watched_ = false;
  std::string in_, out_;
};

Result<std::unique_ptr<ControlServer>> ControlServer::create(net::Reactor& reactor, const std::string& path,
                                                             ControlHandler* handler) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  struct stat st{};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode))
      return fail("'" + path + "' exists and is no socket", "name another --control path");
    if (somebody_listens(*address))
      return fail("'" + path + "' is in use by another process", "name another --control path");
    ::unlink(path.c_str());
  }
  net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("cannot create a socket", errno);
  const mode_t old = ::umask(0177);
  const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int why = errno;
  ::umask(old);
  if (bound != 0) return fail_errno("cannot create the control socket '" + path + "'", why);
  if (::listen(socket.get(), 16) != 0) return fail_errno("cannot listen on '" + path + "'", errno);
  std::unique_ptr<ControlServer> s(new ControlServer(reactor, path, std::move(socket), handler));
  if (auto added = reactor.add(s->socket_.get(), EPOLLIN, s.get()); !added)
    return std::unexpected(added.error());
  return s;
}

ControlServer::ControlServer(net::Reactor& reactor, std::string path, net::Fd socket, ControlHandler* handler)
    : reactor_(reactor), path_(std::move(path)), socket_(std::move(socket)), handler_(handler) {}

ControlServer::~ControlServer() {
  clients_.clear();
  reactor_.remove(socket_.get(), this);
  ::unlink(path_.c_str());
}

void ControlServer::on_fd(std::uint32_t) {
  for (;;) {
    net::Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (clients_.size() >= kMaxClients) continue;  // closed at once
    auto client = std::make_unique<Client>(*this, std::move(socket));
    if (client->start()) clients_.push_back(std::move(client));
  }
}

std::string ControlServer::answer(const std::string& line) {
  nlohmann::json reply;
  const auto request = nlohmann::json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("words") || !request["words"].is_array()) {
    reply["error"] = "the request is not {\"words\": [...]}";
  } else {
    std::vector<std::string> words;
    bool text = true;
    for (const auto& w : request["words"]) {
      text = text && w.is_string();
      if (text) words.push_back(w.get<std::string>());
    }
    if (text)
      reply = handler_->control(words);
    else
      reply["error"] = "words are texts";
  }
  reply["ok"] = !reply.contains("error");
  return reply.dump() + "\n";
}

void ControlServer::forget(Client* client) {
  std::erase_if(clients_, [client](const auto& c) { return c.get() == client; });
}

Result<nlohmann::json> control_request(const std::string& path, const std::vector<std::string>& words,
                                       int timeout_ms) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot create a socket", errno);
  timeval t{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail_errno("cannot reach a target at '" + path + "'", errno,
                      "is it running with --control " + path + "?");
  const std::string line = nlohmann::json{{"words", words}}.dump() + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(fd.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno("cannot ask the target", errno);
    sent += static_cast<std::size_t>(n);
  }
  std::string reply;
  for (char chunk[4096]; reply.find('\n') == std::string::npos;) {
    const ssize_t n = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("the target does not answer", errno);
    if (n == 0) return fail("the target closed the connection without an answer");
    reply.append(chunk, static_cast<std::size_t>(n));
  }
  auto parsed = nlohmann::json::parse(reply, nullptr, false);
  if (parsed.is_discarded()) return fail("the target's answer is not understood");
  return parsed;
}

}  // namespace nvtee::target
