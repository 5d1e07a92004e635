// The tee core: its kernels joined by streams. The same kernels are the card's logic; this class steps them
// in software. One thread; about 8 MB (CardConfig): make it on the heap. Never copied.
//
// What the body owes:
// - one Placement is read for each kCommand and each kDataHeader, in order; kDataDone follows each kPlace
// that has data;
// - kSent for every kReadData, also after kQueueClose (the slot's buffer is in use until then);
// - a TTAG above 1FFFh is refused before it becomes a SlotId; host_out is read empty before kQueueDrained is
// acted on.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_TEE_CORE_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_TEE_CORE_HPP

#include <initializer_list>

#include "hw/kernels/tee_core/admit.hpp"
#include "hw/kernels/tee_core/answer.hpp"
#include "hw/kernels/tee_core/check.hpp"
#include "hw/kernels/tee_core/emit.hpp"
#include "hw/kernels/tee_core/events.hpp"
#include "hw/kernels/tee_core/grant.hpp"
#include "hw/kernels/tee_core/guard.hpp"
#include "hw/kernels/tee_core/legs.hpp"
#include "hw/kernels/tee_core/legtab.hpp"
#include "hw/kernels/tee_core/payload.hpp"
#include "hw/kernels/tee_core/records.hpp"
#include "hw/kernels/tee_core/region.hpp"
#include "hw/kernels/tee_core/route.hpp"
#include "hw/kernels/tee_core/slot.hpp"

// A lambda that is part of its caller.
#define NVTEE_TEE_WIRE __attribute__((always_inline))

namespace nvtee {
namespace tee {

template <class C = CardConfig>
struct TeeCore {
  hls::stream<HostIn, 16> host_in{"host_in"};
  hls::stream<Stored, 16> stored{"stored"};  // or kDataDone
  hls::stream<Placement, 16> placement{"placement"};
  hls::stream<HostOut, static_cast<int>(C::kOutDepth)> host_out{"host_out"};
  hls::stream<LegTx, static_cast<int>(C::kOutDepth)> leg_tx{"leg_tx"};
  hls::stream<LegIn, 64> leg_in{"leg_in"};
  hls::stream<Ctl, 64> ctl{"ctl"};
  hls::stream<Event, static_cast<int>(C::kOutDepth)> event{"event"};

  TeeCore() = default;
  TeeCore(const TeeCore&) = delete;
  TeeCore& operator=(const TeeCore&) = delete;

  // Steps the stages until nothing can move (inputs empty or an output full). Returns true when anything
  // moved. Only stages whose neighbours moved are visited, so an idle core costs a few loads.
  bool run(Clock now) {
    wake_outer();
    bool any = false;
    while (ready_ != 0) {
      const unsigned k = static_cast<unsigned>(__builtin_ctz(ready_));
      any |= run_stage(k, now);
    }
    return any;
  }

  // After one HostIn of kind kCommand or kDataHeader was written: steps just far enough that its Placement is
  // out. False: it is not, because an outer stream must be read first.
  bool run_front(Clock now) {
    ready_ |= 1u << kCheck;
    while (!(host_in.empty() && checked_.empty() && slotted_.empty())) {
      const unsigned front = ready_ & (1u << kCheck | 1u << kSlot | 1u << kPayload);
      if (front != 0) {
        run_stage(static_cast<unsigned>(__builtin_ctz(front)), now);
      } else if (!run(now)) {
        return false;
      }
    }
    return true;
  }

  // One step of one stage, for tests that look for orders which run() never takes.
  static constexpr unsigned kStages = 13;
  bool step_one(unsigned stage, Clock now) {
    ready_ = (1u << kStages) - 1;
    return step(stage, now) == Step::kMoved;
  }

  // ---- inspection: tests, dumps, asserts ----
  const PayloadRow& payload_row(unsigned slot) const { return payload_.rows[slot]; }
  const LegRow& leg_row(unsigned slot) const { return legs_.rows[slot]; }
  bool slot_used(unsigned slot) const {
    return slot_.rows[slot >> C::kDepthBits].used.bit(slot & (Sizes<C>::kDepth - 1));
  }
  unsigned slots_used() const {
    unsigned n = 0;
    for (unsigned i = 0; i < Sizes<C>::kSlots; ++i) n += slot_used(i) ? 1 : 0;
    return n;
  }
  // Admitted commands and holds that are not finished.
  unsigned unfinished(unsigned ns) const {
    return admit_.ns[ns].count[0].to_uint() + admit_.ns[ns].count[1].to_uint();
  }
  unsigned guard_waiting() const { return grant_.in_ring.to_uint() + grant_.under_way.to_uint(); }
  // No ticket of any block is out.
  bool guard_idle() const {
    for (const auto& bank : guard_.entries)
      for (const GuardEntry& e : bank)
        if (e.next != e.done) return false;
    return true;
  }

