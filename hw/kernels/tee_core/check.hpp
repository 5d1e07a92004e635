// check: what can be refused is refused here, before a slot is taken; a bad command never reaches a leg.
//
// Order of the checks (the first that fails gives the status): opcode not offered 0/01h; PSDT 0/02h; Flush of
// all namespaces and unknown NSID 0/0Bh; reservation command while not offered 0/01h; gates (HDISNS 0/26h,
// lease 3/00h, namespace gate, reservation 0/83h); SGL type 0/11h, offset 0/16h; PRINFO 0/02h; transfer size
// (MDTS) 0/02h; LBA range 0/80h; SGL or in-capsule length 0/0Fh.
//
// Tables: namespaces (read by the row that the NSID's comparators find; written by orders), host gates
// [queue][namespace]. Both are registers or LUT memory: 64 rows, 4096 x 3 bits.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_CHECK_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_CHECK_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct NsRow {
  Lba blocks;
  ap_uint<6> lbads;         // log2 of bytes a block
  ap_uint<6> region_shift;  // log2 of blocks a region
  StatusBits gate_read, gate_write;
  ap_uint<1> look_reads;    // while reconciling
  ap_uint<1> compare;       // may go to a leg
  ap_uint<1> reservations;  // offered
};

template <class C>
struct CheckState {
  ap_uint<32> nsid[Sizes<C>::kNamespaces];  // 0 = no namespace; compared all at once
  NsRow ns[Sizes<C>::kNamespaces];
  ap_uint<3> host[Sizes<C>::kQueues * Sizes<C>::kNamespaces];
  ap_uint<1> opened[Sizes<C>::kQueues];  // queue 0 is always open
  Clock lease;
};

// What an opcode is and needs.
struct Shape {
  bool offered, reservation, punt, range, writes, to_us, to_host;
  ap_uint<2> gate;
};
NVTEE_TEE_INLINE Shape shape_of(ap_uint<8> opcode, ap_uint<8> flags) {
  using namespace spec::io;  // NOLINT
  Shape s = {true, false, false, false, false, false, false, ap_uint<2>(Cmd::kWriteGate)};
  s.to_us = opcode[0] == 1;  // the direction of the data is in the opcode's low bits
  s.to_host = opcode[1] == 1;
  s.punt = (flags & spec::kFuseMask) != 0;
  s.range = opcode == kRead || opcode == kWrite || opcode == kCompare || opcode == kWriteZeroes;
  s.writes = opcode == kWrite || opcode == kWriteZeroes;
  s.reservation =
      opcode == kResvRegister || opcode == kResvReport || opcode == kResvAcquire || opcode == kResvRelease;
  if (opcode == kRead || opcode == kCompare) s.gate = Cmd::kReadGate;
  if (s.reservation) s.gate = Cmd::kReservationGate;
  if (s.reservation || opcode == kDsm) s.punt = true;
  s.offered = s.range || s.reservation || opcode == kFlush || opcode == kDsm;
  return s;
}

// The index of the namespace, or kNamespaces.
template <class C>
NVTEE_TEE_INLINE ap_uint<7> find_ns(const CheckState<C>& s, ap_uint<32> nsid) {
  for (unsigned i = 0; i < Sizes<C>::kNamespaces; ++i)
    if (s.nsid[i] == nsid) return static_cast<ap_uint<7>>(i);
  return static_cast<ap_uint<7>>(Sizes<C>::kNamespaces);
}

NVTEE_TEE_INLINE Refusal check_sgl(const HostIn& h, const Shape& s) {
  if (!s.to_us && !s.to_host) return refusal(spec::st::kOk, false);  // no data: the descriptor is ignored
  const bool capsule = h.sgl_type == spec::kSglDataOffset;
  if (!capsule && h.sgl_type != spec::kSglTransport) return refusal(spec::st::kSglType, true);
  if (capsule && !s.to_us) return refusal(spec::st::kSglType, true);
  if (capsule && h.sgl_address_nonzero) return refusal(spec::st::kSglOffset, true);
  return refusal(spec::st::kOk, false);
}

// Bytes of `count` blocks; all ones when no slot could hold even one block.
NVTEE_TEE_INLINE ap_uint<64> bytes_of(ap_uint<17> count, ap_uint<6> lbads) {
  const ap_uint<64> bytes = static_cast<ap_uint<64>>(static_cast<ap_uint<64>>(count) << lbads);
  return lbads > 17 ? ap_uint<64>(~0ull) : bytes;
}

