#include "runtime/nvmf/front/server.hpp"

#include <random>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"

namespace nvtee::nvmf {
namespace {

constexpr Duration kKeepAliveGrace = 50 * kMillisecond;
constexpr Duration kPauseLook = 250 * kMillisecond;  // so that many short pauses are not taken for a long one

}  // namespace

// Hands everything on to the backend's handler; tells the server when the connection is gone.
struct Server::IoQueue final : QueueHandler {
  IoQueue(Server& s, std::uint16_t id, std::unique_ptr<ControllerConnection> c, std::shared_ptr<void> t)
      : server(s), cntlid(id), connection(std::move(c)), token(std::move(t)) {}

  DataSink on_command(const Sqe& sqe, std::uint32_t in_capsule) override {
    server.check_pause();
    return closed ? DataSink::drop() : handler->on_command(sqe, in_capsule);
  }
  void on_command_data(const ReceivedData& data) override { handler->on_command_data(data); }
  DataSink on_h2c_header(const DataPdu& pdu) override {
    server.check_pause();
    return closed ? DataSink::drop() : handler->on_h2c_header(pdu);
  }
  void on_h2c_data(const DataPdu& pdu, const ReceivedData& data) override { handler->on_h2c_data(pdu, data); }
  void on_sent(std::uint64_t t) override { handler->on_sent(t); }
  void on_closed(const std::string& why) override {
    closed = true;
    handler->on_closed(why);
    server.io_closed(cntlid, qid);
  }

  Server& server;
  std::uint16_t cntlid;
  std::uint16_t qid = 0;
  bool closed = false;
  QueueHandler* handler = nullptr;
  std::unique_ptr<ControllerConnection> connection;
  std::shared_ptr<void> token;
};

struct Server::Controller {
  Controller(Server& server, ControllerInfo info, Incoming in)
      : core(server.kind_, server, std::move(info), server.reactor_.now()),
        connection(std::move(in.connection)),
        token(std::move(in.token)),
        admin(server, core, *connection),
        keep_alive(server.reactor_, [&server, id = core.info().cntlid] { server.keep_alive_due(id); }),
        connected_at(server.reactor_.now()) {}

