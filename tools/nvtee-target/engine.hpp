// Executes I/O commands on namespaces: fault injection, reservations, range locks, stores. No sockets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/net/reactor.hpp"
#include "tools/nvtee-target/command.hpp"
#include "tools/nvtee-target/command_check.hpp"
#include "tools/nvtee-target/inject.hpp"
#include "tools/nvtee-target/namespace.hpp"

namespace nvtee::target {

// What the engine asks of the subsystem around it.
class EngineHost {
 public:
  virtual std::vector<ControllerOfHost> controllers() = 0;  // those that are connected now
  virtual void notify(std::uint32_t nsid, std::span<const NoticeTo> notices) = 0;

 protected:
  ~EngineHost() = default;
};

class Engine {
 public:
  Engine(net::Reactor& reactor, const CommandLimits& limits, EngineHost* host);
  ~Engine();  // nothing may be under way
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void add(std::unique_ptr<Namespace> ns);
  Namespace* find(std::uint32_t nsid);
  const std::map<std::uint32_t, std::unique_ptr<Namespace>>& namespaces() const { return namespaces_; }

  // Checks a command when its header arrives: opcode, namespace, gates, reservation, then check_command().
  // On success `ns` is set.
  CommandPlan plan(const Session& session, const nvmf::Sqe& sqe, std::uint32_t in_capsule, Namespace*& ns);

  // A planned command that submit() would finish before it returns: its data need not outlive the call.
  bool at_once(const Command& command) const;
  // Takes a planned command whose data is complete. CommandOwner::on_command_done follows, perhaps at once.
  void submit(Command& command);
  // The host is gone. True: taken back, it touches nothing any more and nobody is called.
  // False: it is at the store; on_command_done comes when it is over, with `orphan` set.
  bool discard(Command& command);

  // I/O to every namespace answers with this ANA status instead; kOk: served.
  void set_ana_status(spec::Status status) { ana_status_ = status; }
  spec::Status ana_status() const { return ana_status_; }

  Injector& injector() { return injector_; }
  // Ends every stall: removes the rules and lets go what they held.
  std::size_t resume();
  std::size_t stalled() const { return stalled_count_; }
  // Commands inside, at whatever point.
  std::size_t pending() const { return pending_count_; }

 private:
  friend struct Command;
  using Phase = Command::Phase;

  void judge(Command& c);
  void delay(Command& c, Duration duration);
  void on_timer();
  void go_on(Command& c);  // after a start delay or stall
  void lock_or_run(Command& c);
  void run(Command& c);
  void start_media(Command& c);
  void prepare_op(Command& c);
  void media_done(Command& c, spec::Status status);
  bool next_dsm_range(Command& c);
  void compare_result(Command& c);
  void over(Command& c);  // executed (or refused): release, answer delay
  void answer(Command& c);
  void release_range(Command& c);
  void finish_early(Command& c, spec::Status status, bool dnr);
  void set_pending(Command& c, Phase phase);
  void clear_pending(Command& c);
  void count(const Command& c);

  // Reservations.
  void queue_reservation(Command& c);
  void pump_reservations(Namespace& ns);
  void start_reservation(Namespace& ns, Command& c);
  void commit_reservation(Namespace& ns, Command& c, ReservationState next,
                          const ReservationOutcome& outcome);
  void abort_victims(Namespace& ns, const Command& by, std::span<const HostId> victims);
  void reservation_over(Namespace& ns, Command& c, spec::Status status);
  void report(Namespace& ns, Command& c);
  void awaited_done(Namespace& ns);

  net::Reactor& reactor_;
  CommandLimits limits_;
  EngineHost* host_;
  std::map<std::uint32_t, std::unique_ptr<Namespace>> namespaces_;
  Namespace* last_found_ = nullptr;
  Injector injector_;
  spec::Status ana_status_ = spec::st::kOk;
  net::Timer timer_;
  std::multimap<Time, Command*> delayed_;
  std::size_t stalled_count_ = 0;
  std::size_t pending_count_ = 0;
};

}  // namespace nvtee::target
