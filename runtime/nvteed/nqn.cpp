#include "runtime/nvteed/nqn.hpp"

#include <algorithm>
#include <string_view>

namespace nvtee {
namespace {

bool digits(std::string_view s) {
  return !s.empty() && std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
}

// "yyyy-mm." at the start of what follows "nqn."
bool has_date(std::string_view s) {
  return s.size() > 8 && digits(s.substr(0, 4)) && s[4] == '-' && digits(s.substr(5, 2)) &&
         s.substr(5, 2) >= "01" && s.substr(5, 2) <= "12" && s[7] == '.';
}

}  // namespace

std::optional<std::string> nqn_unusable(const std::string& nqn) {
  if (nqn.empty()) return "is empty";
  if (nqn.size() > kMaxNqn) return "is longer than 223 bytes";
  if (std::ranges::any_of(nqn, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return "has a space or control character";
  return {};
}

std::optional<std::string> nqn_malformed(const std::string& nqn) {
  if (auto wrong = nqn_unusable(nqn)) return wrong;
  if (nqn == kDiscoveryNqn) return "is the discovery service's own NQN";
  if (!nqn.starts_with("nqn.")) return "does not begin with 'nqn.'";
  const std::string_view rest = std::string_view(nqn).substr(4);
  if (!has_date(rest)) return "has no date YYYY-MM after 'nqn.'";
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos || colon + 1 == rest.size()) return "has no ':NAME' at its end";
  if (colon == 8) return "has no reversed domain after its date";
  return {};
}

}  // namespace nvtee
