// How fast legs are being copied, from samples of their progress: for "how long will it take".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "runtime/base/time.hpp"
#include "runtime/core/namespace_control.hpp"

namespace nvtee::api {

class RateMeter {
 public:
  // Called about once a second with every namespace's status; forgets what is not in it.
  void sample(const std::vector<core::NamespaceStatus>& namespaces, Time now);
  // Bytes per second over the last 10 s; nothing before two samples, or when the leg is not being copied.
  std::optional<std::uint64_t> bytes_per_second(const std::string& ns, unsigned leg) const;
  // Time until `left` bytes are copied at that rate; nothing while the rate is unknown or 0.
  std::optional<Duration> eta(const std::string& ns, unsigned leg, std::uint64_t left) const;

 private:
  static constexpr Duration kWindow = 10 * kSecond;
  struct Sample {
    Time at;
    std::uint64_t copied;
  };
  std::map<std::pair<std::string, unsigned>, std::deque<Sample>> samples_;
};

}  // namespace nvtee::api
