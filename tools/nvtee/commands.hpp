// What the nvtee command can do: one row of data and one function for each subcommand.
#pragma once

#include <string>
#include <vector>

#include "runtime/api/client.hpp"
#include "runtime/nvteed/command_line.hpp"

namespace nvtee::cli {

// Exit codes, as documented in --help.
enum Exit : int { kOk = 0, kFailed = 1, kUsage = 2, kDegraded = 3, kUnreachable = 4 };

// One call of the command.
struct Call {
  cmdline::Values values;
  api::Client client;
  bool json = false;

  // A request to the daemon; when it fails, the reason has been printed and `exit` is set.
  std::optional<api::Json> ask(const std::string& method, const std::string& target,
                               const api::Json& body = nullptr);
  // As ask(), for requests whose answer is only "done": prints `done` (or the JSON) and returns the exit
  // code.
  int change(const std::string& method, const std::string& target, const api::Json& body,
             const std::string& done);
  void print(const api::Json& json) const;
  // Prints cause and remedy; returns `code`.
  int report(const Error& error, int code) const;

  int exit = kOk;
  Duration timeout = 10 * kSecond;
};

struct Subcommand {
  cmdline::Command command;
  int (*run)(Call&);
};
const std::vector<Subcommand>& subcommands();
// Every table as JSON, for completion and man pages.
std::string tables_json();

int run_status(Call&);
int run_ns_list(Call&);
int run_ns_show(Call&);
int run_ns_create(Call&);
int run_ns_delete(Call&);
int run_leg_list(Call&);
int run_leg_add(Call&);
int run_leg_remove(Call&);
int run_leg_fault(Call&);
int run_leg_online(Call&);
int run_peer_list(Call&);
int run_peer_show(Call&);
int run_host_list(Call&);
int run_resync_show(Call&);
int run_verify_start(Call&);
int run_verify_show(Call&);
int run_verify_stop(Call&);
int run_events(Call&);
int run_limits(Call&);
int run_explain(Call&);
int run_wait(Call&);
int run_dump(Call&);
int run_resync_throttle(Call&);
int run_config_show(Call&);
int run_config_validate(Call&);
int run_config_diff(Call&);
int run_config_apply(Call&);

// Shared by status, leg and resync: what a table says about a leg.
std::string leg_copy_text(const api::Json& leg);
std::string leg_reason_text(const api::Json& leg);
std::string legs_table(const api::Json& legs, std::size_t indent);

// Fields of answers: text "unknown" and number 0 where the daemon did not say.
std::string text_of(const api::Json& object, const char* key);
std::uint64_t number_of(const api::Json& object, const char* key);
bool flag_of(const api::Json& object, const char* key);
const api::Json& list_of(const api::Json& object, const char* key);

// Percent-encodes a name for a path.
std::string path_part(const std::string& name);
// Asks on the terminal; false when there is none (then --yes is needed, and has been asked for).
bool confirm(const Call& call, const std::string& question);

}  // namespace nvtee::cli
