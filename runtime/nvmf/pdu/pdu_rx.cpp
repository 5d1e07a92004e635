#include "runtime/nvmf/pdu/pdu_rx.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/crc32c.hpp"

namespace nvtee::nvmf {

using Step = RxMachine::Step;

bool RxMachine::gather(std::span<const std::byte>& in, std::byte* to, std::uint32_t& have,
                       std::uint32_t upto) {
  const std::size_t n = std::min<std::size_t>(in.size(), upto - have);
  if (n != 0) std::memcpy(to + have, in.data(), n);
  have += static_cast<std::uint32_t>(n);
  in = in.subspan(n);
  return have == upto;
}

// The common header is in.
std::optional<Step> RxMachine::head_in(PduConnection::Side side, const PduConnection::Terms& terms) {
  const HeadCheck check = check_head(frame_.pdu.head, side, terms);
  header_bytes_ = have_;
  layout_ = check.layout;
  if (check.fatal && is_term_req(frame_.pdu.head, side)) {
    term_malformed_ = true;
    return Step::kTermReq;
  }
  if (check.fatal) return fail(*check.fatal);
  phase_ = Phase::kHeader;
  return {};
}

// All of the header and its digest are in.
Step RxMachine::header_in() {
  header_bytes_ = layout_.header;
  if (layout_.header_digest) {
    std::uint32_t received = 0;
    std::memcpy(&received, raw() + layout_.header, sizeof received);
    if (crc32c(0, raw(), layout_.header) != received) return fail({spec::fes::kHeaderDigest, received});
  }
  const std::uint8_t type = frame_.pdu.head.type;
  if (type == spec::pdu::kH2CTermReq || type == spec::pdu::kC2HTermReq) return Step::kTermReq;
  if (const auto bad = check_body(frame_.pdu, layout_)) return fail(*bad);
  received_ = {};
  received_.length = layout_.data_length;
  if (layout_.data_length == 0) return end(true);
  recent_data_ = layout_.data_length;
  sink_ = nullptr;
  crc_ = 0;
  have_ = layout_.header_end();
  phase_ = Phase::kPad;
  return Step::kSink;
}

void RxMachine::filled(std::size_t n) {
  if (layout_.data_digest) crc_ = crc32c(crc_, sink_ + have_, n);
  have_ += static_cast<std::uint32_t>(n);
}

std::span<std::byte> RxMachine::direct() const {
  if (phase_ != Phase::kData || !sink_) return {};
  return {sink_ + have_, layout_.data_length - have_};
}

// All of the data, and the digest after it, is in `in`: it stays valid until the PDU has been told of.
bool RxMachine::lends(std::span<const std::byte> in) const {
  const std::size_t all = layout_.data_length + (layout_.data_digest ? sizeof ddgst_ : 0);
  return may_lend_ && have_ == 0 && in.size() >= all;
}

void RxMachine::place(std::span<const std::byte>& in) {
  const std::size_t n = std::min<std::size_t>(in.size(), layout_.data_length - have_);
  if (layout_.data_digest) crc_ = crc32c(crc_, in.data(), n);
  if (lends(in))
    received_.at = in.data();
  else if (sink_ && n != 0)
    std::memcpy(sink_ + have_, in.data(), n);
  have_ += static_cast<std::uint32_t>(n);
  in = in.subspan(n);
}

Step RxMachine::end(bool digest_ok) {
  received_.digest_ok = digest_ok;
  phase_ = Phase::kHead;
  have_ = 0;
  return Step::kDone;
}

Step RxMachine::advance(std::span<const std::byte>& in, PduConnection::Side side,
                        const PduConnection::Terms& terms) {
  for (;;) {
    switch (phase_) {
      case Phase::kHead: {
        if (have_ == 0) layout_ = {};
        if (!gather(in, raw(), have_, sizeof(PduHead))) return Step::kMore;
        if (const auto step = head_in(side, terms)) return *step;
        break;
      }
      case Phase::kHeader:
        if (!gather(in, raw(), have_, layout_.header_end())) return Step::kMore;
        return header_in();
      case Phase::kPad: {
        const std::size_t n = std::min<std::size_t>(in.size(), layout_.data_offset - have_);
        have_ += static_cast<std::uint32_t>(n);
        in = in.subspan(n);
        if (have_ != layout_.data_offset) return Step::kMore;
        have_ = 0;
        phase_ = Phase::kData;
        break;
      }
      case Phase::kData:
        place(in);
        if (have_ != layout_.data_length) return Step::kMore;
        if (!layout_.data_digest) return end(true);
        have_ = 0;
        phase_ = Phase::kDigest;
        break;
      case Phase::kDigest:
        if (!gather(in, reinterpret_cast<std::byte*>(&ddgst_), have_, sizeof ddgst_)) return Step::kMore;
        received_.digest_present = true;
        received_.digest = ddgst_;
        return end(ddgst_ == crc_);
    }
  }
}

}  // namespace nvtee::nvmf
