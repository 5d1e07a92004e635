// One leg's association seen from the software body: its Transfers (one per slot), its deadline, its facts.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/latency_histogram.hpp"
#include "runtime/dataplane/data_plane.hpp"
#include "runtime/dataplane/reservation_report.hpp"
#include "runtime/nvmf/initiator/association.hpp"

namespace nvtee::dataplane {

class LegLink;

// The body. Called from the association's callbacks: only notes things down.
class LegLinkOwner {
 public:
  virtual void leg_answered(LegLink& link, std::uint16_t cid, spec::Status status) = 0;
  virtual void leg_up(LegLink& link, const core::LegFacts& facts) = 0;
  virtual void leg_down(LegLink& link, const std::string& why, bool transient) = 0;
  virtual void leg_deadline(LegLink& link) = 0;
  virtual void leg_reserved(LegLink& link, core::Reserved answer) = 0;

 protected:
  ~LegLinkOwner() = default;
};

class LegLink final : private nvmf::AssociationDelegate {
 public:
  // slots = number of slots of the core (one Transfer each). `latency` is added to; it outlives the link.
  LegLink(net::Reactor& reactor, unsigned ns, unsigned leg, std::uint8_t gen, const LegTarget& target,
          unsigned slots, LegLatency* latency, LegLinkOwner* owner);

  unsigned ns() const { return ns_; }
  unsigned leg() const { return leg_; }
  std::uint8_t gen() const { return gen_; }
  bool up() const { return !down_ && association_->up(); }

  // `data` is the slot's buffer. `crc` = CRC32C of the payload where the host's digest gave it.
  void submit(const tee::LegTx& tx, std::byte* data, std::optional<std::uint32_t> crc);
  // One at a time; leg_reserved() follows unless the leg goes down.
  void reserve(const core::Reserve& command);
  // Asks whether the leg owes something for longer than its deadline (called every now and then).
  void check_deadline(const net::Reactor& reactor);

 private:
  struct Command {
    nvmf::Transfer transfer;
    bool in_flight = false;
  };
  // One per slot, in chunks of a host queue's slots made when the queue first writes: an association that
  // carries few commands (a node has up to 256) costs little memory, and little time when it comes and goes.
  static constexpr unsigned kChunk = 128;
  using Chunk = std::array<Command, kChunk>;
  Command& command(unsigned slot);

  core::Reserved reserved_answer(spec::Status status) const;

  void on_up(nvmf::InitiatorQueue& queue, std::uint16_t cntlid) override;
  nvmf::Transfer* find(nvmf::InitiatorQueue& queue, std::uint16_t cid) override;
  void on_response(nvmf::InitiatorQueue& queue, nvmf::Transfer& transfer) override;
  void on_down(nvmf::InitiatorQueue& queue, const std::string& why, spec::Status refused) override;
  void on_association_up(nvmf::Association& association, const nvmf::PeerInfo& info) override;
  void on_association_down(nvmf::Association& association, const std::string& why, bool transient) override;
  void on_async_event(nvmf::Association& association, std::uint32_t result) override;

  unsigned ns_, leg_;
  std::uint8_t gen_;
  Duration deadline_;
  net::Reactor& reactor_;
  LegLatency* latency_;
  LegLinkOwner* owner_;
  bool down_ = false, deadline_told_ = false;
  std::vector<std::unique_ptr<Chunk>> commands_;
  Command reservation_;
  std::vector<std::byte> reservation_data_;
  std::array<std::uint8_t, 16> host_id_;
  std::uint32_t nsid_;
  std::unique_ptr<nvmf::Association> association_;
};

// What a leg's identify data says, in the control machine's words.
core::LegFacts facts_of(const nvmf::PeerInfo& info);

}  // namespace nvtee::dataplane
