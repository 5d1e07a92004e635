// nvtee status: for people who want to know whether they must get up.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {
namespace {

using api::Json;

// A namespace's health as told; never better than its legs look.
std::string health_of(const Json& ns) {
  const std::string told = text_of(ns, "health");
  const bool all_in_sync =
      !list_of(ns, "legs").empty() && std::ranges::all_of(list_of(ns, "legs"), [](const Json& l) {
        return text_of(l, "state") == "in_sync";
      });
  return told == "ok" && !all_in_sync ? "unknown" : told;
}

const char* explain(const std::string& health) {
  if (health == "ok") return "all legs are in sync";
  if (health == "resyncing") return "a leg is being copied";
  if (health == "reconciling") return "regions that were open at an unclean stop are made equal";
  if (health == "degraded") return "a leg is missing: one failure less is survived";
  if (health == "gated") return "commands of hosts wait or are refused";
  if (health == "down") return "no leg can serve";
  return "could not be found out";
}

void print_namespace(const Json& ns) {
  const std::string health = health_of(ns);
  std::printf("\nnamespace: %s\n", text_of(ns, "name").c_str());
  std::printf("   health: %s (%s)\n", health.c_str(), explain(health));
  if (flag_of(ns, "gated")) std::printf("    gated: %s\n", text_of(ns, "gate_reason").c_str());
  std::printf("    shown: nsid %llu of %s, %s, %s\n", static_cast<unsigned long long>(number_of(ns, "nsid")),
              text_of(ns, "subsystem").c_str(), text::human_size(number_of(ns, "size_bytes")).c_str(),
              text_of(ns, "ana").c_str());
  std::printf("    epoch: %llu, %llu region(s) open (%s)\n",
              static_cast<unsigned long long>(number_of(ns, "epoch")),
              static_cast<unsigned long long>(number_of(ns, "open_regions")),
              text::human_size(number_of(ns, "open_bytes")).c_str());
  if (const auto left = number_of(ns, "reconcile_bytes"))
    std::printf("reconcile: %s left\n", text::human_size(left).c_str());
  std::fputs("     legs:\n", stdout);
  std::fputs(legs_table(list_of(ns, "legs"), 3).c_str(), stdout);
  const Json& verify = ns.contains("verify") ? ns["verify"] : Json();
  if (flag_of(verify, "running"))
    std::printf("   verify: %u %% done\n",
                percent(number_of(verify, "done_bytes"), number_of(verify, "total_bytes")));
  if (const auto bad = number_of(verify, "mismatched_blocks"))
    std::printf("   verify: %llu block(s) DIFFER between legs\n", static_cast<unsigned long long>(bad));
  for (const Json& a : list_of(ns, "advice"))
    if (a.is_string()) std::printf("   action: %s\n", clean(a.get<std::string>()).c_str());
}

void print_missing(const Json& m) {
  std::printf(
      "\nnamespace: %s\n   health: down (the configuration declares it, and it is not there)\n   reason: "
      "%s\n",
      text_of(m, "name").c_str(), text_of(m, "reason").c_str());
}

void print_node(const Json& s, const std::string& health) {
  std::printf("     node: %s\n", text_of(s, "host_nqn").c_str());
  std::printf("   daemon: nvteed %s, pid %llu, up %s%s\n", text_of(s, "version").c_str(),
              static_cast<unsigned long long>(number_of(s, "pid")),
              text::human_duration(number_of(s, "uptime_ms") * kMillisecond).c_str(),
              flag_of(s, "draining") ? ", STOPPING" : "");
  std::printf("   health: %s\n", health.c_str());
  std::printf("    hosts: %zu connected\n", list_of(s, "hosts").size());
  for (const Json& p : list_of(s, "peers"))
    if (number_of(p, "legs_connected") < number_of(p, "legs"))
      std::printf("     peer: %s: %llu of %llu legs connected%s\n", text_of(p, "name").c_str(),
                  static_cast<unsigned long long>(number_of(p, "legs_connected")),
                  static_cast<unsigned long long>(number_of(p, "legs")),
                  text_of(p, "last_error").empty() ? "" : (": " + text_of(p, "last_error")).c_str());
}

int exit_of(const std::string& health, bool draining) {
  return health == "ok" && !draining ? kOk : kDegraded;
}

int status_of_one(Call& call) {
  const auto ns = call.ask("GET", "/v1/namespaces/" + path_part(call.values.get("NAMESPACE")));
  if (!ns) return call.exit;
  if (call.json)
    call.print(*ns);
  else
    print_namespace(*ns);
  return exit_of(health_of(*ns), false);
}

// The worst that the daemon and its namespaces say; "unknown" when they do not agree.
std::string node_health(const Json& s) {
  const std::string told = text_of(s, "health");
  if (!s.contains("namespaces") || !s["namespaces"].is_array()) return "unknown";
  const bool all_ok =
      list_of(s, "missing_namespaces").empty() &&
      std::ranges::all_of(s["namespaces"], [](const Json& ns) { return health_of(ns) == "ok"; });
  return told == "ok" && !all_ok ? "unknown" : told;
}

}  // namespace

int run_status(Call& call) {
  if (call.values.has("NAMESPACE")) return status_of_one(call);
  const auto s = call.ask("GET", "/v1/status");
  if (!s) return call.exit;
  const std::string health = node_health(*s);
  if (call.json) {
    call.print(*s);
    return exit_of(health, flag_of(*s, "draining"));
  }
  print_node(*s, health);
  for (const Json& ns : list_of(*s, "namespaces")) print_namespace(ns);
  for (const Json& m : list_of(*s, "missing_namespaces")) print_missing(m);
  if (list_of(*s, "namespaces").empty() && list_of(*s, "missing_namespaces").empty())
    std::puts("\nno namespaces: create one with `nvtee ns create`");
  return exit_of(health, flag_of(*s, "draining"));
}

}  // namespace nvtee::cli