  AdminCore core;
  std::unique_ptr<ControllerConnection> connection;
  std::shared_ptr<void> token;
  AdminQueue admin;
  std::map<std::uint16_t, std::unique_ptr<IoQueue>> io;  // by QID
  net::Timer keep_alive;
  Time connected_at;
  bool suspect = false;        // the keep-alive is due; sockets get one more chance
  std::uint64_t quiesces = 0;  // only the answer to the last one counts
};

void Server::Graveyard::bury(std::shared_ptr<void> what) {
  dead_.push_back(std::move(what));
  reactor_.defer(this);
}

void Server::Graveyard::on_deferred() {
  const auto dead = std::exchange(dead_, {});  // their destructors may bury more
}

Server::Server(net::Reactor& reactor, ControllerKind kind, SubsystemModel model, IoBackend* backend,
               DiscoverySource discovery)
    : reactor_(reactor),
      kind_(kind),
      model_(std::move(model)),
      backend_(backend),
      discovery_(std::move(discovery)),
      ids_(model_.cntlid_first, model_.cntlid_last, std::random_device{}()),
      started_(reactor.now()),
      pause_seen_(reactor.total_pause()),
      pause_timer_(reactor, [this] { check_pause(); }),
      graveyard_(reactor),
      self_(std::make_shared<Server*>(this)) {
  NVTEE_CHECK(model_.max_entries >= 2, "a queue has at least two entries");
  NVTEE_CHECK(valid_nqn(model_.nqn), "a subsystem has a well-formed NQN");
  ana_.update(model_);
}

Server::~Server() {
  close_all("the subsystem is gone");
  *self_ = nullptr;
}

// ---- Connect ----

void Server::connect(std::unique_ptr<ControllerConnection> connection, const Sqe& sqe,
                     std::span<const std::byte, 1024> data, std::shared_ptr<void> token) {
  if (!connection->open()) return graveyard_.bury(std::move(connection));  // it ended on its way here
  connection->set_connect_handler(this);
  auto request = parse_connect(sqe, data);
  if (!request) return refuse(std::move(connection), request.error(), std::move(token));
  Incoming in{std::move(connection), std::move(token), std::move(*request)};
  return in.request.qid == 0 ? connect_admin(std::move(in)) : connect_io(std::move(in));
}

void Server::refuse(std::unique_ptr<ControllerConnection> connection, const ConnectRefusal& refusal,
                    std::shared_ptr<void> token) {
  const auto peer = net::peer_address(connection->pdu().fd());
  log::info("connect.refused subsystem={} peer={} status={:#x} why=\"{}\"", model_.nqn,
            peer ? peer->text() : "-", refusal.status, refusal.why);
  if (!connection->open()) return graveyard_.bury(std::move(connection));
  ControllerConnection& c = *connection;
  c.set_connect_handler(this);
  refused_[&c] = {std::move(connection), std::move(token)};
  c.refuse(refusal.status, refusal.result, refusal.dnr);  // on_early_close() when the answer has left
}

void Server::on_early_close(ControllerConnection& connection, const std::string&) {
  const auto i = refused_.find(&connection);
  if (i == refused_.end()) return;
  graveyard_.bury(std::make_shared<Refused>(std::move(i->second)));
  refused_.erase(i);
}

void Server::connect_admin(Incoming in) {
  if (auto bad = check_admin_connect(model_, in.request, controllers_.size(),
                                     use_of(in.request.host_nqn).controllers))
    return refuse(std::move(in.connection), *bad, std::move(in.token));
  const auto id = ids_.take();
  if (!id)
    return refuse(std::move(in.connection),
                  {spec::st::kConnectBusy, 0, false, "all controller ids are in use"}, std::move(in.token));
  const ConnectRequest request = in.request;
  ControllerInfo info;
  info.cntlid = *id;
  info.host_nqn = request.host_nqn;
  info.host_id = request.host_id;
  info.kato_ms = request.kato_ms;
  info.peer = net::peer_address(in.connection->pdu().fd()).value_or(net::Address{});
  info.local = net::local_address(in.connection->pdu().fd()).value_or(net::Address{});
  check_pause();  // earlier pauses are not this controller's
  log::info("controller.connected subsystem={} cntlid={} host={} peer={} kato_ms={}", model_.nqn, *id,
            info.host_nqn, info.peer.text(), info.kato_ms);
  auto owned = std::make_unique<Controller>(*this, std::move(info), std::move(in));
  Controller& c = *owned;
  controllers_[*id] = std::move(owned);
  c.connection->accept(&c.admin, *id, 0, request.entries, request.flow_control_off);
  if (!pause_timer_.armed()) pause_timer_.arm_in(kPauseLook);
  watch_keep_alive(c);
}

Server::HostUse Server::use_of(const std::string& host_nqn) const {
  HostUse use;
  for (const auto& [id, c] : controllers_) {
    if (c->core.info().host_nqn != host_nqn) continue;
    ++use.controllers;
    use.queues += c->io.size();
  }
  return use;
}

void Server::connect_io(Incoming in) {
  const ConnectRequest& r = in.request;
  const auto i = controllers_.find(r.cntlid);
  IoConnectTarget target;
  if (i != controllers_.end()) {
    const AdminCore& core = i->second->core;
    target = {&core.info(), core.takes_io_queues(), i->second->io.contains(r.qid), core.granted_queues(),
              use_of(r.host_nqn).queues};
  }
  if (auto bad = check_io_connect(model_, r, target))
    return refuse(std::move(in.connection), *bad, std::move(in.token));
  Controller& c = *i->second;
  auto handler = backend_->open_queue(c.core.info(), r.qid, r.entries, *in.connection);
  if (!handler)
    return refuse(std::move(in.connection), {handler.error(), 0, false, "no resources for another queue"},
                  std::move(in.token));
  if (!in.connection->open()) {  // the backend ended it at once
    (*handler)->on_closed("the connection ended while its queue was opened");
    return graveyard_.bury(std::move(in.connection));
  }
  auto owned = std::make_unique<IoQueue>(*this, r.cntlid, std::move(in.connection), std::move(in.token));
  IoQueue& q = *owned;
  q.qid = r.qid;
  q.handler = *handler;
  c.io[r.qid] = std::move(owned);
  c.core.set_io_queues(static_cast<unsigned>(c.io.size()));
  q.connection->accept(&q, r.cntlid, r.qid, r.entries, r.flow_control_off);
}

// ---- Life of a controller ----

AdminCore::Outcome Server::admin_command(std::uint16_t cntlid, const Sqe& sqe,
                                         std::span<const std::byte> data) {
  check_pause();
  const auto i = controllers_.find(cntlid);
  if (i == controllers_.end()) return {.reply = refusal(spec::st::kSqDeleted)};
  return i->second->core.execute(sqe, data, reactor_.now());
}

void Server::admin_answered(std::uint16_t cntlid, const AdminCore::Outcome& outcome) {
  const auto i = controllers_.find(cntlid);
  if (i == controllers_.end()) return;
  watch_keep_alive(*i->second);
  if (outcome.quiesce) quiesce(*i->second);
}

void Server::quiesce(Controller& c) {
  const std::uint16_t id = c.core.info().cntlid;
  close_io_queues(c, "the host reset or shut down its controller");
  const std::uint64_t number = ++c.quiesces;
  const auto finished = [self = std::weak_ptr(self_), id, number] {
    const auto server = self.lock();
    if (!server || !*server) return;
    const auto i = (*server)->controllers_.find(id);
    if (i != (*server)->controllers_.end() && i->second->quiesces == number) i->second->core.quiesced();
  };
  if (!backend_) return finished();
  const ControllerInfo info = c.core.info();
  backend_->quiesce(info, finished);
}

void Server::close_io_queues(Controller& c, const std::string& why) {
  while (!c.io.empty()) {
    IoQueue& q = *c.io.begin()->second;
    q.connection->close(why);  // on_closed() -> io_closed()
  }
}

void Server::io_closed(std::uint16_t cntlid, std::uint16_t qid) {
  const auto c = controllers_.find(cntlid);
  if (c == controllers_.end()) return;
  const auto q = c->second->io.find(qid);
  if (q == c->second->io.end()) return;
  graveyard_.bury(std::shared_ptr<IoQueue>(std::move(q->second)));
  c->second->io.erase(q);
  c->second->core.set_io_queues(static_cast<unsigned>(c->second->io.size()));
}

void Server::admin_closed(std::uint16_t cntlid, const std::string& why) {
  end(cntlid, why);
}

void Server::end(std::uint16_t cntlid, const std::string& why) {
  auto i = controllers_.find(cntlid);
  if (i == controllers_.end()) return;
  close_io_queues(*i->second, why);
  i = controllers_.find(cntlid);
  if (i == controllers_.end()) return;  // ended meanwhile, from inside
  const std::shared_ptr<Controller> c = std::move(i->second);
  controllers_.erase(i);
  ids_.release(cntlid);
  c->keep_alive.cancel();
  log::info("controller.ended subsystem={} cntlid={} host={} why=\"{}\"", model_.nqn, cntlid,
            c->core.info().host_nqn, why);
  c->connection->close(why);  // comes back to admin_closed(), which finds nothing
  graveyard_.bury(c);
  if (backend_) backend_->quiesce(c->core.info(), [] {});
}

void Server::watch_keep_alive(Controller& c) {
  c.suspect = false;
  c.keep_alive.arm_at(c.core.keep_alive_deadline());
}

// Sockets are drained before timers fire, but not necessarily all of them in the turn after a long pause. So
// the last look comes a moment later: a Keep Alive that has arrived in time is never missed.
void Server::keep_alive_due(std::uint16_t cntlid) {
  const auto i = controllers_.find(cntlid);
  if (i == controllers_.end()) return;
  Controller& c = *i->second;
  if (c.core.keep_alive_deadline() > reactor_.now()) return watch_keep_alive(c);
  if (!std::exchange(c.suspect, true)) return c.keep_alive.arm_in(kKeepAliveGrace);
  c.core.keep_alive_expired();
  end(cntlid, "the keep-alive timeout expired");
}

// Host loss (DESIGN §4): while our loop stood still for more than half of its KATO, the host may have given
// us up and sent its commands elsewhere. What it had sent here and is still buffered is older than that, so
// the controller ends before any of it is looked at: called ahead of everything that comes in.
void Server::check_pause() {
  const Duration total = reactor_.total_pause(), gap = total - std::exchange(pause_seen_, total);
  if (!pause_timer_.armed() && !controllers_.empty()) pause_timer_.arm_in(kPauseLook);
  if (gap == 0) [[likely]]
    return;
  std::vector<std::uint16_t> lost;
  for (const auto& [id, c] : controllers_) {
    const Duration kato = c->core.info().kato_ms * kMillisecond;
    if (kato != 0 && gap > kato / 2) lost.push_back(id);
  }
  for (const std::uint16_t id : lost)
    end(id, "we stood still for longer than half of its keep-alive timeout");
}

// ---- Notices ----

void Server::report(Controller& c) {
  c.admin.report_events();
}

void Server::namespaces_changed(std::uint32_t nsid) {
  ana_.update(model_);
  for (auto& [id, c] : controllers_) {
    c->core.namespace_changed(nsid);
    report(*c);
  }
}

void Server::ana_changed() {
  ana_.update(model_);
  raise_event({}, {spec::aen::kTypeNotice, spec::aen::kAnaChange, spec::lid::kAna});
}

void Server::raise_event(const std::function<bool(const ControllerInfo&)>& to, const AsyncEvent& event) {
  for (auto& [id, c] : controllers_) {
    if (to && !to(c->core.info())) continue;
    c->core.raise(event);
    report(*c);
  }
}

void Server::hosts_changed() {
  if (model_.any_host) return;
  std::vector<std::uint16_t> gone;
  for (const auto& [id, c] : controllers_)
    if (!model_.hosts.contains(c->core.info().host_nqn)) gone.push_back(id);
  for (const std::uint16_t id : gone) end(id, "the host is no longer in the allow-list");
}

void Server::record_error(std::uint16_t cntlid, const ErrorRecord& record) {
  const auto i = controllers_.find(cntlid);
  if (i != controllers_.end()) i->second->core.record_error(record);
}

void Server::close_all(const std::string& why) {
  while (!controllers_.empty()) end(controllers_.begin()->first, why);
  while (!refused_.empty()) {
    ControllerConnection* c = refused_.begin()->first;
    c->close(why);
    on_early_close(*c, why);
  }
}

void Server::close_controller(std::uint16_t cntlid, const std::string& why) {
  end(cntlid, why);
}

std::vector<SubsystemServer::ControllerStatus> Server::status() const {
  std::vector<SubsystemServer::ControllerStatus> out;
  for (const auto& [id, c] : controllers_)
    out.push_back({c->core.info(), static_cast<unsigned>(c->io.size()), c->core.enabled(),
                   (reactor_.now() - c->connected_at) / kMillisecond});
  return out;
}

// ---- What controllers ask ----

std::vector<std::uint16_t> Server::controller_ids() const {
  std::vector<std::uint16_t> out;
  for (const auto& [id, c] : controllers_) out.push_back(id);
  return out;
}

std::uint64_t Server::power_on_hours() const {
  return (reactor_.now() - started_) / (3600 * kSecond);
}

std::vector<std::byte> Server::discovery_page(const ControllerInfo& asking) const {
  return discovery_ ? discovery_(asking) : std::vector<std::byte>{};
}

std::optional<AdminReply> Server::ask_backend(const ControllerInfo& info, const Sqe& sqe,
                                              std::span<const std::byte> data) {
  if (!backend_) return {};
  return backend_->admin(info, sqe, data);
}

void Server::controller_changed(const ControllerInfo& info) {
  if (backend_) backend_->controller_changed(info);
}

bool Server::dispersed_access(const ControllerInfo& info, std::uint32_t nsid) {
  return !backend_ || backend_->dispersed_access(info, nsid);
}

}  // namespace nvtee::nvmf
