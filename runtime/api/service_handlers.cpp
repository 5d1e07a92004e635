// The endpoints: the table that dispatch and docs/API.md use, and what each does.
#include <algorithm>
#include <set>

#include "runtime/api/service_impl.hpp"

namespace nvtee::api {

const std::vector<Service::Impl::Row>& Service::Impl::rows() {
  using I = Impl;
  static const std::vector<Row> all = {
      {{"GET", "/v1/status", "", "node",
        "Everything: the node, its namespaces with legs, peers, subsystems, hosts."},
       &I::get_status},
      {{"GET", "/v1/metrics", "", "text",
        "Everything in numbers, in the Prometheus text format ([METRICS](METRICS.md))."},
       &I::get_metrics},
      {{"GET", "/v1/limits", "", "{limits: [limit]}",
        "Every bound: its value, what is used of it now, what happens when it is reached."},
       &I::get_limits},
      {{"GET", "/v1/config", "", "{file, toml}",
        "The configuration in force, defaults filled in, and the file that it came from."},
       &I::get_config},
      {{"POST", "/v1/resync/rate", "bytes_per_second", "{ok}",
        "Most bytes per second that each namespace's resync copies, until the next start; 0: bounded by the "
        "latency that "
        "hosts see only."},
       &I::set_resync_rate},
      {{"GET", "/v1/namespaces", "", "{namespaces: [namespace]}", "All namespaces."}, &I::list_namespaces},
      {{"POST", "/v1/namespaces",
        "name, legs, [subsystem, nsid, size, block_size, region_size, assume_equal, nguid, uuid]", "{ok}",
        "Creates a namespace. All legs must be reachable. subsystem may be left out when there is one only, "
        "nsid: the lowest free one; "
        "size: that of the first leg. Without assume_equal the first leg is copied to the others."},
       &I::create_namespace},
      {{"GET", "/v1/namespaces/{name}", "", "namespace", "One namespace."}, &I::show_namespace},
      {{"DELETE", "/v1/namespaces/{name}", "", "{ok}", "Forgets the namespace. The legs keep their data."},
       &I::delete_namespace},
      {{"GET", "/v1/namespaces/{name}/legs", "", "{legs: [leg]}", "Its legs."}, &I::list_legs},
      {{"POST", "/v1/namespaces/{name}/legs", "peer, [nsid]", "{ok}",
        "Adds a leg; the namespace is copied to it. What it holds is lost."},
       &I::add_leg},
      {{"DELETE", "/v1/namespaces/{name}/legs/{leg}", "", "{ok}",
        "Removes a leg. The last in-sync one is refused."},
       &I::remove_leg},
      {{"POST", "/v1/namespaces/{name}/legs/{leg}/fault", "", "{ok}",
        "Takes a leg out; what it misses is noted."},
       &I::fault_leg},
      {{"POST", "/v1/namespaces/{name}/legs/{leg}/online", "", "{ok}",
        "Takes a faulted leg back: connects and copies what it missed."},
       &I::online_leg},
      {{"GET", "/v1/namespaces/{name}/resync", "", "{namespace, health, reconcile_bytes, legs: [leg]}",
        "Legs that are not in sync, with progress."},
       &I::show_resync},
      {{"GET", "/v1/namespaces/{name}/verify", "", "verify", "The running or last verify."}, &I::show_verify},
      {{"POST", "/v1/namespaces/{name}/verify", "", "{ok}",
        "Starts to compare all in-sync legs, while hosts go on."},
       &I::start_verify},
      {{"DELETE", "/v1/namespaces/{name}/verify", "", "{ok}", "Stops a verify."}, &I::stop_verify},
      {{"GET", "/v1/peers", "", "{peers: [peer]}", "Peers of the configuration, and how they are."},
       &I::list_peers},
      {{"GET", "/v1/peers/{name}", "", "peer", "One peer."}, &I::show_peer},
      {{"GET", "/v1/subsystems", "", "{subsystems: [subsystem]}", "Subsystems that hosts see."},
       &I::list_subsystems},
      {{"GET", "/v1/hosts", "", "{hosts: [host]}", "Controllers that hosts have connected."}, &I::list_hosts},
      {{"GET", "/v1/events", "?after=ID&max=N&wait=SECONDS", "{events: [event], last_id, lost, restarted}",
        "Events with an id above `after`, at most `max` (1000). With `wait` (0 to 60) and no such event yet: "
        "answers when one comes, or "
        "with none. `lost`: how many between were dropped from the ring. `restarted`: `after` is of an "
        "earlier run of the daemon; all "
        "events of this run are given."},
       &I::get_events},
  };
  return all;
}

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> all = [] {
    std::vector<Endpoint> out;
    for (const auto& row : Service::Impl::rows()) out.push_back(row.endpoint);
    return out;
  }();
  return all;
}

