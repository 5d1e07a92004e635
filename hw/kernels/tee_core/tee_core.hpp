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

namespace nvtee {
namespace tee {

template <class C = CardConfig>
struct TeeCore {
  hls::stream<HostIn, 16> host_in{"host_in"};
  hls::stream<Placement, 16> placement{"placement"};
  hls::stream<HostOut, 256> host_out{"host_out"};
  hls::stream<LegTx, 256> leg_tx{"leg_tx"};
  hls::stream<LegIn, 64> leg_in{"leg_in"};
  hls::stream<Ctl, 64> ctl{"ctl"};
  hls::stream<Event, 256> event{"event"};

  TeeCore() = default;
  TeeCore(const TeeCore&) = delete;
  TeeCore& operator=(const TeeCore&) = delete;

  // Steps the stages until nothing can move (inputs empty or an output full). Returns true when anything
  // moved.
  bool run(Clock now) {
    bool any = false;
    while (round(now)) any = true;
    return any;
  }

  // After one HostIn of kind kCommand or kDataHeader was written: steps just far enough that its Placement is
  // out. False: it is not, because an outer stream must be read first.
  bool run_front(Clock now) {
    while (!(host_in.empty() && checked_.empty() && slotted_.empty())) {
      if (!front(now) && !round(now)) return false;
    }
    return true;
  }

  // ---- inspection: tests, dumps, asserts ----
  const PayloadRow& payload_row(unsigned slot) const { return payload_.rows[slot]; }
  const LegRow& leg_row(unsigned slot) const { return legs_.rows[slot]; }
  bool slot_used(unsigned slot) const {
    return slot_.used[slot >> C::kDepthBits].bit(slot & (Sizes<C>::kDepth - 1));
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
    for (const GuardEntry& e : guard_.entries)
      if (e.next != e.done) return false;
    return true;
  }

 private:
  static constexpr int kSlots = static_cast<int>(Sizes<C>::kSlots);

  // Every step below that says it moved took at least one record, so this ends.
  bool front(Clock now) {
    bool moved = false;
    while (step_payload()) moved = true;
    while (step_slot()) moved = true;
    while (check_step(check_, now, check_ctl_, host_in, checked_)) moved = true;
    while (step_slot()) moved = true;
    while (step_payload()) moved = true;
    return moved;
  }

  bool round(Clock now) {
    bool moved = false;
    while (step_route()) moved = true;
    if (front(now)) moved = true;
    while (region_step(region_, now, RegionIo{region_ctl_, peek_, asked_, looked_, peeked_})) moved = true;
    while (admit_step(admit_, now, AdmitIo{finish_, looked_, admitted_, verdict_, admit_event_}))
      moved = true;
    if (guard()) moved = true;
    while (legtab_step(legtab_, LegTabIo{legs_ctl_, leg_in, peeked_, order_, granted_, work_, legtab_event_}))
      moved = true;
    while (legs_step(legs_, LegsIo{work_, todo_, done_, peek_, legs_event_})) moved = true;
    while (emit_step(emit_, todo_, leg_tx, emit_event_)) moved = true;
    while (
        answer_step(answer_, now,
                    AnswerIo{answer_ctl_, done_, said_, host_out, release_, finish_, freed_, answer_event_}))
      moved = true;
    while (events_step(slot_event_, payload_event_, admit_event_, legtab_event_, legs_event_, emit_event_,
                       answer_event_, event))
      moved = true;
    return moved;
  }

  bool guard() {
    bool any = false, moved;
    do {
      moved = false;
      while (guard_step(guard_, GuardIo{release_, recheck_, admitted_, ticket_, carried_})) moved = true;
      while (grant_step(grant_, GrantIo{ticket_, carried_, ring_, ring_, recheck_, granted_})) moved = true;
      any |= moved;
    } while (moved);
    return any;
  }

  bool step_route() {
    return route_step(ctl, check_ctl_, slot_ctl_, payload_ctl_, region_ctl_, legs_ctl_, answer_ctl_);
  }
  bool step_slot() { return slot_step(slot_, freed_, slot_ctl_, checked_, slotted_, slot_event_); }
  bool step_payload() {
    return payload_step(payload_, PayloadIo<C>{verdict_, payload_ctl_, slotted_, placement, asked_, said_,
                                               order_, payload_event_});
  }

  // Streams between kernels. Those that lead backwards hold one record of every slot, so they never fill and
  // no circle of full streams can close.
  hls::stream<Ctl, 16> check_ctl_{"check_ctl"}, slot_ctl_{"slot_ctl"}, payload_ctl_{"payload_ctl"},
      region_ctl_{"region_ctl"}, legs_ctl_{"legs_ctl"}, answer_ctl_{"answer_ctl"};
  hls::stream<Front, 16> checked_{"checked"}, slotted_{"slotted"};
  hls::stream<Cmd, 32> asked_{"asked"};
  hls::stream<Looked, 32> looked_{"looked"};
  hls::stream<Cmd, 32> admitted_{"admitted"};
  hls::stream<Ticket, 64> ticket_{"ticket"};
  hls::stream<Cmd, 64> carried_{"carried"};
  hls::stream<Waiting, 16> recheck_{"recheck"};
  hls::stream<Cmd, 32> granted_{"granted"};
  hls::stream<Order, 16> order_{"order"};
  hls::stream<Work, 32> work_{"work"};
  hls::stream<Todo, 32> todo_{"todo"};
  hls::stream<Done, 32> done_{"done"};
  hls::stream<Said, 32> said_{"said"};
  hls::stream<Peeked, 16> peeked_{"peeked"};
  hls::stream<Event, 16> slot_event_{"slot_event"}, payload_event_{"payload_event"},
      admit_event_{"admit_event"}, legtab_event_{"legtab_event"}, legs_event_{"legs_event"},
      emit_event_{"emit_event"}, answer_event_{"answer_event"};
  hls::stream<Verdict, kSlots> verdict_{"verdict"};  // backwards
  hls::stream<Waiting, kSlots> ring_{"ring"};        // backwards
  hls::stream<Peek, kSlots> peek_{"peek"};           // backwards
  hls::stream<Release, kSlots> release_{"release"};  // backwards
  hls::stream<Finish, kSlots> finish_{"finish"};     // backwards
  hls::stream<SlotId, kSlots> freed_{"freed"};       // backwards

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
