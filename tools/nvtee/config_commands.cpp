// nvtee config: the declarative file against the node.
#include <fmt/format.h>

#include <cstdio>

#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/config_plan.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {
namespace {

using api::Json;

std::optional<config::Config> read_file(Call& call, const std::string& path) {
  auto c = config::load(path);
  if (c) return std::move(*c);
  Json problems = Json::array();
  for (const auto& p : c.error()) {
    problems.push_back(p.text());
    if (!call.json) std::fputs((clean(p.text()) + "\n").c_str(), stderr);
  }
  if (call.json)
    call.print({{"error", "the configuration is refused"}, {"problems", problems}, {"code", "failed"}});
  call.exit = kFailed;
  return {};
}

struct Compared {
  config::Config wanted;
  Plan plan;
};

std::optional<Compared> compare(Call& call) {
  auto wanted = read_file(call, call.values.get("FILE"));
  if (!wanted) return {};
  const auto running = call.ask("GET", "/v1/config");
  if (!running) return {};
  const auto in_force =
      config::parse(text_of(*running, "toml") == "unknown" ? "" : (*running)["toml"].get<std::string>(),
                    "the configuration in force");
  if (!in_force) {
    call.exit = call.report({"the daemon's configuration cannot be read: " + in_force.error()[0].text(),
                             "are nvtee and nvteed of one version?"},
                            kFailed);
    return {};
  }
  const auto status = call.ask("GET", "/v1/status");
  if (!status) return {};
  Plan plan = make_plan(*wanted, *in_force, *status, call.values.has("prune"));
  return Compared{std::move(*wanted), std::move(plan)};
}

// Does the steps in order; stops at the first that fails.
int carry_out(Call& call, const Plan& plan) {
  call.timeout = 130 * kSecond;
  std::size_t done = 0;
  for (const Step& step : plan.steps) {
    if (!call.ask(step.method, step.path, step.body)) {
      std::fputs(
          fmt::format("nvtee: stopped at: {}; {} of {} step(s) are done; give the command again to go on\n",
                      step.words, done, plan.steps.size())
              .c_str(),
          stderr);
      return call.exit;
    }
    ++done;
    if (!call.json) fmt::print("done: {}\n", step.words);
  }
  if (call.json) call.print({{"ok", true}, {"done", done}, {"restart", plan.restarts}});
  return kOk;
}

}  // namespace

int run_config_show(Call& call) {
  const auto c = call.ask("GET", "/v1/config");
  if (!c) return call.exit;
  if (call.json) return call.print(*c), kOk;
  if (c->contains("toml") && (*c)["toml"].is_string())
    std::fputs((*c)["toml"].get<std::string>().c_str(), stdout);
  return kOk;
}

int run_config_validate(Call& call) {
  const auto c = read_file(call, call.values.get("FILE"));
  if (!c) return call.exit;
  if (call.json) {
    call.print({{"ok", true}, {"warnings", c->warnings}});
    return kOk;
  }
  for (const auto& w : c->warnings) std::fputs(fmt::format("warning: {}\n", w).c_str(), stderr);
  fmt::print("{}: ok: {} peer(s), {} subsystem(s), {} namespace(s)\n", c->file, c->node.peers.size(),
             c->node.subsystems.size(), c->namespaces.size());
  return kOk;
}

int run_config_diff(Call& call) {
  const auto compared = compare(call);
  if (!compared) return call.exit;
  if (call.json)
    call.print(compared->plan.json());
  else
    std::fputs(clean_lines(compared->plan.text()).c_str(), stdout);
  return compared->plan.nothing() ? kOk : kDegraded;
}

int run_config_apply(Call& call) {
  const auto compared = compare(call);
  if (!compared) return call.exit;
  const Plan& plan = compared->plan;
  const bool dry = call.values.has("dry-run");
  if (!call.json)
    std::fputs(clean_lines(plan.text()).c_str(), stdout);
  else if (dry || !plan.refused.empty())
    call.print(plan.json());
  std::fflush(stdout);
  if (!plan.refused.empty())
    return call.json ? kFailed : call.report({"nothing was done", "correct the file"}, kFailed);
  if (dry) return kOk;
  if (plan.steps.empty()) {
    if (call.json) call.print({{"ok", true}, {"done", 0}, {"restart", plan.restarts}});
    return kOk;
  }
  if (!confirm(call, fmt::format("Do these {} step(s)?", plan.steps.size())))
    return call.values.has("yes") || is_terminal(0) ? kFailed : kUsage;
  return carry_out(call, plan);
}

}  // namespace nvtee::cli
