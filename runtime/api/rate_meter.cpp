#include "runtime/api/rate_meter.hpp"

namespace nvtee::api {

void RateMeter::sample(const std::vector<core::NamespaceStatus>& namespaces, Time now) {
  auto old = std::move(samples_);
  samples_.clear();
  for (const auto& ns : namespaces) {
    for (unsigned leg = 0; leg < core::kMaxLegs; ++leg) {
      const core::LegStatus& l = ns.legs[leg];
      if (l.state != core::LegState::kSyncing) continue;
      auto& kept = samples_[{ns.spec.name, leg}];
      if (const auto found = old.find({ns.spec.name, leg}); found != old.end())
        kept = std::move(found->second);
      if (!kept.empty() && kept.back().copied > l.copied_bytes) kept.clear();  // a new resync began
      if (kept.empty() || now > kept.back().at) kept.push_back({now, l.copied_bytes});
      while (kept.size() > 2 && now - kept.front().at > kWindow) kept.pop_front();
    }
  }
}

std::optional<std::uint64_t> RateMeter::bytes_per_second(const std::string& ns, unsigned leg) const {
  const auto found = samples_.find({ns, leg});
  if (found == samples_.end() || found->second.size() < 2) return {};
  const Sample& first = found->second.front();
  const Sample& last = found->second.back();
  const double seconds = static_cast<double>(last.at - first.at) / static_cast<double>(kSecond);
  return static_cast<std::uint64_t>(static_cast<double>(last.copied - first.copied) / seconds);
}

std::optional<Duration> RateMeter::eta(const std::string& ns, unsigned leg, std::uint64_t left) const {
  const auto rate = bytes_per_second(ns, leg);
  if (!rate || *rate == 0) return {};
  constexpr std::uint64_t kLongest =
      10ull * 365 * 86'400;  // seconds; more says nothing, and must not overflow
  return std::min(left / *rate, kLongest) * kSecond;
}

}  // namespace nvtee::api
