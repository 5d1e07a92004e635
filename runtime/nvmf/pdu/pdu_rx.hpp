// Takes PDUs out of a byte stream: header, checks, digests, placing of data. No sockets and no callbacks
// here: the caller feeds bytes and is told what to do next.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/nvmf/pdu/pdu_check.hpp"
#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

class RxMachine {
 public:
  enum class Step : std::uint8_t {
    kMore,     // all bytes are used up
    kFatal,    // fatal() says why; the stream is lost
    kTermReq,  // the peer ends the connection: pdu().term, or malformed when term_malformed()
    kSink,     // a header with data is in and good: call set_sink(), then go on
    kDone,     // a PDU is complete: pdu() and received() hold until the next advance()
  };

  // Uses bytes from the front of `in` up to the next step. `terms` are those of the moment: they may change
  // at kDone.
  Step advance(std::span<const std::byte>& in, PduConnection::Side side, const PduConnection::Terms& terms);

  // Where the data of the present PDU goes; nullptr drops it. `may_lend`: or stays where it is
  // (DataSink::lent).
  void set_sink(std::byte* dst, bool may_lend = false) {
    sink_ = dst;
    may_lend_ = may_lend;
  }

  // Memory that the next bytes of the stream can be read into directly (empty: none); then filled(n).
  std::span<std::byte> direct() const;
  void filled(std::size_t n);

  const PduAny& pdu() const { return frame_.pdu; }
  // Bytes of the present header that have arrived (what a TermReq shows to the peer).
  std::size_t header_bytes() const { return header_bytes_; }
  std::uint32_t data_length() const { return layout_.data_length; }
  const ReceivedData& received() const { return received_; }
  Fatal fatal() const { return fatal_; }
  bool term_malformed() const { return term_malformed_; }
  // Data bytes of the last PDU that carried any: what the next one is likely to be like.
  std::uint32_t recent_data() const { return recent_data_; }

 private:
  enum class Phase : std::uint8_t { kHead, kHeader, kPad, kData, kDigest };
  Step fail(Fatal fatal) {
    fatal_ = fatal;
    return Step::kFatal;
  }
  static bool gather(std::span<const std::byte>& in, std::byte* to, std::uint32_t& have, std::uint32_t upto);
  std::optional<Step> head_in(PduConnection::Side side, const PduConnection::Terms& terms);
  Step header_in();
  void place(std::span<const std::byte>& in);
  bool lends(std::span<const std::byte> in) const;
  Step end(bool digest_ok);

  struct Frame {
    PduAny pdu;
    std::array<std::byte, 4> room_for_digest;
  };
  std::byte* raw() { return reinterpret_cast<std::byte*>(&frame_); }

  Phase phase_ = Phase::kHead;
  bool term_malformed_ = false;
  PduLayout layout_;
  std::uint32_t have_ = 0;  // bytes of the present phase (header and HDGST count as one)
  std::uint32_t crc_ = 0;   // of the data so far
  std::byte* sink_ = nullptr;
  bool may_lend_ = false;
  std::uint32_t recent_data_ = 0;
  Fatal fatal_;
  ReceivedData received_;
  alignas(64) Frame frame_{};  // headers are copied into it and read at once: never across two cache lines
  std::uint32_t ddgst_ = 0;
  std::uint32_t header_bytes_ = 0;
};

}  // namespace nvtee::nvmf
