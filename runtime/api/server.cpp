#include "runtime/api/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <future>
#include <set>
#include <thread>

#include "runtime/api/session.hpp"
#include "runtime/base/log.hpp"

namespace nvtee::api {

namespace asio = boost::asio;
using boost::beast::error_code;

struct Server::Impl {
  using Acceptor = asio::basic_socket_acceptor<Session::Protocol, asio::io_context::executor_type>;

  Impl(Node& n, const ServerOptions& o, ListenSocket l)
      : options(o),
        node(n),
        listener(std::move(l)),
        io(std::make_shared<asio::io_context>(1)),
        // Callbacks of the node may come after this server: they keep the context, which never runs them
        // then.
        service(
            n,
            [this, context = io](std::function<void()> f) {
              asio::post(*context, [this, f = std::move(f)] {
                f();
                arm();
              });
            },
            o.service),
        acceptor(*io),
        deadline(*io),
        second(*io),
        pause(*io) {}

  void run() {
    service.count("api.clients", [this] { return sessions.size(); });
    service.count("log.rate", [] { return log::recent_lines(); });
    // The descriptor is the ListenSocket's; the acceptor has a duplicate.
    acceptor.assign(Session::Protocol(), ::fcntl(listener.fd(), F_DUPFD_CLOEXEC, 0));
    accept();
    tick();
    subscription = node.events().subscribe(
        [this, context = io] { asio::post(*context, [this] { service.events_changed(now()); }); });
    thread = std::thread([this] { io->run(); });
  }

  void stop() {
    node.events().unsubscribe(subscription);
    asio::post(*io, [this] {
      stopping = true;
      error_code ignored;
      acceptor.close(ignored);
      deadline.cancel();
      second.cancel();
      pause.cancel();
      for (const auto& s : std::set(sessions)) s->close();
      io->stop();
    });
    thread.join();
    sessions.clear();
  }

  void accept() {
    acceptor.async_wait(Acceptor::wait_read, [this](error_code error) {
      if (error || stopping) return;
      // Not by Asio: its sockets would be inherited by programs that the process starts.
      const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
        return accept_later();  // others will end
      if (fd >= 0) take(Session::Protocol::socket(*io, Session::Protocol(), fd));
      accept();
    });
  }

  void take(Session::Protocol::socket socket) {
    if (sessions.size() >= options.max_clients)
      refuse(std::move(socket));
    else
      add(std::move(socket));
  }

  void accept_later() {
    pause.expires_after(std::chrono::milliseconds(100));
    pause.async_wait([this](error_code error) {
      if (!error) accept();
    });
  }

  void add(Session::Protocol::socket socket) {
    Session::Owner owner{
        &service, [this] { arm(); },
        [this](Session* ended) { std::erase_if(sessions, [&](const auto& s) { return s.get() == ended; }); }};
    const auto session = std::make_shared<Session>(std::move(socket), options, std::move(owner));
    sessions.insert(session);
    session->start();
  }

  // One try to say why: the few bytes fit into the socket's buffer.
  void refuse(Session::Protocol::socket socket) {
    const Answer a = error_answer("busy", "too many clients at once", "try again, or end some");
    const std::string text =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: "
        "application/json\r\nContent-Length: " +
        std::to_string(a.body.size()) + "\r\n\r\n" + a.body;
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(text), 0, ignored);
    socket.shutdown(Session::Protocol::socket::shutdown_send, ignored);
  }

  void arm() {
    const Time at = service.next_deadline();
    if (at == kNever) return;
    deadline.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at)));
    deadline.async_wait([this](error_code error) {
      if (error) return;  // armed anew, or stopping
      service.expire(now());
      arm();
    });
  }

  void tick() {
    service.sample(now());
    second.expires_after(std::chrono::seconds(1));
    second.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  ServerOptions options;
  Node& node;
  ListenSocket listener;
  std::shared_ptr<asio::io_context> io;
  Service service;
  Acceptor acceptor;
  asio::steady_timer deadline, second, pause;
  std::set<std::shared_ptr<Session>> sessions;
  std::thread thread;
  unsigned subscription = 0;
  bool stopping = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  impl_->stop();
}

void Server::set_missing(Missing missing) {
  asio::post(*impl_->io, [impl = impl_.get(), m = std::move(missing)] { impl->service.set_missing(m); });
}

void Server::set_config(std::string file, std::string toml) {
  asio::post(*impl_->io, [impl = impl_.get(), f = std::move(file), t = std::move(toml)] {
    impl->service.set_config(f, t);
  });
}

Families Server::metrics(Duration limit) {
  auto answer = std::make_shared<std::promise<Families>>();
  auto gathered = answer->get_future();
  asio::post(*impl_->io, [impl = impl_.get(), answer] {
    impl->service.metrics([answer](Families f) { answer->set_value(std::move(f)); });
  });
  if (gathered.wait_for(std::chrono::nanoseconds(limit)) != std::future_status::ready)
    return metrics_of_silence();
  return gathered.get();
}

std::unique_ptr<Server> Server::start(Node& node, const ServerOptions& options, ListenSocket socket) {
  std::unique_ptr<Server> server(new Server(std::make_unique<Impl>(node, options, std::move(socket))));
  server->impl_->run();
  return server;
}

Result<std::unique_ptr<Server>> Server::start(Node& node, const ServerOptions& options) {
  auto socket = ListenSocket::open(options.path);
  if (!socket) return std::unexpected(socket.error());
  return start(node, options, std::move(*socket));
}

}  // namespace nvtee::api
