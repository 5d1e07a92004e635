// Small types that the parts of the admin core share. The core has no sockets, threads, clocks or logging.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nvmf/front/ana_history.hpp"
#include "runtime/nvmf/front/discovery.hpp"
#include "runtime/nvmf/front/model.hpp"
#include "runtime/nvmf/front/subsystem_server.hpp"

namespace nvtee::nvmf {

enum class ControllerKind : std::uint8_t { kIo, kDiscovery };

using AdminReply = IoBackend::AdminReply;

inline AdminReply done(std::uint64_t result = 0) {
  return {spec::st::kOk, false, result, {}};
}
inline AdminReply refusal(spec::Status status, bool dnr = true) {
  return {status, dnr, 0, {}};
}

// Data for the host. The SGL must describe exactly that much (what hosts send, and what Linux's own target
// asks for).
inline AdminReply data_reply(std::vector<std::byte> data, const Sqe& sqe) {
  if (sqe.sgl.length != data.size()) return refusal(spec::st::kSglLength);
  return {spec::st::kOk, false, 0, std::move(data)};
}

// A zeroed wire structure of T, then its bytes.
template <class T>
std::vector<std::byte> bytes_of(const T& value) {
  std::vector<std::byte> out(sizeof(T));
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

// ASCII field padded with spaces (SN, MN, FR) or with NULs (NQNs, addresses).
template <std::size_t N>
void put_text(char (&field)[N], std::string_view text, char pad) {
  std::memset(field, pad, N);
  std::memcpy(field, text.data(), std::min(N, text.size()));
}

// What a controller needs of the subsystem around it. Implemented by the server, and by a fake in tests.
class SubsystemView {
 public:
  virtual const SubsystemModel& model() const = 0;
  virtual const AnaHistory& ana() const = 0;
  virtual std::vector<std::uint16_t> controller_ids() const = 0;  // live, ascending
  virtual std::uint64_t power_on_hours() const = 0;
  virtual std::vector<std::byte> discovery_page(const ControllerInfo& asking) const = 0;  // kDiscovery only
  virtual std::optional<AdminReply> ask_backend(const ControllerInfo&, const Sqe&,
                                                std::span<const std::byte>) = 0;
  virtual void controller_changed(const ControllerInfo&) = 0;
  virtual bool dispersed_access(const ControllerInfo&, std::uint32_t nsid) = 0;

 protected:
  ~SubsystemView() = default;
};

}  // namespace nvtee::nvmf
