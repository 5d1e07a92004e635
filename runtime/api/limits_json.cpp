// The bounds as the API shows them.
#include "runtime/api/json.hpp"

namespace nvtee::api {
namespace {

// What the configuration has made of a bound that it can change.
std::uint64_t value_of(const limits::Bound& b, const NodeStatus& s) {
  const std::string_view key = b.key;
  if (key == "limits.open_max") return s.limits.open_max_bytes;
  if (key == "times.host_data_deadline") return s.host_data_deadline / kMillisecond;
  return b.value;
}

}  // namespace

Json limits_json(const NodeStatus& status, const limits::InUse& own) {
  Json list = Json::array();
  for (const auto& b : limits::bounds()) {
    Json used = nullptr;
    if (const auto i = status.in_use.find(b.name); i != status.in_use.end()) used = i->second;
    if (const auto i = own.find(b.name); i != own.end()) used = i->second;
    list.push_back({{"name", b.name},
                    {"of", b.scope},
                    {"value", value_of(b, status)},
                    {"unit", b.unit},
                    {"in_use", used},
                    {"key", b.key},
                    {"meaning", b.meaning},
                    {"reached", b.reached}});
  }
  return {{"limits", std::move(list)}};
}

}  // namespace nvtee::api
