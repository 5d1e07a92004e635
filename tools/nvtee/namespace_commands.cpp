// nvtee ns, leg, peer, host.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {

using api::Json;

namespace {

std::string size_or_dash(std::uint64_t bytes) {
  return bytes ? text::human_size(bytes) : "-";
}

std::string duration_or_dash(Duration d) {
  return d ? text::human_duration(d) : "-";
}

std::string ns_path(const Call& call) {
  return "/v1/namespaces/" + path_part(call.values.get("NAMESPACE"));
}
std::string leg_path(const Call& call) {
  return ns_path(call) + "/legs/" + path_part(call.values.get("LEG"));
}

void line(const char* name, const std::string& value) {
  std::printf("%16s: %s\n", name, value.c_str());
}
std::string digits(std::uint64_t value) {
  return fmt::format("{}", value);
}

}  // namespace

// ---- legs -----------------------------------------------------------------------------------------------

std::string leg_copy_text(const Json& leg) {
  if (text_of(leg, "state") != "syncing") return "-";
  const auto copied = number_of(leg, "copied_bytes"), left = number_of(leg, "to_copy_bytes");
  std::string out = fmt::format("{} %, {} left", percent(copied, copied + left), text::human_size(left));
  if (leg.contains("bytes_per_second") && leg["bytes_per_second"].is_number())
    out += fmt::format(", {}/s", text::human_size(number_of(leg, "bytes_per_second")));
  if (leg.contains("eta_seconds") && leg["eta_seconds"].is_number())
    out += fmt::format(", {} to go", text::human_duration(number_of(leg, "eta_seconds") * kSecond));
  return out;
}

std::string leg_reason_text(const Json& leg) {
  std::string out = leg.contains("reason") ? text_of(leg, "reason") : "";
  const auto add = [&](const std::string& more) { out += (out.empty() ? "" : "; ") + more; };
  if (!flag_of(leg, "connected")) add("not connected");
  if (flag_of(leg, "needs_operator")) add("waits for `nvtee leg online`");
  if (leg.contains("next_attempt_ms") && leg["next_attempt_ms"].is_number() && !flag_of(leg, "connected"))
    add(fmt::format("next attempt in {}",
                    text::human_duration(number_of(leg, "next_attempt_ms") * kMillisecond)));
  if (const auto doubt = number_of(leg, "in_doubt_ms"))
    add(fmt::format("old commands may still execute for {}", text::human_duration(doubt * kMillisecond)));
  if (const auto media = number_of(leg, "media_errors"))
    add(fmt::format("{} media error(s) repaired", media));
  return out;
}

// What keeps commands that were sent to it before from executing late.
std::string leg_fence_text(const Json& leg) {
  if (!leg.contains("fence") || !flag_of(leg, "connected")) return "-";
  return text_of(leg, "fence") == "reservation" ? "reservation" : "guard time";
}

std::string legs_table(const Json& legs, std::size_t indent) {
  Table table({"LEG", "PEER:NSID", "STATE", "FENCE", "DIRTY", "COPY", "REASON"});
  for (const Json& l : legs)
    table.add({digits(number_of(l, "leg")), fmt::format("{}:{}", text_of(l, "peer"), number_of(l, "nsid")),
               text_of(l, "state"), leg_fence_text(l), size_or_dash(number_of(l, "dirty_bytes")),
               leg_copy_text(l), leg_reason_text(l)});
  return table.text(indent);
}

int run_leg_list(Call& call) {
  if (call.values.has("NAMESPACE")) {
    const auto legs = call.ask("GET", ns_path(call) + "/legs");
    if (!legs) return call.exit;
    if (call.json)
      call.print(*legs);
    else
      std::fputs(legs_table(list_of(*legs, "legs"), 0).c_str(), stdout);
    return kOk;
  }
  const auto all = call.ask("GET", "/v1/namespaces");
  if (!all) return call.exit;
  if (call.json) {
    call.print(*all);
    return kOk;
  }
  Table table({"NAMESPACE", "LEG", "PEER:NSID", "STATE", "DIRTY", "COPY", "REASON"});
  for (const Json& ns : list_of(*all, "namespaces"))
    for (const Json& l : list_of(ns, "legs"))
      table.add({text_of(ns, "name"), digits(number_of(l, "leg")),
                 fmt::format("{}:{}", text_of(l, "peer"), number_of(l, "nsid")), text_of(l, "state"),
                 size_or_dash(number_of(l, "dirty_bytes")), leg_copy_text(l), leg_reason_text(l)});
  std::fputs(table.text().c_str(), stdout);
  return kOk;
}

