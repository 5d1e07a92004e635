#include "runtime/dataplane/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hw/kernels/tee_core/region_hash.hpp"
#include "runtime/base/check.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/dataplane/software_body.hpp"

namespace nvtee::dataplane {

namespace {

constexpr Duration kLatencyReport = 100 * kMillisecond;
constexpr std::uint16_t kTagsPerNamespace = 256;
constexpr std::uint16_t kOncs = 0x0001 | 0x0004 | 0x0008;  // Compare, DSM, Write Zeroes

// A serial that stays the same for the same NQN: hosts compare it between paths.
std::string serial_of(const std::string& nqn) {
  std::uint64_t h = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : nqn) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("NVT{:016X}", h);
}

nvmf::SubsystemModel model_of(const SubsystemConfig& c) {
  nvmf::SubsystemModel m;
  m.nqn = c.nqn;
  m.serial = c.serial.empty() ? serial_of(c.nqn) : c.serial;
  m.oncs = kOncs;
  m.max_controllers_per_host = limits::kControllersPerHost;
  m.max_queues_per_host = limits::kQueuesPerHost;
  // Legs may have volatile caches and change: Flush and FUA are always offered.
  m.vwc = 0x05;  // present; Flush with NSID FFFFFFFFh not supported (2:1 = 10b)
  // Deallocation is run as Write Zeroes: a command must end well within a host's I/O timeout.
  m.max_dsm_ranges = 16;
  m.max_dsm_range_blocks = 128 * 1024;
  m.max_dsm_blocks = 512 * 1024;
  m.any_host = c.any_host;
  m.hosts.insert(c.hosts.begin(), c.hosts.end());
  return m;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(net::Reactor& reactor, const SubsystemConfig& subsystem,
                                               const NodeShared& shared) {
  std::unique_ptr<Engine> e(new Engine(reactor, subsystem, shared));
  SoftwareBody::Options o;
  o.host_data_deadline = shared.config->host_data_deadline;
  auto body = SoftwareBody::create(reactor, e.get(), o);
  if (!body) return std::unexpected(body.error());
  e->plane_ = std::move(*body);
  e->punts_ = std::make_unique<Punts>(*e->plane_,
                                      [p = e.get()](std::uint32_t nsid) { return p->punt_namespace(nsid); });
  tee::Ctl lease{};
  lease.op = tee::Ctl::kSetLease;
  lease.clock = kNever;  // one node: nobody else could take over
  e->plane_->ctl(lease);
  e->server_ = std::make_unique<nvmf::SubsystemServer>(reactor, model_of(subsystem),
                                                       static_cast<nvmf::IoBackend*>(e.get()));
  e->latency_timer_.arm_in(kLatencyReport);
  return e;
}

Engine::Engine(net::Reactor& reactor, const SubsystemConfig& subsystem, const NodeShared& shared)
    : reactor_(reactor),
      subsystem_(subsystem),
      shared_(shared),
      latency_timer_(reactor, [this] { report_latency(); }),
      loss_timer_(reactor, [this] { commit_losses(); }) {}

Engine::~Engine() {
  *alive_ = false;
  server_.reset();  // its connections call our queues
}

// ---- namespaces -----------------------------------------------------------------------------------------

Engine::Ns* Engine::find(const std::string& name) const {
  for (const auto& n : namespaces_) {
    if (n && n->spec.name == name) return n.get();
  }
  return nullptr;
}

void Engine::set_resync_rate(std::uint64_t bytes_per_second) {
  resync_rate_ = bytes_per_second;
  for (auto& n : namespaces_)
    if (n) n->control->set_resync_rate(bytes_per_second);
}

bool Engine::has(const std::string& name) const {
  return find(name) != nullptr;
}

Status0 Engine::add_namespace(const core::NamespaceSpec& spec, const Records& records) {
  auto free = std::find(namespaces_.begin(), namespaces_.end(), nullptr);
  if (free == namespaces_.end()) {
    return fail(fmt::format("subsystem {} has {} namespaces already", subsystem_.nqn, namespaces_.size()),
                "put the namespace into another subsystem");
  }
  auto ns = std::make_unique<Ns>();
  ns->index = static_cast<unsigned>(free - namespaces_.begin());
  core::NamespaceControl::Setup setup;
  setup.spec = spec;
  setup.times = shared_.config->times;
  setup.limits = shared_.config->limits;
  if (resync_rate_) setup.limits.resync_max_bytes_per_s = *resync_rate_;
  auto control = core::NamespaceControl::restore(setup, records);
  if (!control) return std::unexpected(control.error());
  ns->control = std::move(*control);
  ns->control->set_tag_base(static_cast<std::uint16_t>(ns->index * kTagsPerNamespace));
  ns->spec = ns->control->status(reactor_.now()).spec;
  ns->wake = std::make_unique<net::Timer>(reactor_, [this, i = ns->index] {
    core::Input in;
    in.kind = core::Input::Kind::kTime;
    input(i, std::move(in));
  });
  nvmf::NamespaceModel m;
  m.blocks = ns->spec.blocks;
  m.block_shift = ns->spec.block_shift;
  m.nguid = ns->spec.nguid;
  m.uuid = ns->spec.uuid;
  m.ana_group = ns->spec.nsid;
  m.ana_state = spec::ana::kInaccessible;  // until the control machine says otherwise
  const unsigned index = ns->index;
  const std::uint32_t nsid = ns->spec.nsid;
  *free = std::move(ns);
  server_->model().namespaces[nsid] = m;
  server_->namespaces_changed(nsid);
  core::Input start;
  start.kind = core::Input::Kind::kStart;
  input(index, std::move(start));
  return {};
}

void Engine::remove_namespace(const std::string& name, Node::Done done) {
  Ns* ns = find(name);
  if (ns == nullptr) return done(fail("no namespace named " + name));
  if (ns->removing) return done(fail("namespace " + name + " is being removed already"));
  ns->removing = true;
  server_->model().namespaces.erase(ns->spec.nsid);
  server_->namespaces_changed(ns->spec.nsid);
  ns->drained = [this, i = ns->index, done = std::move(done)] {
    forget(i);
    done({});
  };
  core::Input in;
  in.kind = core::Input::Kind::kDrain;
  in.ok = true;
  input(ns->index, std::move(in));
}

void Engine::forget(unsigned index) {
  Ns& ns = *namespaces_[index];
  tee::Ctl gone{};
  gone.op = tee::Ctl::kSetNamespace;
  gone.ns = index;
  gone.flag = 0;
  plane_->ctl(gone);
  for (unsigned leg = 0; leg < core::kMaxLegs; ++leg) {
    tee::Ctl off{};
    off.op = tee::Ctl::kSetLeg;
    off.ns = index;
    off.leg = leg;
    off.leg_state = tee::Ctl::kLegOff;
    plane_->ctl(off);
    plane_->close_leg(index, leg);
  }
  losses_.forget(index);
  if (losses_.due(reactor_.now())) commit_losses();
  for (auto& [id, done] : ns.requests) done(fail("the namespace was removed"));
  std::erase_if(inputs_, [index](const Pending& p) { return p.ns == index; });
  // Not from inside its own step: see input().
  reactor_.post([this, index, alive = alive_] {
    if (*alive) namespaces_[index].reset();
  });
}

void Engine::operate(const std::string& name, core::Input in, Node::Done done) {
  Ns* ns = find(name);
  if (ns == nullptr) return done(fail("no namespace named " + name, "see `nvtee ns list`"));
  in.request = next_request_++;
  ns->requests[in.request] = std::move(done);
  input(ns->index, std::move(in));
}

void Engine::drain(std::function<void()> done) {
  server_->close_all("the node is shutting down");
  auto left = std::make_shared<unsigned>(1);
  auto one = [left, done = std::move(done)] {
    if (--*left == 0) done();
  };
  for (const auto& n : namespaces_) {
    if (!n) continue;
    if (n->removing) continue;
    ++*left;
    n->drained = one;
    core::Input in;
    in.kind = core::Input::Kind::kDrain;
    input(n->index, std::move(in));
  }
  one();
}

// ---- the loop of the control machines -------------------------------------------------------------------

void Engine::input(unsigned ns, core::Input in) {
  inputs_.push_back({ns, std::move(in)});
  if (stepping_) return;  // an action of the step that is running caused it: it comes after
  stepping_ = true;
  while (!inputs_.empty()) {
    Pending p = std::move(inputs_.front());
    inputs_.pop_front();
    Ns* n = namespaces_[p.ns].get();
    if (n == nullptr) continue;
    actions_.clear();
    n->control->step(p.input, reactor_.now(), actions_);
    for (core::Action& a : actions_) act(*n, a);
    const Time wake = n->control->wake_at();
    if (wake == kNever) {
      n->wake->cancel();
    } else {
      n->wake->arm_at(wake);
    }
  }
  stepping_ = false;
}

void Engine::act(Ns& ns, core::Action& a) {
  using Kind = core::Action::Kind;
  switch (a.kind) {
    case Kind::kCtl:
      return act_ctl(ns, a.ctl);
    case Kind::kAttachLeg:
      return attach(ns, a);
    case Kind::kDetachLeg:
      return plane_->close_leg(ns.index, a.leg);
    case Kind::kCommit:
      return commit(ns, a);
    case Kind::kSaveBuffer: {
      const std::byte* b = plane_->buffer(a.slot);
      ns.saved.assign(b, b + SoftwareBody::kMdts);
      return;
    }
    case Kind::kCompareBuffer:
      return compare(ns, a);
    case Kind::kAna:
      return show_ana(ns, a.ana_state);
    case Kind::kEvent:
      return shared_.events->add(a.severity, a.name, ns.spec.name, std::move(a.text));
    case Kind::kReply:
      if (auto it = ns.requests.find(a.request); it != ns.requests.end()) {
        Node::Done done = std::move(it->second);
        ns.requests.erase(it);
        done(a.ok ? Status0{} : fail(a.text));
      }
      return;
    case Kind::kDrained:
      if (ns.drained) std::exchange(ns.drained, nullptr)();
      return;
    case Kind::kReserve:
      return plane_->reserve(ns.index, a.leg, a.reserve);
    case Kind::kWayWanted:
      return want_way(ns, a.ctl.region.to_uint());
  }
}

void Engine::act_ctl(Ns& ns, tee::Ctl ctl) {
  ctl.ns = ns.index;
  if (ctl.op.to_uint() == tee::Ctl::kSetLeg) ns.leg_state[ctl.leg.to_uint()] = ctl.leg_state.to_uint();
  if (ctl.op.to_uint() == tee::Ctl::kSetNamespace) ns.reconciling = ctl.flag2 == 1;
  plane_->ctl(ctl);
}

void Engine::attach(Ns& ns, const core::Action& a) {
  const auto peer = shared_.peers.find(a.spec.peer);
  if (peer == shared_.peers.end()) {
    core::Input in;
    in.kind = core::Input::Kind::kLegDown;
    in.leg = a.leg;
    in.gen = a.gen;
    in.text = "peer \"" + a.spec.peer + "\" is not in the configuration: add it and restart";
    in.transient = false;
    return input(ns.index, std::move(in));
  }
  const PeerConfig& p = peer->second;
  LegTarget t;
  t.addresses = p.addresses;
  t.sub_nqn = p.subnqn;
  t.host_nqn = shared_.config->host_nqn;
  t.host_id = shared_.host_id;
  t.host_id[kHostIdOfNode] = static_cast<std::uint8_t>(ns.index << 2 | a.leg);
  ++associations_;
  for (unsigned i = 1; i < 4; ++i)
    t.host_id[kHostIdOfNode + i] = static_cast<std::uint8_t>(associations_ >> (8 * (i - 1)));
  t.nsid = a.spec.nsid;
  t.queues = p.queues;
  t.entries = p.entries;
  t.header_digest = p.header_digest;
  t.data_digest = p.data_digest;
  t.kato_ms = p.kato_ms;
  t.deadline = shared_.config->times.leg_deadline;
  plane_->open_leg(ns.index, a.leg, a.gen, t);
}

void Engine::commit(Ns& ns, core::Action& a) {
  Commit c;
  c.transaction = std::move(a.transaction);
  c.done = [this, alive = alive_, &reactor = reactor_, index = ns.index,
            txn = a.txn](Result<store::Outcome> r) {
    reactor.post([this, alive, index, txn, r = std::move(r)] {
      if (!*alive) return;
      core::Input in;
      in.kind = core::Input::Kind::kStoreDone;
      in.txn = txn;
      in.ok = r && *r == store::Outcome::kCommitted;
      if (!r) in.text = r.error().text();
      in.conflict = r && !in.ok;
      if (in.conflict) in.text = "the record was changed by somebody else";
      input(index, std::move(in));
    });
  };
  if (!losses_.takes(ns.index)) return shared_.commits->submit(std::move(c.transaction), std::move(c.done));
  losses_.add(ns.index, std::move(c), reactor_.now());
  loss_timer_.arm_at(losses_.until());
  if (losses_.due(reactor_.now())) commit_losses();
}

// A peer of several namespaces is dying: their epochs become durable together (LossGroup).
void Engine::note_loss(unsigned index, const std::string& peer) {
  const auto carries = [&](const Ns& n) {
    const auto status = n.control->status(reactor_.now());
    return std::ranges::any_of(status.legs, [&](const core::LegStatus& leg) {
      return leg.connected && leg.state == core::LegState::kInSync && leg.spec.peer == peer;
    });
  };
  std::uint64_t expected = std::uint64_t{1} << index;
  // One look at the others a peer's death, not one a connection.
  if (!losses_.open() || lost_peer_ != peer) {
    for (const auto& n : namespaces_)
      if (n && n->index != index && carries(*n)) expected |= std::uint64_t{1} << n->index;
  }
  lost_peer_ = peer;
  losses_.lost(index, expected, reactor_.now());
  if (losses_.open()) loss_timer_.arm_at(losses_.until());
}

void Engine::commit_losses() {
  loss_timer_.cancel();
  if (auto all = losses_.take(); !all.empty()) shared_.commits->submit(std::move(all));
}

void Engine::compare(Ns& ns, const core::Action& a) {
  NVTEE_CHECK(a.offset + a.length <= ns.saved.size(), "a comparison stays inside of the buffer");
  const auto from = ns.saved.begin() + a.offset;
  const auto at = std::mismatch(from, from + a.length, plane_->buffer(a.slot) + a.offset);
  core::Input in;
  in.kind = core::Input::Kind::kBuffer;
  in.slot = a.slot;
  in.equal = at.first == from + a.length;
  in.offset = static_cast<std::uint32_t>(at.first - ns.saved.begin());
  input(ns.index, std::move(in));
}

// The core's region table is shared: another namespace may have to give up a way of the set.
void Engine::want_way(const Ns& ns, std::uint32_t region) {
  constexpr unsigned kBits = tee::CardConfig::kRegionSetBits;
  const std::uint32_t set = tee::region_set(ns.index, region, kBits);
  for (const auto& other : namespaces_) {
    if (!other || other->index == ns.index) continue;
    core::Input in;
    in.kind = core::Input::Kind::kWayWanted;
    in.region = tee::region_hash_of_set(other->index, set, kBits);
    input(other->index, std::move(in));
  }
}

void Engine::show_ana(Ns& ns, std::uint8_t state) {
  auto it = server_->model().namespaces.find(ns.spec.nsid);
  if (it == server_->model().namespaces.end() || it->second.ana_state == state) return;
  it->second.ana_state = state;
  server_->ana_changed();
}

void Engine::report_latency() {
  for (const auto& n : namespaces_) {
    if (!n) continue;
    core::Input in;
    in.kind = core::Input::Kind::kHostLatency;
    const Traffic t = plane_->traffic(n->index);
    // The mean of writes that ended long ago says nothing of now: without new ones hosts are idle.
    in.nanos = t.writes != n->writes_reported ? t.mean_write_latency : 0;
    n->writes_reported = t.writes;
    input(n->index, std::move(in));
  }
  latency_timer_.arm_in(kLatencyReport);
}

// ---- what the data plane reports ------------------------------------------------------------------------

// Which namespace an event is for: most carry its index, tags of holds say it where the slot was never given.
std::optional<unsigned> Engine::owner_of(const tee::Event& event) const {
  const unsigned kind = event.kind.to_uint();
  unsigned ns = event.ns.to_uint();
  if (kind == tee::Event::kHeld || kind == tee::Event::kHoldRefused || kind == tee::Event::kIssueDone) {
    ns = event.tag.to_uint() / kTagsPerNamespace;
  }
  if (ns >= namespaces_.size() || !namespaces_[ns]) return std::nullopt;
  return ns;
}

void Engine::on_event(const tee::Event& event) {
  if (event.kind.to_uint() == tee::Event::kPunt) return punts_->start(event.slot.to_uint());
  if (punts_->on_event(event)) return;
  const auto ns = owner_of(event);
  if (!ns) return;
  core::Input in;
  in.kind = core::Input::Kind::kCore;
  in.event = event;
  input(*ns, std::move(in));
}

void Engine::on_internal_response(std::uint16_t cid, spec::Status status) {
  punts_->on_response(cid, status);
}

void Engine::on_leg_up(unsigned ns, unsigned leg, std::uint8_t gen, const core::LegFacts& facts) {
  if (!namespaces_[ns]) return;
  PeerView& peer = peers_[namespaces_[ns]->control->status(reactor_.now()).legs[leg].spec.peer];
  peer.identity = facts.model + " " + facts.serial;
  peer.last_error.clear();
  core::Input in;
  in.kind = core::Input::Kind::kLegUp;
  in.leg = leg;
  in.gen = gen;
  in.facts = facts;
  in.facts.reservations = facts.reservations && shared_.reservations;
  input(ns, std::move(in));
}

void Engine::on_leg_down(unsigned ns, unsigned leg, std::uint8_t gen, const std::string& why,
                         bool transient) {
  if (!namespaces_[ns]) return;
  const core::LegStatus status = namespaces_[ns]->control->status(reactor_.now()).legs[leg];
  peers_[status.spec.peer].last_error = why;
  if (status.connected && status.state == core::LegState::kInSync) note_loss(ns, status.spec.peer);
  plane_->close_leg(ns, leg);
  core::Input in;
  in.kind = core::Input::Kind::kLegDown;
  in.leg = leg;
  in.gen = gen;
  in.text = why;
  in.transient = transient;
  input(ns, std::move(in));
}

void Engine::on_leg_deadline(unsigned ns, unsigned leg, std::uint8_t gen) {
  core::Input in;
  in.kind = core::Input::Kind::kLegDeadline;
  in.leg = leg;
  in.gen = gen;
  input(ns, std::move(in));
}

void Engine::on_reserved(unsigned ns, unsigned leg, std::uint8_t gen, const core::Reserved& answer) {
  core::Input in;
  in.kind = core::Input::Kind::kReserved;
  in.leg = leg;
  in.gen = gen;
  in.reserved = answer;
  input(ns, std::move(in));
}

void Engine::on_queue_drained(std::uint16_t cntlid) {
  for (std::size_t i = 0; i < quiescing_.size();) {
    if (quiescing_[i].first == cntlid && plane_->queues_of(cntlid) == 0) {
      auto done = std::move(quiescing_[i].second);
      quiescing_.erase(quiescing_.begin() + static_cast<std::ptrdiff_t>(i));
      done();
    } else {
      ++i;
    }
  }
}

// ---- what the front asks --------------------------------------------------------------------------------

std::expected<nvmf::QueueHandler*, spec::Status> Engine::open_queue(const nvmf::ControllerInfo& controller,
                                                                    std::uint16_t, std::uint32_t entries,
                                                                    nvmf::ControllerConnection& connection) {
  return plane_->open_queue(controller, entries, connection);
}

void Engine::quiesce(const nvmf::ControllerInfo& controller, std::function<void()> done) {
  if (plane_->queues_of(controller.cntlid) == 0) return done();
  quiescing_.emplace_back(controller.cntlid, std::move(done));
}

std::optional<PuntNamespace> Engine::punt_namespace(std::uint32_t nsid) const {
  for (const auto& n : namespaces_) {
    if (!n || n->spec.nsid != nsid || n->removing) continue;
    PuntNamespace p;
    p.index = n->index;
    p.blocks = n->spec.blocks;
    p.block_shift = n->spec.block_shift;
    p.reconciling = n->reconciling;
    for (unsigned leg = 0; leg < core::kMaxLegs; ++leg) {
      if (n->leg_state[leg] == tee::Ctl::kLegInSync) p.in_sync_mask |= 1u << leg;
    }
    return p;
  }
  return std::nullopt;
}

Engine::View Engine::view() const {
  View v;
  v.peers = peers_;
  for (const auto& n : namespaces_) {
    if (!n) continue;
    v.namespaces.push_back(n->control->status(reactor_.now()));
    const Traffic t = plane_->traffic(n->index);
    v.counters.push_back({t.reads, t.writes, t.others, t.read_bytes, t.write_bytes, t.errors,
                          t.mean_write_latency, t.longest_gap});
    auto& latency = v.leg_latency.emplace_back();
    for (unsigned leg = 0; leg < core::kMaxLegs; ++leg) latency[leg] = plane_->leg_latency(n->index, leg);
    for (const auto& leg : v.namespaces.back().legs) {
      if (leg.state == core::LegState::kNone || leg.state == core::LegState::kRemoved) continue;
      ++v.peers[leg.spec.peer].legs;
      v.peers[leg.spec.peer].connected += leg.connected ? 1 : 0;
    }
  }
  std::map<std::string, std::pair<unsigned, unsigned>> by_host;  // controllers, queues
  for (const auto& c : server_->controllers()) {
    auto& [controllers, queues] = by_host[c.info.host_nqn];
    ++controllers;
    queues += c.io_queues;
    limits::note(v.in_use, "host.queues_per_controller", c.io_queues);
    v.hosts.push_back(
        {subsystem_.nqn, c.info.host_nqn, c.info.peer.text(), c.info.cntlid, c.io_queues, c.connected_ms});
  }
  for (const auto& [host, use] : by_host) {
    limits::note(v.in_use, "host.controllers_per_host", use.first);
    limits::note(v.in_use, "host.queues_per_host", use.second);
  }
  count(v);
  return v;
}

void Engine::count(View& v) const {
  const unsigned slots = plane_->slots_in_use();
  std::uint64_t regions = 0;
  limits::note(v.in_use, "host.controllers", v.hosts.size());
  limits::note(v.in_use, "host.queues", plane_->queues_in_use());
  limits::note(v.in_use, "tee.slots", slots);
  limits::note(v.in_use, "tee.pool", std::uint64_t{slots} * limits::kTransfer);
  limits::note(v.in_use, "tee.namespaces", v.namespaces.size());
  for (const auto& ns : v.namespaces) {
    const auto legs = std::ranges::count_if(ns.legs, [](const auto& l) {
      return l.state != core::LegState::kNone && l.state != core::LegState::kRemoved;
    });
    limits::note(v.in_use, "tee.legs", static_cast<std::uint64_t>(legs));
    limits::note(v.in_use, "tee.open_bytes", ns.open_bytes);
    regions += ns.open_regions;
  }
  limits::note(v.in_use, "tee.open_regions", regions);
}

}  // namespace nvtee::dataplane