// Size and place of the range.
template <class C>
NVTEE_TEE_INLINE Refusal check_range(const HostIn& h, const NsRow& row, ap_uint<17> count) {
  const ap_uint<64> bytes = bytes_of(count, row.lbads);
  if ((h.cdw12 & spec::kCdw12PrinfoMask) != 0) return refusal(spec::st::kInvalidField, true);
  if (count > Sizes<C>::kMaxBlocks || bytes > Sizes<C>::kMaxBytes)
    return refusal(spec::st::kInvalidField, true);
  // One bit more than a block number has: no range wraps.
  const ap_uint<65> end = static_cast<ap_uint<65>>(ap_uint<65>(h.slba) + count);
  if (end > row.blocks) return refusal(spec::st::kLbaRange, true);
  return refusal(spec::st::kOk, false);
}

// SGL length against what the command moves (ranges) or what a slot can take (punted commands), and the
// capsule's bytes against the SGL.
template <class C>
NVTEE_TEE_INLINE Refusal check_length(const HostIn& h, const Shape& s, ap_uint<32> wanted) {
  const bool data = s.to_us || s.to_host;
  const bool capsule = s.to_us && h.sgl_type == spec::kSglDataOffset;
  const bool exact = !s.range || !data || h.sgl_length == wanted;
  const bool fits = !data || (h.sgl_length != 0 && h.sgl_length <= Sizes<C>::kMaxBytes);
  const bool dwords = !data || (h.sgl_length & 3) == 0;
  const bool in = capsule ? (h.length == h.sgl_length && h.length <= kMaxInCapsule) : h.length == 0;
  return exact && fits && dwords && in ? refusal(spec::st::kOk, false) : refusal(spec::st::kSglLength, true);
}

template <class C>
NVTEE_TEE_INLINE Refusal check_command(const CheckState<C>& s, Clock now, const HostIn& h, const Shape& shape,
                                       ap_uint<7> index, const NsRow& row, ap_uint<17> count) {
  if (!shape.offered) return refusal(spec::st::kInvalidOpcode, true);
  if ((h.flags & spec::kPsdtMask) != spec::kPsdtSgl) return refusal(spec::st::kInvalidField, true);
  if (h.nsid == 0 || index == Sizes<C>::kNamespaces) return refusal(spec::st::kInvalidNamespace, true);
  if (shape.reservation && !row.reservations) return refusal(spec::st::kInvalidOpcode, true);
  const ap_uint<3> host =
      s.host[(static_cast<unsigned>(h.queue) << C::kNsBits) + static_cast<unsigned>(index)];
  const Refusal gate = gate_of(shape.gate, row.gate_read, row.gate_write, host, now < s.lease);
  if (gate.status != 0) return gate;
  const Refusal sgl = check_sgl(h, shape);
  if (sgl.status != 0) return sgl;
  if (shape.range) {
    const Refusal range = check_range<C>(h, row, count);
    if (range.status != 0) return range;
  }
  return check_length<C>(h, shape, static_cast<ap_uint<32>>(static_cast<ap_uint<32>>(count) << row.lbads));
}

NVTEE_TEE_INLINE void place(Cmd& cmd, const NsRow& row, Lba slba, ap_uint<9> count) {
  const Lba last = static_cast<Lba>(slba + static_cast<Lba>(count) - 1);
  cmd.slba = slba;
  cmd.count = count;
  cmd.region = static_cast<ap_uint<32>>(slba >> row.region_shift);
  cmd.spans = count != 0 && static_cast<ap_uint<32>>(last >> row.region_shift) != cmd.region ? 1 : 0;
}

template <class C>
NVTEE_TEE_INLINE Front front_of_command(const CheckState<C>& s, Clock now, const HostIn& h) {
  const Shape shape = shape_of(h.opcode, h.flags);
  const ap_uint<7> index = find_ns(s, h.nsid);
  const NsRow& row = s.ns[static_cast<unsigned>(index) & (Sizes<C>::kNamespaces - 1)];
  const ap_uint<17> count = static_cast<ap_uint<17>>(static_cast<ap_uint<16>>(h.cdw12) + 1);
  const Refusal no = check_command(s, now, h, shape, index, row, count);
  const bool punt = shape.punt || (h.opcode == spec::io::kCompare && !row.compare);
  const bool media = shape.range && !punt;
  Front f = Front();
  f.kind = no.status != 0 ? Front::kRefuse : Front::kNew;
  f.queue = h.queue;
  f.status = no.status;
  f.dnr = no.dnr;
  f.collects = shape.to_us ? 1 : 0;
  f.in_capsule = h.sgl_type == spec::kSglDataOffset ? 1 : 0;
  f.cmd.kind = punt ? Cmd::kPunt : Cmd::kMedia;
  f.cmd.cid = h.cid;
  f.cmd.ns = static_cast<NsIndex>(index);
  f.cmd.opcode = h.opcode;
  f.cmd.gate = shape.gate;
  f.cmd.writes = shape.writes ? 1 : 0;
  f.cmd.exclusive = f.cmd.writes;
  f.cmd.look = media && (shape.writes || row.look_reads) ? 1 : 0;
  f.cmd.high =
      static_cast<ap_uint<16>>((h.cdw12 & (spec::kCdw12Fua | spec::kCdw12Lr |
                                           (h.opcode == spec::io::kWriteZeroes ? spec::kCdw12Deac : 0u))) >>
                               16);
  // Write Zeroes has no data, but a repair of it has.
  f.cmd.bytes = shape.to_us || shape.to_host ? static_cast<ap_uint<18>>(h.sgl_length)
                : shape.range                ? static_cast<ap_uint<18>>(bytes_of(count, row.lbads))
                                             : ap_uint<18>(0);
  place(f.cmd, row, h.slba, media ? static_cast<ap_uint<9>>(count) : ap_uint<9>(0));
  return f;
}

