// The load: keeps a number of commands outstanding at one NVM subsystem, measures them, checks every answer
// against the shadow, rides over lost connections as a host would, and reads everything back at the end.
//
// Runs on one reactor. Nothing is allocated per command.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/nvmf/initiator/association.hpp"
#include "tools/nvtee-host/histogram.hpp"
#include "tools/nvtee-host/shadow.hpp"
#include "tools/nvtee-host/workload.hpp"

namespace nvtee::host {

enum class Exit : int { kOk = 0, kMismatch = 1, kUsage = 2, kFailure = 3 };

struct LoadOptions {
  nvmf::Association::Options
      connection;       // nsid != 0; io_queues and queue_entries are set from queues and depth
  unsigned queues = 1;  // queues * depth <= 4096
  unsigned depth = 32;  // commands outstanding per queue
  Workload::Options workload;
  Duration time = 0;                 // how long; with ops and bytes, the first limit reached counts
  std::uint64_t ops = 0, bytes = 0;  // 0: no limit
  double rate = 0;                   // commands a second; 0: as fast as they are answered
  Duration timeout = 30 * kSecond;   // of a command; then the connection is given up
  Duration reconnect = 0;            // how long to keep trying at the start and after a loss; 0: not at all
  Duration settle = 0;               // wait after a loss before anything is sent again
  bool retry = true;                 // commands lost or answered with a status that allows it are sent again
  unsigned retries = 5;              // by status: times (path errors: as long as `reconnect` lasts)
  bool failover = false;             // after a loss, the next address first
  bool set_hdisns = false;           // Host Behavior Support: dispersed namespaces
  bool verify = false;
  bool final_read = true;       // verify: read all back at the end
  bool read_back_only = false;  // verify: no load at all
  bool stop_at_mismatch = false;
  Shadow::Rules rules;
  bool dlfeat_rules = true;  // rules.deallocate_ones is taken from the namespace
  Duration progress = 0;     // a line on stderr this often; 0: none
};

struct Report {
  struct PerKind {
    std::uint64_t ops = 0, bytes = 0;
    Histogram latency;
  };
  Exit exit = Exit::kOk;
  std::string failure;   // why the run could not go on
  bool stopped = false;  // by stop()
  nvmf::PeerInfo peer;
  std::uint32_t block_size = 0;

  Duration elapsed = 0;  // of the load
  std::array<PerKind, kKinds> kinds;
  Duration longest_gap = 0;                      // with commands wanted or outstanding and none completed
  Duration longest_gap_at = 0;                   // since the start, its end
  std::map<spec::Status, std::uint64_t> errors;  // answers by status, retried ones too
  std::uint64_t failed = 0;                      // given up
  std::uint64_t miscompares = 0;                 // Compare without a shadow: 2/85h is an answer like another
  std::uint64_t retried = 0;                     // sent again
  std::uint64_t unknown_writes = 0;              // outstanding when the connection went
  std::uint64_t losses = 0, reconnects = 0, attempts = 0, timeouts = 0;
  Duration longest_outage = 0;
  std::string last_loss;

  bool verified = false;
  std::uint64_t checked_blocks = 0, read_back_blocks = 0, blocks_in_doubt = 0;
  std::array<std::uint64_t, kFaults> faults{};
  std::vector<Violation> violations;  // the first 100
  std::uint64_t violation_count() const;
};

class Load final : private nvmf::AssociationDelegate {
 public:
  // `state`: a shadow to go on with (verify only).
  Load(net::Reactor& reactor, LoadOptions options, std::optional<Shadow> state);
  ~Load();

  // Turns the reactor until the end. Once.
  const Report& run();
  // Ends the load early: outstanding commands are awaited, the read-back is left out. Callable in a callback.
  void stop();
  // After run(): the shadow, if verifying and a connection was ever up.
  const Shadow* shadow() const { return shadow_ ? &*shadow_ : nullptr; }
  const Report& report() const { return report_; }

 private:
  enum class Phase : std::uint8_t { kConnect, kLoad, kDrain, kReadBack, kClose, kDone };
  enum class SlotState : std::uint8_t { kIdle, kInFlight, kRetry };
  struct Slot {
    nvmf::Transfer transfer;
    Task task;
    SlotState state = SlotState::kIdle;
    bool read_back = false;
    bool has_op = false;  // `op` is open in the shadow
    std::uint8_t generation = 0;
    unsigned tries = 0;
    Time first_sent = 0, failed_first = 0, retry_at = 0;
    Shadow::Op op = 0;
    std::byte* buffer = nullptr;
  };

  // ---- nvmf::AssociationDelegate ----
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue& queue, std::uint16_t cid) override;
  void on_response(nvmf::InitiatorQueue& queue, nvmf::Transfer& transfer) override;
  void on_association_up(nvmf::Association&, const nvmf::PeerInfo& info) override;
  void on_association_down(nvmf::Association&, const std::string& why, bool) override;
  void on_async_event(nvmf::Association&, std::uint32_t) override {}

  // ---- connection (load_connection.cpp) ----
  void connect();
  bool take_geometry(const nvmf::PeerInfo& info);
  bool check_commands(const nvmf::PeerInfo& info);
  void prepare_slots();
  void ready();
  void lost(const std::string& why);
  void drop_outstanding();
  void try_again();
  void next_address();
  void check_timeouts();

  // ---- commands ----
  bool connected() const { return usable_; }
  bool within_limits() const;
  void pump();
  bool rate_allows();
  void start(Slot& slot);
  void start_read_back(Slot& slot, const Shadow::Run& run);
  void send(Slot& slot);
  void begin_in_shadow(Slot& slot);
  void end_in_shadow(Slot& slot, spec::Status status);
  void settle_mismatches();
  bool retriable(const Slot& slot, spec::Status status, bool dnr) const;
  void complete(Slot& slot, Time now);
  void idle(Slot& slot);
  void note_progress(Time now);
  void resend_due(bool all);

  // ---- phases ----
  void on_tick();
  void begin_load();
  void begin_drain();
  void advance();
  void finish();
  void fail_run(Exit exit, const std::string& why);
  void print_progress(Time now);

  net::Reactor& reactor_;
  LoadOptions options_;
  Report report_;
  std::optional<Shadow> shadow_;
  std::optional<Workload> workload_;
  std::unique_ptr<nvmf::Association> association_;
  bool usable_ = false;  // commands may be sent
  bool was_up_ = false;
  bool starved_ = false;  // commands were wanted and could not be sent
  std::uint64_t namespace_blocks_ = 0;
  Phase phase_ = Phase::kConnect;
  net::Timer tick_, connect_timer_, rate_timer_, settle_timer_;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> idle_;
  std::unique_ptr<std::byte[], void (*)(void*)> memory_;
  std::uint32_t slot_bytes_ = 0;
  unsigned in_flight_ = 0, waiting_ = 0;  // slots in kInFlight, kRetry

  Time started_ = 0, stop_at_ = kNever, last_progress_ = 0, next_send_ = 0, lost_at_ = 0, next_print_ = 0;
  std::uint64_t printed_ops_ = 0;
  Duration backoff_ = 0;
  std::uint64_t sent_ops_ = 0, sent_bytes_ = 0;
  std::uint64_t read_cursor_ = 0;
  bool read_done_ = false;
  std::vector<Violation> found_;
};

}  // namespace nvtee::host
