// Internal to the API: the requests that are under way, and one handler for each endpoint.
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>

#include "runtime/api/metrics.hpp"
#include "runtime/api/request.hpp"
#include "runtime/api/service.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::api {

std::string dump(const Json& json);

struct Service::Impl : std::enable_shared_from_this<Impl> {
  struct EventQuery {
    std::uint64_t after = 0;
    std::size_t max = 0;
  };
  struct Pending {
    Reply reply;
    Time deadline = kNever;
    std::string what;                  // for the answer at the deadline
    std::optional<EventQuery> events;  // a long poll: its deadline is no error
  };

  Node& node;
  std::function<void(std::function<void()>)> post;
  ServiceTimes times;
  RateMeter rates;
  Missing missing;
  std::string config_file, config_toml;
  std::map<const char*, std::function<std::uint64_t()>> counts;  // by name of the bound
  bool sampling = false;
  std::uint64_t next_id = 1;
  std::map<std::uint64_t, Pending> pending;

  Impl(Node& n, std::function<void(std::function<void()>)> p, ServiceTimes t)
      : node(n), post(std::move(p)), times(t) {}

  // A request on its way; the handlers below take it by value, the id finds the reply as long as it is
  // wanted.
  struct Call {
    std::uint64_t id = 0;
    Time now = 0;
    Target target;
    std::string body;

    const std::string& segment(std::size_t i) const { return target.segments.at(i); }
  };

  void finish(std::uint64_t id, Answer answer) {
    const auto found = pending.find(id);
    if (found == pending.end()) return;  // too late, or nobody waits any more
    Reply reply = std::move(found->second.reply);
    pending.erase(found);
    reply(std::move(answer));
  }
  void finish(std::uint64_t id, const Json& json) {
    finish(id, Answer{200, dump(json), "application/json", {}});
  }
  void refuse(std::uint64_t id, const char* code, const Error& e) {
    finish(id, error_answer(code, e.what, e.remedy));
  }
  void set_deadline(std::uint64_t id, Time now, Duration limit, std::string what) {
    if (const auto found = pending.find(id); found != pending.end()) {
      found->second.deadline = now + limit;
      found->second.what = std::move(what);
    }
  }

  // Brings a node's callback home, if there still is one.
  template <class T, class F>
  std::function<void(T)> home(F f) {
    return [weak = weak_from_this(), post_home = post, f = std::move(f)](T value) {
      post_home([weak, f, value = std::move(value)]() mutable {
        if (const auto self = weak.lock()) f(std::move(value));
      });
    };
  }

  template <class F>
  void with_status(const Call& call, F f) {
    set_deadline(call.id, call.now, times.status, "its status");
    node.status(home<NodeStatus>([f = std::move(f)](NodeStatus status) { f(status); }));
  }
  // With the namespace named by segment 2, or 404.
  template <class F>
  void with_namespace(const Call& call, F f) {
    with_status(call, [this, call, f](const NodeStatus& status) {
      const auto& name = call.segment(2);
      for (std::size_t i = 0; i < status.namespaces.size(); ++i)
        if (status.namespaces[i].spec.name == name) return f(status, i);
      std::vector<std::string> names;
      for (const auto& ns : status.namespaces) names.push_back(ns.spec.name);
      const auto near = text::nearest(name, names);
      refuse(call.id, "not_found",
             {fmt::format("no namespace named '{}'{}", name,
                          near ? fmt::format("; did you mean '{}'?", *near) : ""),
              "see `nvtee ns list`"});
    });
  }
  // With the leg named by segment 4 too: its index, "PEER" when only one leg is there, or "PEER:NSID".
  template <class F>
  void with_leg(const Call& call, F f) {
    with_namespace(call, [this, call, f](const NodeStatus& status, std::size_t n) {
      const auto leg = find_leg(status.namespaces[n], call.segment(4));
      if (!leg) return refuse(call.id, "not_found", leg.error());
      f(*leg);
    });
  }
  static Result<unsigned> find_leg(const core::NamespaceStatus& ns, const std::string& text);

  // Refuses the call when a leg is in use already.
  bool refuse_used(const Call& call, const NodeStatus& status, const core::LegSpec& leg) {
    const auto* user = user_of_leg(status.namespaces, leg);
    if (user)
      refuse(call.id, "refused",
             {fmt::format("{}:{} is a leg of namespace {} already", leg.peer, leg.nsid, user->spec.name),
              "see `nvtee leg list`"});
    return user != nullptr;
  }

  Node::Done operation_done(const Call& call, std::string what) {
    set_deadline(call.id, call.now, times.operation, std::move(what));
    return home<Status0>([this, id = call.id](const Status0& r) {
      if (r)
        finish(id, Json{{"ok", true}});
      else
        refuse(id, "refused", r.error());
    });
  }

  void get_status(const Call& c);
  void get_limits(const Call& c);
  void get_config(const Call& c);
  void set_resync_rate(const Call& c);
  void get_metrics(const Call& c);
  void list_namespaces(const Call& c);
  void show_namespace(const Call& c);
  void create_namespace(const Call& c);
  void delete_namespace(const Call& c);
  void list_legs(const Call& c);
  void add_leg(const Call& c);
  void remove_leg(const Call& c);
  void fault_leg(const Call& c);
  void online_leg(const Call& c);
  void show_resync(const Call& c);
  void show_verify(const Call& c);
  void start_verify(const Call& c);
  void stop_verify(const Call& c);
  void list_peers(const Call& c);
  void show_peer(const Call& c);
  void list_subsystems(const Call& c);
  void list_hosts(const Call& c);
  void get_events(const Call& c);

  struct Row {
    Endpoint endpoint;
    void (Impl::*handler)(const Call&);
  };
  static const std::vector<Row>& rows();  // the API

  limits::InUse own_use() const {
    limits::InUse own;
    for (const auto& [bound, in_use] : counts) limits::note(own, bound, in_use());
    return own;
  }
  bool answer_events(std::uint64_t id, const EventQuery& q, bool even_if_none);
  void dispatch(const std::string& method, const Call& call);
};

}  // namespace nvtee::api