int run_leg_add(Call& call) {
  const std::string leg = call.values.get("PEER[:NSID]");
  const auto colon = leg.find(':');
  Json body{{"peer", leg.substr(0, colon)}};
  if (colon != std::string::npos) {
    const auto nsid = text::parse_size(leg.substr(colon + 1));
    if (!nsid || leg.find_first_not_of("0123456789", colon + 1) != std::string::npos)
      return call.report(
          {fmt::format("'{}' in '{}' is not an NSID", leg.substr(colon + 1), leg), "write PEER or PEER:NSID"},
          kUsage);
    body["nsid"] = *nsid;
  }
  // On a terminal a slip costs data: ask. A script has decided already.
  if (is_terminal(STDIN_FILENO) &&
      !confirm(call, fmt::format("What {} holds will be overwritten. Add it to {}?", leg,
                                 call.values.get("NAMESPACE"))))
    return kFailed;
  return call.change("POST", ns_path(call) + "/legs", body,
                     fmt::format("leg {} is added to {}; see `nvtee resync show {} --follow`", leg,
                                 call.values.get("NAMESPACE"), call.values.get("NAMESPACE")));
}

int run_leg_remove(Call& call) {
  return call.change(
      "DELETE", leg_path(call), nullptr,
      fmt::format("leg {} of {} is removed", call.values.get("LEG"), call.values.get("NAMESPACE")));
}
int run_leg_fault(Call& call) {
  return call.change(
      "POST", leg_path(call) + "/fault", nullptr,
      fmt::format("leg {} of {} is out; take it back with `nvtee leg online {} {}`", call.values.get("LEG"),
                  call.values.get("NAMESPACE"), call.values.get("NAMESPACE"), call.values.get("LEG")));
}
int run_leg_online(Call& call) {
  return call.change(
      "POST", leg_path(call) + "/online", nullptr,
      fmt::format("leg {} of {} is being taken back; see `nvtee resync show {} --follow`",
                  call.values.get("LEG"), call.values.get("NAMESPACE"), call.values.get("NAMESPACE")));
}

// ---- namespaces -----------------------------------------------------------------------------------------

int run_ns_list(Call& call) {
  const auto all = call.ask("GET", "/v1/namespaces");
  if (!all) return call.exit;
  if (call.json) {
    call.print(*all);
    return kOk;
  }
  Table table({"NAME", "NSID", "SIZE", "HEALTH", "LEGS", "SUBSYSTEM"});
  for (const Json& ns : list_of(*all, "namespaces")) {
    std::string legs;
    for (const Json& l : list_of(ns, "legs"))
      legs += fmt::format("{}{}:{}={}", legs.empty() ? "" : " ", text_of(l, "peer"), number_of(l, "nsid"),
                          text_of(l, "state"));
    table.add({text_of(ns, "name"), digits(number_of(ns, "nsid")),
               text::human_size(number_of(ns, "size_bytes")), text_of(ns, "health"), legs,
               text_of(ns, "subsystem")});
  }
  std::fputs(table.text().c_str(), stdout);
  return kOk;
}

int run_ns_show(Call& call) {
  const auto ns = call.ask("GET", ns_path(call));
  if (!ns) return call.exit;
  if (call.json) {
    call.print(*ns);
    return kOk;
  }
  line("name", text_of(*ns, "name"));
  line("health", text_of(*ns, "health"));
  line("subsystem", text_of(*ns, "subsystem"));
  line("nsid", digits(number_of(*ns, "nsid")));
  line("size", fmt::format("{} ({} blocks of {} B)", text::human_size(number_of(*ns, "size_bytes")),
                           number_of(*ns, "blocks"), number_of(*ns, "block_size")));
  line("nguid", text_of(*ns, "nguid"));
  line("uuid", text_of(*ns, "uuid"));
  line("region size", text::human_size(number_of(*ns, "region_bytes")));
  line("epoch", digits(number_of(*ns, "epoch")));
  line("ana", text_of(*ns, "ana"));
  line("open", fmt::format("{} region(s), {}", number_of(*ns, "open_regions"),
                           text::human_size(number_of(*ns, "open_bytes"))));
  line("region misses", digits(number_of(*ns, "region_misses")));
  const Json& c = ns->contains("counters") ? (*ns)["counters"] : Json();
  line("reads", fmt::format("{} ({})", number_of(c, "reads"), text::human_size(number_of(c, "read_bytes"))));
  line("writes",
       fmt::format("{} ({})", number_of(c, "writes"), text::human_size(number_of(c, "write_bytes"))));
  line("errors", digits(number_of(c, "errors")));
  line("write latency", duration_or_dash(number_of(c, "mean_write_latency_ns")));
  line("longest gap", duration_or_dash(number_of(c, "longest_gap_ns")));
  for (const Json& a : list_of(*ns, "advice"))
    if (a.is_string()) line("action", clean(a.get<std::string>()));
  std::fputs(legs_table(list_of(*ns, "legs"), 0).c_str(), stdout);
  return kOk;
}

