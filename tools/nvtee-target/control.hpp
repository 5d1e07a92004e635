// The control socket: one JSON request line, one JSON answer line, on a unix socket that only the owner may
// use. Request: {"words": ["inject", "latency=5ms"]}. Answer: {"ok": true, ...} or {"ok": false, "error":
// "..."}.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/net/reactor.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::target {

class ControlHandler {
 public:
  // Answers at once; the result gets "ok": true unless it has "error".
  virtual nlohmann::json control(const std::vector<std::string>& words) = 0;

 protected:
  ~ControlHandler() = default;
};

class ControlServer final : private net::FdHandler {
 public:
  static constexpr std::size_t kMaxClients = 16;
  static constexpr std::size_t kMaxRequest = 64 * 1024;

  // A socket file that nobody listens on is replaced; a living one is refused.
  static Result<std::unique_ptr<ControlServer>> create(net::Reactor& reactor, const std::string& path,
                                                       ControlHandler* handler);
  ~ControlServer();  // removes the socket file

 private:
  class Client;
  ControlServer(net::Reactor& reactor, std::string path, net::Fd socket, ControlHandler* handler);
  void on_fd(std::uint32_t events) override;
  std::string answer(const std::string& line);
  void forget(Client* client);

  net::Reactor& reactor_;
  std::string path_;
  net::Fd socket_;
  ControlHandler* handler_;
  std::vector<std::unique_ptr<Client>> clients_;
};

// The client's side, blocking, bounded by `timeout_ms`.
Result<nlohmann::json> control_request(const std::string& path, const std::vector<std::string>& words,
                                       int timeout_ms = 10'000);

}  // namespace nvtee::target
