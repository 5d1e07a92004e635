// The tables of all subcommands.
#include "tools/nvtee/commands.hpp"

#include "runtime/nvteed/config.hpp"

namespace nvtee::cli {
namespace {

using cmdline::Command;
using cmdline::Option;
using cmdline::Positional;

// Every subcommand has these.
std::vector<Option> with_common(std::vector<Option> own) {
  own.push_back({"output",
                 'o',
                 "FORM",
                 "How to print: text for people, json for scripts.",
                 "text",
                 false,
                 false,
                 {"text", "json"}});
  own.push_back(
      {"socket", 0, "PATH",
       std::string("Socket of the daemon. Without it: $NVTEE_SOCKET, or ") + config::kDefaultSocket + ".",
       ""});
  own.push_back({"help", 'h', "", "Show this.", ""});
  return own;
}

Positional ns_name(bool required = true) {
  return {"NAMESPACE",
          required ? "Name of the namespace; see `nvtee ns list`."
                   : "Name of a namespace; all when it is left out.",
          required, "namespace"};
}
Positional leg_name() {
  return {"LEG", "The leg: its number, PEER, or PEER:NSID; see `nvtee leg list`.", true, "leg"};
}
Option follow(const char* meaning) {
  return {"follow", 'f', "", meaning, ""};
}
Option yes() {
  return {"yes", 'y', "", "Do not ask.", ""};
}

Option prune() {
  return {"prune", 0, "",
          "Also remove legs and namespaces that the file does not have; their data stays on the peers.", ""};
}

Command command(const char* words, const char* summary, const char* detail,
                std::vector<Positional> positionals, std::vector<Option> own,
                std::vector<cmdline::Example> examples) {
  return {words, summary, detail, std::move(positionals), with_common(std::move(own)), std::move(examples)};
}

Command create_command() {
  return command(
      "ns create", "Create a namespace over legs of peers",
      "Creates a namespace that is kept on all given legs. All of them must be reachable. Unless "
      "--assume-equal is given, the first leg's "
      "data is kept and copied to the others: what they hold is lost.",
      {{"NAMESPACE", "Its name: A-Z a-z 0-9 . _ -", true, ""}},
      {{"leg", 'l', "PEER[:NSID]",
        "A copy: a peer of the configuration, and the NSID there (1 when left out). One to four.", "", true},
       {"size", 's', "SIZE", "Size, such as 100GiB. Without it: that of the first leg.", ""},
       {"block-size",
        'b',
        "BYTES",
        "Logical block size, that of the legs.",
        "4096",
        false,
        false,
        {"512", "4096"}},
       {"region-size", 0, "SIZE",
        "Unit of change tracking: a power of two, 1MiB to 64MiB. Without it: chosen by size.", ""},
       {"subsystem", 0, "NQN", "Subsystem that shows it; may be left out where there is one only.", ""},
       {"nsid", 'n', "NSID", "NSID that hosts see. Without it: the lowest free one.", ""},
       {"assume-equal", 0, "",
        "The legs are known to hold equal data, such as all new and zeroed. Nothing is copied.", ""},
       {"adopt-id", 0, "ID",
        "Take over an identifier that hosts know the volume by: a UUID (with dashes) or an NGUID (32 digits "
        "without).",
        "", true}},
      {{"nvtee ns create vol1 --leg left --leg right --size 100GiB",
        "Namespace 1 of left is kept and copied to namespace 1 of right."},
       {"nvtee ns create vol2 --leg left:2 --leg right:7 --assume-equal",
        "Both are new and zeroed: in use at once."},
       {"nvtee ns create vol3 --leg left:3 --adopt-id 6d2b5c1e-94a1-4f0c-8a3e-0d5c5b1f7a10",
        "Bring a volume aboard that hosts know by this UUID; add a second leg later with `nvtee leg add`."}});
}

std::vector<Subcommand> make() {
  return {
      {command("status", "What is going on, and what to do",
               "Shows the state of every namespace and leg, what is being copied and how long it will take, "
               "and what to do about what is wrong. "
               "Exit code 0: all is well; 3: something is not; 4: could not be found out, since the daemon "
               "was not reached.",
               {ns_name(false)}, {},
               {{"nvtee status", "The whole node."},
                {"nvtee status vol1", "One namespace."},
                {"nvtee status -o json | jq .health", "For scripts."}}),
       run_status},
      {command("ns list", "List namespaces", "", {}, {},
               {{"nvtee ns list", "Name, size, health and legs of each."}}),
       run_ns_list},
      {command("ns show", "Show a namespace in full", "", {ns_name()}, {},
               {{"nvtee ns show vol1", "Ids, legs, counters."}}),
       run_ns_show},
      {create_command(), run_ns_create},
      {command("ns delete", "Forget a namespace; its legs keep their data",
               "Hosts lose the namespace at once. The data stays on the legs as it is.", {ns_name()}, {yes()},
               {{"nvtee ns delete vol1", "Asks first."}, {"nvtee ns delete vol1 --yes", "For scripts."}}),
       run_ns_delete},
      {command("leg list", "List the legs of one or all namespaces", "", {ns_name(false)}, {},
               {{"nvtee leg list vol1", "Number, peer, state, dirty bytes, reason."}}),
       run_leg_list},
      {command("leg add", "Add a leg and copy the namespace to it",
               "What the new leg holds is lost. Hosts go on meanwhile; see `nvtee resync show --follow`.",
               {ns_name(),
                {"PEER[:NSID]", "A peer of the configuration, and the NSID there (1 when left out).", true,
                 "peer"}},
               {yes()},
               {{"nvtee leg add vol1 right:2", "Namespace 2 of the peer right becomes a copy of vol1."}}),
       run_leg_add},
      {command("leg remove", "Remove a leg for good",
               "The last leg that is in sync cannot be removed. The leg keeps its data, and no record of it.",
               {ns_name(), leg_name()}, {},
               {{"nvtee leg remove vol1 1", "Leg number 1."},
                {"nvtee leg remove vol1 right:2", "The same, by its place."}}),
       run_leg_remove},
      {command("leg fault", "Take a leg out; what it misses is noted",
               "For maintenance of a peer: `nvtee leg online` takes it back with a short copy.",
               {ns_name(), leg_name()}, {},
               {{"nvtee leg fault vol1 right", "Hosts go on with the other legs."}}),
       run_leg_fault},
      {command("leg online", "Take a leg back that was faulted or waits for an operator",
               "It is connected, and what it missed is copied.", {ns_name(), leg_name()}, {},
               {{"nvtee leg online vol1 right", "See `nvtee resync show vol1 --follow`."}}),
       run_leg_online},
      {command("peer list", "List peers and how they are", "", {}, {},
               {{"nvtee peer list", "Address, NQN, legs connected, last error."}}),
       run_peer_list},
      {command("peer show", "Show a peer in full", "", {{"PEER", "Name of the peer.", true, "peer"}}, {},
               {{"nvtee peer show left", ""}}),
       run_peer_show},
      {command("host list", "List hosts that are connected", "", {}, {},
               {{"nvtee host list", "Which host, from where, with how many queues."}}),
       run_host_list},
      {command("resync show", "Show what is being copied, how fast, and for how long",
               "With --follow: until all legs are in sync.", {ns_name(false)},
               {follow("Go on until all legs are in sync. Exit code 1 when a leg waits for an operator.")},
               {{"nvtee resync show", "All namespaces."},
                {"nvtee resync show vol1 --follow", "Progress bars until it is done."}}),
       run_resync_show},
      {command("resync throttle", "Bound the rate at which legs are copied",
               "For every namespace, until the next start of the daemon; limits.resync_rate of the "
               "configuration keeps it. "
               "Whatever the bound, a copy yields to the latency that hosts see.",
               {{"RATE", "Bytes per second, such as 100MB; `none`: no bound but the latency.", true, ""}}, {},
               {{"nvtee resync throttle 100MB", ""}, {"nvtee resync throttle none", ""}}),
       run_resync_throttle},
      {command("verify start", "Compare all in-sync legs of a namespace, while hosts go on", "", {ns_name()},
               {follow("Show the progress until the end.")},
               {{"nvtee verify start vol1 --follow", "Exit code 1 when the legs differ."}}),
       run_verify_start},
      {command("verify show", "Show the running or last verify",
               "Exit code 1 when it failed or the legs differ.", {ns_name()}, {follow("Until the end.")},
               {{"nvtee verify show vol1", ""}}),
       run_verify_show},
      {command("verify stop", "Stop a verify", "", {ns_name()}, {}, {{"nvtee verify stop vol1", ""}}),
       run_verify_stop},
      {command(
           "wait", "Wait until something is so",
           "synced: all legs of the namespace (of all namespaces) are in sync and nothing is to be copied. "
           "connected: "
           "the daemon answers and all legs are connected. Exit code 0: it is so; 1: not in time, or it "
           "cannot come "
           "by itself since a leg waits for an operator.",
           {{"FOR", "synced or connected.", true, "synced connected"}, ns_name(false)},
           {{"timeout", 't', "TIME", "How long to wait, such as 30s or 5min.", "60s"}},
           {{"nvtee wait synced vol1 --timeout 10min", "In a script, before the other leg is taken down."}}),
       run_wait},
      {command("explain", "Say what an event means and what to do",
               "Without EVENT: all of them. Needs no daemon.",
               {{"EVENT", "Name of an event, as in `nvtee events`.", false, "event"}}, {},
               {{"nvtee explain leg.flapping", ""}}),
       run_explain},
      {command("dump", "Write a support bundle: everything that is known, without secrets",
               "A directory with status, events, limits, metrics, the configuration in force, versions and "
               "the system's own "
               "figures. The configuration holds no secrets; NQNs and addresses are in it.",
               {{"DIRECTORY", "Is made; must not exist.", true, "directory"}}, {},
               {{"nvtee dump /tmp/nvtee-dump", "Then: tar czf nvtee-dump.tar.gz -C /tmp nvtee-dump"}}),
       run_dump},
      {command("config show", "Show the configuration in force, defaults filled in",
               "As a file that nvteed takes.", {}, {},
               {{"nvtee config show", "Into a file: that is a copy to edit and apply."}}),
       run_config_show},
      {command("config validate", "Check a configuration file",
               "Needs no daemon. Every problem with its line and column.",
               {{"FILE", "The file.", true, "file"}}, {}, {{"nvtee config validate new.toml", ""}}),
       run_config_validate},
      {command("config diff", "Compare a configuration file with what is there",
               "What `config apply` would do, and what needs a restart of the daemon. Exit code 0: no "
               "difference; 3: some.",
               {{"FILE", "The file.", true, "file"}}, {prune()}, {{"nvtee config diff new.toml", ""}}),
       run_config_diff},
      {command("config apply", "Make namespaces and legs what a configuration file says",
               "Prints the plan first, then does it step by step; what is as it should be is left alone, so "
               "that it may be "
               "given again. Other sections are read by the daemon at its start only: they are named, not "
               "applied. "
               "Namespaces and legs that are not in the file are kept unless --prune is given.",
               {{"FILE", "The file.", true, "file"}},
               {prune(), yes(), {"dry-run", 'n', "", "Print the plan, do nothing.", ""}},
               {{"nvtee config apply /etc/nvtee/nvteed.toml --dry-run", ""},
                {"nvtee config apply /etc/nvtee/nvteed.toml --yes", ""}}),
       run_config_apply},
      {command(
           "limits", "Show every bound, and how much of it is used",
           "What nvtee keeps of anything is bounded. With --verbose: what happens when a bound is reached.",
           {}, {{"verbose", 'v', "", "Say what each bound is of, and what happens when it is reached.", ""}},
           {{"nvtee limits", "Bound, value, used now."}, {"nvtee limits -v", "With what happens then."}}),
       run_limits},
      {command("events", "Show what happened",
               "The daemon keeps the last 10,000 events. With -o json: one JSON object a line.", {},
               {follow("Go on as they come."),
                {"since", 0, "ID", "Only events after this id.", "0"},
                {"namespace", 0, "NAMESPACE", "Only events of this namespace.", ""}},
               {{"nvtee events", "All that are kept."},
                {"nvtee events --follow --since 120", "From there on, for ever."}}),
       run_events},
  };
}

api::Json option_json(const Option& o) {
  return {{"name", o.name},         {"letter", o.letter ? std::string(1, o.letter) : ""},
          {"argument", o.argument}, {"meaning", o.meaning},
          {"default", o.fallback},  {"repeated", o.repeated},
          {"choices", o.choices}};
}

}  // namespace

const std::vector<Subcommand>& subcommands() {
  static const std::vector<Subcommand> all = make();
  return all;
}

std::string tables_json() {
  api::Json out = api::Json::array();
  for (const Subcommand& s : subcommands()) {
    api::Json options = api::Json::array(), positionals = api::Json::array(), examples = api::Json::array();
    for (const auto& o : s.command.options) options.push_back(option_json(o));
    for (const auto& p : s.command.positionals)
      positionals.push_back(
          {{"name", p.name}, {"meaning", p.meaning}, {"required", p.required}, {"completes", p.completes}});
    for (const auto& e : s.command.examples)
      examples.push_back({{"command", e.command}, {"meaning", e.meaning}});
    out.push_back({{"words", s.command.words},
                   {"summary", s.command.summary},
                   {"detail", s.command.detail},
                   {"positionals", positionals},
                   {"options", options},
                   {"examples", examples}});
  }
  return out.dump(2) + "\n";
}

}  // namespace nvtee::cli
