// Records between the card's kernels. README.md beside this file has the picture. HLS subset, C++14.
#ifndef NVTEE_HW_KERNELS_ENGINE_RECORDS_HPP
#define NVTEE_HW_KERNELS_ENGINE_RECORDS_HPP

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <stdint.h>

#include "hw/kernels/tee_core/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

// Sizes of an engine. Tests use smaller ones.
struct EngineConfig : tee::CardConfig {
  static constexpr unsigned kSessionBits = 8;  // TCP sessions of a port
  static constexpr unsigned kLinkBits = 6;     // leg associations; up to 4 queues (sessions) each
  static constexpr unsigned kPuntBits = 6;     // buffers for PDUs that go to the runtime
  static constexpr unsigned kStageBits = 6;    // in-capsule payloads kept on chip
};

constexpr unsigned kPorts = 2;          // 512-bit network ports, each with its session interface
constexpr unsigned kBeat = 64;          // bytes of a beat
constexpr unsigned kMaxHead = 76;       // longest header of an I/O PDU with its digest: CapsuleCmd
constexpr unsigned kMaxTxData = 32768;  // payload of a PDU that the engine sends
constexpr unsigned kMaxRxData = 131072 + 4;

typedef ap_uint<1> PortId;
typedef ap_uint<8> SessionIx;  // session within its port
typedef ap_uint<6> LinkIx;     // association of a leg
typedef ap_uint<2> LinkQueue;  // its queue (session)
typedef ap_uint<14>
    StoreSlot;              // < 8192: slot of the tee core; 8192 + i: punt buffer i. 128 KiB each in memory
typedef ap_uint<18> Bytes;  // of a slot: 0..131072

// ---- session interface, one a port: the shape of open FPGA TCP stacks
// ---------------------------------------
struct Notify {  // in: bytes came, or the session ended
  ap_uint<16> session;
  ap_uint<16> length;
  ap_uint<1> closed;
};
struct ReadRequest {  // out: at most what was notified
  ap_uint<16> session;
  ap_uint<16> length;
};
struct ReadMeta {  // in: one for each request, in order, then its beats
  ap_uint<16> session;
};
typedef ap_axiu<512, 0, 0, 0> NetBeat;  // first byte lowest; keep without holes; last ends a request's bytes
struct SendRequest {                    // out
  ap_uint<16> session;
  ap_uint<16> length;
};
struct SendStatus {  // in: one for each request, in order; after `kOk` exactly `length` bytes are owed
  enum Error { kOk = 0, kClosed = 1, kNoSpace = 2 };
  ap_uint<16> session;
  ap_uint<16> length;
  ap_uint<30> space;
  ap_uint<2> error;
};
struct TcpCtl {  // out, from the runtime
  enum Kind { kListen = 0, kOpen = 1, kClose = 2 };
  ap_uint<2> kind;
  ap_uint<16> session;
  ap_uint<32> address;
  ap_uint<16> port;
};
struct TcpEvent {  // in
  enum Kind { kListening = 0, kAccepted = 1, kOpened = 2, kClosed = 3, kFailed = 4 };
  ap_uint<3> kind;
  ap_uint<16> session;
  ap_uint<32> address;
  ap_uint<16> port;
};

// ---- orders of the runtime to the card (tee::Ctl goes to the tee core)
// --------------------------------------
struct CardCtl {
  enum Op {
    kNop = 0,
    kSetSession,  // port, session, role, queue (kHost) or link + link_queue (kLeg), hdgst, ddgst. To kOff:
                  // what is on its way is drained; CardEvent::kSessionDrained says when
    kSetQueue,    // queue (host), port, session, entries (0: no SQ flow control, SQHD is 0), hdgst, ddgst,
                  // valid: where its answers go; SQHD starts at 1, after the Connect. valid 0: what waits for
                  // the session is dropped; CardEvent::kTxDrained says when
    kSetLink,     // link, ns, leg, gen, queues (1..4), entries (of each), icdata (in-capsule bytes, 0..8192),
               // maxh2c (bytes), hdgst, ddgst, valid. Forgets every command of the link; its link queues must
               // be drained before
    kSetLinkQueue,  // link, link_queue, port, session, valid. valid 0: as kSetQueue (the link itself first)
    kPuntFree,      // port, slot: this punt buffer may be filled (again) by that port; at reset none may
    kRawSend,       // port, session, slot, length: sends the bytes of a buffer; CardEvent::kRawSent
  };
  enum Role { kOff = 0, kHost = 1, kLeg = 2, kRaw = 3 };
  ap_uint<4> op;
  PortId port;
  SessionIx session;
  ap_uint<2> role;
  tee::QueueId queue;
  LinkIx link;
  LinkQueue link_queue;
  tee::NsIndex ns;
  tee::LegIndex leg;
  tee::LegGen gen;
  ap_uint<3> queues;
  ap_uint<16> entries;
  ap_uint<14> icdata;
  ap_uint<32> maxh2c;
  ap_uint<1> hdgst, ddgst, valid;
  StoreSlot slot;
  Bytes length;
};