std::string endpoint_table() {
  std::string out = "| method | path | input | answer | meaning |\n|---|---|---|---|---|\n";
  for (const Endpoint& e : endpoints())
    out += fmt::format("| {} | `{}` | {} | {} | {} |\n", e.method, e.path, e.input, e.output, e.meaning);
  return out;
}

// ---- reading --------------------------------------------------------------------------------------------

void Service::Impl::get_status(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    finish(c.id, node_json(s, node.events().last_id(), rates, c.now, missing));
  });
}

void Service::Impl::get_metrics(const Call& c) {
  with_status(c, [this, id = c.id](const NodeStatus& s) {
    finish(id,
           Answer{200, metrics_text(metric_families(s, rates, own_use())), "text/plain; version=0.0.4", {}});
  });
}

void Service::Impl::get_limits(const Call& c) {
  with_status(c, [this, id = c.id](const NodeStatus& s) { finish(id, limits_json(s, own_use())); });
}

void Service::Impl::get_config(const Call& c) {
  finish(c.id, Json{{"file", config_file}, {"toml", config_toml}});
}

void Service::Impl::list_namespaces(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    finish(c.id, Json{{"namespaces", node_json(s, 0, rates, c.now, {})["namespaces"]}});
  });
}

void Service::Impl::show_namespace(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus& s, std::size_t i) {
    finish(c.id,
           namespace_json(s.namespaces[i], i < s.counters.size() ? &s.counters[i] : nullptr, rates, c.now));
  });
}

void Service::Impl::list_legs(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus& s, std::size_t i) {
    finish(c.id, Json{{"legs", namespace_json(s.namespaces[i], nullptr, rates, c.now)["legs"]}});
  });
}

void Service::Impl::show_resync(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus& s, std::size_t i) {
    finish(c.id, resync_json(s.namespaces[i], rates, c.now));
  });
}

void Service::Impl::show_verify(const Call& c) {
  with_namespace(
      c, [this, id = c.id](const NodeStatus& s, std::size_t i) { finish(id, verify_json(s.namespaces[i])); });
}

void Service::Impl::list_peers(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    finish(c.id, Json{{"peers", node_json(s, 0, rates, c.now, {})["peers"]}});
  });
}

void Service::Impl::show_peer(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    const auto found =
        std::ranges::find_if(s.peers, [&](const PeerStatus& p) { return p.config.name == c.segment(2); });
    if (found != s.peers.end()) return finish(c.id, peer_json(*found));
    refuse(c.id, "not_found", {fmt::format("no peer named '{}'", c.segment(2)), "see `nvtee peer list`"});
  });
}

void Service::Impl::list_subsystems(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    finish(c.id, Json{{"subsystems", node_json(s, 0, rates, c.now, {})["subsystems"]}});
  });
}

void Service::Impl::list_hosts(const Call& c) {
  with_status(c, [this, c](const NodeStatus& s) {
    finish(c.id, Json{{"hosts", node_json(s, 0, rates, c.now, {})["hosts"]}});
  });
}

// ---- events ---------------------------------------------------------------------------------------------

void Service::Impl::get_events(const Call& c) {
  const auto after = query_number(c.target, "after", 0, ~std::uint64_t{0});
  const auto max = query_number(c.target, "max", 1000, 1000);
  const auto wait = query_number(c.target, "wait", 0, times.longest_wait / kSecond);
  for (const auto* r : {&after, &max, &wait})
    if (!*r) return refuse(c.id, "bad_request", r->error());
  const EventQuery query{*after, std::max<std::size_t>(*max, 1)};
  if (answer_events(c.id, query, *wait == 0)) return;
  Pending& p = pending.at(c.id);
  p.events = query;
  p.deadline = c.now + *wait * kSecond;
}

bool Service::Impl::answer_events(std::uint64_t id, const EventQuery& q, bool even_if_none) {
  const std::uint64_t last = node.events().last_id();
  const bool restarted = q.after > last;  // ids begin at 1 in each run of the daemon
  const auto events = node.events().after(restarted ? 0 : q.after, q.max);
  if (events.empty() && !even_if_none && !restarted) return false;
  Json list = Json::array();
  for (const auto& e : events) list.push_back(event_json(e));
  const std::uint64_t before = restarted ? 0 : q.after;
  const std::uint64_t lost = events.empty() ? 0 : events.front().id - before - 1;
  finish(id, Json{{"events", std::move(list)},
                  {"last_id", events.empty() ? std::min(q.after, last) : events.back().id},
                  {"lost", lost},
                  {"restarted", restarted}});
  return true;
}

