#include "tools/nvtee-host/report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nvtee::host {
namespace {

double seconds(Duration d) {
  return static_cast<double>(d) / 1e9;
}
double micros(Duration d) {
  return static_cast<double>(d) / 1e3;
}
double per_second(std::uint64_t n, Duration d) {
  return d == 0 ? 0 : static_cast<double>(n) / seconds(d);
}

Report::PerKind total_of(const Report& r) {
  Report::PerKind all;
  for (const auto& k : r.kinds) {
    all.ops += k.ops;
    all.bytes += k.bytes;
    all.latency.merge(k.latency);
  }
  return all;
}

std::string latency_row(const char* name, const Report::PerKind& k, Duration elapsed) {
  return fmt::format("{:8} {:>12} {:>12.0f} {:>9.3f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n",
                     name, k.ops, per_second(k.ops, elapsed), per_second(k.bytes, elapsed) / 1e9,
                     micros(k.latency.mean()), micros(k.latency.percentile(0.5)),
                     micros(k.latency.percentile(0.99)), micros(k.latency.percentile(0.999)),
                     micros(k.latency.max()));
}

nlohmann::json kind_json(const Report::PerKind& k, Duration elapsed) {
  return {{"ops", k.ops},
          {"bytes", k.bytes},
          {"iops", per_second(k.ops, elapsed)},
          {"bytes_per_second", per_second(k.bytes, elapsed)},
          {"latency_us",
           {{"mean", micros(k.latency.mean())},
            {"p50", micros(k.latency.percentile(0.5))},
            {"p99", micros(k.latency.percentile(0.99))},
            {"p999", micros(k.latency.percentile(0.999))},
            {"max", micros(k.latency.max())}}}};
}

const char* verdict(const Report& r) {
  switch (r.exit) {
    case Exit::kOk:
      return r.verified ? "ok: all that was checked is right" : "ok";
    case Exit::kMismatch:
      return "MISMATCH";
    case Exit::kUsage:
      return "refused";
    case Exit::kFailure:
      return "FAILED";
  }
  return "?";
}

}  // namespace

std::string status_text(spec::Status s) {
  static constexpr struct {
    spec::Status status;
    const char* name;
  } kNames[] = {{spec::st::kInvalidOpcode, "Invalid Opcode"},
                {spec::st::kInvalidField, "Invalid Field"},
                {spec::st::kDataTransferError, "Data Transfer Error"},
                {spec::st::kInternal, "Internal Error"},
                {spec::st::kAbortRequested, "Abort Requested"},
                {spec::st::kSqDeleted, "Aborted: SQ Deleted"},
                {spec::st::kInvalidNamespace, "Invalid Namespace or Format"},
                {spec::st::kSglLength, "SGL Length Invalid"},
                {spec::st::kWriteProtected, "Namespace Write Protected"},
                {spec::st::kInterrupted, "Command Interrupted"},
                {spec::st::kTransientTransport, "Transient Transport Error"},
                {spec::st::kDispersedNotEnabled, "Host Dispersed Namespace Support Not Enabled"},
                {spec::st::kLbaRange, "LBA Out of Range"},
                {spec::st::kCapacityExceeded, "Capacity Exceeded"},
                {spec::st::kNsNotReady, "Namespace Not Ready"},
                {spec::st::kReservationConflict, "Reservation Conflict"},
                {spec::st::kWriteFault, "Write Fault"},
                {spec::st::kReadError, "Unrecovered Read Error"},
                {spec::st::kCompareFailure, "Compare Failure"},
                {spec::st::kPathInternal, "Internal Path Error"},
                {spec::st::kAnaPersistentLoss, "ANA Persistent Loss"},
                {spec::st::kAnaInaccessible, "ANA Inaccessible"},
                {spec::st::kAnaTransition, "ANA Transition"}};
  std::string text = fmt::format("{:x}/{:02x}h", s >> 8, s & 0xff);
  for (const auto& n : kNames)
    if (n.status == s) text += fmt::format(" {}", n.name);
  return text;
}

