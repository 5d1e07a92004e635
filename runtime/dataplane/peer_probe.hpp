// Asks a peer what a namespace of it is like (size, format, limits) before anything durable depends on it.
#pragma once

#include <functional>
#include <memory>

#include "runtime/dataplane/data_plane.hpp"
#include "runtime/nvmf/initiator/association.hpp"

namespace nvtee::dataplane {

class PeerProbe final : private nvmf::AssociationDelegate {
 public:
  using Done = std::function<void(Result<core::LegFacts>)>;
  // `done` comes once, in a later turn; the probe may be destroyed in it.
  PeerProbe(net::Reactor& reactor, const LegTarget& target, Done done);

 private:
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue&, std::uint16_t) override { return nullptr; }
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer&) override {}
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  void on_association_up(nvmf::Association& association, const nvmf::PeerInfo& info) override;
  void on_association_down(nvmf::Association& association, const std::string& why, bool transient) override;
  void on_async_event(nvmf::Association&, std::uint32_t) override {}

  Done done_;
  std::unique_ptr<nvmf::Association> association_;
};

}  // namespace nvtee::dataplane
