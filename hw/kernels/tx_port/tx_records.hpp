// Records between the kernels of a port's send side. HLS subset.
//
//   TxJob x 3 -> tx_queue -- TxGrant -> tx_head -- TxHead -> tx_plan -- TxOp ------\
//                   |  |                   \- TxTotal -> tx_count -> Count          |
//                   |  \-- StoreRead -> (store) -- ReadBeat -> tx_fold -> tx_digest -> tx_merge -> NetBeat
//                   \- SendRequest, SendStatus                                          \- TxDone x 3
#ifndef NVTEE_HW_KERNELS_TX_PORT_TX_RECORDS_HPP
#define NVTEE_HW_KERNELS_TX_PORT_TX_RECORDS_HPP

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

// tx_queue -> tx_head: a job with its fate, in the order of the bytes owed to the session interface.
struct TxGrant {
  TxJob job;
  ap_uint<2> error;  // SendStatus: not kOk: not sent
};

// tx_head -> tx_plan: a PDU, and how its bytes fall into beats. The header fills `over` bytes of the beat
// that the payload begins in; a long header (`alone`) has a beat to itself first.
struct TxHead {
  HeadBits head;
  ap_uint<32> digest24, digest72;  // behind a header of 24 bytes, of 72; 0: none
  ap_uint<1> nothing;              // no byte is sent
  ap_uint<1> alone;
  ap_uint<6> over;       // 0, 8, 12, 24 or 28
  ap_uint<10> beats;     // of payload
  ap_uint<7> last;       // bytes of the beat that the last payload goes in, with all that fits behind it
  ap_uint<6> tail;       // bytes behind that beat; 0: none
  ap_uint<1> digest;     // the payload has one
  ap_uint<5> digest_at;  // in 4 bytes behind the begin of the last payload beat: 0..16
  ap_uint<1> end;
  PortId port;
  SessionIx session;
  ap_uint<2> from;
  TxDone done;
};
// tx_head -> tx_count
struct TxTotal {
  ap_uint<17> bytes;
};

// tx_plan -> tx_merge: one beat of the port, or none. Beside each: does it take payload?
struct TxOp {
  HeadBits bytes;  // head: the header; first: its bytes in this beat
  ap_uint<32> digest24, digest72;
  ap_uint<1> head;     // one of these four, or nothing is sent
  ap_uint<1> first;    // the header's `over` bytes, then payload
  ap_uint<1> body;     // payload behind what is over from the beat before
  ap_uint<1> tail;     // what is over
  ap_uint<1> over16;   // bytes before the payload: 16,
  ap_uint<2> over;     // and 0, 8 or 12 (kOver): 0, 8, 12, 24 or 28 together
  ap_uint<17> digest;  // one bit: the payload's digest goes in these 4 bytes of it; 0: not here
  ap_uint<64> keep;
  ap_uint<1> last;      // of the PDU
  ap_uint<1> over_now;  // the job is done with: tell
  ap_uint<1> end;
  PortId port;
  SessionIx session;
  ap_uint<2> from;
  TxDone done;
};

// tx_fold -> tx_digest -> tx_merge
struct FoldedBeat {
  ap_uint<512> data;  // 0 beyond count
  ap_uint<7> count;
  ap_uint<1> last;
  ap_uint<32> fold;
};
struct TxBeat {
  ap_uint<512> data;  // 0 beyond count
  ap_uint<7> count;
  ap_uint<1> last;
  ap_uint<32> digest;  // last: of all the payload
};

}  // namespace card
}  // namespace nvtee

#endif
