#include "runtime/nvmf/front/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"
#include "runtime/nvmf/front/server.hpp"

namespace nvtee::nvmf {
namespace {

constexpr unsigned kAcceptsPerTurn = 64;
constexpr Duration kAcceptPause = 100 * kMillisecond;  // after running out of descriptors

// A host without a keep-alive of its own may vanish silently; TCP then finds out within two minutes.
void watch_peer(int fd) {
  const int on = 1, idle_s = 60, interval_s = 15, probes = 4;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

SubsystemModel discovery_model(const Listener::Options& options) {
  SubsystemModel m;
  m.nqn = kDiscoveryNqn;
  m.serial = "nvtee-discovery";
  m.profile = options.profile;
  m.any_host = true;
  m.ana = false;
  m.max_namespaces = 0;
  m.max_controllers = static_cast<std::uint16_t>(std::min(options.max_connections, 0xfff0u));
  return m;
}

}  // namespace

struct Listener::Impl final : net::FdHandler {
  // From accept to the end of the connection, on whichever thread that is.
  struct Token {
    explicit Token(std::shared_ptr<std::atomic<unsigned>> c) : count(std::move(c)) { ++*count; }
    ~Token() { --*count; }
    std::shared_ptr<std::atomic<unsigned>> count;
  };
  // A connection until its Connect has arrived.
  struct Handshake final : ConnectHandler {
    Handshake(Impl& i, net::Fd socket)
        : impl(i),
          token(std::make_shared<Token>(i.alive)),
          timer(i.reactor, [this] { connection->close("no Connect in time"); }),
          connection(
              std::make_unique<ControllerConnection>(i.reactor, std::move(socket), i.options.profile, this)) {
      timer.arm_in(i.options.handshake_timeout);
    }
    void on_connect(ControllerConnection&, const Sqe& sqe, std::span<const std::byte, 1024> data) override {
      impl.route(*this, sqe, data);
    }
    void on_early_close(ControllerConnection&, const std::string& why) override { impl.failed(*this, why); }

    Impl& impl;
    std::shared_ptr<Token> token;
    net::Timer timer;
    std::unique_ptr<ControllerConnection> connection;
  };
  // What is moved to a subsystem's reactor.
  struct Parcel {
    std::unique_ptr<ControllerConnection> connection;
    std::shared_ptr<void> token;
    Sqe sqe;
    std::array<std::byte, 1024> data;
  };
  struct Ended final : net::Deferred {  // handshakes whose code may still be running
    void on_deferred() override { list.clear(); }
    std::vector<std::unique_ptr<Handshake>> list;
  };

  Impl(net::Reactor& r, SubsystemRegistry& g, const Options& o)
      : reactor(r), registry(g), options(o), retry(r, [this] { watch(); }) {}
  ~Impl() { stop(); }

  void watch();
  void stop();
  void on_fd(std::uint32_t events) override;
  bool accept_one();
  void route(Handshake& h, const Sqe& sqe, std::span<const std::byte, 1024> data);
  void send_off(Handshake& h, const std::string& nqn, const Sqe& sqe, std::span<const std::byte, 1024> data);
  void failed(Handshake& h, const std::string& why);
  std::unique_ptr<Handshake> take(Handshake& h);

