// A whole node: tee core, control machine of its namespace, punts, metadata, links to legs, host queues. What
// sockets, threads and clock do in the daemon happens here in virtual time; the rest is the daemon's code.
//
// Mirrors runtime/dataplane: node_body.cpp is SoftwareBody and FrontQueue, node_links.cpp LegLink,
// node_control.cpp Engine and the store's commit queue.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/core/namespace_control.hpp"
#include "runtime/dataplane/punts.hpp"
#include "sim/cluster/net.hpp"
#include "sim/cluster/peer.hpp"

namespace nvtee::cluster {

class World;
struct Conn;
struct Op;
struct Core;  // core_config.hpp

// The node's association with a leg, both ends of it.
struct Assoc {
  Assoc(Agenda& agenda, Chance& chance, Pipe::Receiver* peer, Pipe::Receiver* node)
      : to_peer(agenda, chance, peer), to_node(agenda, chance, node) {}
  std::uint32_t number = 0;
  unsigned leg = 0, peer = 0;
  std::uint32_t nsid = 1;  // a peer of the world has one namespace
  std::uint8_t gen = 0;
  bool up = false;      // as the node sees it
  bool closed = false;  // by the node
  bool broken = false;  // nothing passes any more; the node may not know yet
  bool deadline_told = false;
  Time silent_since = kNever;  // keep-alives are not answered
  Time oldest = kNever;
  Duration pause_at_oldest = 0;
  Pipe to_peer, to_node;
  std::vector<std::uint32_t> commands;  // not answered
  // ---- reservation command under way
  std::uint32_t life = 0, host = 0;
  bool reserving = false;
  std::uint64_t reserve_serial = 0;
  Time reserve_sent = 0;
  core::Reserve reserve;
  core::Reserved reserved;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> awaited;  // commands that are to be over before it is
};

class Node final : public dataplane::PuntPlane, private Pipe::Receiver {
 public:
  explicit Node(World& world);
  ~Node();

  // ---- life -------------------------------------------------------------------------------------
  void start();
  void crash();
  // In the middle of the actions of a step to come; 0 = not any more. It starts again after `away`.
  void crash_at_step(unsigned actions, Duration away) {
    crash_after_ = actions;
    away_ = away;
  }
  bool up() const { return control_ != nullptr; }
  bool paused() const { return paused_; }
  void pause(Duration length, Duration clock_stops);
  void resume();
  Time clock() const;  // its own
  void pump();         // after whatever reached it
  void go_on();        // after it was halted for a fault
  std::uint32_t life() const { return life_; }
  unsigned lives = 0;

  // ---- control ----------------------------------------------------------------------------------
  void input(core::Input in);
  std::uint64_t operate(core::Input::Kind kind, unsigned leg, const std::string& peer,
                        std::uint32_t nsid = 1);
  void drain(bool deletes);  // `deletes`: the legs' reservations are given back
  core::NamespaceStatus status() const { return control_->status(clock()); }
  core::MachineStates machine_states() const { return control_->machine_states(); }
  bool drained() const { return drained_; }
  bool serves(unsigned leg) const;  // up, and routed as in sync
  bool answers_operators() const { return requests_.empty(); }
  std::uint8_t ana() const { return ana_; }
  void check_closed(std::uint32_t region);
  void check_age();
  void check_status();

  // ---- host queues ------------------------------------------------------------------------------
  bool connect(Conn& conn);  // false: busy
  void host_message(Conn& conn, const Msg& msg);
  void close_conn(Conn& conn, const char* why, bool tell_host);
  bool slot_busy(std::uint32_t slot) const;

  // ---- faults of links and store ------------------------------------------------------------------
  Assoc* assoc_of_peer(unsigned peer);
  void break_assoc(Assoc& a, bool lose_all, Duration told_after);
  bool seized(unsigned peer);  // by another node
  // Commands of ended associations may still execute there.
  bool strays_at(unsigned peer) const;
  Time store_stalled_until = 0, store_slow_until = 0;
  Duration store_slow_by = 0;  // each commit, until then
  unsigned store_errors_one_in = 0;
  unsigned stuck_host_data = 0;  // host whose data do not come
  Duration kato = 250 * kMillisecond;

  // ---- PuntPlane --------------------------------------------------------------------------------
  void ctl(const tee::Ctl& ctl) override;
  void command(const nvmf::Sqe& sqe) override;
  std::byte* buffer(unsigned slot) override { return reinterpret_cast<std::byte*>(buffers_[slot].data()); }
  const nvmf::Sqe& punted(unsigned slot) const override { return notes_[slot].sqe; }

 private:
  static constexpr unsigned kQueues = 8, kDepth = 32, kSlots = kQueues * kDepth;
  static bool fits_core();
  static constexpr unsigned kHostTag = 0xf000;
  struct SlotNote {
    nvmf::Sqe sqe{};
    std::uint32_t op = 0;
    bool started = false, whole = false, hold = false, answered = false;
    Time since = 0;
  };
  struct Report {
    enum class Kind : std::uint8_t { kUp, kDown, kDeadline, kReserved } kind;
    unsigned leg;
    std::uint8_t gen;
    core::LegFacts facts;
    std::string why;
    bool transient = true;
    core::Reserved reserved{};
  };
  struct Internal {  // of a punt, by CID
    std::uint32_t op = 0;
    bool busy = false;
  };

