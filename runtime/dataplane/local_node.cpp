#include "runtime/dataplane/local_node.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "runtime/base/check.hpp"
#include "runtime/dataplane/reservation_report.hpp"
#include "runtime/store/records.hpp"

namespace nvtee {

Result<std::unique_ptr<Node>> Node::start(const NodeConfig& config) {
  auto node = std::make_unique<dataplane::LocalNode>(config);
  if (auto r = node->open(); !r) return std::unexpected(r.error());
  return node;
}

namespace dataplane {

namespace {

constexpr Duration kDrainLimit = 15 * kSecond;

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

// A random UUID (version 4) in wire order.
std::array<std::uint8_t, 16> random_uuid() {
  std::array<std::uint8_t, 16> id{};
  NVTEE_CHECK(getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size()),
              "the system gives random bytes");
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  return id;
}

bool all_zero(const std::array<std::uint8_t, 16>& id) {
  return std::all_of(id.begin(), id.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

LocalNode::LocalNode(const NodeConfig& config)
    : config_(config), resync_rate_(config.limits.resync_max_bytes_per_s), started_ms_(now_ms()) {}

LocalNode::~LocalNode() {
  for (auto& r : reactors_) r->stop();
  for (auto& t : threads_) t.join();
  drain_limit_.reset();
  commits_.reset();  // its callbacks post to reactors that still exist
  listeners_.clear();
  for (auto& e : engines_) registry_.remove(e->subsystem().nqn);
  engines_.clear();
}

// ---- start ----------------------------------------------------------------------------------------------

Status0 LocalNode::open() {
  if (auto r = open_store(); !r) return r;
  if (auto r = open_engines(); !r) return r;
  if (auto r = restore_namespaces(); !r) return r;
  if (auto r = open_listeners(); !r) return r;
  for (auto& r : reactors_) threads_.emplace_back([p = r.get()] { p->run(); });
  events_.add(core::Severity::kInfo, "node.started", "",
              fmt::format("{} subsystem(s), {} namespace(s), {} reactor(s)", engines_.size(), names_.size(),
                          reactors_.size()));
  return {};
}

Status0 LocalNode::open_store() {
  if (config_.state_file.empty()) {
    store_ = store::make_memory();
  } else {
    auto s = store::open_sqlite(config_.state_file);
    if (!s) return std::unexpected(s.error());
    store_ = std::move(*s);
  }
  commits_ = std::make_unique<store::CommitQueue>(*store_);
  shared_.config = &config_;
  shared_.commits = commits_.get();
  shared_.events = &events_;
  shared_.host_id = random_uuid();
  // Without a durable record the next start would not know the legs' keys as its own.
  shared_.reservations = config_.fencing != Fencing::kGuardTime && !config_.state_file.empty();
  for (const auto& p : config_.peers) shared_.peers[p.name] = p;
  return {};
}

Status0 LocalNode::open_engines() {
  for (unsigned i = 0; i < std::max(1u, config_.reactors); ++i) {
    net::Reactor::Options o;
    o.busy_poll = config_.busy_poll;
    auto r = net::Reactor::create(o);
    if (!r) return std::unexpected(r.error());
    reactors_.push_back(std::move(*r));
  }
  for (const auto& s : config_.subsystems) {
    auto e = Engine::create(*reactors_[engines_.size() % reactors_.size()], s, shared_);
    if (!e) return std::unexpected(e.error());
    registry_.add(&(*e)->server());
    engines_.push_back(std::move(*e));
  }
  return {};
}

Status0 LocalNode::restore_namespaces() {
  auto all = store_->list(store::all_namespaces_prefix());
  if (!all) return std::unexpected(all.error());
  std::map<std::string, Engine::Records> by_name;
  for (auto& put : *all) {
    auto key = store::parse_key(put.key);
    if (!key) return std::unexpected(key.error());
    by_name[key->name].push_back(std::move(put));
  }
  for (const auto& [name, records] : by_name) {
    const store::Bytes key = store::record_key(name, store::Kind::kNamespace);
    const auto own =
        std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.key == key; });
    if (own == records.end()) {
      return fail("namespace " + name + " has no namespace record in " + store_->where(),
                  "restore the file from a backup");
    }
    auto record = store::decode_namespace(own->key, own->value);
    if (!record) return std::unexpected(record.error());
    const auto engine = std::find_if(engines_.begin(), engines_.end(),
                                     [&](const auto& e) { return e->subsystem().nqn == record->subsystem; });
    if (engine == engines_.end()) {
      return fail(fmt::format("namespace {} belongs to subsystem {}, which the configuration does not have",
                              name, record->subsystem),
                  "add the subsystem, or start with the old configuration and delete the namespace");
    }
    core::NamespaceSpec spec{record->name, record->subsystem, record->nsid,        record->nguid,
                             record->uuid, record->blocks,    record->block_shift, record->region_bytes};
    if (auto r = (*engine)->add_namespace(spec, records); !r) return r;
    names_[name] = engine->get();
    name_nsid_[name] = record->nsid;
  }
  return {};
}

Status0 LocalNode::open_listeners() {
  auto open = [&](const std::vector<net::Address>& addresses, bool io,
                  std::vector<net::Address>& real) -> Status0 {
    for (const auto& a : addresses) {
      nvmf::Listener::Options o;
      o.address = a;
      o.serve_subsystems = io;
      auto l = nvmf::Listener::create(*reactors_[0], registry_, o);
      if (!l) return std::unexpected(l.error());
      real.push_back((*l)->address());
      listeners_.push_back(std::move(*l));
    }
    return {};
  };
  if (auto r = open(config_.listen, true, listen_); !r) return r;
  if (auto r = open(config_.discovery, false, discovery_); !r) return r;
  registry_.set_addresses(listen_);
  return {};
}

// ---- status ---------------------------------------------------------------------------------------------

NodeStatus LocalNode::gather(const std::vector<Engine::View>& views) {
  NodeStatus s;
  s.version = NVTEE_VERSION;
  s.state_file = store_->where();
  s.host_nqn = config_.host_nqn;
  s.uptime_ms = now_ms() - started_ms_;
  s.listen = listen_;
  s.discovery = discovery_;
  s.subsystems = config_.subsystems;
  s.draining = draining_;
  s.store_commits = commits_->counters().commits;
  s.store_transactions = commits_->counters().transactions;
  s.limits = config_.limits;
  s.limits.resync_max_bytes_per_s = resync_rate_;
  s.host_data_deadline = config_.host_data_deadline;
  limits::note(s.in_use, "event.kept", events_.size());
  limits::note(s.in_use, "discovery.entries", config_.subsystems.size() * listen_.size());
  for (const auto& l : listeners_) {
    limits::note(s.in_use, "host.handshakes", l->handshakes());
    limits::note(s.in_use, "host.connections", l->connections());
  }
  for (const auto& p : config_.peers) s.peers.push_back({p, 0, 0, {}, {}});
  for (const auto& v : views) {
    s.namespaces.insert(s.namespaces.end(), v.namespaces.begin(), v.namespaces.end());
    s.counters.insert(s.counters.end(), v.counters.begin(), v.counters.end());
    s.leg_latency.insert(s.leg_latency.end(), v.leg_latency.begin(), v.leg_latency.end());
    s.hosts.insert(s.hosts.end(), v.hosts.begin(), v.hosts.end());
    for (const auto& [name, value] : v.in_use) limits::note(s.in_use, name.c_str(), value);
    for (auto& p : s.peers) {
      const auto it = v.peers.find(p.config.name);
      if (it == v.peers.end()) continue;
      p.legs += it->second.legs;
      p.legs_connected += it->second.connected;
      if (!it->second.last_error.empty()) p.last_error = it->second.last_error;
      if (!it->second.identity.empty()) p.identity = it->second.identity;
    }
  }
  return s;
}

void LocalNode::status(std::function<void(NodeStatus)> done) {
  // One engine after the other, each on its own thread; the last one answers.
  struct Walk {
    std::vector<Engine::View> views;
    std::function<void(NodeStatus)> done;
  };
  auto walk = std::make_shared<Walk>();
  walk->done = std::move(done);
  auto next = std::make_shared<std::function<void(std::size_t)>>();
  *next = [this, walk, weak = std::weak_ptr(next)](std::size_t i) {
    if (i == engines_.size()) return walk->done(gather(walk->views));
    engines_[i]->reactor().post([this, walk, i, keep = weak.lock()] {
      walk->views.push_back(engines_[i]->view());
      (*keep)(i + 1);
    });
  };
  (*next)(0);
}

// ---- namespaces -----------------------------------------------------------------------------------------

LegTarget LocalNode::target_of(const core::LegSpec& leg) const {
  const PeerConfig& p = shared_.peers.at(leg.peer);
  LegTarget t;
  t.addresses = p.addresses;
  t.sub_nqn = p.subnqn;
  t.host_nqn = config_.host_nqn;
  t.host_id = shared_.host_id;
  t.nsid = leg.nsid;
  t.kato_ms = p.kato_ms;
  return t;
}

Status0 LocalNode::check_creation(Creation& c) {
  const auto engine = std::find_if(engines_.begin(), engines_.end(),
                                   [&](const auto& e) { return e->subsystem().nqn == c.spec.subsystem; });
  if (engine == engines_.end()) {
    return fail("no subsystem " + c.spec.subsystem, "name one of the configuration's [[subsystem]] entries");
  }
  if (c.legs.empty()) return fail("a namespace needs at least one leg");
  if (c.legs.size() > core::kMaxLegs)
    return fail(fmt::format("a namespace has at most {} legs", core::kMaxLegs));
  std::set<std::pair<std::string, std::uint32_t>> seen;
  for (const auto& l : c.legs) {
    if (!shared_.peers.contains(l.peer)) return fail("no peer named " + l.peer, "see `nvtee peer list`");
    if (!seen.emplace(l.peer, l.nsid).second)
      return fail(fmt::format("leg {}:{} is named twice", l.peer, l.nsid));
  }
  const std::lock_guard lock(names_mutex_);
  if (names_.contains(c.spec.name)) return fail("a namespace named " + c.spec.name + " exists");
  if (c.spec.nsid == 0 || c.spec.nsid > limits::kNamespaces)
    return fail(fmt::format("NSID {} is not in 1 to {}", c.spec.nsid, limits::kNamespaces),
                "choose another NSID");
  // Before anything is written: a namespace in the store that no engine takes would stop the next start.
  const auto of_engine =
      std::ranges::count_if(names_, [&](const auto& n) { return n.second == engine->get(); });
  if (of_engine >= static_cast<std::ptrdiff_t>(limits::kNamespaces))
    return fail(fmt::format("subsystem {} has {} namespaces already", c.spec.subsystem, of_engine),
                "put the namespace into another subsystem");
  for (const auto& [name, nsid] : name_nsid_) {
    if (nsid == c.spec.nsid && names_[name] == engine->get()) {
      return fail(fmt::format("NSID {} of {} is taken by namespace {}", nsid, c.spec.subsystem, name),
                  "choose another NSID");
    }
  }
  c.engine = engine->get();
  names_[c.spec.name] = c.engine;
  name_nsid_[c.spec.name] = c.spec.nsid;
  return {};
}

void LocalNode::create_namespace(core::NamespaceSpec spec, std::vector<core::LegSpec> legs, bool assume_equal,
                                 Done done) {
  auto c = std::make_shared<Creation>();
  c->spec = std::move(spec);
  c->legs = std::move(legs);
  c->assume_equal = assume_equal;
  c->done = std::move(done);
  if (auto r = check_creation(*c); !r) return c->done(r);
  if (all_zero(c->spec.nguid) && all_zero(c->spec.uuid)) {
    c->spec.uuid = random_uuid();
    c->spec.nguid = random_uuid();
  }
  c->engine->reactor().post([this, c] { probe_next(c); });
}

void LocalNode::finish_creation(const std::shared_ptr<Creation>& c, Status0 result) {
  if (!result) {
    const std::lock_guard lock(names_mutex_);
    names_.erase(c->spec.name);
    name_nsid_.erase(c->spec.name);
  }
  c->done(std::move(result));
}

void LocalNode::probe_next(const std::shared_ptr<Creation>& c) {
  if (c->found.size() == c->legs.size()) return create_records(c);
  const core::LegSpec& leg = c->legs[c->found.size()];
  c->probe = std::make_unique<PeerProbe>(
      c->engine->reactor(), target_of(leg), [this, c](Result<PeerProbe::Found> found) {
        // Not from inside the probe's own callback: it is destroyed by the next step.
        c->engine->reactor().post([this, c, found = std::move(found)] {
          const core::LegSpec& l = c->legs[c->found.size()];
          if (!found) {
            c->probe.reset();
            return finish_creation(c, fail(fmt::format("leg {}:{}: {}", l.peer, l.nsid, found.error().text()),
                                           "all legs must be reachable when a namespace is created"));
          }
          c->found.push_back(*found);
          probe_next(c);
        });
      });
}

// Another cluster's leg: the namespace would be made, and could not use it; or would, where there are
// registrations without a reservation.
Status0 LocalNode::check_holders(const core::NamespaceSpec& spec, const core::LegSpec& leg,
                                 const std::optional<core::Reserved>& reserved) const {
  if (!reserved) return {};
  const auto where = fmt::format("leg {}:{}", leg.peer, leg.nsid);
  if (reserved->status != spec::st::kOk) {
    if (!shared_.reservations) return {};
    return fail(fmt::format("{}: Reservation Report failed with status {:x}/{:02x}h", where,
                            reserved->status >> 8, reserved->status & 0xff),
                "mend the peer, or set node.fencing to guard_time");
  }
  const auto other = in_other_hands(spec, *reserved);
  if (!other) return {};
  if (other->same_node)
    return fail(fmt::format("{}: reservation key {:#018x} is registered on it, by another namespace of this "
                            "node",
                            where, other->key),
                "name a leg that is free");
  const PeerConfig& peer = shared_.peers.at(leg.peer);
  return fail(
      fmt::format("{}: reservation key {:#018x} is registered on it{}", where, other->key,
                  other->newer ? ", by this very namespace as newer records than these know it: another node "
                                 "serves it, or its state file was lost"
                               : ", which is not of this namespace: another cluster, namespace or host uses "
                                 "it"),
      fmt::format("make sure that its owner has given the leg up, take the key away with `nvtee-host "
                  "reservation {} --subnqn {} --nsid {} --clear`, then create again",
                  peer.addresses.empty() ? "ADDRESS" : peer.addresses[0].text(), peer.subnqn, leg.nsid));
}

void LocalNode::create_records(const std::shared_ptr<Creation>& c) {
  c->probe.reset();
  core::NamespaceSpec& spec = c->spec;
  const core::LegFacts& first = c->found[0].facts;
  if (spec.blocks == 0) spec.blocks = first.blocks;
  for (std::size_t i = 0; i < c->found.size(); ++i) {
    const auto& f = c->found[i].facts;
    const auto where = fmt::format("leg {}:{}", c->legs[i].peer, c->legs[i].nsid);
    if (f.block_shift != first.block_shift) {
      return finish_creation(
          c, fail(fmt::format("{} has {}-byte blocks, leg {} has {}", where, 1u << f.block_shift,
                              c->legs[0].peer, 1u << first.block_shift),
                  "use the same LBA format on all legs"));
    }
    if (f.blocks < spec.blocks) {
      return finish_creation(
          c, fail(fmt::format("{} has {} blocks, {} are needed", where, f.blocks, spec.blocks),
                  "give a smaller --size, or grow the leg"));
    }
    if (auto r = check_holders(spec, c->legs[i], c->found[i].reserved); !r) return finish_creation(c, r);
  }
  spec.block_shift = first.block_shift;
  auto transaction = core::NamespaceControl::create(spec, c->legs, c->assume_equal);
  if (!transaction) return finish_creation(c, std::unexpected(transaction.error()));
  Engine::Records records = transaction->puts;
  commits_->submit(std::move(*transaction),
                   [this, c, records = std::move(records)](Result<store::Outcome> r) {
                     c->engine->reactor().post([this, c, records, r = std::move(r)] {
                       if (!r) return finish_creation(c, std::unexpected(r.error()));
                       if (*r != store::Outcome::kCommitted)
                         return finish_creation(c, fail("the namespace exists in the metadata store"));
                       finish_creation(c, c->engine->add_namespace(c->spec, records));
                     });
                   });
}

Engine* LocalNode::engine_of(const std::string& ns) {
  const std::lock_guard lock(names_mutex_);
  const auto it = names_.find(ns);
  return it == names_.end() ? nullptr : it->second;
}

void LocalNode::delete_namespace(const std::string& name, Done done) {
  Engine* engine = engine_of(name);
  if (engine == nullptr) return done(fail("no namespace named " + name, "see `nvtee ns list`"));
  engine->reactor().post([this, engine, name, done = std::move(done)]() mutable {
    engine->remove_namespace(name, [this, name, done = std::move(done)](Status0 r) {
      if (!r) return done(std::move(r));
      // On the commit thread, behind everything submitted so far: only there may the store be listed.
      commits_->submit({}, [this, name, done](Result<store::Outcome>) {
        auto records = store_->list(store::namespace_prefix(name));
        if (!records) return done(std::unexpected(records.error()));
        commits_->submit(
            core::NamespaceControl::destroy(*records), [this, name, done](Result<store::Outcome> out) {
              if (!out) return done(std::unexpected(out.error()));
              {
                const std::lock_guard lock(names_mutex_);
                names_.erase(name);
                name_nsid_.erase(name);
              }
              events_.add(core::Severity::kNotice, "namespace.deleted", name, "the legs keep their data");
              done({});
            });
      });
    });
  });
}

void LocalNode::operate(const std::string& ns, core::Input input, Done done) {
  Engine* engine = engine_of(ns);
  if (engine == nullptr) return done(fail("no namespace named " + ns, "see `nvtee ns list`"));
  engine->reactor().post([engine, ns, input = std::move(input), done = std::move(done)]() mutable {
    engine->operate(ns, std::move(input), std::move(done));
  });
}

void LocalNode::add_leg(const std::string& ns, core::LegSpec leg, Done done) {
  if (!shared_.peers.contains(leg.peer))
    return done(fail("no peer named " + leg.peer, "see `nvtee peer list`"));
  core::Input in;
  in.kind = core::Input::Kind::kAddLeg;
  in.spec = std::move(leg);
  operate(ns, std::move(in), std::move(done));
}

void LocalNode::remove_leg(const std::string& ns, unsigned leg, Done done) {
  core::Input in;
  in.kind = core::Input::Kind::kRemoveLeg;
  in.leg = leg;
  operate(ns, std::move(in), std::move(done));
}

void LocalNode::fault_leg(const std::string& ns, unsigned leg, Done done) {
  core::Input in;
  in.kind = core::Input::Kind::kFaultLeg;
  in.leg = leg;
  operate(ns, std::move(in), std::move(done));
}

void LocalNode::online_leg(const std::string& ns, unsigned leg, Done done) {
  core::Input in;
  in.kind = core::Input::Kind::kOnlineLeg;
  in.leg = leg;
  operate(ns, std::move(in), std::move(done));
}

void LocalNode::verify(const std::string& ns, bool start, Done done) {
  core::Input in;
  in.kind = start ? core::Input::Kind::kVerifyStart : core::Input::Kind::kVerifyStop;
  operate(ns, std::move(in), std::move(done));
}

void LocalNode::set_resync_rate(std::uint64_t bytes_per_second, Done done) {
  resync_rate_ = bytes_per_second;
  for (auto& e : engines_)
    e->reactor().post([p = e.get(), bytes_per_second] { p->set_resync_rate(bytes_per_second); });
  events_.add(core::Severity::kNotice, "throttle.changed", "",
              bytes_per_second ? fmt::format("resync copies at most {} bytes a second", bytes_per_second)
                               : "resync is bounded by the latency that hosts see only");
  done({});
}

// ---- drain ----------------------------------------------------------------------------------------------

void LocalNode::drain(Done done) {
  if (draining_.exchange(true)) return done(fail("the node is draining already"));
  struct Drain {
    std::size_t left;
    bool answered = false;
    std::mutex mutex;
    Done done;
  };
  auto d = std::make_shared<Drain>();
  d->left = engines_.size();
  d->done = std::move(done);
  auto finish = [d](Status0 r) {
    {
      const std::lock_guard lock(d->mutex);
      if (std::exchange(d->answered, true)) return;
    }
    d->done(std::move(r));
  };
  reactors_[0]->post([this, finish] {
    for (auto& l : listeners_) l->close();
    drain_limit_ = std::make_unique<net::Timer>(*reactors_[0], [finish] {
      finish(fail("not drained in time", "the next start reconciles the open regions"));
    });
    drain_limit_->arm_in(kDrainLimit);
  });
  auto one = [this, d, finish] {
    {
      const std::lock_guard lock(d->mutex);
      if (d->left > 1) {
        --d->left;
        return;
      }
    }
    commits_->submit({}, [finish](Result<store::Outcome>) { finish({}); });  // behind all that was submitted
  };
  if (engines_.empty()) return one();
  for (auto& e : engines_) e->reactor().post([p = e.get(), one] { p->drain(one); });
}

}  // namespace dataplane
}  // namespace nvtee