  net::Reactor& reactor;
  SubsystemRegistry& registry;
  Options options;
  net::Fd socket;
  bool watching = false;
  net::Timer retry;
  std::shared_ptr<std::atomic<unsigned>> alive = std::make_shared<std::atomic<unsigned>>(0);
  // Serves discovery, and answers what nobody else can answer.
  std::optional<Server> discovery;
  std::shared_ptr<void> subscription;
  Ended ended;
  std::map<Handshake*, std::unique_ptr<Handshake>> handshakes;
  std::atomic<unsigned> handshake_count{0};  // their number, for other threads
};

// ---- Accepting ----

void Listener::Impl::watch() {
  if (watching || !socket) return;
  if (auto added = reactor.add(socket.get(), EPOLLIN, this); !added) {
    log::error("listener.failed address={} why=\"{}\"", options.address.text(), added.error().text());
    retry.arm_in(kAcceptPause);
    return;
  }
  watching = true;
}

void Listener::Impl::stop() {
  retry.cancel();
  if (watching) reactor.remove(socket.get(), this);
  watching = false;
  socket.reset();
}

void Listener::Impl::on_fd(std::uint32_t) {
  for (unsigned i = 0; i < kAcceptsPerTurn; ++i)
    if (!accept_one()) return;
}

bool Listener::Impl::accept_one() {
  auto fd = net::accept_tcp(socket.get());
  if (!fd) {
    log::warn("accept.failed address={} why=\"{}\"", options.address.text(), fd.error().text());
    reactor.remove(socket.get(), this);
    watching = false;
    retry.arm_in(kAcceptPause);
    return false;
  }
  if (!*fd) return false;
  if (handshakes.size() >= options.max_handshakes || alive->load() >= options.max_connections) {
    log::debug("accept.refused address={} handshakes={} connections={}", options.address.text(),
               handshakes.size(), alive->load());
    return true;  // closed by going out of scope
  }
  watch_peer(fd->get());
  auto h = std::make_unique<Handshake>(*this, std::move(*fd));
  handshakes[h.get()] = std::move(h);
  handshake_count = static_cast<unsigned>(handshakes.size());
  return true;
}

// ---- Connect ----

std::unique_ptr<Listener::Impl::Handshake> Listener::Impl::take(Handshake& h) {
  const auto i = handshakes.find(&h);
  NVTEE_CHECK(i != handshakes.end(), "a handshake ends once");
  auto owned = std::move(i->second);
  handshakes.erase(i);
  handshake_count = static_cast<unsigned>(handshakes.size());
  return owned;
}

void Listener::Impl::failed(Handshake& h, const std::string& why) {
  log::debug("handshake.ended address={} why=\"{}\"", options.address.text(), why);
  ended.list.push_back(take(h));
  reactor.defer(&ended);
}

void Listener::Impl::route(Handshake& h, const Sqe& sqe, std::span<const std::byte, 1024> data) {
  h.timer.cancel();
  const auto request = parse_connect(sqe, data);
  const bool ours = request && request->subsystem_nqn == kDiscoveryNqn && options.serve_discovery;
  if (request && !ours && options.serve_subsystems && request->subsystem_nqn != kDiscoveryNqn)
    return send_off(h, request->subsystem_nqn, sqe, data);
  const auto owned = take(h);
  std::unique_ptr<ControllerConnection> c = std::move(owned->connection);
  if (!request) return discovery->refuse(std::move(c), request.error(), owned->token);
  if (ours) return discovery->connect(std::move(c), sqe, data, owned->token);
  discovery->refuse(std::move(c), bad_data_field(connect_offset::kSubNqn, "not served on this port"),
                    owned->token);
}

void Listener::Impl::send_off(Handshake& h, const std::string& nqn, const Sqe& sqe,
                              std::span<const std::byte, 1024> data) {
  const auto owned = take(h);
  auto parcel = std::make_shared<Parcel>();
  parcel->connection = std::move(owned->connection);
  parcel->token = owned->token;
  parcel->sqe = sqe;
  std::ranges::copy(data, parcel->data.begin());
  parcel->connection->release();
  const bool sent = registry.post(nqn, [parcel](net::Reactor& there, SubsystemServer* server) {
    if (!server)
      return;  // it went while we were on the way: the host sees a closed connection and tries again
    parcel->connection->adopt(there);
    server->connect(std::move(parcel->connection), parcel->sqe, parcel->data, std::move(parcel->token));
  });
  if (sent) return;
  parcel->connection->adopt(reactor);
  discovery->refuse(std::move(parcel->connection),
                    bad_data_field(connect_offset::kSubNqn, "no such subsystem: " + nqn, false),
                    parcel->token);
}

// ---- Listener ----

Listener::Listener() = default;
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::create(net::Reactor& reactor, SubsystemRegistry& registry,
                                                   const Options& options) {
  auto socket = net::listen_tcp(options.address);
  if (!socket) return std::unexpected(socket.error());
  auto address = net::local_address(socket->get());
  if (!address) return std::unexpected(address.error());
  std::unique_ptr<Listener> l(new Listener);
  l->impl_ = std::make_unique<Impl>(reactor, registry, options);
  Impl& im = *l->impl_;
  im.options.address = *address;
  im.socket = std::move(*socket);
  im.discovery.emplace(reactor, ControllerKind::kDiscovery, discovery_model(options), nullptr,
                       [&registry](const ControllerInfo& asking) {
                         // The older number first: a change in between makes the host read again.
                         const std::uint64_t generation = registry.generation();
                         return discovery_log(generation, registry.entries(asking.host_nqn), asking.local);
                       });
  im.subscription = registry.subscribe(reactor, [&im] {
    im.discovery->raise_event({},
                              {spec::aen::kTypeNotice, spec::aen::kDiscoveryChange, spec::lid::kDiscovery});
  });
  im.watch();
  if (!im.watching) return fail("cannot watch the listening socket", "raise fs.epoll.max_user_watches");
  return l;
}

net::Address Listener::address() const {
  return impl_->options.address;
}
void Listener::close() {
  impl_->stop();
}
unsigned Listener::connections() const {
  return impl_->alive->load();
}
unsigned Listener::handshakes() const {
  return impl_->handshake_count.load();
}

}  // namespace nvtee::nvmf
