// A blocking client of the control API, for the nvtee command and tests.
#pragma once

#include <string>

#include "runtime/api/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::api {

// Why a request got no answer of the API's own. Everything that the daemon said, errors included, is an
// ApiAnswer.
enum class Unreached { kNoDaemon, kNoPermission, kTimeout, kBroken };
struct ClientError {
  Unreached why = Unreached::kNoDaemon;
  Error error;
};

struct ApiAnswer {
  unsigned status = 0;
  std::string body;
  Json json;  // null when the body is no JSON

  bool ok() const { return status >= 200 && status < 300; }
  Error error() const;  // of an answer that is not ok
};

class Client {
 public:
  explicit Client(std::string socket_path) : path_(std::move(socket_path)) {}
  // One request on a connection of its own. `timeout` bounds all of it. Answers above 64 MiB are refused.
  std::expected<ApiAnswer, ClientError> call(const std::string& method, const std::string& target,
                                             const Json& body = nullptr,
                                             Duration timeout = 10 * kSecond) const;

 private:
  std::string path_;
};

}  // namespace nvtee::api
