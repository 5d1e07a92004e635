#include "runtime/api/service.hpp"

#include <algorithm>

#include "runtime/api/service_impl.hpp"

namespace nvtee::api {
namespace {

struct Code {
  const char* code;
  unsigned status;
  const char* meaning;
};
constexpr Code kCodes[] = {
    {"bad_request", 400,
     "The request is malformed: what and how to write it is in `error` and `remedy`. Nothing was done."},
    {"not_found", 404, "No such path, namespace, leg or peer."},
    {"method_not_allowed", 405, "The path exists, not with this method (see the `Allow` header)."},
    {"refused", 409, "Understood, but the node refused it. Nothing was changed unless `error` says so."},
    {"too_large", 413, "The body is larger than 64 KiB."},
    {"header_too_large", 431, "The header is larger than 8 KiB."},
    {"busy", 503, "Too many clients at once: try again."},
    {"timeout", 504,
     "The node did not answer in time. Whether the operation took place is unknown: ask for the status."},
};

}  // namespace

std::string dump(const Json& json) {
  // Peers and hosts may send bytes that are no UTF-8: they must not make the status unreadable.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string error_table() {
  std::string out = "| code | HTTP | meaning |\n|---|---|---|\n";
  for (const Code& c : kCodes) out += fmt::format("| `{}` | {} | {} |\n", c.code, c.status, c.meaning);
  return out;
}

Answer error_answer(const char* code, const std::string& error, const std::string& remedy) {
  const auto* found =
      std::ranges::find_if(kCodes, [&](const Code& c) { return std::string_view(c.code) == code; });
  Answer a;
  a.status = found == std::end(kCodes) ? 500 : found->status;
  a.body = dump({{"error", error}, {"remedy", remedy}, {"code", code}});
  return a;
}

// ---- dispatch -------------------------------------------------------------------------------------------

namespace {

// "/v1/namespaces/{name}" against the segments of a request.
bool matches(std::string_view pattern, const std::vector<std::string>& segments) {
  std::size_t i = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(part.size());
    if (i == segments.size() || segments[i].empty() || (!part.starts_with('{') && part != segments[i]))
      return false;
    ++i;
  }
  return i == segments.size();
}

}  // namespace

void Service::Impl::dispatch(const std::string& method, const Call& call) {
  std::string allow;
  for (const Row& row : rows()) {
    if (!matches(row.endpoint.path, call.target.segments)) continue;
    if (method == row.endpoint.method) return (this->*row.handler)(call);
    allow += (allow.empty() ? "" : ", ") + std::string(row.endpoint.method);
  }
  std::string path;
  for (const auto& s : call.target.segments) path += "/" + s;
  if (allow.empty())
    return refuse(call.id, "not_found",
                  {fmt::format("no path '{}'", path), "docs/API.md lists the paths; they begin with /v1"});
  Answer a = error_answer("method_not_allowed", fmt::format("{} is not possible on '{}'", method, path),
                          "use " + allow);
  a.allow = allow;
  finish(call.id, std::move(a));
}

std::uint64_t Service::handle(const Request& request, Time now, Reply reply) {
  Impl& s = *impl_;
  Impl::Call call;
  call.id = s.next_id++;
  call.now = now;
  call.body = request.body;
  s.pending[call.id].reply = std::move(reply);
  if (auto target = parse_target(request.target); !target) {
    s.refuse(call.id, "bad_request", target.error());
  } else {
    call.target = std::move(*target);
    s.dispatch(request.method, call);
  }
  return s.pending.contains(call.id) ? call.id : 0;
}

const core::NamespaceStatus* user_of_leg(const std::vector<core::NamespaceStatus>& namespaces,
                                         const core::LegSpec& leg) {
  for (const auto& ns : namespaces)
    for (const auto& l : ns.legs) {
      const bool there = l.state != core::LegState::kNone && l.state != core::LegState::kRemoved;
      if (there && l.spec.peer == leg.peer && l.spec.nsid == leg.nsid) return &ns;
    }
  return nullptr;
}

// ---- requests under way ---------------------------------------------------------------------------------

Service::Service(Node& node, std::function<void(std::function<void()>)> post, ServiceTimes times)
    : impl_(std::make_shared<Impl>(node, std::move(post), times)) {}
Service::~Service() = default;

void Service::cancel(std::uint64_t handle) {
  impl_->pending.erase(handle);
}
void Service::set_missing(Missing missing) {
  impl_->missing = std::move(missing);
}
void Service::set_config(std::string file, std::string toml) {
  impl_->config_file = std::move(file);
  impl_->config_toml = std::move(toml);
}
void Service::metrics(std::function<void(std::vector<prometheus::MetricFamily>)> done) {
  impl_->node.status(
      impl_->home<NodeStatus>([s = impl_.get(), done = std::move(done)](const NodeStatus& status) {
        done(metric_families(status, s->rates, s->own_use()));
      }));
}
void Service::count(const char* bound, std::function<std::uint64_t()> in_use) {
  impl_->counts[bound] = std::move(in_use);
}
std::size_t Service::pending() const {
  return impl_->pending.size();
}

void Service::events_changed(Time) {
  std::vector<std::pair<std::uint64_t, Impl::EventQuery>> waiting;
  for (const auto& [id, p] : impl_->pending)
    if (p.events) waiting.emplace_back(id, *p.events);
  for (const auto& [id, query] : waiting) impl_->answer_events(id, query, false);
}

void Service::sample(Time now) {
  if (impl_->sampling) return;  // the last one is still under way
  impl_->sampling = true;
  impl_->node.status(impl_->home<NodeStatus>([s = impl_.get(), now](const NodeStatus& status) {
    s->sampling = false;
    s->rates.sample(status.namespaces, now);
  }));
}

Time Service::next_deadline() const {
  Time first = kNever;
  for (const auto& [id, p] : impl_->pending) first = std::min(first, p.deadline);
  return first;
}

void Service::expire(Time now) {
  std::vector<std::uint64_t> due;
  for (const auto& [id, p] : impl_->pending)
    if (p.deadline <= now) due.push_back(id);
  for (const auto id : due) {
    const Impl::Pending& p = impl_->pending.at(id);
    if (p.events)
      impl_->answer_events(id, *p.events, true);
    else
      impl_->finish(
          id, error_answer("timeout", fmt::format("the node did not answer in time ({})", p.what),
                           "whether it took place is unknown: see `nvtee status`, and the daemon's log"));
  }
}

}  // namespace nvtee::api