NVTEE_TEE_INLINE Front front_of_other(const HostIn& h, bool closed) {
  Front f = Front();
  f.queue = h.queue;
  f.cmd.slot = h.slot;
  f.cmd.cid = h.cid;
  f.length = h.length;
  f.offset = h.offset;
  f.last = h.last;
  f.digest_ok = h.digest_ok;
  if (h.kind == HostIn::kSent) {
    f.kind = Front::kSent;  // a buffer comes back, whatever became of its queue
  } else if (h.kind == HostIn::kDataDone) {
    f.kind = Front::kDone;
  } else {
    f.kind = closed ? Front::kDrop : Front::kHeader;
  }
  return f;
}

// A hold: a command of the runtime without gates. Its buffer must fit a slot's.
template <class C>
NVTEE_TEE_INLINE Front front_of_hold(const CheckState<C>& s, const Ctl& c) {
  const NsRow& row = s.ns[static_cast<unsigned>(c.ns) & (Sizes<C>::kNamespaces - 1)];
  const ap_uint<64> bytes = bytes_of(static_cast<ap_uint<17>>(c.nlb), row.lbads);
  const bool fits = c.nlb <= Sizes<C>::kMaxBlocks && bytes <= Sizes<C>::kMaxBytes;
  Front f = Front();
  f.kind = Front::kNew;
  f.queue = 0;
  f.status = fits ? spec::st::kOk : spec::st::kInvalidField;
  f.cmd.kind = Cmd::kHold;
  f.cmd.gate = Cmd::kNoGate;
  f.cmd.cid = c.tag;
  f.cmd.ns = c.ns;
  f.cmd.exclusive = c.flag;
  f.cmd.writes = c.flag2;
  f.cmd.look = c.flag2 && c.nlb != 0 ? 1 : 0;
  f.cmd.bytes = static_cast<ap_uint<18>>(bytes);
  place(f.cmd, row, c.lba, static_cast<ap_uint<9>>(c.nlb));
  return f;
}

template <class C>
NVTEE_TEE_INLINE void check_order(CheckState<C>& s, const Ctl& c) {
  const unsigned at = static_cast<unsigned>(c.ns) & (Sizes<C>::kNamespaces - 1);
  const unsigned queue = static_cast<unsigned>(c.queue) & (Sizes<C>::kQueues - 1);
  NsRow row = s.ns[at];
  if (c.op == Ctl::kSetNamespace) {
    s.nsid[at] = c.flag ? c.nsid : ap_uint<32>(0);
    row.blocks = c.lba;
    row.lbads = c.shift_a;
    row.region_shift = c.shift_b;
    row.look_reads = c.flag2;
    row.compare = c.flag3;
    row.reservations = static_cast<ap_uint<1>>(c.value);
  } else if (c.op == Ctl::kSetGate) {
    row.gate_read = c.status;
    row.gate_write = c.status2;
  }
  s.ns[at] = row;
  if (c.op == Ctl::kSetHostGate) s.host[(queue << C::kNsBits) + at] = static_cast<ap_uint<3>>(c.mask);
  if (c.op == Ctl::kQueueOpen || c.op == Ctl::kQueueClose) s.opened[queue] = c.op == Ctl::kQueueOpen ? 1 : 0;
  if (c.op == Ctl::kSetLease) s.lease = c.clock;
}

template <class C>
NVTEE_TEE_INLINE Step check_step(CheckState<C>& s, Clock now, hls::stream<Ctl>& ctl, hls::stream<HostIn>& in,
                                 hls::stream<Front>& out) {
  if (ctl.empty() && in.empty()) return Step::kIdle;
  if (out.full()) return Step::kBlocked;
  if (!ctl.empty()) {
    const Ctl c = ctl.read();
    if (c.op == Ctl::kHold) {
      out.write(front_of_hold(s, c));
    } else {
      check_order(s, c);
    }
    return Step::kMoved;
  }
  const HostIn h = in.read();
  const bool closed = h.queue != 0 && !s.opened[h.queue.to_uint() & (Sizes<C>::kQueues - 1)];
  if (h.kind == HostIn::kCommand && !closed) {
    out.write(front_of_command(s, now, h));
  } else {
    out.write(front_of_other(h, closed));
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
