// Records between the kernels of a port's send side. HLS subset.
//
//   TxJob x 3 -> tx_queue -- TxJob --> tx_head --- TxHead --------------\
//                   |  \-- StoreRead -> (store) -- ReadBeat -> tx_fold -> tx_digest -> tx_pack -> NetBeat
//                   \- SendRequest, SendStatus                                            \- TxDone x 3
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

// tx_head -> tx_pack
struct TxHead {
  ap_uint<608> bytes;  // header and its digest
  ap_uint<7> count;    // of these: 0, 24, 28, 72 or 76
  Bytes length;        // of payload; 0 when not sent
  ap_uint<17> total;   // bytes of the PDU
  ap_uint<1> ddgst;
  ap_uint<1> nothing;  // no byte is sent
  ap_uint<1> end;
  PortId port;
  SessionIx session;
  ap_uint<2> from;
  TxDone done;
};

// tx_fold -> tx_digest -> tx_pack
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
