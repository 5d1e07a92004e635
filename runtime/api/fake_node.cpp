#include "runtime/api/fake_node.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace nvtee::test {

core::NamespaceStatus FakeNode::sample_namespace(const std::string& name,
                                                 const std::vector<core::LegSpec>& legs) {
  core::NamespaceStatus ns;
  ns.spec.name = name;
  ns.spec.subsystem = "nqn.2026-01.com.example:front";
  ns.spec.blocks = 262'144;  // 1 GiB
  ns.spec.nguid = {0x01, 0x02, 0x03};
  ns.spec.uuid = {0xaa, 0xbb};
  ns.spec.region_bytes = 1 << 20;
  ns.epoch = 7;
  ns.ana_state = 1;
  ns.health = "ok";
  for (std::size_t i = 0; i < legs.size(); ++i) {
    ns.legs[i].state = core::LegState::kInSync;
    ns.legs[i].spec = legs[i];
    ns.legs[i].connected = true;
  }
  return ns;
}

FakeNode::FakeNode() {
  status_.version = "0.1.0";
  status_.host_nqn = "nqn.2026-01.com.example:node1";
  status_.state_file = "memory";
  status_.uptime_ms = 93'784'000;
  status_.listen = {{"127.0.0.1", 4420}};
  status_.subsystems = {{"nqn.2026-01.com.example:front", "S1", true, {}}};
  for (const char* name : {"left", "right"}) {
    PeerStatus p;
    p.config.name = name;
    p.config.subnqn = std::string("nqn.2026-01.com.example:") + name;
    p.config.addresses = {{"192.0.2.1", 4420}};
    p.identity = "Disk S123";
    p.legs = p.legs_connected = 1;
    status_.peers.push_back(p);
  }
  status_.namespaces = {sample_namespace("vol1", {{"left", 1}, {"right", 1}})};
  status_.counters = {{.reads = 10, .writes = 20, .read_bytes = 40'960, .write_bytes = 81'920}};
  status_.hosts = {
      {"nqn.2026-01.com.example:front", "nqn.2026-01.com.example:host", "192.0.2.9:5000", 1, 4, 1000}};
}

FakeNode::~FakeNode() {
  for (auto& t : threads_) t.join();
}

// As with a real node, callbacks come on another thread.
void FakeNode::later(std::function<void()> f) {
  threads_.emplace_back(std::move(f));
}

void FakeNode::status(std::function<void(NodeStatus)> done) {
  const std::lock_guard lock(mutex_);
  if (silent_) return;
  done(status_);
}

void FakeNode::call(std::string what, const Done& done) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(std::move(what));
  if (silent_) return;
  Status0 answer;
  if (next_error_) answer = std::unexpected(*std::exchange(next_error_, {}));
  later([done, answer] { done(answer); });
}

void FakeNode::create_namespace(core::NamespaceSpec spec, std::vector<core::LegSpec> legs, bool assume_equal,
                                Done done) {
  std::string text;
  for (const auto& l : legs) text += fmt::format(" {}:{}", l.peer, l.nsid);
  edit([&](NodeStatus& s) {
    if (next_error_) return;
    auto ns = sample_namespace(spec.name, legs);
    const auto blocks = ns.spec.blocks;
    ns.spec = spec;
    if (ns.spec.blocks == 0) ns.spec.blocks = blocks;
    s.namespaces.push_back(ns);
    s.counters.emplace_back();
  });
  call(fmt::format("create {} {} nsid={} blocks={} shift={} region={} equal={}{}", spec.name, spec.subsystem,
                   spec.nsid, spec.blocks, spec.block_shift, spec.region_bytes, assume_equal, text),
       done);
}

void FakeNode::delete_namespace(const std::string& name, Done done) {
  edit([&](NodeStatus& s) {
    std::erase_if(s.namespaces, [&](const auto& ns) { return ns.spec.name == name; });
  });
  call("delete " + name, done);
}
void FakeNode::add_leg(const std::string& ns, core::LegSpec leg, Done done) {
  call(fmt::format("add {} {}:{}", ns, leg.peer, leg.nsid), done);
}
void FakeNode::remove_leg(const std::string& ns, unsigned leg, Done done) {
  call(fmt::format("remove {} {}", ns, leg), done);
}
void FakeNode::fault_leg(const std::string& ns, unsigned leg, Done done) {
  call(fmt::format("fault {} {}", ns, leg), done);
}
void FakeNode::online_leg(const std::string& ns, unsigned leg, Done done) {
  call(fmt::format("online {} {}", ns, leg), done);
}
void FakeNode::verify(const std::string& ns, bool start, Done done) {
  call(fmt::format("verify {} {}", ns, start ? "start" : "stop"), done);
}
void FakeNode::set_resync_rate(std::uint64_t bytes_per_second, Done done) {
  call(fmt::format("resync rate {}", bytes_per_second), done);
}

void FakeNode::drain(Done done) {
  const bool hangs = [this] {
    const std::lock_guard lock(mutex_);
    if (drain_hangs_) calls_.push_back("drain");
    return drain_hangs_;
  }();
  if (!hangs) call("drain", done);
}
void FakeNode::hang_drain() {
  const std::lock_guard lock(mutex_);
  drain_hangs_ = true;
}

void FakeNode::fail_next(Error error) {
  const std::lock_guard lock(mutex_);
  next_error_ = std::move(error);
}
void FakeNode::set_silent(bool silent) {
  const std::lock_guard lock(mutex_);
  silent_ = silent;
}
std::vector<std::string> FakeNode::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

}  // namespace nvtee::test
