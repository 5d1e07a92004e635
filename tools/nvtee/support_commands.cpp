// nvtee explain and nvtee dump: for people who have to find out.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "runtime/base/event_names.hpp"
#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {
namespace {

using api::Json;

Json json_of(const events::Meaning& m) {
  return {{"name", m.name}, {"severity", m.severity}, {"meaning", m.meaning}, {"remedy", m.remedy}};
}

void print(const events::Meaning& m) {
  std::fputs(fmt::format("{} ({})\n{}", m.name, m.severity, cmdline::wrap(m.meaning, 2)).c_str(), stdout);
  if (*m.remedy) std::fputs(("  What to do:\n" + cmdline::wrap(m.remedy, 4)).c_str(), stdout);
}

// A file of the bundle; only its owner may read it.
Status0 write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno("cannot write " + path, errno);
  std::FILE* f = ::fdopen(fd, "w");
  const bool ok = std::fwrite(text.data(), 1, text.size(), f) == text.size();
  if (std::fclose(f) != 0 || !ok) return fail_errno("cannot write " + path, errno);
  return {};
}

std::string file_text(const std::string& path, std::size_t most = 1 << 20) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str().substr(0, most);
}

std::string system_text(std::uint64_t pid) {
  utsname u{};
  ::uname(&u);
  std::string out = fmt::format("kernel: {} {} {}\n\n", u.sysname, u.release, u.machine);
  for (const char* path :
       {"/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/net/snmp", "/proc/net/sockstat"})
    out += fmt::format("== {}\n{}\n", path, file_text(path));
  for (const char* name :
       {"status", "limits", "io", "schedstat"})  // not environ, not cmdline: they may hold secrets
    if (pid) out += fmt::format("== nvteed {}\n{}\n", name, file_text(fmt::format("/proc/{}/{}", pid, name)));
  return out;
}

}  // namespace

int run_explain(Call& call) {
  const std::string name = call.values.get("EVENT");
  if (name.empty()) {
    Json all = Json::array();
    for (const auto& m : events::all()) {
      if (call.json)
        all.push_back(json_of(m));
      else
        print(m);
    }
    if (call.json) call.print({{"events", all}});
    return kOk;
  }
  const events::Meaning* found = events::find(name);
  if (!found) {
    std::vector<std::string> names;
    for (const auto& m : events::all()) names.emplace_back(m.name);
    const auto near = text::nearest(name, names);
    return call.report({fmt::format("no event is called '{}'{}", name,
                                    near ? fmt::format("; did you mean '{}'?", *near) : ""),
                        "`nvtee explain` lists all"},
                       kFailed);
  }
  if (call.json)
    call.print(json_of(*found));
  else
    print(*found);
  return kOk;
}

int run_dump(Call& call) {
  const std::string directory = call.values.get("DIRECTORY");
  if (::mkdir(directory.c_str(), 0700) != 0)
    return call.report(
        fail_errno("cannot make " + directory, errno, "name a directory that does not exist").error(),
        kFailed);
  std::uint64_t pid = 0;
  std::vector<std::string> missing;
  const auto write = [&](const std::string& name, const std::string& text) {
    if (const auto r = write_file(directory + "/" + name, text); !r)
      missing.push_back(name + ": " + r.error().text());
  };
  // A daemon that does not answer is what bundles are for: whatever can be had is put in.
  for (const auto& [name, path] : {std::pair<const char*, const char*>{"status.json", "/v1/status"},
                                   {"events.json", "/v1/events?max=1000"},
                                   {"limits.json", "/v1/limits"},
                                   {"config.json", "/v1/config"},
                                   {"metrics.txt", "/v1/metrics"}}) {
    const auto answer = call.client.call("GET", path, nullptr, 10 * kSecond);
    if (!answer || !answer->ok()) {
      missing.push_back(
          fmt::format("{}: {}", name, answer ? answer->error().what : answer.error().error.what));
      continue;
    }
    if (answer->json.is_object() && answer->json.contains("pid")) pid = number_of(answer->json, "pid");
    write(name, answer->json.is_null()
                    ? answer->body
                    : answer->json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  write("system.txt", system_text(pid));
  std::string notes;
  for (const auto& m : missing) notes += m + "\n";
  write("missing.txt", notes);
  if (call.json)
    call.print({{"directory", directory}, {"missing", missing}});
  else
    fmt::print("{} is written{}\n", directory,
               missing.empty() ? "" : fmt::format("; {} part(s) are missing", missing.size()));
  for (const auto& m : missing) std::fputs(fmt::format("nvtee: {}\n", clean(m)).c_str(), stderr);
  return missing.empty() ? kOk : kFailed;
}

}  // namespace nvtee::cli
