// The parts of NamespaceControl, and how they are joined.
#pragma once

#include "runtime/core/closer.hpp"
#include "runtime/core/copier.hpp"
#include "runtime/core/gate.hpp"
#include "runtime/core/membership.hpp"
#include "runtime/core/verify.hpp"

namespace nvtee::core {

enum class Phase : std::uint8_t { kNew, kStarting, kRunning, kDraining, kDrained };
enum class PhaseIn : std::uint8_t { kStart, kServing, kDrain, kClosed };

struct NamespaceControl::Impl {
  Impl(const Setup& setup, const Geometry& geometry);

  void step(const Input& input, Time now, Actions& out);
  Time wake_at() const;
  NamespaceStatus status(Time now) const;
  MachineStates machine_states() const;

  Context ctx;
  Ledger ledger;
  FenceDesk fences;
  Membership members;
  Regions regions;
  Closer closer;
  Copier copier;
  Verify verify;
  Gate gate;
  Phase phase = Phase::kNew;

 private:
  void input(const Input& in);
  void start();
  void on_core(const tee::Event& event);
  void on_tagged(const tee::Event& event);
  void on_store(const Input& in);
  void drain();
  void watch_home();
  void settle();
  void settle_once();
  void watch_start();
  void watch_gate();
  void watch_reconcile();
  void watch_drain();
  void fault_failed(unsigned legs, const char* what);
  void set_namespace();
  bool legs_compare() const;
  void go(PhaseIn in);
  HeldOp* op(unsigned tag);
  LegStatus leg_status(const Leg& leg, Time now) const;
  void fill_health(NamespaceStatus& s) const;

  bool was_clean_ = true;
  bool claimed_ = false;      // this start is counted
  bool compare_ = false;      // as the core was told
  bool reconciling_ = false;  // the core checks regions for reads as well
  Time reconcile_from_ = 0;   // old commands may execute until then
  Ledger::Ticket marker_ticket_ = 0;
  Time drain_until_ = kNever;
  bool drained_ = false;
  bool give_back_ = false;  // after the drain the namespace is deleted
  Time waiting_shown_ = kNever;
};

}  // namespace nvtee::core