struct CardEvent {
  enum Kind {
    kSessionError = 0,    // port, session, fes, fei: from here on its bytes are read and thrown away. fes 0:
                          // the peer ended it itself (TermReq)
    kSessionClosed = 1,   // port, session: the other side is gone (also in the middle of a PDU)
    kSessionDrained = 2,  // port, session: after kSetSession kOff; nothing of it is on its way any more
    kRawPdu = 3,   // port, session, head (8 bytes of common header), slot, length: the rest is in the buffer
    kRawSent = 4,  // slot, error (SendStatus)
    kLinkError = 5,  // link, fes, fei: a leg broke the protocol (unknown CID, data out of range, ...)
    kTxDrained =
        6,  // port, session: after kSetQueue or kSetLinkQueue with valid 0; nothing more is sent on it
    kQueueError = 7,  // queue, fes, fei: a host broke the protocol with a PDU without data; as kSessionError,
                      // but its bytes are still read until kSetSession off
  };
  ap_uint<3> kind;
  PortId port;
  SessionIx session;
  LinkIx link;
  ap_uint<16> fes;
  ap_uint<32> fei;
  ap_uint<64> head;
  StoreSlot slot;
  Bytes length;
  ap_uint<2> error;
  tee::QueueId queue;  // kQueueError
};

// ---- receive
// ------------------------------------------------------------------------------------------------ rx_framer
// -> header_split: the whole header of a PDU (never before all of it is there), with its digest.
struct PduHead {
  enum Kind { kPdu = 0, kBroken = 1, kEnd = 2 };  // kBroken: no PDU can be found any more; kEnd: drained
  ap_uint<608> bytes;  // first byte lowest; HLEN (+ 4 with a header digest) are valid, the others 0; kRaw: 8
  ap_uint<32> sum;     // crc_fold of the first 64
  Bytes data;          // bytes of data that follow as DataBeats (0: none)
  SessionIx session;
  ap_uint<2> kind;
  ap_uint<2> role;
  ap_uint<16> fes;     // kBroken
  ap_uint<32> fei;     // kBroken
  tee::QueueId queue;  // of the session's row
  LinkIx link;
  LinkQueue link_queue;
  ap_uint<1> hdgst, ddgst;
};

// rx_framer -> digest -> placer: a PDU's data, aligned to beats. Beats of several sessions may alternate;
// those of one session are in order. All beats but the last of a PDU hold 64 bytes. The data digest is not
// among the bytes: it comes beside the last beat.
struct DataBeat {
  ap_uint<512> data;  // 0 beyond `count`
  ap_uint<7> count;   // bytes, 1..64
  SessionIx session;
  ap_uint<1> first, last;  // of the PDU's data
  ap_uint<1> ddgst;        // the session has data digests
  ap_uint<32> digest;      // last: as received (ddgst)
  ap_uint<1> ok;           // last, from `digest` on: it is right (or there is none)
  ap_uint<1> end;          // no data: the session's last word (kEnd); closes its context
};

// header_split -> placer, one for each PDU with data and each kEnd, in order.
struct DataFrom {
  enum Kind { kHost = 0, kLeg = 1, kRaw = 2, kDiscard = 3, kEnd = 4 };
  ap_uint<3> kind;
  SessionIx session;
  tee::QueueId queue;  // kHost
  ap_uint<64> head;    // kRaw: the common header
  Bytes length;
};

// header_split -> host_mux: tee::HostIn (kCommand or kDataHeader).

// header_split -> leg_io
struct LegPdu {
  enum Kind { kResponse = 0, kData = 1, kR2t = 2 };
  ap_uint<2> kind;
  LinkIx link;
  LinkQueue link_queue;
  PortId port;
  ap_uint<16> cid;
  ap_uint<16> ttag;          // kR2t
  ap_uint<32> offset;        // kData: DATAO; kR2t: R2TO
  ap_uint<32> length;        // kData: DATAL; kR2t: R2TL
  tee::StatusBits status;    // kResponse
  ap_uint<1> last, success;  // kData
};

