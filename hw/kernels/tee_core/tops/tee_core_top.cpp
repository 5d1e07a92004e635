// The tee core on the card: its kernels joined by streams, with the depths of tee_core.hpp.
#include "hw/kernels/tee_core/tops/admit_top.cpp"
#include "hw/kernels/tee_core/tops/answer_top.cpp"
#include "hw/kernels/tee_core/tops/check_top.cpp"
#include "hw/kernels/tee_core/tops/emit_top.cpp"
#include "hw/kernels/tee_core/tops/events_top.cpp"
#include "hw/kernels/tee_core/tops/grant_top.cpp"
#include "hw/kernels/tee_core/tops/guard_top.cpp"
#include "hw/kernels/tee_core/tops/legs_top.cpp"
#include "hw/kernels/tee_core/tops/legtab_top.cpp"
#include "hw/kernels/tee_core/tops/payload_top.cpp"
#include "hw/kernels/tee_core/tops/region_top.cpp"
#include "hw/kernels/tee_core/tops/route_top.cpp"
#include "hw/kernels/tee_core/tops/slot_top.cpp"

extern "C" void tee_core_top(hls::stream<HostIn>& host_in, hls::stream<Stored>& stored,
                             hls::stream<Placement>& placement, hls::stream<HostOut>& host_out,
                             hls::stream<LegTx>& leg_tx, hls::stream<LegIn>& leg_in, hls::stream<Ctl>& ctl,
                             hls::stream<Event>& event, ap_uint<64> now) {
#pragma HLS DATAFLOW
  const int kSlots = static_cast<int>(Sizes<CardConfig>::kSlots);
  static hls::stream<Ctl, 16> check_ctl, slot_ctl, payload_ctl, region_ctl, legs_ctl, answer_ctl;
  static hls::stream<Front, 8> checked, slotted;
  static hls::stream<Cmd, 8> asked;
  static hls::stream<Looked, 8> looked;
  static hls::stream<Cmd, 8> admitted;
  static hls::stream<Ticket, 16> ticket;
  static hls::stream<Cmd, 16> carried;
  static hls::stream<Waiting, 16> recheck;
  static hls::stream<Cmd, 8> granted;
  static hls::stream<Order, 8> order;
  static hls::stream<Work, 8> work;
  static hls::stream<Todo, 8> todo;
  static hls::stream<Done, 8> done;
  static hls::stream<Said, 8> said;
  static hls::stream<Peeked, 8> peeked;
  static hls::stream<Event, 8> slot_event, payload_event, admit_event, legtab_event, legs_event, emit_event,
      answer_event;
  static hls::stream<NsIndex, 8> shut;
  static hls::stream<Verdict, kSlots> verdict;
  static hls::stream<Waiting, kSlots> ring;
  static hls::stream<Peek, kSlots> peek;
  static hls::stream<Release, kSlots> release;
  static hls::stream<Finish, kSlots> finish;
  static hls::stream<SlotId, kSlots> freed;

  route_top(ctl, check_ctl, slot_ctl, payload_ctl, region_ctl, legs_ctl, answer_ctl);
  check_top(check_ctl, host_in, checked, now);
  slot_top(freed, slot_ctl, checked, slotted, slot_event);
  payload_top(verdict, payload_ctl, stored, slotted, placement, asked, said, order, payload_event);
  region_top(region_ctl, peek, asked, looked, peeked, now);
  admit_top(shut, finish, looked, admitted, verdict, admit_event, now);
  guard_top(release, recheck, admitted, ticket, carried);
  grant_top(ticket, carried, ring, ring, recheck, granted);
  legtab_top(legs_ctl, leg_in, peeked, order, granted, work, shut, legtab_event);
  legs_top(work, todo, done, peek, legs_event);
  emit_top(todo, leg_tx, emit_event);
  answer_top(answer_ctl, done, said, host_out, release, finish, freed, answer_event, now);
  events_top(slot_event, payload_event, admit_event, legtab_event, legs_event, emit_event, answer_event,
             event);
}
