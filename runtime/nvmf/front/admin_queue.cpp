#include "runtime/nvmf/front/admin_queue.hpp"

#include "runtime/base/limits.hpp"

#include <algorithm>
#include <cstddef>

namespace nvtee::nvmf {
namespace {

namespace fes = spec::fes;
namespace st = spec::st;

}  // namespace

// ---- Commands ----

DataSink AdminQueue::on_command(const Sqe& sqe, std::uint32_t in_capsule) {
  if (in_capsule > capsule_.size()) return DataSink::refuse(fes::kLimitExceeded, 0);
  sqe_ = sqe;
  in_capsule_ = in_capsule;
  return in_capsule == 0 ? DataSink::drop() : DataSink::to(capsule_.data());
}

void AdminQueue::on_command_data(const ReceivedData& data) {
  if (closed_) return;
  const Sqe sqe = sqe_;
  if (cid_in_use(sqe.cid)) return answer(sqe, refusal(st::kCidConflict));
  if (!data.digest_ok) return answer(sqe, refusal(st::kTransientTransport, false));
  const auto plan = plan_transfer(sqe, in_capsule_);
  if (!plan) return answer(sqe, refusal(plan.error()));
  if (plan->direction == AdminTransfer::Direction::kByR2t) return request_data(plan->length);
  const bool carried = plan->direction == AdminTransfer::Direction::kInCapsule;
  execute(sqe, std::span<const std::byte>(capsule_).first(carried ? plan->length : 0));
}

bool AdminQueue::cid_in_use(std::uint16_t cid) const {
  return core_.waits_for_event(cid) ||
         std::ranges::any_of(transfers_, [&](const auto& t) { return t.second.sqe.cid == cid; });
}

void AdminQueue::request_data(std::uint32_t length) {
  if (transfers_.size() >= limits::kAdminTransfers) return answer(sqe_, refusal(st::kInterrupted, false));
  // TTAG 0 is left out: some hosts have taken it for "none".
  while (next_ttag_ == 0 || transfers_.contains(next_ttag_)) ++next_ttag_;
  const std::uint16_t ttag = next_ttag_++;
  transfers_[ttag] = {sqe_, std::vector<std::byte>(length), 0, false};
  connection_.send_r2t(sqe_.cid, ttag, 0, length);
}

DataSink AdminQueue::on_h2c_header(const DataPdu& pdu) {
  const auto i = transfers_.find(pdu.ttag);
  if (i == transfers_.end()) return DataSink::refuse(fes::kInvalidHeaderField, offsetof(DataPdu, ttag));
  Transfer& t = i->second;
  if (pdu.cccid != t.sqe.cid) return DataSink::refuse(fes::kInvalidHeaderField, offsetof(DataPdu, cccid));
  if (pdu.datal == 0) return DataSink::refuse(fes::kInvalidHeaderField, offsetof(DataPdu, datal));
  if (pdu.datao != t.expected || pdu.datal > t.data.size() - t.expected)
    return DataSink::refuse(fes::kOutOfRange, 0);
  return DataSink::to(t.data.data() + t.expected);
}

void AdminQueue::on_h2c_data(const DataPdu& pdu, const ReceivedData& data) {
  const auto i = transfers_.find(pdu.ttag);
  if (closed_ || i == transfers_.end()) return;
  Transfer& t = i->second;
  t.expected += pdu.datal;
  t.damaged |= !data.digest_ok;
  const bool whole = t.expected == t.data.size();
  if (whole != ((pdu.head.flags & spec::pdu::kLast) != 0))
    return connection_.terminate({fes::kInvalidHeaderField, offsetof(PduHead, flags)}, &pdu, sizeof pdu,
                                 "LAST_PDU is not on the last H2CData of an R2T");
  if (!whole) return;
  const Transfer full = std::move(t);
  transfers_.erase(i);
  if (full.damaged) return answer(full.sqe, refusal(st::kTransientTransport, false));
  execute(full.sqe, full.data);
}

void AdminQueue::execute(const Sqe& sqe, std::span<const std::byte> data) {
  const AdminCore::Outcome outcome = owner_.admin_command(cntlid_, sqe, data);
  if (closed_) return;
  for (const std::uint16_t cid : outcome.aborted) connection_.send_response(cid, st::kAbortRequested);
  if (!outcome.held) answer(sqe, outcome.reply);
  report_events();
  owner_.admin_answered(cntlid_, outcome);
}

void AdminQueue::answer(const Sqe& sqe, const AdminReply& reply) {
  const bool with_data = reply.status == st::kOk && !reply.data.empty();
  // The copies of a host that asks and does not read must not pile up.
  if (with_data && connection_.pdu().queued_tx_bytes() + reply.data.size() > limits::kAdminAnswerBytes)
    return connection_.send_response(sqe.cid, st::kInterrupted, false);
  if (with_data) connection_.send_data(sqe.cid, reply.data, 0);  // copied
  connection_.send_response(sqe.cid, reply.status, reply.status != st::kOk && reply.dnr, reply.result);
}

void AdminQueue::report_events() {
  while (!closed_) {
    const auto event = core_.next_event();
    if (!event) return;
    connection_.send_response(event->cid, st::kOk, false, event->result);
  }
}

void AdminQueue::on_sent(std::uint64_t) {}

void AdminQueue::on_closed(const std::string& why) {
  closed_ = true;
  owner_.admin_closed(cntlid_, why);
}

}  // namespace nvtee::nvmf
