// The tee core in software: the same steps as on a card, with sockets for framer and emitters (DESIGN §4,
// Software body). One reactor drives it: callbacks of connections only put records in; the deferred pump runs
// the core until idle, sends what comes out, and tells the client about events outside of any connection's
// callback.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "hw/kernels/tee_core/tee_core.hpp"
#include "runtime/dataplane/data_plane.hpp"
#include "runtime/dataplane/front_queue.hpp"
#include "runtime/dataplane/leg_link.hpp"
#include "runtime/dataplane/slot_memory.hpp"

namespace nvtee::dataplane {

class SoftwareBody final : public DataPlane,
                           private FrontQueueOwner,
                           private LegLinkOwner,
                           private net::Deferred {
 public:
  struct Options {
    Duration host_data_deadline = 5 * kSecond;
  };
  static constexpr unsigned kQueues = 1u << tee::CardConfig::kQueueBits;
  static constexpr unsigned kDepth = 1u << tee::CardConfig::kDepthBits;
  static constexpr unsigned kSlots = kQueues * kDepth;
  static constexpr unsigned kNamespaces = 1u << tee::CardConfig::kNsBits;
  static constexpr std::size_t kMdts = 128 * 1024;

  static Result<std::unique_ptr<SoftwareBody>> create(net::Reactor& reactor, DataPlaneClient* client,
                                                      const Options& options);
  ~SoftwareBody() override;

  void ctl(const tee::Ctl& ctl) override;
  void command(const nvmf::Sqe& sqe) override;
  std::byte* buffer(unsigned slot) override { return memory_.at(slot); }
  const nvmf::Sqe& punted(unsigned slot) const override { return slots_[slot].sqe; }
  void open_leg(unsigned ns, unsigned leg, std::uint8_t gen, const LegTarget& target) override;
  void reserve(unsigned ns, unsigned leg, const core::Reserve& command) override;
  void close_leg(unsigned ns, unsigned leg) override;
  std::expected<nvmf::QueueHandler*, spec::Status> open_queue(
      const nvmf::ControllerInfo& controller, std::uint32_t entries,
      nvmf::ControllerConnection& connection) override;
  unsigned queues_of(std::uint16_t cntlid) const override;
  unsigned queues_in_use() const override;
  unsigned slots_in_use() const override { return core_->slots_used(); }
  Traffic traffic(unsigned ns) override;
  const LegLatency& leg_latency(unsigned ns, unsigned leg) const override {
    return latency_[ns * core::kMaxLegs + leg];
  }
  void kick() override { reactor_.defer(this); }

 private:
  // What the body remembers of a slot beside the core's own state.
  struct SlotNote {
    nvmf::Sqe sqe{};
    Time started = 0;
    std::uint32_t digest = 0;
    bool digest_known = false;
    std::uint8_t ns = 0;
  };
  struct NsNote {
    Traffic traffic;
    std::uint32_t outstanding = 0;
    Time last_completion = 0;
    Time last_write = 0;
    std::uint8_t block_shift = 12;
  };
  struct LegReport {
    enum class Kind : std::uint8_t { kUp, kDown, kDeadline, kReserved } kind;
    unsigned ns, leg;
    std::uint8_t gen;
    core::LegFacts facts;
    std::string why;
    bool transient = true;
    core::Reserved reserved{};
  };

  SoftwareBody(net::Reactor& reactor, DataPlaneClient* client, const Options& options, SlotMemory memory);

  // FrontQueueOwner
  tee::Placement place(const tee::HostIn& in) override;
  void put(const tee::HostIn& in) override;
  void started(unsigned slot, const nvmf::Sqe& sqe) override;
  void payload_digest(unsigned slot, const nvmf::ReceivedData& data, bool whole) override;
  std::byte* slot_buffer(unsigned slot) override { return memory_.at(slot); }
  void queue_closed(FrontQueue& queue) override;
  // LegLinkOwner
  void leg_answered(LegLink& link, std::uint16_t cid, spec::Status status) override;
  void leg_up(LegLink& link, const core::LegFacts& facts) override;
  void leg_down(LegLink& link, const std::string& why, bool transient) override;
  void leg_deadline(LegLink& link) override;
  void leg_reserved(LegLink& link, core::Reserved answer) override;

  void on_deferred() override { pump(); }
  void pump();
  bool feed();            // backlogs into the core's input streams
  bool drain_traffic();   // host_out and leg_tx: allowed inside a connection's callback
  bool collect_events();  // out of the core's stream, so that it cannot stall
  bool deliver();         // events and reports to the client: only from pump()
  void answer(const tee::HostOut& out);
  void finish(unsigned slot, const tee::HostOut& out);
  void to_leg(const tee::LegTx& tx);
  void note_ctl(const tee::Ctl& ctl);
  void check_deadlines();
  NsNote* note_of(std::uint32_t nsid, std::uint8_t* index);
  LegLink* link(unsigned ns, unsigned leg) { return links_[ns * core::kMaxLegs + leg].get(); }

  net::Reactor& reactor_;
  DataPlaneClient* client_;
  Options options_;
  SlotMemory memory_;
  std::unique_ptr<tee::TeeCore<>> core_;
  std::vector<SlotNote> slots_;
  std::array<NsNote, kNamespaces> namespaces_{};
  std::array<std::uint32_t, kNamespaces> nsids_{};  // front NSID by index; 0 = free
  std::array<std::unique_ptr<FrontQueue>, kQueues> queues_;
  std::vector<std::unique_ptr<LegLink>> links_;
  std::vector<LegLatency> latency_;                     // as links_
  std::vector<std::unique_ptr<LegLink>> closed_links_;  // destroyed outside of their own callbacks
  std::deque<tee::Ctl> ctl_backlog_;
  std::vector<tee::LegIn> leg_backlog_;
  std::size_t leg_fed_ = 0;
  std::deque<tee::HostIn> internal_backlog_;
  std::vector<tee::Event> events_, events_now_;
  std::vector<std::pair<std::uint16_t, spec::Status>> internal_done_, internal_done_now_;
  std::vector<LegReport> reports_, reports_now_;
  bool pumping_ = false;
  net::Timer deadline_timer_;
};

}  // namespace nvtee::dataplane