  // node_body.cpp
  tee::Placement place(const tee::HostIn& in);
  void put(const tee::HostIn& in);
  bool feed();
  bool feed_internal();
  bool drain_traffic();
  bool collect_events();
  bool deliver();
  void host_out(const tee::HostOut& out);
  void internal_out(const tee::HostOut& out);
  void leg_tx(const tee::LegTx& tx);
  void on_event(const tee::Event& event);
  void hold_for_host(const Op& op, unsigned slot);
  void release_for_host(unsigned slot);
  void check_waiting();
  void check_closed_queues();
  void check_waiting_for(std::uint32_t lba, std::uint32_t count, unsigned collecting);
  void host_command(Conn& conn, const Msg& msg);
  void host_data(Conn& conn, const Msg& msg);
  void say_sent(unsigned queue, unsigned slot);
  void buffer_sent(std::uint32_t life, std::uint32_t slot, std::uint32_t op);
  // node_links.cpp
  void arrived(Pipe& pipe, const Msg& msg) override;
  void peer_message(Assoc& a, const Msg& msg);
  void node_message(Assoc& a, const Msg& msg);
  void connected(std::uint32_t number);
  void stray(LegCommand& c, bool drop);
  void execute(std::uint32_t id);
  void report(Report r);
  void look_at_links();
  void look_at_hosts();
  void tick();
  std::uint32_t new_command();
  // node_control.cpp
  void act(core::Action& action);
  void attach(unsigned leg, std::uint8_t gen, const core::LegSpec& spec);
  void close_leg(unsigned leg);
  // node_reserve.cpp
  void reserve(unsigned leg, const core::Reserve& command);
  void reserve_at_peer(std::uint32_t number, std::uint64_t serial);
  using Awaited = std::vector<std::pair<std::uint32_t, std::uint64_t>>;  // command, its serial
  Awaited abort_victims(unsigned peer, const std::vector<std::uint32_t>& victims);
  void reserve_done(std::uint32_t number, std::uint64_t serial);
  void reserve_answered(Assoc& a, std::uint64_t serial);
  void stray_reserve(Assoc& a, bool drop);
  void check_late(const LegCommand& c, const Assoc& a);
  void commit(core::Action& action);
  void committed(std::uint32_t life, std::uint64_t number);
  Duration commit_time();
  void tell_latency();
  void tell_too_late();
  bool tell_again(unsigned leg, core::Input& in);
  // odd.cpp
  void try_damaged(std::vector<store::Transaction::Put> records);
  void check_given_back();
  void compare(const core::Action& action);
  void arm();
  void run_inputs();
  void renew_lease();
  // node_neighbour.cpp
  void start_neighbour();
  void neighbour_step();
  void release_neighbour();
  void neighbour_event(const tee::Event& event);
  void way_wanted(std::uint32_t region);
  void neighbour_region(std::uint32_t region, bool open);
  template <class F>
  void later(Duration d, F f);  // a timer of this life: put off while the node is paused
  template <class F>
  void run_later(std::uint32_t life, F f);
  core::NamespaceControl::Setup control_setup() const;

  World& world_;
  std::unique_ptr<core::NamespaceControl> control_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<dataplane::Punts> punts_;
  std::vector<SlotNote> notes_;
  std::vector<std::array<Value, kMaxValues>> buffers_;
  Chance late_;  // of what comes too late
  std::array<Conn*, kQueues> queues_{};
  std::deque<tee::Ctl> ctl_backlog_;
  std::vector<tee::LegIn> leg_backlog_;
  std::size_t leg_fed_ = 0;
  std::deque<tee::HostIn> internal_backlog_;
  std::array<Internal, dataplane::Punts::kMaxCommands> internal_{};
  std::vector<tee::Event> events_, events_now_;
  std::vector<std::pair<std::uint16_t, spec::Status>> internal_done_;
  std::vector<Report> reports_;
  std::vector<std::unique_ptr<Assoc>> assocs_;
  std::array<Assoc*, core::kMaxLegs> links_{};
  std::vector<LegCommand> commands_;
  std::vector<std::uint32_t> free_commands_;
  std::uint64_t next_serial_ = 1;
  std::vector<tee::LegIn> old_answers_;

  std::array<int, kSlots> host_holds_{};
  std::uint64_t neighbour_regions_ = 0;  // that it has in the table, as it believes
  std::vector<unsigned> neighbour_slots_;
  std::deque<core::Input> inputs_;
  core::Actions actions_;
  bool stepping_ = false, dying_ = false, pumping_ = false;
  bool halted_ = false;  // between two steps: a fault comes
  unsigned crash_after_ = 0;
  Duration away_ = 0;
  void crash_and_restart();
  std::array<unsigned, core::kMaxLegs> leg_state_{}, core_gen_{};  // as the core was told
  std::optional<std::array<Value, kMaxValues>> saved_;
  unsigned punt_shift_ = 0;
  bool reconciling_ = false;
  struct Commit {
    std::uint64_t txn;
    store::Transaction transaction;
  };
  std::deque<Commit> commits_;  // the first is under way
  std::uint64_t commit_number_ = 0;
  bool commit_busy_ = false;
  std::uint64_t next_request_ = 1;
  Duration write_times_ = 0;  // of hosts' writes since they were last told
  std::uint64_t writes_done_ = 0, ticks_ = 0;
  std::map<std::uint64_t, Time> requests_;
  bool drained_ = false, deletes_ = false;
  Time give_back_until_ = 0;
  std::array<bool, core::kMaxLegs> connected_{};  // when it drained, before this step
  std::vector<std::uint32_t> detached_;           // associations, since it has drained
  std::uint8_t ana_ = 0;
  Time lease_ = kNever;
  std::uint64_t first_txn_ = 1;

  std::uint32_t life_ = 0;
  bool paused_ = false;
  Time paused_at_ = 0, resume_at_ = 0;
  Duration clock_behind_ = 0, clock_stops_ = 0, total_pause_ = 0;
  std::array<Time, 64> attaches_{};
  std::uint64_t attached_ = 0;
  Time wake_armed_ = 0;
};

}  // namespace nvtee::cluster