 private:
  static constexpr int kSlots = static_cast<int>(Sizes<C>::kSlots);

  enum Stage {
    kRoute,
    kCheck,
    kSlot,
    kPayload,
    kRegion,
    kAdmit,
    kGuard,
    kGrant,
    kLegTab,
    kJoin,
    kEmit,
    kAnswer,
    kEvents
  };

  // The stages that read what a stage writes, and those whose output it reads.
  static constexpr unsigned mask_of(std::initializer_list<unsigned> stages) {
    unsigned m = 0;
    for (unsigned s : stages) m |= 1u << s;
    return m;
  }
  static constexpr unsigned kReaders[] = {
      mask_of({kCheck, kSlot, kPayload, kRegion, kLegTab, kAnswer}),  // route
      mask_of({kSlot}),                                               // check
      mask_of({kPayload, kEvents}),                                   // slot
      mask_of({kRegion, kAnswer, kLegTab, kEvents}),                  // payload
      mask_of({kAdmit, kLegTab}),                                     // region
      mask_of({kGuard, kPayload, kEvents}),                           // admit
      mask_of({kGrant}),                                              // guard
      mask_of({kGuard, kLegTab, kGrant}),                             // grant
      mask_of({kJoin, kAdmit, kEvents}),                              // legtab
      mask_of({kEmit, kAnswer, kRegion, kEvents}),                    // legs
      mask_of({kEvents}),                                             // emit
      mask_of({kSlot, kAdmit, kGuard, kEvents}),                      // answer
      mask_of({}),                                                    // events
  };

  // What the outside may have changed: inputs that are not empty, and stages that stopped before a full
  // output.
  void wake_outer() {
    if (!ctl.empty()) ready_ |= 1u << kRoute;
    if (!host_in.empty()) ready_ |= 1u << kCheck;
    if (!stored.empty()) ready_ |= 1u << kPayload;
    if (!leg_in.empty()) ready_ |= 1u << kLegTab;
    ready_ |= stalled_;
    stalled_ = 0;
  }

  // Runs a stage until it cannot move, and wakes those that may go on because of it. A stage that stops
  // before a full output is woken by the next stage that moves, or from outside.
  bool run_stage(unsigned k, Clock now) {
    ready_ &= ~(1u << k);
    bool moved = false;
    const Step last = run_steps(k, now, moved);
    if (moved) {
      ready_ |= kReaders[k] | stalled_;
      stalled_ = 0;
    }
    if (last == Step::kBlocked) stalled_ |= 1u << k;
    return moved;
  }

  template <class F>
  [[gnu::always_inline]] static Step all(bool& moved, F one) {
    for (;;) {
      const Step s = one();
      if (s != Step::kMoved) return s;
      moved = true;
    }
  }

  // `go` is called with the stage's step.
  template <class Go>
  [[gnu::always_inline]] Step with_step(unsigned k, Clock now, Go go) {
    switch (k) {
      case kRoute:
        return go([&]() NVTEE_TEE_WIRE {
          return route_step(ctl, check_ctl_, slot_ctl_, payload_ctl_, region_ctl_, legs_ctl_, answer_ctl_);
        });
      case kCheck:
        return go([&]() NVTEE_TEE_WIRE { return check_step(check_, now, check_ctl_, host_in, checked_); });
      case kSlot:
        return go([&]() NVTEE_TEE_WIRE {
          return slot_step(slot_, freed_, slot_ctl_, checked_, slotted_, slot_event_);
        });
      case kPayload:
        return go([&]() NVTEE_TEE_WIRE { return payload_step(payload_, payload_io_); });
      case kRegion:
        return go([&]() NVTEE_TEE_WIRE { return region_step(region_, now, region_io_); });
      case kAdmit:
        return go([&]() NVTEE_TEE_WIRE { return admit_step(admit_, now, admit_io_); });
      case kGuard:
        return go([&]() NVTEE_TEE_WIRE { return guard_step(guard_, guard_io_); });
      case kGrant:
        return go([&]() NVTEE_TEE_WIRE { return grant_step<C>(grant_, grant_io_); });
      case kLegTab:
        return go([&]() NVTEE_TEE_WIRE { return legtab_step(legtab_, legtab_io_); });
      case kJoin:
        return go([&]() NVTEE_TEE_WIRE { return legs_step(legs_, legs_io_); });
      case kEmit:
        return go([&]() NVTEE_TEE_WIRE { return emit_step(emit_, todo_, leg_tx, emit_event_); });
      case kAnswer:
        return go([&]() NVTEE_TEE_WIRE { return answer_step(answer_, now, answer_io_); });
      default:
        return go([&]() NVTEE_TEE_WIRE {
          return events_step(slot_event_, payload_event_, admit_event_, legtab_event_, legs_event_,
                             emit_event_, answer_event_, event);
        });
    }
  }