std::string report_text(const Report& r) {
  std::string out;
  if (r.peer.cntlid != 0)
    out += fmt::format("peer {}  controller {}  namespace {} ({} blocks of {} bytes)  {} queues of {}\n",
                       r.peer.address.text(), r.peer.cntlid, r.peer.nsid, +r.peer.ns.nsze, r.block_size,
                       r.peer.io_queues, r.peer.queue_entries);
  const Report::PerKind all = total_of(r);
  if (all.ops != 0) {
    out += fmt::format("{:8} {:>12} {:>12} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "", "commands",
                       "IOPS", "GB/s", "mean us", "p50", "p99", "p99.9", "max");
    for (std::size_t i = 0; i < kKinds; ++i)
      if (r.kinds[i].ops != 0) out += latency_row(kind_name(static_cast<Kind>(i)), r.kinds[i], r.elapsed);
    out += latency_row("all", all, r.elapsed);
    out += fmt::format("time {:.3f} s, longest time without an answer {:.1f} ms (at {:.3f} s)\n",
                       seconds(r.elapsed), micros(r.longest_gap) / 1e3, seconds(r.longest_gap_at));
  }
  if (r.losses != 0 || r.timeouts != 0)
    out +=
        fmt::format("connections lost {}, made again {}, longest outage {:.1f} ms, timeouts {}\n  last: {}\n",
                    r.losses, r.reconnects, micros(r.longest_outage) / 1e3, r.timeouts, r.last_loss);
  if (r.retried != 0 || r.unknown_writes != 0)
    out += fmt::format("sent again {}, writes with unknown end {}\n", r.retried, r.unknown_writes);
  for (const auto& [status, n] : r.errors) out += fmt::format("status {}: {}\n", status_text(status), n);
  if (r.failed != 0) out += fmt::format("commands given up: {}\n", r.failed);
  if (r.verified) {
    out += fmt::format(
        "verified: {} blocks read and checked, {} of them at the end; {} still in doubt; {} mismatches\n",
        r.checked_blocks, r.read_back_blocks, r.blocks_in_doubt, r.violation_count());
    for (std::size_t i = 0; i < kFaults; ++i)
      if (r.faults[i] != 0) out += fmt::format("  {}: {}\n", fault_name(static_cast<Fault>(i)), r.faults[i]);
    for (const Violation& v : r.violations) out += "  " + v.text + "\n";
    if (r.violation_count() > r.violations.size())
      out += fmt::format("  and {} more\n", r.violation_count() - r.violations.size());
  }
  if (!r.failure.empty()) out += r.failure + "\n";
  if (r.stopped) out += "stopped early\n";
  out += verdict(r);
  out += "\n";
  return out;
}

std::string report_json(const Report& r) {
  nlohmann::json j;
  static constexpr const char* kResults[] = {"ok", "mismatch", "refused", "failed"};
  j["result"] = kResults[static_cast<int>(r.exit)];
  j["exit"] = static_cast<int>(r.exit);
  if (!r.failure.empty()) j["failure"] = r.failure;
  j["stopped"] = r.stopped;
  j["peer"] = {{"address", r.peer.address.text()},
               {"cntlid", r.peer.cntlid},
               {"nsid", r.peer.nsid},
               {"blocks", static_cast<std::uint64_t>(r.peer.ns.nsze)},
               {"block_size", r.block_size},
               {"io_queues", r.peer.io_queues},
               {"queue_entries", r.peer.queue_entries}};
  j["seconds"] = seconds(r.elapsed);
  j["all"] = kind_json(total_of(r), r.elapsed);
  j["kinds"] = nlohmann::json::object();
  for (std::size_t i = 0; i < kKinds; ++i)
    if (r.kinds[i].ops != 0) j["kinds"][kind_name(static_cast<Kind>(i))] = kind_json(r.kinds[i], r.elapsed);
  j["longest_gap_ms"] = micros(r.longest_gap) / 1e3;
  j["longest_gap_at_s"] = seconds(r.longest_gap_at);
  j["errors"] = nlohmann::json::object();
  for (const auto& [status, n] : r.errors)
    j["errors"][fmt::format("{:x}/{:02x}h", status >> 8, status & 0xff)] = n;
  j["failed"] = r.failed;
  j["miscompares"] = r.miscompares;
  j["retried"] = r.retried;
  j["unknown_writes"] = r.unknown_writes;
  j["connection"] = {{"attempts", r.attempts},
                     {"losses", r.losses},
                     {"reconnects", r.reconnects},
                     {"timeouts", r.timeouts},
                     {"longest_outage_ms", micros(r.longest_outage) / 1e3},
                     {"last_loss", r.last_loss}};
  if (!r.verified) return j.dump(2) + "\n";
  nlohmann::json v = {{"checked_blocks", r.checked_blocks},   {"read_back_blocks", r.read_back_blocks},
                      {"blocks_in_doubt", r.blocks_in_doubt}, {"mismatches", r.violation_count()},
                      {"by_fault", nlohmann::json::object()}, {"first", nlohmann::json::array()}};
  for (std::size_t i = 0; i < kFaults; ++i) v["by_fault"][fault_name(static_cast<Fault>(i))] = r.faults[i];
  for (const Violation& x : r.violations)
    v["first"].push_back(
        {{"fault", fault_name(x.fault)}, {"lba", x.lba}, {"expected", x.expected}, {"text", x.text}});
  j["verify"] = std::move(v);
  return j.dump(2) + "\n";
}

}  // namespace nvtee::host