int run_ns_create(Call& call) {
  const auto& v = call.values;
  if (!v.has("leg"))
    return call.report(
        {"--leg is missing: a namespace needs at least one", "give --leg PEER[:NSID], once for each copy"},
        kUsage);
  Json body{{"name", v.get("NAMESPACE")},
            {"legs", v.all("leg")},
            {"block_size", std::stoul(v.get("block-size"))},
            {"assume_equal", v.has("assume-equal")}};
  if (v.has("size")) body["size"] = v.get("size");
  if (v.has("region-size")) body["region_size"] = v.get("region-size");
  if (v.has("subsystem")) body["subsystem"] = v.get("subsystem");
  if (v.has("nsid")) {
    const auto nsid = text::parse_size(v.get("nsid"));
    if (!nsid)
      return call.report({fmt::format("--nsid: '{}' is not a number", v.get("nsid")), "1 to 64"}, kUsage);
    body["nsid"] = *nsid;
  }
  for (const std::string& id : v.all("adopt-id")) {
    const char* kind = id.find('-') == std::string::npos ? "nguid" : "uuid";
    if (const auto parsed = text::parse_id16(id); !parsed)
      return call.report({"--adopt-id: " + parsed.error().what, parsed.error().remedy}, kUsage);
    if (body.contains(kind))
      return call.report(
          {fmt::format("--adopt-id gives two {}s", kind), "a UUID has dashes, an NGUID has none"}, kUsage);
    body[kind] = id;
  }
  return call.change("POST", "/v1/namespaces", body,
                     fmt::format("namespace {} is created", v.get("NAMESPACE")));
}

int run_ns_delete(Call& call) {
  if (!confirm(call, fmt::format("Delete namespace {}? Hosts lose it at once; the legs keep their data.",
                                 call.values.get("NAMESPACE"))))
    return is_terminal(STDIN_FILENO) ? kFailed : kUsage;
  return call.change(
      "DELETE", ns_path(call), nullptr,
      fmt::format("namespace {} is deleted; its legs keep their data", call.values.get("NAMESPACE")));
}

// ---- peers and hosts ------------------------------------------------------------------------------------

int run_peer_list(Call& call) {
  const auto all = call.ask("GET", "/v1/peers");
  if (!all) return call.exit;
  if (call.json) {
    call.print(*all);
    return kOk;
  }
  Table table({"NAME", "LEGS", "ADDRESSES", "NQN", "IDENTITY", "LAST ERROR"});
  for (const Json& p : list_of(*all, "peers")) {
    std::string addresses;
    for (const Json& a : list_of(p, "addresses"))
      if (a.is_string()) addresses += (addresses.empty() ? "" : ",") + a.get<std::string>();
    table.add({text_of(p, "name"),
               fmt::format("{}/{} up", number_of(p, "legs_connected"), number_of(p, "legs")), addresses,
               text_of(p, "nqn"), text_of(p, "identity"), text_of(p, "last_error")});
  }
  std::fputs(table.text().c_str(), stdout);
  return kOk;
}

int run_peer_show(Call& call) {
  const auto p = call.ask("GET", "/v1/peers/" + path_part(call.values.get("PEER")));
  if (!p) return call.exit;
  if (call.json) {
    call.print(*p);
    return kOk;
  }
  line("name", text_of(*p, "name"));
  line("nqn", text_of(*p, "nqn"));
  for (const Json& a : list_of(*p, "addresses"))
    if (a.is_string()) line("address", clean(a.get<std::string>()));
  line("identity", text_of(*p, "identity"));
  line("legs", fmt::format("{}, {} connected", number_of(*p, "legs"), number_of(*p, "legs_connected")));
  line("last error", text_of(*p, "last_error"));
  line("queues", fmt::format("{} of {} entries a leg", number_of(*p, "queues"), number_of(*p, "entries")));
  line("digests", fmt::format("header {}, data {}", flag_of(*p, "header_digest") ? "on" : "off",
                              flag_of(*p, "data_digest") ? "on" : "off"));
  line("keep alive", text::human_duration(number_of(*p, "keep_alive_ms") * kMillisecond));
  return kOk;
}

int run_host_list(Call& call) {
  const auto all = call.ask("GET", "/v1/hosts");
  if (!all) return call.exit;
  if (call.json) {
    call.print(*all);
    return kOk;
  }
  Table table({"HOST", "ADDRESS", "CNTLID", "QUEUES", "SUBSYSTEM"});
  for (const Json& h : list_of(*all, "hosts"))
    table.add({text_of(h, "host_nqn"), text_of(h, "address"), digits(number_of(h, "cntlid")),
               digits(number_of(h, "io_queues")), text_of(h, "subsystem")});
  std::fputs(table.text().c_str(), stdout);
  return kOk;
}

}  // namespace nvtee::cli
