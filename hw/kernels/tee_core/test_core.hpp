// Any TeeCore<Config> behind one face, so that the random world is compiled once and mutants cost only a
// core.
#pragma once

#include <cstdint>
#include <memory>

#include "hw/kernels/tee_core/tee_core.hpp"

namespace nvtee::tee::test {

// Small enough that guard entries, regions, slots and streams collide and fill all the time.
struct SmallConfig {
  static constexpr unsigned kQueueBits = 2;
  static constexpr unsigned kDepthBits = 3;
  static constexpr unsigned kNsBits = 2;
  static constexpr unsigned kGuardBits = 5;
  static constexpr unsigned kRegionSetBits = 1;
  static constexpr unsigned kMaxBlockBits = 3;
  static constexpr unsigned kOutDepth = 3;
  static constexpr unsigned kMutant = 0;
};

// The same with a planted bug, chosen at run time.
struct MutantConfig : SmallConfig {
  static inline unsigned kMutant = 0;
};

struct CoreUnderTest {
  virtual ~CoreUnderTest() = default;
  virtual bool run(uint64_t now) = 0;
  virtual bool run_front(uint64_t now) = 0;
  virtual void step_one(unsigned stage, uint64_t now) = 0;
  // Each returns false when the stream is full or empty.
  virtual bool put(const HostIn&) = 0;
  virtual bool put(const Ctl&) = 0;
  virtual bool put(const LegIn&) = 0;
  virtual bool get(Placement&) = 0;
  virtual bool get(HostOut&) = 0;
  virtual bool get(LegTx&) = 0;
  virtual bool get(Event&) = 0;
  virtual unsigned slots_used() = 0;
  virtual bool slot_used(unsigned slot) = 0;
  // The command in the slot has left the payload stage and was not sent back.
  virtual bool forwarded(unsigned slot) = 0;
  virtual bool guard_idle() = 0;
  virtual unsigned unfinished(unsigned ns) = 0;
  static constexpr unsigned kStages = TeeCore<SmallConfig>::kStages;
};

template <class C>
class CoreOf final : public CoreUnderTest {
 public:
  bool run(uint64_t now) override { return core_->run(now); }
  bool run_front(uint64_t now) override { return core_->run_front(now); }
  void step_one(unsigned stage, uint64_t now) override { core_->step_one(stage, now); }
  bool put(const HostIn& x) override { return core_->host_in.write_nb(x); }
  bool put(const Ctl& x) override { return core_->ctl.write_nb(x); }
  bool put(const LegIn& x) override { return core_->leg_in.write_nb(x); }
  bool get(Placement& x) override { return core_->placement.read_nb(x); }
  bool get(HostOut& x) override { return core_->host_out.read_nb(x); }
  bool get(LegTx& x) override { return core_->leg_tx.read_nb(x); }
  bool get(Event& x) override { return core_->event.read_nb(x); }
  unsigned slots_used() override { return core_->slots_used(); }
  bool slot_used(unsigned slot) override { return core_->slot_used(slot); }
  bool forwarded(unsigned slot) override {
    return core_->slot_used(slot) && core_->payload_row(slot).state == PayloadRow::kForward;
  }
  bool guard_idle() override { return core_->guard_idle(); }
  unsigned unfinished(unsigned ns) override { return core_->unfinished(ns); }

 private:
  std::unique_ptr<TeeCore<C>> core_ = std::make_unique<TeeCore<C>>();
};

}  // namespace nvtee::tee::test
