// The control API without sockets: a request in, an answer later. One thread; what the Node reports comes
// home by `post`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/api/json.hpp"
#include "runtime/api/metrics.hpp"
#include "runtime/base/limits.hpp"

namespace nvtee::api {

struct Request {
  std::string method;  // "GET"
  std::string target;  // "/v1/events?after=5"
  std::string body;    // JSON or empty
};

struct Answer {
  unsigned status = 200;  // HTTP
  std::string body;
  std::string content_type = "application/json";
  std::string allow;  // of a 405
};
using Reply = std::function<void(Answer)>;

// Bounds of how long a request may take inside; the client is told then that the end is unknown.
struct ServiceTimes {
  Duration status = 5 * kSecond;
  Duration operation = 120 * kSecond;        // creating may probe several peers by several addresses
  Duration longest_wait = limits::kApiWait;  // of /v1/events?wait=
};

// One row of the API, for dispatch and for docs/API.md.
struct Endpoint {
  const char *method, *path;  // "/v1/namespaces/{name}"
  const char* input;          // query parameters or fields of the body; "" = none
  const char* output;
  const char* meaning;
};
const std::vector<Endpoint>& endpoints();
std::string endpoint_table();  // Markdown, as it stands in docs/API.md

// The codes of errors ({"error", "remedy", "code"}) with their HTTP status, for docs/API.md.
std::string error_table();
Answer error_answer(const char* code, const std::string& error, const std::string& remedy = {});

// The namespace that has this leg; nullptr: none. The same namespace of a peer in two legs would be two
// writers of one disk.
const core::NamespaceStatus* user_of_leg(const std::vector<core::NamespaceStatus>& namespaces,
                                         const core::LegSpec& leg);

class Service {
 public:
  // `post` runs a function on this service's thread; it may be called from any thread, also after ~Service.
  Service(Node& node, std::function<void(std::function<void()>)> post, ServiceTimes times = {});
  ~Service();

  // Answers exactly once, now or later, unless cancelled. Returns a handle for cancel(); 0 = answered
  // already.
  std::uint64_t handle(const Request& request, Time now, Reply reply);
  void cancel(std::uint64_t handle);
  void events_changed(Time now);  // something was added to the node's event log
  void sample(Time now);          // about once a second: keeps the copy rates
  Time next_deadline() const;     // call expire() then; kNever = none
  void expire(Time now);
  std::size_t pending() const;
  // Namespaces that the configuration declares and that are not there: the status never calls such a node
  // healthy.
  void set_missing(Missing missing);
  void set_config(std::string file, std::string toml);
  // The node as metrics, for a scrape; nothing is answered when the node does not.
  void metrics(std::function<void(std::vector<prometheus::MetricFamily>)> done);
  // What only the server around the service knows of a bound (limits::Bound::name): asked on this thread.
  void count(const char* bound, std::function<std::uint64_t()> in_use);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace nvtee::api
