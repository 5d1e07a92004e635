// The control API on a unix socket: HTTP/1.1, one thread of its own, everything bounded.
#pragma once

#include <memory>
#include <string>

#include "runtime/api/service.hpp"
#include "runtime/api/unix_socket.hpp"
#include "runtime/base/limits.hpp"

namespace nvtee::api {

struct ServerOptions {
  std::string path;                            // of the socket
  unsigned max_clients = limits::kApiClients;  // more are answered 503 and closed
  unsigned header_limit = limits::kApiHeader;  // bytes of a request's header
  unsigned body_limit = limits::kApiBody;      // bytes of a request's body
  Duration request_timeout =
      limits::kApiRequestTime;  // a whole request must arrive within this, idle time before it included
  Duration answer_timeout = limits::kApiAnswerTime;  // a whole answer must be taken within this
  ServiceTimes service;
};

class Server {
 public:
  // `node` must outlive the server.
  static Result<std::unique_ptr<Server>> start(Node& node, const ServerOptions& options);
  // With the socket of options.path taken before: who takes it before the node starts never stops a node for
  // want of it.
  static std::unique_ptr<Server> start(Node& node, const ServerOptions& options, ListenSocket socket);
  void set_missing(Missing missing);  // any thread; see Service
  // Any thread: the configuration in force, as TOML, and the file it came from.
  void set_config(std::string file, std::string toml);
  // Any thread but the server's own: waits for the node, at most `limit`; then metrics_of_silence().
  Families metrics(Duration limit);
  ~Server();  // ends all connections, joins the thread, removes the socket

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::api
