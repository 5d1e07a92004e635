// The host's side of one queue (admin or I/O) of one peer: IC, Connect, commands with R2T/H2CData and
// C2HData. Owns no command state: every command is a Transfer of the caller's, so nothing is looked up or
// allocated.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

// One command in flight. The caller owns it and must not touch it between submit() and
// on_response()/on_down().
struct Transfer {
  Sqe sqe{};                       // opcode, flags, CID, NSID, CDWs; the SGL is filled in by the queue
  const std::byte* out = nullptr;  // data to the peer
  std::uint32_t out_length = 0;
  std::byte* in = nullptr;  // data from the peer
  std::uint32_t in_length = 0;
  bool out_digest_known =
      false;  // out_digest is the CRC32C of all of `out`: reused where one PDU carries it all
  std::uint32_t out_digest = 0;
  // The queue's own:
  std::uint32_t out_done = 0, in_done = 0, unsent = 0;
  std::uint8_t phase = 0;
  bool data_error = false;  // a C2HData digest was wrong: completes 0/22h
  Cqe cqe{};
  Time submitted = 0;
  Transfer* next = nullptr;
  Transfer* prev = nullptr;
};

class InitiatorQueue;

class InitiatorQueueDelegate {
 public:
  // Connect was answered with success. On the admin queue cntlid is the new controller's.
  virtual void on_up(InitiatorQueue& queue, std::uint16_t cntlid) = 0;
  // The Transfer that carries this CID and is in flight on this queue, or nullptr when there is none:
  // a late answer, dropped silently if `late_ok` said so in Options, else a protocol error of the peer.
  virtual Transfer* find(InitiatorQueue& queue, std::uint16_t cid) = 0;
  // The command is answered and none of its bytes is queued any more.
  virtual void on_response(InitiatorQueue& queue, Transfer& transfer) = 0;
  // The queue is gone (refused, closed, protocol error of the peer). Its transfers will not be called back;
  // what they were is unknown. `refused` = status of the Connect if that was the reason, else 0.
  virtual void on_down(InitiatorQueue& queue, const std::string& why, spec::Status refused) = 0;

 protected:
  ~InitiatorQueueDelegate() = default;
};

class InitiatorQueue final : private PduDelegate {
 public:
  struct Options {
    std::string host_nqn, sub_nqn;
    std::array<std::uint8_t, 16> host_id{};
    std::uint16_t qid = 0;
    std::uint16_t cntlid = 0xffff;  // FFFFh on the admin queue
    std::uint16_t entries = 128;    // SQ size in entries; entries - 1 commands are outstanding at most
    std::uint32_t kato_ms = 0;      // admin queue only
    bool header_digest = false, data_digest = false;
    bool flow_control_off = true;  // asked for; used when granted
    std::uint32_t max_in_capsule =
        8192;  // data bytes that may go in a capsule; set by the owner from IOCCSZ before submit
    unsigned user_timeout_ms = 0;       // TCP_USER_TIMEOUT; 0 = system default
    Duration up_timeout = 2 * kSecond;  // TCP connect + IC + Connect
    bool late_ok = false;               // answers to CIDs that find() does not know are dropped, not refused
  };
  // Starts connecting. Callbacks come in later turns only.
  InitiatorQueue(net::Reactor& reactor, const net::Address& address, const Options& options,
                 InitiatorQueueDelegate* delegate);
  ~InitiatorQueue();  // closes silently

  // Queues the command; beyond entries - 1 outstanding it waits in order. The queue must be up.
  void submit(Transfer& transfer);
  void set_max_in_capsule(std::uint32_t bytes);
  // Closes; no callbacks for its transfers, and no on_down.
  void close();

  bool up() const;
  std::uint16_t qid() const;
  unsigned outstanding() const;    // sent, unanswered
  Time oldest_unanswered() const;  // `submitted` of the oldest one waiting or outstanding; kNever when none
  Time last_rx() const;            // when the peer was last heard on this queue
  const net::Address& address() const;
  bool header_digest() const;
  bool data_digest() const;

 private:
  DataSink on_data_header(const PduAny& pdu, std::uint32_t length) override;
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) override;
  void on_sent(std::uint64_t token) override;
  void on_close(const std::string& why) override;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
