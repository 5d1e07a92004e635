// nvtee resync, verify, events: what goes on over time.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {

using api::Json;

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(500);

// ---- resync ---------------------------------------------------------------------------------------------

struct ResyncView {
  std::vector<std::string> lines;
  Json json = Json::array();
  bool done = true;
  bool needs_operator = false;
};

std::string resync_line(const std::string& ns, const Json& leg) {
  const std::string who = fmt::format("{} leg {} ({}:{})", ns, number_of(leg, "leg"), text_of(leg, "peer"),
                                      number_of(leg, "nsid"));
  if (text_of(leg, "state") != "syncing")
    return fmt::format("{}: {}, {} to copy; {}", who, text_of(leg, "state"),
                       text::human_size(number_of(leg, "dirty_bytes")), leg_reason_text(leg));
  const auto copied = number_of(leg, "copied_bytes"), left = number_of(leg, "to_copy_bytes");
  const std::string text = leg_copy_text(leg);
  return fmt::format("{}: {} {}", who, progress_bar(copied, copied + left), text.substr(text.find(',') + 2));
}

void add_resync(const Json& ns, ResyncView& view) {
  const std::string name = text_of(ns, "name");
  Json legs = Json::array();
  for (const Json& leg : list_of(ns, "legs")) {
    if (text_of(leg, "state") == "in_sync") continue;
    legs.push_back(leg);
    view.lines.push_back(resync_line(name, leg));
    view.done = false;
    view.needs_operator |= flag_of(leg, "needs_operator");
  }
  if (const auto left = number_of(ns, "reconcile_bytes")) {
    view.lines.push_back(
        fmt::format("{}: reconciling after an unclean stop, {} left", name, text::human_size(left)));
    view.done = false;
  }
  view.json.push_back({{"namespace", name},
                       {"health", text_of(ns, "health")},
                       {"reconcile_bytes", number_of(ns, "reconcile_bytes")},
                       {"legs", std::move(legs)}});
}

std::optional<ResyncView> resync_view(Call& call) {
  ResyncView view;
  if (call.values.has("NAMESPACE")) {
    const auto ns = call.ask("GET", "/v1/namespaces/" + path_part(call.values.get("NAMESPACE")));
    if (!ns) return {};
    add_resync(*ns, view);
  } else {
    const auto all = call.ask("GET", "/v1/namespaces");
    if (!all) return {};
    for (const Json& ns : list_of(*all, "namespaces")) add_resync(ns, view);
  }
  return view;
}

// ---- verify ---------------------------------------------------------------------------------------------

std::string verify_line(const Json& v) {
  const auto done = number_of(v, "done_bytes"), total = number_of(v, "total_bytes");
  std::string out;
  if (flag_of(v, "running"))
    out = fmt::format("running: {} {} of {}", progress_bar(done, total), text::human_size(done),
                      text::human_size(total));
  else if (flag_of(v, "finished"))
    out = fmt::format("finished: {} compared", text::human_size(done));
  else if (const std::string error = text_of(v, "error"); !error.empty() && error != "unknown")
    return fmt::format("failed: {}", error);
  else
    return "no verify has run; start one with `nvtee verify start`";
  if (const auto bad = number_of(v, "mismatched_blocks")) {
    out += fmt::format(", {} block(s) DIFFER", bad);
    std::string lbas;
    for (const Json& lba : list_of(v, "first_mismatches")) lbas += (lbas.empty() ? "" : " ") + lba.dump();
    if (!lbas.empty()) out += fmt::format("; first LBAs: {}", lbas);
  } else if (!flag_of(v, "running")) {
    out += ", all legs are equal";
  }
  return out;
}

int verify_exit(const Json& v) {
  const bool failed = v.contains("error") && v["error"].is_string() && !v["error"].get<std::string>().empty();
  return failed || number_of(v, "mismatched_blocks") ? kFailed : kOk;
}

int show_verify(Call& call, bool follow) {
  LiveLines live;
  for (;;) {
    const auto v = call.ask("GET", "/v1/namespaces/" + path_part(call.values.get("NAMESPACE")) + "/verify");
    if (!v) return call.exit;
    const bool last = !follow || !flag_of(*v, "running");
    if (!call.json)
      live.show({verify_line(*v)});
    else if (last)
      call.print(*v);
    if (last) return verify_exit(*v);
    std::this_thread::sleep_for(kPollInterval);
  }
}

// ---- events ---------------------------------------------------------------------------------------------

std::string time_text(std::uint64_t unix_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(unix_ms)};
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(at)),
                     unix_ms % 1000);
}

void print_event(const Call& call, const Json& e) {
  const std::string wanted = call.values.get("namespace");
  if (!wanted.empty() && text_of(e, "namespace") != wanted) return;
  if (call.json) {
    std::puts(e.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  const std::string ns = text_of(e, "namespace");
  std::puts(fmt::format("{} {} {} {}{} {}", time_text(number_of(e, "unix_ms")), number_of(e, "id"),
                        text_of(e, "severity"), text_of(e, "name"), ns.empty() ? "" : " " + ns + ":",
                        text_of(e, "text"))
                .c_str());
}

}  // namespace

int run_resync_show(Call& call) {
  const bool follow = call.values.has("follow");
  LiveLines live;
  for (;;) {
    const auto view = resync_view(call);
    if (!view) return call.exit;
    const bool last = !follow || view->done || view->needs_operator;
    if (call.json && last) call.print({{"namespaces", view->json}});
    if (!call.json) live.show(view->done ? std::vector<std::string>{"all legs are in sync"} : view->lines);
    if (last) return follow && view->needs_operator ? kFailed : kOk;
    std::this_thread::sleep_for(kPollInterval);
  }
}

int run_verify_start(Call& call) {
  const std::string ns = call.values.get("NAMESPACE"), path = "/v1/namespaces/" + path_part(ns) + "/verify";
  if (!call.values.has("follow"))
    return call.change("POST", path, nullptr,
                       fmt::format("verify of {} is started; see `nvtee verify show {} --follow`", ns, ns));
  if (!call.ask("POST", path)) return call.exit;
  return show_verify(call, true);
}

int run_verify_show(Call& call) {
  return show_verify(call, call.values.has("follow"));
}

int run_verify_stop(Call& call) {
  const std::string ns = call.values.get("NAMESPACE");
  return call.change("DELETE", "/v1/namespaces/" + path_part(ns) + "/verify", nullptr,
                     fmt::format("verify of {} is stopped", ns));
}

int run_events(Call& call) {
  const auto since = text::parse_size(call.values.get("since"));
  if (!since)
    return call.report(
        {fmt::format("--since: '{}' is not a number", call.values.get("since")), "give the id of an event"},
        kUsage);
  std::uint64_t after = *since;
  const bool follow = call.values.has("follow");
  call.timeout = 45 * kSecond;  // longer than the long poll
  for (;;) {
    const auto answer = call.ask("GET", fmt::format("/v1/events?after={}&wait={}", after, follow ? 30 : 0));
    if (!answer) return call.exit;
    if (flag_of(*answer, "restarted"))
      std::fputs("nvtee: the daemon was restarted since that event; these are of the new run\n", stderr);
    if (const auto lost = number_of(*answer, "lost"); lost && after)
      std::fputs(fmt::format("nvtee: {} event(s) are no longer kept\n", lost).c_str(), stderr);
    for (const Json& e : list_of(*answer, "events")) print_event(call, e);
    std::fflush(stdout);
    after = number_of(*answer, "last_id");
    if (!follow && list_of(*answer, "events").size() < 1000) return kOk;
  }
}

}  // namespace nvtee::cli
