#include "tools/nvtee-target/server.hpp"

#include <bit>
#include <cstring>

#include "runtime/base/log.hpp"
#include "tools/nvtee-target/mem_store.hpp"

namespace nvtee::target {
namespace {

constexpr unsigned kRingEntries = 512;
constexpr std::uint16_t kOncs = 1 | 1 << 2 | 1 << 3;  // Compare, DSM, Write Zeroes
constexpr std::uint8_t kRescap = 0xff;                // every type, PTPL, IEKEY as of 1.3
constexpr std::uint8_t kDlfeat = 1 | 1 << 3;          // deallocated blocks read as zero; DEAC
constexpr std::uint8_t kAtomicsValid = 1 << 1;
constexpr std::uint8_t kVwcPresent = 1, kVwcNoFlushAll = 2 << 1;

// An identity that is the same at every start with the same names: for namespaces without a sidecar, and for
// a fresh one.
std::array<std::uint8_t, 16> derive_id(const std::string& subnqn, std::uint32_t nsid,
                                       const std::string& what) {
  const std::string text = subnqn + "/" + std::to_string(nsid) + "/" + what;
  std::array<std::uint8_t, 16> id{};
  std::uint64_t h[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
  for (const char c : text)
    for (std::uint64_t& x : h) x = (std::rotl(x, 5) ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  std::memcpy(id.data(), h, sizeof h);
  if (what == "uuid") {  // version 8, variant 1
    id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x80);
    id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  }
  return id;
}

}  // namespace

// Flushes one namespace after another.
struct Server::FlushStep final : StoreClient {
  explicit FlushStep(Server& s) : server(s), at(s.target_->engine().namespaces().begin()) {}
  void on_store_done(StoreOp&, spec::Status status) override {
    told(status);
    server.flush_next();
  }
  void told(spec::Status status) {
    if (status != spec::st::kOk) log::error("flush_failed nsid={} status={:x}", at->first, status);
    ++at;
  }
  Server& server;
  std::map<std::uint32_t, std::unique_ptr<Namespace>>::const_iterator at;
  StoreOp op;
};

Server::Server(net::Reactor& reactor, const Config& config) : reactor_(reactor), config_(config) {}

Result<std::unique_ptr<Server>> Server::create(net::Reactor& reactor, const Config& config) {
  std::unique_ptr<Server> s(new Server(reactor, config));
  s->target_ = std::make_unique<Target>(
      reactor, QueueOptions{config.max_transfer, config.r2t_bytes, config.c2h_bytes, config.c2h_success});
  for (const NamespaceConfig& n : config.namespaces)
    if (auto added = s->add_namespace(n); !added) return std::unexpected(added.error());
  s->subsystem_ = std::make_unique<nvmf::SubsystemServer>(reactor, s->model(), s->target_.get());
  s->target_->attach(s->subsystem_.get());
  s->registry_.add(s->subsystem_.get());
  nvmf::Listener::Options options;
  options.address = config.listen;
  options.profile = s->subsystem_->model().profile;
  auto listener = nvmf::Listener::create(reactor, s->registry_, options);
  if (!listener) return std::unexpected(listener.error());
  s->listener_ = std::move(*listener);
  s->registry_.set_addresses({s->listener_->address()});
  if (!config.control_path.empty()) {
    auto control = ControlServer::create(reactor, config.control_path, s.get());
    if (!control) return std::unexpected(control.error());
    s->control_ = std::move(*control);
  }
  return s;
}

Server::~Server() {
  control_.reset();
  listener_.reset();
  if (subsystem_) {
    subsystem_->close_all("the target is stopping");
    registry_.remove(config_.subnqn);
  }
  if (target_) target_->engine().resume();
  if (uring_) uring_->drain();
  subsystem_.reset();
  target_.reset();
}

// ---- namespaces
// --------------------------------------------------------------------------------------------

Result<Uring*> Server::uring() {
  if (!uring_) {
    auto made = Uring::create(reactor_, kRingEntries);
    if (!made) return std::unexpected(made.error());
    uring_ = std::move(*made);
  }
  return uring_.get();
}

Status0 Server::add_namespace(const NamespaceConfig& n) {
  auto ns = std::make_unique<Namespace>();
  ns->nsid = n.nsid;
  ns->backing = n.memory ? "mem" : n.path;
  ns->nguid = n.nguid.value_or(derive_id(config_.subnqn, n.nsid, "nguid"));
  ns->uuid = n.uuid.value_or(derive_id(config_.subnqn, n.nsid, "uuid"));
  ns->reservations = config_.reservations;
  if (auto stores = add_stores(n, *ns); !stores) return stores;
  if (auto sidecar = add_sidecar(n, *ns); !sidecar) return sidecar;
  log::info("namespace nsid={} backing={} blocks={} block_size={} vwc={} registrants={}", ns->nsid,
            ns->backing, ns->store->blocks(), 1u << ns->store->block_shift(), ns->store->volatile_cache(),
            ns->reservation.registrants.size());
  target_->engine().add(std::move(ns));
  return {};
}

Status0 Server::add_stores(const NamespaceConfig& n, Namespace& ns) {
  if (n.memory) {
    auto mem = MemStore::create(n.size >> n.block_shift, n.block_shift, n.prefault);
    if (!mem) return std::unexpected(mem.error());
    ns.base = std::move(*mem);
  } else {
    auto ring = uring();
    if (!ring) return std::unexpected(ring.error());
    // Behind our own volatile cache the page cache is flushed when hosts flush.
    const Durability durability =
        n.cache && n.durability == Durability::kPower ? Durability::kFlush : n.durability;
    auto file = FileStore::open(**ring, {n.path, n.size, n.block_shift, durability});
    if (!file) return std::unexpected(file.error());
    ns.base = std::move(*file);
  }
  ns.store = ns.base.get();
  if (!n.cache) return {};
  auto overlay = OverlayStore::create(*ns.base, {n.cache_size, n.chaos_seed});
  if (!overlay) return std::unexpected(overlay.error());
  ns.overlay = std::move(*overlay);
  ns.store = ns.overlay.get();
  return {};
}

Status0 Server::add_sidecar(const NamespaceConfig& n, Namespace& ns) {
  if (n.memory && n.meta.empty()) return {};
  auto ring = uring();
  if (!ring) return std::unexpected(ring.error());
  SidecarContents fresh;
  fresh.nguid = ns.nguid;
  fresh.uuid = ns.uuid;
  fresh.blocks = ns.store->blocks();
  fresh.block_shift = ns.store->block_shift();
  auto sidecar = Sidecar::open(**ring, n.meta.empty() ? n.path + ".nvtee" : n.meta, fresh);
  if (!sidecar) return std::unexpected(sidecar.error());
  const SidecarContents& c = (*sidecar)->contents();
  // A namespace never changes its name silently: hosts would take it for another one.
  if ((n.nguid && *n.nguid != c.nguid) || (n.uuid && *n.uuid != c.uuid))
    return fail("'" + (*sidecar)->path() + "' knows this namespace by another NGUID or UUID",
                "leave nguid= and uuid= out, or move that file away");
  ns.nguid = c.nguid;
  ns.uuid = c.uuid;
  ns.reservation = c.reservation;
  ns.sidecar = std::move(*sidecar);
  return {};
}

nvmf::SubsystemModel Server::model() const {
  nvmf::SubsystemModel m;
  m.nqn = config_.subnqn;
  m.serial = config_.serial;
  m.model = "nvtee-target";
  m.profile.max_h2c_data = config_.max_h2c_data;
  m.profile.in_capsule = config_.in_capsule;
  m.profile.cpda = config_.cpda;
  m.profile.allow_header_digest = config_.header_digest;
  m.profile.allow_data_digest = config_.data_digest;
  m.mdts = static_cast<std::uint8_t>(std::countr_zero(config_.max_transfer / 4096));
  m.max_io_queues = config_.max_queues;
  m.max_entries = config_.queue_entries;
  m.oncs = config_.reservations ? kOncs | spec::resv::kOncsBit : kOncs;
  m.vwc = kVwcNoFlushAll;
  m.ana = config_.ana;
  m.any_host = config_.allowed_hosts.empty();
  m.hosts.insert(config_.allowed_hosts.begin(), config_.allowed_hosts.end());
  for (const auto& [nsid, ns] : target_->engine().namespaces()) {
    nvmf::NamespaceModel& n = m.namespaces[nsid];
    n.blocks = ns->store->blocks();
    n.block_shift = ns->store->block_shift();
    n.nguid = ns->nguid;
    n.uuid = ns->uuid;
    if (ns->reservations)
      n.rescap = ns->sidecar ? kRescap : kRescap & static_cast<std::uint8_t>(~spec::resv::kCapPersist);
    n.nsfeat = kAtomicsValid;
    n.dlfeat = kDlfeat;
    if (ns->store->volatile_cache()) m.vwc |= kVwcPresent;
  }
  return m;
}

// ---- the end
// -----------------------------------------------------------------------------------------------

void Server::drain(std::function<void()> done) {
  on_drained_ = std::move(done);
  log::info("draining outstanding={}", target_->outstanding());
  listener_->close();
  target_->refuse_queues(true);
  target_->engine().resume();
  drain_timer_ = std::make_unique<net::Timer>(reactor_, [this] {
    log::warn("drain_timed_out outstanding={}", target_->outstanding());
    drained();
  });
  drain_timer_->arm_in(config_.drain_seconds * kSecond);
  // What has begun is answered; the rest meets a closed connection.
  target_->drain([this] {
    subsystem_->close_all("the target is stopping");
    flush_ = std::make_unique<FlushStep>(*this);
    flush_next();
  });
}

void Server::flush_next() {
  FlushStep& f = *flush_;
  while (f.at != target_->engine().namespaces().end()) {
    f.op = StoreOp{};
    f.op.action = StoreAction::kFlush;
    f.op.client = &f;
    const auto status = f.at->second->store->start(f.op);
    if (!status) return;
    f.told(*status);
  }
  drained();
}

void Server::drained() {
  drain_timer_->cancel();
  if (on_drained_) std::exchange(on_drained_, nullptr)();
}

}  // namespace nvtee::target
