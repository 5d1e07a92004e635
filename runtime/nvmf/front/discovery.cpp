#include "runtime/nvmf/front/discovery.hpp"

#include <nvme/types.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/nvmf/front/admin_types.hpp"

namespace nvtee::nvmf {
namespace {

constexpr std::uint8_t kTrtypeTcp = 3, kAdrfamIpv4 = 1, kAdrfamIpv6 = 2, kSubtypeNvm = 2;
constexpr std::uint8_t kTreqNoSecureChannel = 2, kTreqFlowControlOff = 4;
constexpr std::uint16_t kAdminEntries = 128;

static_assert(sizeof(nvmf_disc_log_entry) == 1024 && sizeof(nvmf_discovery_log) == 1024);

bool ipv6(const std::string& host) {
  return host.find(':') != std::string::npos;
}

bool wildcard(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

nvmf_disc_log_entry entry_of(const DiscoveryEntry& e, const net::Address& local) {
  const std::string& host = wildcard(e.address.host) ? local.host : e.address.host;
  nvmf_disc_log_entry d{};
  d.trtype = kTrtypeTcp;
  d.adrfam = ipv6(host) ? kAdrfamIpv6 : kAdrfamIpv4;
  d.subtype = kSubtypeNvm;
  d.treq = kTreqNoSecureChannel | kTreqFlowControlOff;
  d.portid = e.port_id;
  d.cntlid = spec::kCntlidDynamic;
  d.asqsz = kAdminEntries;
  put_text(d.trsvcid, std::to_string(e.address.port), '\0');
  put_text(d.subnqn, e.nqn, '\0');
  put_text(d.traddr, host, '\0');
  return d;  // TSAS.SECTYPE 0: no TLS
}

}  // namespace

std::vector<std::byte> discovery_log(std::uint64_t generation, std::span<const DiscoveryEntry> entries,
                                     const net::Address& local) {
  nvmf_discovery_log header;
  std::memset(&header, 0, sizeof header);
  header.genctr = generation;
  header.numrec = entries.size();
  std::vector<std::byte> out = bytes_of(header);
  for (const DiscoveryEntry& e : entries) {
    const std::vector<std::byte> one = bytes_of(entry_of(e, local));
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

// The lock is held over reactor.post(): whoever removed itself is not posted to any more.
struct SubsystemRegistry::Impl {
  struct Subsystem {
    std::shared_ptr<SubsystemServer::Handle> handle;
    net::Reactor* reactor = nullptr;
    bool any_host = false;
    std::set<std::string> hosts;
  };
  struct Subscriber {
    net::Reactor* reactor = nullptr;
    std::shared_ptr<std::function<void()>>
        changed;  // emptied on the reactor's thread when the subscriber goes
  };

  mutable std::mutex mutex;
  std::map<std::string, Subsystem> subsystems;
  std::vector<net::Address> addresses;
  std::uint64_t generation = 0;
  std::map<std::uint64_t, Subscriber> subscribers;
  std::uint64_t next_subscriber = 0;

  void changed_locked() {
    ++generation;
    for (auto& [id, s] : subscribers)
      s.reactor->post([f = s.changed] {
        if (*f) (*f)();
      });
  }
  void put(SubsystemServer* server, bool fresh) {
    const SubsystemModel& m = server->model();
    const std::lock_guard lock(mutex);
    NVTEE_CHECK(fresh != subsystems.contains(m.nqn), "a subsystem is added once, before it is updated");
    subsystems[m.nqn] = {server->handle(), &server->reactor(), m.any_host, m.hosts};
    changed_locked();
  }
};

SubsystemRegistry::SubsystemRegistry() : impl_(std::make_shared<Impl>()) {}
SubsystemRegistry::~SubsystemRegistry() = default;

void SubsystemRegistry::add(SubsystemServer* server) {
  impl_->put(server, true);
}

void SubsystemRegistry::update(SubsystemServer* server) {
  impl_->put(server, false);
}

void SubsystemRegistry::remove(const std::string& nqn) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->subsystems.erase(nqn) != 0) impl_->changed_locked();
}

void SubsystemRegistry::set_addresses(std::vector<net::Address> addresses) {
  const std::lock_guard lock(impl_->mutex);
  impl_->addresses = std::move(addresses);
  impl_->changed_locked();
}

std::vector<DiscoveryEntry> SubsystemRegistry::entries(const std::string& host_nqn) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<DiscoveryEntry> out;
  for (const auto& [nqn, s] : impl_->subsystems) {
    if (!s.any_host && !s.hosts.contains(host_nqn)) continue;
    std::uint16_t port = 0;
    for (const net::Address& a : impl_->addresses) out.push_back({a, nqn, ++port});
  }
  return out;
}

std::uint64_t SubsystemRegistry::generation() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->generation;
}

bool SubsystemRegistry::post(const std::string& nqn,
                             std::function<void(net::Reactor&, SubsystemServer*)> then) {
  const std::lock_guard lock(impl_->mutex);
  const auto i = impl_->subsystems.find(nqn);
  if (i == impl_->subsystems.end()) return false;
  net::Reactor* reactor = i->second.reactor;
  reactor->post([reactor, handle = i->second.handle, f = std::move(then)] { f(*reactor, handle->server); });
  return true;
}

std::shared_ptr<void> SubsystemRegistry::subscribe(net::Reactor& reactor, std::function<void()> changed) {
  struct Subscription {
    std::shared_ptr<Impl> impl;
    std::uint64_t id;
    std::shared_ptr<std::function<void()>> function;
    ~Subscription() {
      *function = nullptr;
      const std::lock_guard lock(impl->mutex);
      impl->subscribers.erase(id);
    }
  };
  auto function = std::make_shared<std::function<void()>>(std::move(changed));
  const std::lock_guard lock(impl_->mutex);
  const std::uint64_t id = impl_->next_subscriber++;
  impl_->subscribers[id] = {&reactor, function};
  return std::shared_ptr<void>(std::shared_ptr<Subscription>(new Subscription{impl_, id, function}));
}

}  // namespace nvtee::nvmf
