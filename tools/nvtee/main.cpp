// nvtee: the operator's command.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <set>

#include "runtime/nvteed/config.hpp"
#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/generated.hpp"

namespace nvtee::cli {
namespace {

using Arguments = std::vector<std::string>;

std::string overview() {
  std::string out =
      "nvtee: state and control of a node that keeps NVMe namespaces identical on several "
      "subsystems\n\nUsage: nvtee COMMAND [arguments] [options]\n\nCommands:\n";
  std::size_t width = 0;
  for (const auto& s : subcommands()) width = std::max(width, s.command.words.size());
  for (const auto& s : subcommands())
    out += fmt::format("  {:{}}  {}\n", s.command.words, width, s.command.summary);
  out +=
      "\nEvery command takes -o text|json, --socket PATH (or $NVTEE_SOCKET) and --help, which has examples.\n"
      "Exit codes: 0 ok; 1 failed; 2 wrong usage; 3 `status` found something not well; 4 the daemon was not "
      "reached.\n";
  return out;
}

std::string group_overview(const std::string& group) {
  std::string out = fmt::format("Usage: nvtee {} COMMAND\n\n", group);
  for (const auto& s : subcommands())
    if (s.command.words.starts_with(group + " "))
      out += fmt::format("  {}\n{}", cmdline::usage("nvtee", s.command), cmdline::wrap(s.command.summary, 6));
  return out;
}

int usage_error(const std::string& what, const std::string& remedy) {
  std::cerr << "nvtee: " << what << "\n";
  if (!remedy.empty()) std::cerr << "  remedy: " << remedy << "\n";
  return kUsage;
}

std::set<std::string> groups() {
  std::set<std::string> out;
  for (const auto& s : subcommands())
    if (const auto space = s.command.words.find(' '); space != std::string::npos)
      out.insert(s.command.words.substr(0, space));
  return out;
}

int unknown_command(const std::string& given, const std::vector<std::string>& candidates) {
  const auto near = text::nearest(given, candidates);
  return usage_error(
      fmt::format("unknown command '{}'{}", given, near ? fmt::format("; did you mean '{}'?", *near) : ""),
      "see `nvtee --help`");
}

const Subcommand* find(const std::string& words) {
  const auto found =
      std::ranges::find_if(subcommands(), [&](const Subcommand& s) { return s.command.words == words; });
  return found == subcommands().end() ? nullptr : &*found;
}

int run(const Subcommand& subcommand, const Arguments& arguments) {
  auto values = cmdline::parse(subcommand.command, arguments);
  if (!values) {
    const std::string help = fmt::format("see `nvtee {} --help`", subcommand.command.words);
    const Error& e = values.error();
    return usage_error(e.what, e.remedy == "see --help" ? help : e.remedy);
  }
  if (values->has("help")) {
    std::fputs(cmdline::help("nvtee", subcommand.command).c_str(), stdout);
    return kOk;
  }
  const char* environment = std::getenv("NVTEE_SOCKET");
  std::string socket = values->get("socket");
  if (socket.empty()) socket = environment && *environment ? environment : config::kDefaultSocket;
  const bool json = values->get("output") == "json";
  Call call{std::move(*values), api::Client(socket), json};
  return subcommand.run(call);
}

// Options that stand before the command ("nvtee -o json status") are moved behind it.
Arguments command_first(const Arguments& given) {
  Arguments before;
  std::size_t i = 0;
  while (i < given.size() && given[i].starts_with('-') && given[i] != "-h" && given[i] != "--help" &&
         given[i] != "--version") {
    before.push_back(given[i]);
    const bool takes_value = given[i] == "-o" || given[i] == "--output" || given[i] == "--socket";
    if (++i < given.size() && takes_value) before.push_back(given[i++]);
  }
  Arguments out(given.begin() + static_cast<std::ptrdiff_t>(i), given.end());
  out.insert(out.end(), before.begin(), before.end());
  return out;
}

int dispatch(const Arguments& given) {
  Arguments a = command_first(given);
  if (!a.empty() && a[0] == "help") {
    a.erase(a.begin());
    a.push_back("--help");
  }
  if (a.empty() || a[0] == "-h" || a[0] == "--help") {
    std::fputs(overview().c_str(), a.empty() ? stderr : stdout);
    return a.empty() ? kUsage : kOk;
  }
  if (a[0] == "--version") return std::puts("nvtee " NVTEE_VERSION), kOk;
  if (a[0] == "print-bash-completion") return std::fputs(bash_completion().c_str(), stdout), kOk;
  if (a[0] == "print-zsh-completion") return std::fputs(zsh_completion().c_str(), stdout), kOk;
  if (a[0] == "print-man") return std::fputs(man_page().c_str(), stdout), kOk;
  if (a[0] == "print-tables") return std::fputs(tables_json().c_str(), stdout), kOk;
  if (const Subcommand* s = find(a[0])) return run(*s, Arguments(a.begin() + 1, a.end()));
  std::vector<std::string> names;
  for (const auto& s : subcommands()) names.push_back(s.command.words);
  if (!groups().contains(a[0])) {
    const auto all = groups();
    names.insert(names.end(), all.begin(), all.end());
    return unknown_command(a[0], names);
  }
  if (a.size() == 1 || a[1].starts_with('-')) {
    const bool asked = a.size() > 1 && (a[1] == "--help" || a[1] == "-h");
    std::fputs(group_overview(a[0]).c_str(), asked ? stdout : stderr);
    return asked ? kOk : kUsage;
  }
  if (const Subcommand* s = find(a[0] + " " + a[1])) return run(*s, Arguments(a.begin() + 2, a.end()));
  std::erase_if(names, [&](const std::string& n) { return !n.starts_with(a[0] + " "); });
  return unknown_command(a[0] + " " + a[1], names);
}

}  // namespace
}  // namespace nvtee::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = nvtee::cli::dispatch({argv + 1, argv + argc});
    // A full disk or a closed pipe must not look like success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      std::fputs("nvtee: the output could not be written\n", stderr);
      return code == 0 ? 1 : code;
    }
    return code;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "nvtee: %s\n", e.what());
    return 1;
  }
}
