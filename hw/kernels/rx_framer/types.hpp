// Records between the five kernels of rx_framer. HLS subset, C++14.
//
//   rx_read  which session is read next, and how much of it: one ReadRequest and one Chunk each
//   rx_walk  finds where PDUs begin in a chunk's bytes: one Span for the part of a PDU that is in the chunk
//   rx_plan  cuts a span into words of up to 64 bytes: one Op each, numbers only
//   rx_move  takes an op's bytes out of the beats: shifting, nothing else
//   rx_join  completes words that began in an earlier chunk; hands on heads and data
//
// A PDU's words: 64 bytes of header, the rest of the header, data in 64s, the data digest.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_TYPES_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_TYPES_HPP

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

using tee::Step;

constexpr unsigned kChunk = 4096;      // most bytes asked for at once; sessions take turns at this grain
constexpr unsigned kRawHead = 8;       // of a raw PDU only the common header is looked at
constexpr unsigned kMinRawPlen = 24;   // no PDU is shorter
constexpr unsigned kMaxData = 131072;  // of a PDU

// What the runtime said about a session (kSetSession), as it travels with the bytes.
struct RxRow {
  ap_uint<2> role;
  ap_uint<1> hdgst, ddgst;
  tee::QueueId queue;
  LinkIx link;
  LinkQueue link_queue;
};

// rx_read -> rx_walk, in the order of the ReadRequests.
struct Chunk {
  SessionIx session;
  ap_uint<13> length;  // 1..kChunk
  ap_uint<7> beats;    // that it takes
  RxRow row;
  ap_uint<1> end;  // no bytes: the session is off from here on
};

// rx_walk -> rx_read, about raw sessions: how many bytes follow the common header that was asked for.
struct RxBack {
  SessionIx session;
  Bytes left;
  ap_uint<1> broken;  // or that no PDU can be found any more
};

struct Span {
  enum Phase { kHead = 0, kHead2 = 1, kData = 2, kDigest = 3 };
  ap_uint<2> phase;      // of the word that the span begins in
  ap_uint<6> want;       // bytes that this word still wants, less one
  ap_uint<6> fill;       // bytes that it has from earlier chunks
  ap_uint<1> two;        // the header has bytes beyond 64,
  ap_uint<4> want2;      // so many, less one
  ap_uint<12> full;      // data words of 64 that come after the present word,
  ap_uint<1> tail;       // then a shorter one,
  ap_uint<6> want_tail;  // of so many bytes, less one
  ap_uint<1> first;      // the next data word to be completed is the first one
  ap_uint<12> more;      // bytes of the span, less one
  ap_uint<1> skip;       // throw them away
  ap_uint<1> broken;     // say so (with skip)
  ap_uint<1> end;        // no bytes: PduHead::kEnd
  ap_uint<1> last;       // the chunk ends with it: the next byte begins a beat
  ap_uint<1> digest;     // a data digest follows the data
  // for PduHead
  Bytes data;
  SessionIx session;
  RxRow row;
  ap_uint<16> fes;
  ap_uint<32> fei;
};

struct Op {
  enum Kind {
    kNone = 0,
    kHold = 1,
    kHead = 2,
    kHeadHeld = 3,
    kData = 4,
    kDataHeld = 5,
    kBroken = 6,
    kEnd = 7
  };
  ap_uint<7> at;    // first byte in (beat before, new beat), 0..64
  ap_uint<7> take;  // bytes, 0..64
  ap_uint<6> fill;  // where they go in the word
  ap_uint<1> pull;  // takes a new beat
  ap_uint<1> load;  // the word began in an earlier chunk
  ap_uint<1> save;  // it ends in a later one
  ap_uint<3>
      kind;  // when it is complete. kHold: keep it until the next word of the PDU; *Held: with that one
  ap_uint<7> count;        // beat
  ap_uint<1> first, last;  // beat
  Bytes data;              // head
  SessionIx session;
  RxRow row;
  ap_uint<16> fes;
  ap_uint<32> fei;
};

struct Piece {
  ap_uint<512> bytes;  // in place; 0 elsewhere
  Op op;
};

}  // namespace card
}  // namespace nvtee

#endif