// Verdicts about data, in the order of their heads, for PDUs with data only: tee::Placement for hosts
// (through host_mux), LegPlace for legs.
struct LegPlace {
  ap_uint<1> place;  // else thrown away
  StoreSlot slot;
  Bytes offset;
  ap_uint<1> tell;  // say LegDone when the data are in (the last data of a read)
  LinkIx link;
  ap_uint<16> cid;
};

// placer -> store_write: one beat for a buffer.
struct StoreBeat {
  ap_uint<512> data;
  ap_uint<7> count;
  StoreSlot slot;
  Bytes offset;       // of the first byte; any multiple of 4
  ap_uint<1> staged;  // kept on chip too (in-capsule data)
  ap_uint<1> first;   // of the PDU
  ap_uint<1> last;    // of the PDU: `done` is said when all of its beats are in. count 0: no data, but the
                      // session is drained when everything before it is in
  // what to say then
  ap_uint<2> done;     // StoreDone::Kind
  ap_uint<1> ok;       // data digest
  tee::QueueId queue;  // kHostDone
  SessionIx session;   // kRawDone
  ap_uint<64> head;    // kRawDone
  LinkIx link;         // kLegDone
  ap_uint<16> cid;     // kLegDone
  ap_uint<1> tell;     // kLegDone: LegPlace::tell
};
struct StoreDone {
  enum Kind { kHostDone = 0, kLegDone = 1, kRawDone = 2, kNone = 3 };
  ap_uint<2> kind;
  ap_uint<1> ok;
  PortId port;
  StoreSlot slot;
  tee::QueueId queue;
  SessionIx session;
  ap_uint<64> head;
  Bytes length;
  LinkIx link;
  ap_uint<16> cid;
  ap_uint<1> tell;  // kLegDone: 1 the read's last data are in; 0 (then ok is 0 too): earlier data of it had a
                    // bad digest
};

// ---- send
// ---------------------------------------------------------------------------------------------------
// host_tx, leg_table, regs -> tx_queue: one PDU. It is sent whole or not at all; one that finds no space
// waits without holding up other sessions. A sender has at most kTxWindow jobs of a session out: each is
// answered by one TxDone.
constexpr unsigned kTxWindow = 16;
// A header as the kernels on its way keep it: bytes 0..23, and 40..59, where a command has its length, LBAs
// and their number. All others of a command of the card are 0, and the other headers end at 24.
typedef ap_uint<352> HeadBits;
NVTEE_TEE_INLINE ap_uint<576> whole_head(const HeadBits& h) {
  ap_uint<576> w = 0;
  w.range(191, 0) = h.range(191, 0);
  w.range(479, 320) = h.range(351, 192);
  return w;
}

struct TxJob {
  enum Done { kNone = 0, kHostSent = 1, kRawSent = 2 };
  enum From { kHost = 0, kLeg = 1, kRuntime = 2 };  // who gets the TxDone
  HeadBits head;                                    // first byte lowest; PLEN, PDO and flags are final
  ap_uint<7> head_bytes;                            // 72, 24, or 0 (raw); the digest is not among them
  ap_uint<1> hdgst, ddgst;
  PortId port;
  SessionIx session;
  StoreSlot slot;
  Bytes offset;  // multiple of 4
  Bytes length;  // of payload, up to kMaxTxData
  ap_uint<2> done;
  tee::QueueId queue;  // kHostSent
  ap_uint<2> from;
  ap_uint<1> after;   // not before every earlier job of this session is on its way
  ap_uint<1> end;     // no PDU: the sender's last word about this session; CardEvent::kTxDrained follows
  ap_uint<40> token;  // the sender's own; comes back
};
struct TxDone {     // the last byte was taken from the store, or the job was dropped
  ap_uint<2> done;  // TxJob::Done
  StoreSlot slot;
  tee::QueueId queue;
  ap_uint<2> error;  // SendStatus: kClosed: never sent
  ap_uint<40> token;
};

// Counts of PDUs and bytes, gathered by the kernels and sent to regs now and then.
struct Count {
  enum Kind { kTx = 0, kRxHost = 1, kRxLeg = 2 };
  ap_uint<2> kind;
  PortId port;
  ap_uint<8> pdus;
  ap_uint<24> bytes;
};

// tx_port -> store_read -> tx_port
struct StoreRead {
  StoreSlot slot;
  Bytes offset;
  Bytes length;
  ap_uint<1> chip;  // may come from the on-chip stage: data for legs (TxJob::kLeg). What the runtime may have
                    // put into memory itself must not
};
struct ReadBeat {  // aligned: the first byte asked for is the lowest; bytes beyond `count` are 0
  ap_uint<512> data;
  ap_uint<7> count;
  ap_uint<1> last;
};

}  // namespace card
}  // namespace nvtee

#endif
