// nvtee wait, and the throttle of resync.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"

namespace nvtee::cli {
namespace {

using api::Json;
using Clock = std::chrono::steady_clock;

constexpr auto kAskAgain = std::chrono::milliseconds(250);

// Why it is not so yet; empty: it is. `hopeless`: it will not be by itself.
struct Verdict {
  std::string why;
  bool hopeless = false;
};

Verdict leg_verdict(const Json& ns, const Json& leg, bool synced) {
  const std::string who =
      fmt::format("{} leg {}:{}", text_of(ns, "name"), text_of(leg, "peer"), number_of(leg, "nsid"));
  const bool so = synced ? text_of(leg, "state") == "in_sync" : flag_of(leg, "connected");
  if (so) return {};
  if (flag_of(leg, "needs_operator")) return {who + " waits for `nvtee leg online`", true};
  return {fmt::format("{} is {}{}", who, text_of(leg, "state"),
                      flag_of(leg, "connected") ? "" : ", not connected"),
          false};
}

Verdict verdict_of(const Json& status, const std::string& name, bool synced) {
  bool found = false;
  for (const Json& ns : list_of(status, "namespaces")) {
    if (!name.empty() && text_of(ns, "name") != name) continue;
    found = true;
    for (const Json& leg : list_of(ns, "legs"))
      if (Verdict v = leg_verdict(ns, leg, synced); !v.why.empty()) return v;
    if (synced && number_of(ns, "reconcile_bytes"))
      return {text_of(ns, "name") + " is reconciled after an unclean stop", false};
  }
  for (const Json& m : list_of(status, "missing_namespaces"))
    if (name.empty() || text_of(m, "name") == name)
      return {text_of(m, "name") + " is not there yet: " + text_of(m, "reason"), false};
  if (!name.empty() && !found) return {"no namespace named '" + name + "'", true};
  return {};
}

}  // namespace

int run_wait(Call& call) {
  const std::string what = call.values.get("FOR");
  if (what != "synced" && what != "connected")
    return call.report({fmt::format("cannot wait for '{}'", what), "synced or connected"}, kUsage);
  const auto limit = text::parse_duration(call.values.get("timeout"));
  if (!limit) return call.report({"--timeout: " + limit.error().what, limit.error().remedy}, kUsage);
  const auto end = Clock::now() + std::chrono::nanoseconds(*limit);
  Verdict verdict;
  for (;;) {
    // The daemon itself may still be starting.
    const auto answer = call.client.call("GET", "/v1/status", nullptr, 5 * kSecond);
    if (!answer)
      verdict = {answer.error().error.what, false};
    else if (!answer->ok())
      verdict = {answer->error().what, false};
    else
      verdict = verdict_of(answer->json, call.values.get("NAMESPACE"), what == "synced");
    const bool so = verdict.why.empty();
    if (so && call.json) call.print({{"ok", true}});
    if (so) return kOk;
    if (verdict.hopeless) return call.report({verdict.why, "see `nvtee status`"}, kFailed);
    if (Clock::now() >= end)
      return call.report(
          {fmt::format("not {} within {}: {}", what, text::exact_duration(*limit), verdict.why),
           "see `nvtee status`, or give a longer --timeout"},
          kFailed);
    std::this_thread::sleep_for(std::min<Clock::duration>(kAskAgain, end - Clock::now()));
  }
}

int run_resync_throttle(Call& call) {
  const std::string rate = call.values.get("RATE");
  if (rate == "none")
    return call.change("POST", "/v1/resync/rate", {{"bytes_per_second", 0}},
                       "resync is bounded by the latency that hosts see only, until the next start");
  return call.change("POST", "/v1/resync/rate", {{"bytes_per_second", rate}},
                     fmt::format("resync copies at most {} a second, until the next start", rate));
}

}  // namespace nvtee::cli
