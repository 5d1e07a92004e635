#include "runtime/base/event_names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nvtee::events {
namespace {

constexpr Meaning kAll[] = {
    {"config.warning", "warning", "The configuration is legal, but probably not what was meant.",
     "Read the text; correct the file and restart, or leave it."},
    {"copy.unreadable", "warning",
     "A part of a namespace could not be read from any leg in sync while it was copied.",
     "Restore that range from a backup, or overwrite it; the leg becomes in sync when the copy succeeds."},
    {"leg.added", "notice", "A leg was added; the namespace is copied to it.",
     "Follow it with `nvtee resync show --follow`."},
    {"leg.connected", "info", "The association with a leg's peer is up.", ""},
    {"leg.dropped", "warning", "A leg that was being copied is out of sync again.",
     "See why in the text; it is tried again by itself unless `nvtee status` says otherwise."},
    {"leg.faulted", "warning, or critical for the last one in sync",
     "A leg in sync was taken out: its peer is gone, answers too late, or answers with errors of its own. "
     "Hosts go on "
     "with the other legs; what it misses is noted.",
     "Look at the peer and the network to it. It comes back by itself; `nvtee status` shows the next "
     "attempt."},
    {"leg.flapping", "warning", "A leg was faulted too often in too short a time and is left alone.",
     "Repair the peer or the network, then `nvtee leg online`."},
    {"leg.in_sync", "notice", "A leg has everything and serves reads.", ""},
    {"leg.media_error", "warning",
     "A leg could not read some blocks; they were read from another leg and written anew.",
     "Look at the peer's disks. Too many of them fault the leg."},
    {"leg.missing", "warning", "At the start a leg in sync was not reachable in time and was taken out.",
     "Look at the peer; it comes back by itself."},
    {"leg.refused", "warning",
     "A peer's namespace is not the one that the leg was, or cannot be a leg: size, format, limits; or it is "
     "reserved by another cluster, namespace or host.",
     "The text names the field or the key. Give the peer its namespace back, or remove the leg and add it "
     "again. A reservation of something that is gone for good: `nvtee-host reservation --clear`; if that may "
     "have written to the namespace, remove the leg and add it again nevertheless: only then all of it is "
     "copied."},
    {"leg.removed", "notice", "A leg was removed by an operator.", ""},
    {"leg.returned", "notice", "A leg came back before anything was missed, and serves.", ""},
    {"leg.syncing", "notice", "A leg gets all new writes, and what it missed is copied to it.",
     "Follow it with `nvtee resync show --follow`."},
    {"namespace.create_failed", "warning",
     "A namespace that the configuration declares could not be created.",
     "The text says why, often a peer that is not reachable. It is tried again every 5 s."},
    {"namespace.created", "notice, or warning with assume_equal",
     "A namespace that the configuration declares was created.",
     "With assume_equal: take it out of the file now."},
    {"namespace.deleted", "notice", "A namespace was deleted by an operator; its legs keep their data.",
     "Take it out of the configuration too, or the next start makes it anew."},
    {"namespace.differs", "warning", "A namespace is not what the configuration says. It was left as it is.",
     "Correct the file, or make the change with `nvtee config apply`."},
    {"namespace.down", "critical",
     "No leg in sync is left: commands of hosts wait, then fail with a path error.",
     "Bring back a peer that was in sync last; `nvtee status` names it."},
    {"namespace.drained", "info",
     "Before a stop: all regions are closed, the next start has nothing to reconcile.", ""},
    {"namespace.gated", "critical",
     "The metadata store does not answer in time: commands are refused with a path error.",
     "Look at the disk of node.state_file."},
    {"namespace.held", "critical", "The last leg in sync is lost: commands wait for it, at most times.hold.",
     "Bring the peer back."},
    {"namespace.not_home", "critical",
     "Another node has changed the namespace's record: this one no longer serves it.",
     "See which node is meant to serve it; two daemons must not use the same state."},
    {"namespace.reconciled", "notice",
     "After an unclean stop all regions that were open are equal on all legs again.", ""},
    {"namespace.stale_store", "critical",
     "A leg carries a newer reservation key than the metadata store had at the start: the store is an older "
     "copy, or "
     "another node serves the namespace. Nothing is served, and nothing on the legs was changed.",
     "Stop nvteed, bring back the newest copy of node.state_file, and start again. Only when that is lost "
     "for good: "
     "choose the leg with the newest data, clear the reservations of the legs (`nvtee-host reservation "
     "--clear`), and "
     "make the namespace anew with that leg first and without assume_equal, so that the others are copied."},
    {"namespace.unclean", "warning",
     "The last stop was not a clean one: regions that were open are copied from one leg to the others.",
     "Nothing, if it was meant; else see why the daemon or the machine stopped."},
    {"namespace.ungated", "notice", "The metadata store answers again: hosts are served.", ""},
    {"namespace.up", "notice", "A leg in sync is back: hosts are served.", ""},
    {"node.started", "info", "The node runs.", ""},
    {"store.answers", "notice", "The metadata store answers again.", ""},
    {"store.failed", "warning", "The metadata store refused a commit; it is tried again.",
     "Look at the disk of node.state_file: full, read-only, broken?"},
    {"throttle.changed", "notice",
     "The bound of resync's rate was changed by an operator, until the next start.",
     "Set limits.resync_rate to keep it."},
    {"verify.ended", "notice, or critical when legs differ", "A verify has ended.",
     "When legs differ: a leg has lost writes that it acknowledged. Fault that leg, repair it, and `leg "
     "online` copies what "
     "is marked; remove and add it again to copy everything."},
};

}  // namespace

std::span<const Meaning> all() {
  return kAll;
}

const Meaning* find(std::string_view name) {
  const auto* found = std::ranges::find_if(kAll, [&](const Meaning& m) { return m.name == name; });
  return found == std::end(kAll) ? nullptr : found;
}

std::string table() {
  std::string out = "| event | severity | meaning | what to do |\n|---|---|---|---|\n";
  for (const Meaning& m : kAll)
    out +=
        fmt::format("| `{}` | {} | {} | {} |\n", m.name, m.severity, m.meaning, *m.remedy ? m.remedy : "-");
  return out;
}

}  // namespace nvtee::events
