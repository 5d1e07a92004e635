// An association used from straight-line code: each call turns the reactor until its answer is there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/nvmf/initiator/association.hpp"

namespace nvtee::host {

class AdminSession final : private nvmf::AssociationDelegate {
 public:
  // Connects (bounded by Options::up_timeout per address). I/O queues are not opened.
  static Result<std::unique_ptr<AdminSession>> open(nvmf::Association::Options options);
  ~AdminSession();  // shuts down in order, bounded

  const nvmf::PeerInfo& info() const { return association_->info(); }
  // An admin command with data from the peer. Errors: a status other than 0, a lost connection, no answer in
  // 10 s.
  Result<std::vector<std::byte>> command(const nvmf::Sqe& sqe, std::uint32_t in_length);
  // A whole log page, read in pieces of 4 KiB.
  Result<std::vector<std::byte>> log_page(std::uint8_t lid, std::uint32_t nsid, std::uint32_t length,
                                          std::uint8_t lsp = 0);
  Result<std::vector<std::byte>> identify(std::uint8_t cns, std::uint32_t nsid, std::uint32_t cdw11 = 0);

 private:
  AdminSession() = default;
  bool wait(const bool& done);
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue&, std::uint16_t) override { return nullptr; }
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer&) override {}
  void on_association_up(nvmf::Association&, const nvmf::PeerInfo&) override { up_ = true; }
  void on_association_down(nvmf::Association&, const std::string& why, bool) override {
    down_ = true;
    why_ = why;
  }
  void on_async_event(nvmf::Association&, std::uint32_t) override {}

  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<nvmf::Association> association_;
  bool up_ = false, down_ = false;
  std::string why_;
};

}  // namespace nvtee::host
