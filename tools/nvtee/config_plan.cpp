#include "tools/nvtee/config_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"

namespace nvtee::cli {
namespace {

using api::Json;
using config::DeclaredNamespace;

std::string leg_text(const core::LegSpec& l) {
  return fmt::format("{}:{}", l.peer, l.nsid);
}
std::string leg_text(const Json& leg) {
  return fmt::format("{}:{}", text_of(leg, "peer"), number_of(leg, "nsid"));
}
std::string path_of(const std::string& ns) {
  return "/v1/namespaces/" + path_part(ns);
}

const Json* find_namespace(const Json& status, const std::string& name) {
  for (const Json& ns : list_of(status, "namespaces"))
    if (text_of(ns, "name") == name) return &ns;
  return nullptr;
}

bool has_peer(const config::Config& c, const std::string& name) {
  return std::ranges::any_of(c.node.peers, [&](const PeerConfig& p) { return p.name == name; });
}

// What the daemon that runs cannot know of yet.
std::string unknown_to(const config::Config& running, const DeclaredNamespace& n) {
  if (std::ranges::none_of(running.node.subsystems, [&](const auto& s) { return s.nqn == n.spec.subsystem; }))
    return "subsystem " + n.spec.subsystem;
  for (const auto& l : n.legs)
    if (!has_peer(running, l.peer)) return "peer " + l.peer;
  return {};
}

Step creation(const DeclaredNamespace& n) {
  Json legs = Json::array();
  std::string on;
  for (const auto& l : n.legs) {
    legs.push_back({{"peer", l.peer}, {"nsid", l.nsid}});
    on += (on.empty() ? "" : ", ") + leg_text(l);
  }
  Json body{{"name", n.spec.name}, {"subsystem", n.spec.subsystem}, {"nsid", n.spec.nsid}, {"legs", legs}};
  if (n.size) body["size"] = n.size;
  if (n.block_size) body["block_size"] = n.block_size;
  if (n.spec.region_bytes) body["region_size"] = n.spec.region_bytes;
  if (n.assume_equal) body["assume_equal"] = true;
  if (!text::is_zero(n.spec.nguid)) body["nguid"] = text::nguid_text(n.spec.nguid);
  if (!text::is_zero(n.spec.uuid)) body["uuid"] = text::uuid_text(n.spec.uuid);
  const char* copy = n.legs.size() < 2 ? ""
                     : n.assume_equal  ? " (assumed equal)"
                                       : " (the first is copied to the others)";
  return {fmt::format("create namespace {} on {}{}", n.spec.name, on, copy), "POST", "/v1/namespaces",
          std::move(body), false};
}

void compare_fixed(const DeclaredNamespace& n, const Json& now, Plan& plan) {
  const auto fixed = [&](const char* what, const std::string& is, const std::string& wanted) {
    if (is != wanted)
      plan.refused.push_back(
          fmt::format("namespace {}: {} is {} and cannot become {}", n.spec.name, what, is, wanted));
  };
  fixed("subsystem", text_of(now, "subsystem"), n.spec.subsystem);
  fixed("nsid", std::to_string(number_of(now, "nsid")), std::to_string(n.spec.nsid));
  if (n.size) fixed("size", text::exact_size(number_of(now, "size_bytes")), text::exact_size(n.size));
  if (n.size && n.block_size)
    fixed("block_size", std::to_string(number_of(now, "block_size")), std::to_string(n.block_size));
  if (n.spec.region_bytes)
    fixed("region_size", text::exact_size(number_of(now, "region_bytes")),
          text::exact_size(n.spec.region_bytes));
  if (!text::is_zero(n.spec.uuid)) fixed("uuid", text_of(now, "uuid"), text::uuid_text(n.spec.uuid));
}

// New legs first: the last one in sync is never taken away before others are there.
void compare_legs(const DeclaredNamespace& n, const Json& now, bool prune, Plan& plan) {
  std::set<std::string> is, wanted;
  for (const Json& l : list_of(now, "legs")) is.insert(leg_text(l));
  for (const auto& l : n.legs) wanted.insert(leg_text(l));
  for (const auto& l : n.legs)
    if (!is.contains(leg_text(l)))
      plan.steps.push_back({fmt::format("add leg {} to {} (what it holds is lost)", leg_text(l), n.spec.name),
                            "POST", path_of(n.spec.name) + "/legs", Json{{"peer", l.peer}, {"nsid", l.nsid}},
                            true});
  for (const auto& leg : is) {
    if (wanted.contains(leg)) continue;
    if (prune)
      plan.steps.push_back({fmt::format("remove leg {} of {}", leg, n.spec.name), "DELETE",
                            path_of(n.spec.name) + "/legs/" + path_part(leg), nullptr, true});
    else
      plan.kept.push_back(fmt::format("leg {} of {}", leg, n.spec.name));
  }
}

void compare(const DeclaredNamespace& n, const config::Config& running, const Json& status, bool prune,
             Plan& plan) {
  const Json* now = find_namespace(status, n.spec.name);
  if (const std::string unknown = unknown_to(running, n); !unknown.empty()) {
    plan.refused.push_back(
        fmt::format("namespace {}: the daemon does not know {} before a restart", n.spec.name, unknown));
    return;
  }
  if (!now) return plan.steps.push_back(creation(n));
  compare_fixed(n, *now, plan);
  compare_legs(n, *now, prune, plan);
}

std::string change_text(const config::Change& c) {
  if (c.before.empty() && c.after == "there") return c.what + ": new";
  if (c.after.empty() && c.before == "there") return c.what + ": goes";
  return fmt::format("{}: {} -> {}", c.what, c.before.empty() ? "(none)" : c.before,
                     c.after.empty() ? "(none)" : c.after);
}

}  // namespace

Plan make_plan(const config::Config& wanted, const config::Config& running, const Json& status, bool prune) {
  Plan plan;
  for (const auto& n : wanted.namespaces) compare(n, running, status, prune, plan);
  for (const Json& ns : list_of(status, "namespaces")) {
    const std::string name = text_of(ns, "name");
    if (std::ranges::any_of(wanted.namespaces, [&](const auto& n) { return n.spec.name == name; })) continue;
    if (prune)
      plan.steps.push_back({fmt::format("delete namespace {} (its legs keep their data)", name), "DELETE",
                            path_of(name), nullptr, true});
    else
      plan.kept.push_back("namespace " + name);
  }
  for (const auto& c : config::changes(running, wanted)) plan.restarts.push_back(change_text(c));
  return plan;
}

std::string Plan::text() const {
  std::string out;
  const auto part = [&](const char* head, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    out += std::string(head) + "\n";
    for (const auto& l : lines) out += "  " + l + "\n";
  };
  std::vector<std::string> words;
  for (const auto& s : steps) words.push_back((s.removes ? "- " : "+ ") + s.words);
  part("cannot be done:", refused);
  part("to do:", words);
  part("not in the file, kept (--prune removes them):", kept);
  part("read by nvteed at its start only; restart it to apply:", restarts);
  return out.empty() ? "nothing to do: the node is what the file says\n" : out;
}

Json Plan::json() const {
  Json todo = Json::array();
  for (const auto& s : steps) todo.push_back(s.words);
  return {{"to_do", todo}, {"kept", kept}, {"restart", restarts}, {"refused", refused}};
}

}  // namespace nvtee::cli
