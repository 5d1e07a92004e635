// The PDUs that wait to leave one connection: headers and digests in a ring, data by reference. No sockets
// here.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

class TxQueue {
 public:
  static constexpr std::size_t kMaxHead = spec::pdu::kMaxTermReqPlen;

  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  // Part of the first PDU has left already.
  bool mid_pdu() const { return done_ != 0; }

  // Completes the header (digest flags, PDO, PLEN), adds HDGST, pad and DDGST. See PduConnection::send.
  void push(const PduConnection::Terms& terms, const void* header, std::size_t header_size,
            std::span<const std::byte> data, std::uint64_t token, std::optional<std::uint32_t> ddgst);
  // A TermReq: header and copied bytes as they are.
  void push_raw(std::span<const std::byte> bytes);

  // Fills up to `most` vectors with what is to be sent next; returns how many.
  unsigned gather(iovec* out, unsigned most) const;
  // `n` bytes have left.
  void consume(std::size_t n);
  // The token of the next PDU that has left completely and was not taken yet; 0 = a PDU without a token.
  std::optional<std::uint64_t> take_finished();

  // Forgets all PDUs of which nothing has left.
  void drop_unstarted();

 private:
  struct Record {
    std::array<std::byte, kMaxHead> head;  // header, HDGST, pad
    std::array<std::byte, 4> ddgst;
    std::uint16_t head_size = 0;
    std::uint16_t ddgst_size = 0;
    const std::byte* data = nullptr;
    std::size_t data_size = 0;
    std::uint64_t token = 0;
    std::vector<std::byte> copy;  // keeps its memory for the next PDU in this place, if it is small
    std::size_t size() const { return head_size + data_size + ddgst_size; }
  };
  static constexpr std::size_t kKeepCopy = 4096;

  Record& at(std::size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  const Record& at(std::size_t i) const { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  Record& append();
  void grow();

  std::vector<Record> ring_;  // power of two; grows to the most that ever waited
  std::size_t first_ = 0, count_ = 0;
  std::size_t done_ = 0;   // bytes of the first PDU that have left
  std::size_t bytes_ = 0;  // that wait
};

}  // namespace nvtee::nvmf