// ---- changing -------------------------------------------------------------------------------------------

Result<unsigned> Service::Impl::find_leg(const core::NamespaceStatus& ns, const std::string& text) {
  std::vector<unsigned> found;
  std::string all;
  const auto wanted = parse_leg_text(text);
  const bool names_nsid = text.find(':') != std::string::npos;
  for (unsigned i = 0; i < core::kMaxLegs; ++i) {
    const core::LegStatus& l = ns.legs[i];
    if (l.state == core::LegState::kNone || l.state == core::LegState::kRemoved) continue;
    all += fmt::format("{}{}:{}", all.empty() ? "" : ", ", l.spec.peer, l.spec.nsid);
    if (text == std::to_string(i)) return i;
    if (wanted && l.spec.peer == wanted->peer && (!names_nsid || l.spec.nsid == wanted->nsid))
      found.push_back(i);
  }
  if (found.size() == 1) return found[0];
  return fail(
      fmt::format("{} leg of '{}' is '{}'", found.empty() ? "no" : "more than one", ns.spec.name, text),
      fmt::format("name it by its number, PEER or PEER:NSID; legs are {}", all.empty() ? "none" : all));
}

void Service::Impl::create_namespace(const Call& c) {
  const auto request = parse_create(c.body);
  if (!request) return refuse(c.id, "bad_request", request.error());
  with_status(c, [this, c, asked = *request](const NodeStatus& s) {
    for (const auto& leg : asked.legs)
      if (refuse_used(c, s, leg)) return;
    CreateRequest create = asked;
    if (create.spec.subsystem.empty()) {
      if (s.subsystems.size() != 1)
        return refuse(c.id, "bad_request",
                      {fmt::format("subsystem: is missing, and the node has {}", s.subsystems.size()),
                       "name the NQN of one; see /v1/subsystems"});
      create.spec.subsystem = s.subsystems[0].nqn;
    }
    if (create.spec.nsid == 0) {
      std::set<std::uint32_t> used;
      for (const auto& ns : s.namespaces)
        if (ns.spec.subsystem == create.spec.subsystem) used.insert(ns.spec.nsid);
      for (create.spec.nsid = 1; used.contains(create.spec.nsid);) ++create.spec.nsid;
    }
    node.create_namespace(create.spec, create.legs, create.assume_equal,
                          operation_done(c, "creating " + create.spec.name));
  });
}

void Service::Impl::delete_namespace(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus&, std::size_t) {
    node.delete_namespace(c.segment(2), operation_done(c, "deleting " + c.segment(2)));
  });
}

void Service::Impl::add_leg(const Call& c) {
  const auto leg = parse_add_leg(c.body);
  if (!leg) return refuse(c.id, "bad_request", leg.error());
  with_namespace(c, [this, c, spec = *leg](const NodeStatus& s, std::size_t) {
    if (refuse_used(c, s, spec)) return;
    node.add_leg(c.segment(2), spec, operation_done(c, "adding leg " + spec.peer));
  });
}

void Service::Impl::remove_leg(const Call& c) {
  with_leg(c, [this, c](unsigned leg) {
    node.remove_leg(c.segment(2), leg, operation_done(c, "removing leg " + c.segment(4)));
  });
}

void Service::Impl::fault_leg(const Call& c) {
  with_leg(c, [this, c](unsigned leg) {
    node.fault_leg(c.segment(2), leg, operation_done(c, "faulting leg " + c.segment(4)));
  });
}

void Service::Impl::online_leg(const Call& c) {
  with_leg(c, [this, c](unsigned leg) {
    node.online_leg(c.segment(2), leg, operation_done(c, "taking back leg " + c.segment(4)));
  });
}

void Service::Impl::set_resync_rate(const Call& c) {
  const auto rate = parse_rate(c.body);
  if (!rate) return refuse(c.id, "bad_request", rate.error());
  node.set_resync_rate(*rate, operation_done(c, "setting the rate of resync"));
}

void Service::Impl::start_verify(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus&, std::size_t) {
    node.verify(c.segment(2), true, operation_done(c, "starting verify"));
  });
}

void Service::Impl::stop_verify(const Call& c) {
  with_namespace(c, [this, c](const NodeStatus&, std::size_t) {
    node.verify(c.segment(2), false, operation_done(c, "stopping verify"));
  });
}

}  // namespace nvtee::api
