// Requests to the control API: method, target and body. Exactly one answer comes, and it is JSON or text.
#include "runtime/api/service.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

// Answers at once and does nothing.
struct Still final : Node {
  EventLog log{16};
  NodeStatus now;
  Still() {
    core::NamespaceStatus ns;
    ns.spec.name = "vol1";
    ns.spec.subsystem = "nqn.2026-01.com.example:s";
    ns.spec.blocks = 1000;
    ns.health = "ok";
    ns.legs[0].state = core::LegState::kInSync;
    ns.legs[0].spec = {"left", 1};
    now.namespaces = {ns};
    now.counters.resize(1);
    now.subsystems = {{"nqn.2026-01.com.example:s", "S", true, {}}};
    log.add(core::Severity::kInfo, "x", "vol1", "hello");
  }
  void status(std::function<void(NodeStatus)> done) override { done(now); }
  void create_namespace(core::NamespaceSpec, std::vector<core::LegSpec> legs, bool, Done done) override {
    must(!legs.empty() && legs.size() <= core::kMaxLegs, "a namespace has 1 to 4 legs");
    done({});
  }
  void delete_namespace(const std::string&, Done done) override { done({}); }
  void add_leg(const std::string&, core::LegSpec, Done done) override { done({}); }
  void remove_leg(const std::string&, unsigned leg, Done done) override { operate(leg, done); }
  void fault_leg(const std::string&, unsigned leg, Done done) override { operate(leg, done); }
  void online_leg(const std::string&, unsigned leg, Done done) override { operate(leg, done); }
  void verify(const std::string&, bool, Done done) override { done({}); }
  void set_resync_rate(std::uint64_t, Done done) override { done({}); }
  EventLog& events() override { return log; }
  void drain(Done done) override { done({}); }
  static void operate(unsigned leg, const Done& done) {
    must(leg == 0, "only a leg that is there is named");
    done({});
  }
};

}  // namespace

// "METHOD TARGET\nBODY"
void one(Input in) {
  static Still node;
  const std::string all = in.text();
  const auto line = all.substr(0, all.find('\n'));
  api::Request r;
  r.method = line.substr(0, line.find(' '));
  if (const auto space = line.find(' '); space != std::string::npos) r.target = line.substr(space + 1);
  if (const auto end = all.find('\n'); end != std::string::npos) r.body = all.substr(end + 1);
  std::vector<std::function<void()>> posted;
  api::Service service(node, [&](std::function<void()> f) { posted.push_back(std::move(f)); });
  unsigned answers = 0;
  service.handle(r, kSecond, [&](api::Answer a) {
    ++answers;
    must(a.status >= 200 && a.status < 600, "an HTTP status");
    const bool json = a.content_type == "application/json";
    must(!json || api::Json::accept(a.body), "an answer is whole JSON");
  });
  for (std::size_t i = 0; i < posted.size() && i < 100; ++i) posted[i]();
  service.expire(200 * kSecond);
  must(answers == 1 && service.pending() == 0, "exactly one answer");
}

Seeds seeds() {
  Seeds out;
  for (const auto& e : api::endpoints()) {
    std::string path = e.path;
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"{name}", "vol1"}, {"{leg}", "left:1"}})
      if (const auto at = path.find(from); at != std::string::npos) path.replace(at, from.size(), to);
    out.push_back(std::string(e.method) + " " + path + "\n");
  }
  out.push_back("GET /v1/events?after=0&max=5&wait=3\n");
  out.push_back("GET /v1/%6eamespaces/vol1\n");
  out.push_back(R"(POST /v1/namespaces
{"name":"v","legs":["left:2",{"peer":"b","nsid":3}],"size":"1GiB","block_size":512,"assume_equal":true,"uuid":"11111111-2222-3333-4444-555555555555"})");
  out.push_back("POST /v1/namespaces/vol1/legs\n{\"peer\":\"right\",\"nsid\":2}");
  return out;
}

}  // namespace nvtee::fuzz