  Step run_steps(unsigned k, Clock now, bool& moved) {
    return with_step(k, now, [&](auto one) NVTEE_TEE_WIRE { return all(moved, one); });
  }
  Step step(unsigned k, Clock now) {
    return with_step(k, now, [](auto one) NVTEE_TEE_WIRE { return one(); });
  }

  // Streams between kernels. Those that lead backwards hold one record of every slot, so they never fill and
  // no circle of full streams can close.
  hls::stream<Ctl, 16> check_ctl_{"check_ctl"}, slot_ctl_{"slot_ctl"}, payload_ctl_{"payload_ctl"},
      region_ctl_{"region_ctl"}, legs_ctl_{"legs_ctl"}, answer_ctl_{"answer_ctl"};
  hls::stream<Front, 8> checked_{"checked"}, slotted_{"slotted"};
  hls::stream<Cmd, 8> asked_{"asked"};
  hls::stream<Looked, 8> looked_{"looked"};
  hls::stream<Cmd, 8> admitted_{"admitted"};
  hls::stream<Ticket, 16> ticket_{"ticket"};
  hls::stream<Cmd, 16> carried_{"carried"};
  hls::stream<Waiting, 16> recheck_{"recheck"};
  hls::stream<Cmd, 8> granted_{"granted"};
  hls::stream<Order, 8> order_{"order"};
  hls::stream<Work, 8> work_{"work"};
  hls::stream<Todo, 8> todo_{"todo"};
  hls::stream<Done, 8> done_{"done"};
  hls::stream<Said, 8> said_{"said"};
  hls::stream<Peeked, 8> peeked_{"peeked"};
  hls::stream<Event, 8> slot_event_{"slot_event"}, payload_event_{"payload_event"},
      admit_event_{"admit_event"}, legtab_event_{"legtab_event"}, legs_event_{"legs_event"},
      emit_event_{"emit_event"}, answer_event_{"answer_event"};
  hls::stream<NsIndex, 8> shut_{"shut"};             // backwards, but admit always takes it
  hls::stream<Verdict, kSlots> verdict_{"verdict"};  // backwards
  hls::stream<Waiting, kSlots> ring_{"ring"};        // backwards
  hls::stream<Peek, kSlots> peek_{"peek"};           // backwards
  hls::stream<Release, kSlots> release_{"release"};  // backwards
  hls::stream<Finish, kSlots> finish_{"finish"};     // backwards
  hls::stream<SlotId, kSlots> freed_{"freed"};       // backwards

  PayloadIo<C> payload_io_{verdict_, payload_ctl_, stored, slotted_,      placement,
                           asked_,   said_,        order_, payload_event_};
  RegionIo region_io_{region_ctl_, peek_, asked_, looked_, peeked_};
  AdmitIo admit_io_{shut_, finish_, looked_, admitted_, verdict_, admit_event_};
  GuardIo guard_io_{release_, recheck_, admitted_, ticket_, carried_};
  GrantIo grant_io_{ticket_, carried_, ring_, ring_, recheck_, granted_};
  LegTabIo legtab_io_{legs_ctl_, leg_in, peeked_, order_, granted_, work_, shut_, legtab_event_};
  LegsIo<C> legs_io_{work_, todo_, done_, peek_, legs_event_};
  AnswerIo answer_io_{answer_ctl_, done_, said_, host_out, release_, finish_, freed_, answer_event_};

  unsigned ready_ = 0, stalled_ = 0;  // by Stage

  CheckState<C> check_{};
  SlotState<C> slot_{};
  PayloadState<C> payload_{};
  RegionState<C> region_{};
  AdmitState<C> admit_{};
  GuardState<C> guard_{};
  GrantState grant_{};
  LegTabState<C> legtab_{};
  LegsState<C> legs_{};
  EmitState emit_{};
  AnswerState<C> answer_{};
};

}  // namespace tee
}  // namespace nvtee

#endif
