#include "runtime/dataplane/front_queue.hpp"

#include "runtime/base/check.hpp"

namespace nvtee::dataplane {

using nvmf::DataSink;

tee::HostIn FrontQueue::record(tee::HostIn::Kind kind) const {
  tee::HostIn in{};
  in.kind = kind;
  in.queue = queue_;
  return in;
}

namespace {

DataSink sink_of(const tee::Placement& p, std::byte* buffer) {
  switch (p.action.to_uint()) {
    case tee::Placement::kPlace:
      return DataSink::to(buffer + p.offset.to_uint());
    case tee::Placement::kFatal:
      return DataSink::refuse(static_cast<std::uint16_t>(p.fes.to_uint()), p.fei.to_uint());
    default:
      return DataSink::drop();
  }
}

}  // namespace

DataSink FrontQueue::on_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule) {
  tee::HostIn in = record(tee::HostIn::kCommand);
  in.cid = sqe.cid;
  in.opcode = sqe.opcode;
  in.flags = sqe.flags;
  in.nsid = sqe.nsid;
  in.slba = sqe.slba();
  in.cdw12 = sqe.cdw12;
  in.sgl_type = sqe.sgl.type;
  in.sgl_length = sqe.sgl.length;
  in.sgl_address_nonzero = sqe.sgl.address != 0 ? 1 : 0;
  in.length = in_capsule;
  const tee::Placement p = owner_->place(in);
  capsule_slot_ = -1;
  if (p.action.to_uint() != tee::Placement::kPlace) return sink_of(p, nullptr);
  const unsigned slot = p.slot.to_uint();
  owner_->started(slot, sqe);
  if (in_capsule != 0) {
    capsule_slot_ = static_cast<int>(slot);
    capsule_length_ = in_capsule;
  }
  return sink_of(p, owner_->slot_buffer(slot));
}

void FrontQueue::on_command_data(const nvmf::ReceivedData& data) {
  if (capsule_slot_ < 0) return;  // no data, or dropped: the core has answered already
  const auto slot = static_cast<unsigned>(capsule_slot_);
  capsule_slot_ = -1;
  owner_->payload_digest(slot, data, true);
  tee::HostIn in = record(tee::HostIn::kDataDone);
  in.slot = slot;
  in.length = capsule_length_;
  in.digest_ok = data.digest_ok ? 1 : 0;
  owner_->put(in);
}

DataSink FrontQueue::on_h2c_header(const nvmf::DataPdu& pdu) {
  tee::HostIn in = record(tee::HostIn::kDataHeader);
  in.cid = pdu.cccid;
  in.slot = pdu.ttag & 0x1fff;
  in.offset = pdu.datao;
  in.length = pdu.datal;
  in.last = (pdu.head.flags & spec::pdu::kLast) != 0 ? 1 : 0;
  // A TTAG that no slot number can be is refused here: the record has 13 bits.
  if (pdu.ttag > 0x1fff)
    return DataSink::refuse(spec::fes::kInvalidHeaderField, offsetof(nvmf::DataPdu, ttag));
  const tee::Placement p = owner_->place(in);
  return sink_of(
      p, p.action.to_uint() == tee::Placement::kPlace ? owner_->slot_buffer(p.slot.to_uint()) : nullptr);
}

void FrontQueue::on_h2c_data(const nvmf::DataPdu& pdu, const nvmf::ReceivedData& data) {
  const unsigned slot = pdu.ttag;
  const bool last = (pdu.head.flags & spec::pdu::kLast) != 0;
  owner_->payload_digest(slot, data, pdu.datao == 0 && last);
  if (last) owed_.reset(slot % kDepth);
  if (connection_ != nullptr) owed_since_ = connection_->pdu().reactor().now();
  tee::HostIn in = record(tee::HostIn::kDataDone);
  in.slot = slot;
  in.length = pdu.datal;
  in.digest_ok = data.digest_ok ? 1 : 0;
  owner_->put(in);
}

void FrontQueue::send(const tee::HostOut& out, std::byte* buffer) {
  if (connection_ == nullptr) {
    // The host is gone: its memory obligations end at once.
    if (out.kind.to_uint() == tee::HostOut::kReadData) say_sent(out.slot.to_uint());
    return;
  }
  const auto cid = static_cast<std::uint16_t>(out.cid.to_uint());
  const unsigned slot = out.slot.to_uint();
  switch (out.kind.to_uint()) {
    case tee::HostOut::kR2t:
      if (owed_.none()) owed_since_ = connection_->pdu().reactor().now();
      owed_.set(slot % kDepth);
      connection_->send_r2t(cid, static_cast<std::uint16_t>(slot), 0, out.length.to_uint());
      break;
    case tee::HostOut::kResponse:
      connection_->send_response(cid, static_cast<spec::Status>(out.status.to_uint()), out.dnr.to_uint() != 0,
                                 out.result.to_uint64());
      break;
    case tee::HostOut::kReadData:
      sending_.set(slot % kDepth);
      connection_->send_data(cid, {buffer, out.length.to_uint()}, slot + 1);
      if (connection_ != nullptr) connection_->send_response(cid, spec::st::kOk);
      break;
    default:
      NVTEE_CHECK(false, "a known kind of answer");
  }
}

void FrontQueue::say_sent(unsigned slot) {
  tee::HostIn in = record(tee::HostIn::kSent);
  in.slot = slot;
  owner_->put(in);
}

void FrontQueue::on_sent(std::uint64_t token) {
  const auto slot = static_cast<unsigned>(token - 1);
  sending_.reset(slot % kDepth);
  say_sent(slot);
}

void FrontQueue::check_host_data(Time now, Duration deadline) {
  if (connection_ == nullptr || owed_.none() || now < owed_since_ + deadline) return;
  connection_->close("the host owes data of an R2T for too long");
}

void FrontQueue::on_closed(const std::string&) {
  connection_ = nullptr;
  capsule_slot_ = -1;
  owed_.reset();
  owner_->queue_closed(*this);
  for (unsigned i = 0; i < kDepth; ++i) {
    if (!sending_.test(i)) continue;
    sending_.reset(i);
    say_sent(queue_ * kDepth + i);
  }
}

}  // namespace nvtee::dataplane
