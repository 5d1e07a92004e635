// Asks a peer what a namespace of it is like (size, format, limits) and who holds it, before anything durable
// depends on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/dataplane/data_plane.hpp"
#include "runtime/nvmf/initiator/association.hpp"

namespace nvtee::dataplane {

class PeerProbe final : private nvmf::AssociationDelegate {
 public:
  struct Found {
    core::LegFacts facts;
    // Of a namespace that has reservations of any kind (ONCS, RESCAP); its status says whether the report
    // failed.
    std::optional<core::Reserved> reserved;
  };
  using Done = std::function<void(Result<Found>)>;
  // `done` comes once, in a later turn, and in bounded time; the probe may be destroyed in it.
  PeerProbe(net::Reactor& reactor, const LegTarget& target, Done done);

 private:
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue&, std::uint16_t cid) override;
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer&) override;
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  void on_association_up(nvmf::Association& association, const nvmf::PeerInfo& info) override;
  void on_association_down(nvmf::Association& association, const std::string& why, bool transient) override;
  void on_async_event(nvmf::Association&, std::uint32_t) override {}
  void end(Result<Found> found);

  Done done_;
  Found found_;
  std::array<std::uint8_t, 16> host_id_;
  nvmf::Transfer report_;
  bool asking_ = false;
  std::vector<std::byte> data_;
  Duration deadline_;
  net::Timer late_;  // a report that is not answered
  std::unique_ptr<nvmf::Association> association_;
};

}  // namespace nvtee::dataplane
