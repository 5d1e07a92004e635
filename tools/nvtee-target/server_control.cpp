// What the control socket can ask.
#include <fmt/format.h>

#include "runtime/base/log.hpp"
#include "tools/nvtee-target/server.hpp"

namespace nvtee::target {
namespace {

using nlohmann::json;

json error(const std::string& what) {
  return {{"error", what}};
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string s;
  for (const std::uint8_t b : bytes) s += fmt::format("{:02x}", b);
  return s;
}

json rule_json(const FaultRule& r) {
  return {{"id", r.id}, {"rule", fault_text(r)}, {"seen", r.seen}, {"hits", r.hits}};
}

json reservation_json(const ReservationState& r) {
  json registrants = json::array();
  for (const Registrant& x : r.registrants)
    registrants.push_back(
        {{"host_id", hex(x.host)}, {"key", fmt::format("{:x}", x.key)}, {"holder", r.holds(x.host)}});
  return {{"type", r.type}, {"generation", r.generation}, {"ptpl", r.ptpl}, {"registrants", registrants}};
}

json namespace_json(const Namespace& ns) {
  const NamespaceCounters& n = ns.counters;
  json j{{"nsid", ns.nsid},
         {"backing", ns.backing},
         {"blocks", ns.store->blocks()},
         {"block_size", 1u << ns.store->block_shift()},
         {"nguid", hex(ns.nguid)},
         {"uuid", hex(ns.uuid)},
         {"volatile_cache", ns.store->volatile_cache()},
         {"reservation", reservation_json(ns.reservation)},
         {"commands",
          {{"read", n.reads},
           {"write", n.writes},
           {"flush", n.flushes},
           {"compare", n.compares},
           {"write_zeroes", n.zeroes},
           {"dsm", n.dsm},
           {"reservation", n.reservations}}},
         {"read_blocks", n.read_blocks},
         {"written_blocks", n.written_blocks},
         {"errors", n.errors},
         {"conflicts", n.conflicts},
         {"injected", n.injected}};
  if (ns.overlay)
    j["cache"] = {{"held", ns.overlay->held_blocks()},
                  {"dirty", ns.overlay->dirty_blocks()},
                  {"written_back", ns.overlay->written_back()},
                  {"lost", ns.overlay->lost_blocks()}};
  return j;
}

struct AnaWord {
  const char* name;
  std::uint8_t state;
  spec::Status status;
};
constexpr AnaWord kAnaWords[] = {
    {"optimized", spec::ana::kOptimized, spec::st::kOk},
    {"non-optimized", spec::ana::kNonOptimized, spec::st::kOk},
    {"inaccessible", spec::ana::kInaccessible, spec::st::kAnaInaccessible},
    {"loss", spec::ana::kPersistentLoss, spec::st::kAnaPersistentLoss},
    {"change", spec::ana::kChange, spec::st::kAnaTransition},
};

}  // namespace

json Server::control(const std::vector<std::string>& words) {
  if (words.empty()) return error("what is wanted?");
  log::info("control request=\"{}\"", fmt::join(words, " "));
  const std::string& verb = words[0];
  Engine& engine = target_->engine();
  if (verb == "status") return status();
  if (verb == "inject") return inject(words);
  if (verb == "stall") return inject({"inject", words.size() > 1 ? "stall," + words[1] : "stall"});
  if (verb == "resume") return {{"resumed", engine.resume()}};
  if (verb == "clear") {
    std::uint32_t id = 0;
    if (words.size() < 2) {
      engine.injector().clear();
      return {{"resumed", engine.resume()}};
    }
    if (std::sscanf(words[1].c_str(), "%u", &id) != 1 || !engine.injector().remove(id))
      return error("there is no rule " + words[1]);
    return json::object();
  }
  if (verb == "drop-connections") {
    const std::string which = words.size() > 1 ? words[1] : "all";
    if (which != "io" && which != "all") return error("drop-connections takes io or all");
    const std::size_t n = target_->queues();
    if (which == "io")
      target_->drop_queues("dropped by the control socket");
    else
      subsystem_->close_all("dropped by the control socket");
    return {{"io_queues", n}};
  }
  if (verb == "refuse-queues") {
    if (words.size() < 2 || (words[1] != "on" && words[1] != "off"))
      return error("refuse-queues takes on or off");
    target_->refuse_queues(words[1] == "on");
    return json::object();
  }
  if (verb == "ana") return set_ana(words);
  if (verb == "lose-power") return lose_power();
  return error("'" + verb +
               "' is not understood: status, inject, stall, resume, clear, drop-connections, refuse-queues, "
               "ana, lose-power");
}

json Server::inject(const std::vector<std::string>& words) {
  if (words.size() < 2) return error("inject what? for example latency=5ms,opcode=write");
  std::string text = words[1];
  for (std::size_t i = 2; i < words.size(); ++i) text += "," + words[i];
  auto rule = parse_fault(text);
  if (!rule) return error(rule.error().text());
  const auto id = target_->engine().injector().add(*rule);
  if (!id) return error(id.error().text());
  return {{"id", *id}, {"rule", fault_text(*rule)}};
}

json Server::set_ana(const std::vector<std::string>& words) {
  for (const AnaWord& w : kAnaWords) {
    if (words.size() < 2 || words[1] != w.name) continue;
    target_->engine().set_ana_status(w.status);
    for (auto& [nsid, ns] : subsystem_->model().namespaces) ns.ana_state = w.state;
    subsystem_->ana_changed();
    return {{"ana", w.name}};
  }
  return error("ana takes optimized, non-optimized, inaccessible, loss or change");
}

// As a power failure would: what only caches held is gone, and so is every connection.
json Server::lose_power() {
  std::uint64_t lost = 0;
  for (const auto& [nsid, ns] : target_->engine().namespaces()) {
    if (!ns->overlay) continue;
    const std::uint64_t before = ns->overlay->lost_blocks();
    ns->overlay->lose_power();
    lost += ns->overlay->lost_blocks() - before;
  }
  subsystem_->close_all("power was lost (control socket)");
  return {{"lost_blocks", lost}};
}

json Server::status() const {
  json namespaces = json::array(), controllers = json::array(), rules = json::array();
  for (const auto& [nsid, ns] : target_->engine().namespaces()) namespaces.push_back(namespace_json(*ns));
  for (const auto& c : subsystem_->controllers())
    controllers.push_back({{"cntlid", c.info.cntlid},
                           {"host_nqn", c.info.host_nqn},
                           {"host_id", hex(c.info.host_id)},
                           {"peer", c.info.peer.text()},
                           {"kato_ms", c.info.kato_ms},
                           {"io_queues", c.io_queues},
                           {"enabled", c.enabled}});
  for (const FaultRule& r : target_->engine().injector().rules()) rules.push_back(rule_json(r));
  return {{"subnqn", config_.subnqn},
          {"listen", listener_->address().text()},
          {"namespaces", namespaces},
          {"controllers", controllers},
          {"rules", rules},
          {"stalled", target_->engine().stalled()},
          {"outstanding", target_->outstanding()}};
}

}  // namespace nvtee::target
