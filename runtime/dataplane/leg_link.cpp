#include "runtime/dataplane/leg_link.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.hpp"

namespace nvtee::dataplane {

namespace {

constexpr unsigned kSlotMask = 0x1fff;
// The core's CIDs have 0 to 6 in their upper three bits.
constexpr std::uint16_t kReservationCid = 7u << 13;

std::string trimmed(const char* text, std::size_t size) {
  std::string s(text, strnlen(text, size));
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

bool moves_data_in(unsigned opcode) {
  return opcode == spec::io::kRead;
}
bool moves_data_out(unsigned opcode) {
  return opcode == spec::io::kWrite || opcode == spec::io::kCompare;
}

}  // namespace

core::LegFacts facts_of(const nvmf::PeerInfo& info) {
  core::LegFacts f;
  f.blocks = info.ns.nsze;
  f.block_shift = info.ns.lbaf[info.ns.flbas & 0xf].ds;
  f.max_transfer = info.max_transfer;
  f.in_capsule = info.in_capsule;
  f.volatile_cache = (info.ctrl.vwc & 1) != 0;
  f.write_zeroes = (info.ctrl.oncs & 0x8) != 0;
  f.compare = (info.ctrl.oncs & 0x1) != 0;
  std::memcpy(f.nguid.data(), info.ns.nguid, f.nguid.size());
  std::memcpy(&f.eui64, info.ns.eui64, sizeof(f.eui64));
  f.serial = trimmed(info.ctrl.sn, sizeof(info.ctrl.sn));
  f.model = trimmed(info.ctrl.mn, sizeof(info.ctrl.mn));
  f.cntlid = info.cntlid;
  f.reservations = (info.ctrl.oncs & spec::resv::kOncsBit) != 0 &&
                   (info.ns.rescap & spec::resv::kCapPersist) != 0 &&
                   (info.ns.rescap & spec::resv::kCapExclusiveAccess) != 0;
  return f;
}

LegLink::LegLink(net::Reactor& reactor, unsigned ns, unsigned leg, std::uint8_t gen, const LegTarget& target,
                 unsigned slots, LegLatency* latency, LegLinkOwner* owner)
    : ns_(ns),
      leg_(leg),
      gen_(gen),
      deadline_(target.deadline),
      reactor_(reactor),
      latency_(latency),
      owner_(owner),
      commands_((slots + kChunk - 1) / kChunk),
      reservation_data_(kReservationReportBytes),
      host_id_(target.host_id),
      nsid_(target.nsid) {
  nvmf::Association::Options o;
  o.addresses = target.addresses;
  o.host_nqn = target.host_nqn;
  o.sub_nqn = target.sub_nqn;
  o.host_id = target.host_id;
  o.nsid = target.nsid;
  o.io_queues = static_cast<std::uint16_t>(target.queues);
  o.queue_entries = static_cast<std::uint16_t>(target.entries);
  o.kato_ms = target.kato_ms;
  o.header_digest = target.header_digest;
  o.data_digest = target.data_digest;
  // Unacknowledged bytes older than this end the connection, so that a late write cannot outlive the lease
  // (DESIGN §6, Fencing).
  o.user_timeout_ms = target.kato_ms;
  association_ = std::make_unique<nvmf::Association>(reactor, std::move(o),
                                                     static_cast<nvmf::AssociationDelegate*>(this));
}

LegLink::Command& LegLink::command(unsigned slot) {
  auto& chunk = commands_[slot / kChunk];
  if (!chunk) chunk = std::make_unique<Chunk>();
  return (*chunk)[slot % kChunk];
}

void LegLink::submit(const tee::LegTx& tx, std::byte* data, std::optional<std::uint32_t> crc) {
  const unsigned slot = tx.slot.to_uint();
  Command& c = command(slot);
  NVTEE_CHECK(!c.in_flight, "a slot has one command per leg");
  c.in_flight = true;
  nvmf::Transfer& t = c.transfer;
  t = nvmf::Transfer{};
  const unsigned opcode = tx.opcode.to_uint();
  const std::uint64_t lba = tx.slba.to_uint64();
  t.sqe.opcode = static_cast<std::uint8_t>(opcode);
  t.sqe.flags = spec::kPsdtSgl;
  t.sqe.cid = static_cast<std::uint16_t>(tx.cid.to_uint());
  t.sqe.nsid = tx.nsid.to_uint();
  if (opcode != spec::io::kFlush) {
    t.sqe.cdw10 = static_cast<std::uint32_t>(lba);
    t.sqe.cdw11 = static_cast<std::uint32_t>(lba >> 32);
    t.sqe.cdw12 = tx.cdw12_high.to_uint() | tx.nlb.to_uint();
  }
  if (moves_data_out(opcode)) {
    t.out = data;
    t.out_length = tx.length.to_uint();
    t.out_digest_known = crc.has_value();
    t.out_digest = crc.value_or(0);
  } else if (moves_data_in(opcode)) {
    t.in = data;
    t.in_length = tx.length.to_uint();
  }
  association_->io_queue(slot % association_->io_queue_count()).submit(t);
}

void LegLink::reserve(const core::Reserve& command) {
  using Op = core::Reserve::Op;
  NVTEE_CHECK(!reservation_.in_flight, "reservation commands go one after the other");
  if (!up()) return;  // leg_down is on its way
  reservation_.in_flight = true;
  nvmf::Transfer& t = reservation_.transfer;
  if (command.op == Op::kReport) {
    make_reservation_report(t, nsid_, kReservationCid, reservation_data_);
  } else {
    t = nvmf::Transfer{};
    t.sqe.flags = spec::kPsdtSgl;
    t.sqe.cid = kReservationCid;
    t.sqe.nsid = nsid_;
    std::memcpy(reservation_data_.data(), &command.current, 8);
    std::memcpy(reservation_data_.data() + 8, &command.other, 8);
    t.out = reservation_data_.data();
    t.out_length = 16;
    const bool acquires = command.op == Op::kAcquire || command.op == Op::kPreempt;
    t.sqe.opcode = acquires ? spec::io::kResvAcquire : spec::io::kResvRegister;
    if (acquires)
      t.sqe.cdw10 = (command.op == Op::kPreempt ? spec::resv::kActPreemptAbort : spec::resv::kActAcquire) |
                    std::uint32_t{spec::resv::kExclusiveAccess} << 8;
    else if (command.op == Op::kRegister)
      t.sqe.cdw10 = spec::resv::kActRegister | spec::resv::kPersistSet;
    else
      t.sqe.cdw10 = command.op == Op::kReplace ? spec::resv::kActReplace : spec::resv::kActUnregister;
  }
  association_->io_queue(0).submit(t);
}

core::Reserved LegLink::reserved_answer(spec::Status status) const {
  core::Reserved r;
  if (status == spec::st::kOk && reservation_.transfer.sqe.opcode == spec::io::kResvReport)
    r = read_reservation_report(reservation_data_, reservation_.transfer.in_done, host_id_);
  r.status = status;
  return r;
}

void LegLink::check_deadline(const net::Reactor& reactor) {
  if (!up() || deadline_told_) return;
  Time oldest = kNever;
  for (unsigned i = 0; i < association_->io_queue_count(); ++i) {
    oldest = std::min(oldest, association_->io_queue(i).oldest_unanswered());
  }
  const Time now = reactor.now();
  if (oldest == kNever || now < oldest) return;
  // A pause of our own loop is not the leg's fault (DESIGN §4, Leg loss).
  if (now - oldest > deadline_ + reactor.paused_since(oldest)) {
    deadline_told_ = true;
    owner_->leg_deadline(*this);
  }
}

void LegLink::on_up(nvmf::InitiatorQueue&, std::uint16_t) {}

nvmf::Transfer* LegLink::find(nvmf::InitiatorQueue&, std::uint16_t cid) {
  if (cid == kReservationCid) return reservation_.in_flight ? &reservation_.transfer : nullptr;
  Command& c = command(cid & kSlotMask);
  return c.in_flight && c.transfer.sqe.cid == cid ? &c.transfer : nullptr;
}

void LegLink::on_response(nvmf::InitiatorQueue&, nvmf::Transfer& transfer) {
  if (&transfer == &reservation_.transfer) {
    reservation_.in_flight = false;
    return owner_->leg_reserved(
        *this, reserved_answer(transfer.data_error ? spec::st::kTransientTransport
                                                   : spec::status_of_cqe(transfer.cqe.status)));
  }
  Command& c = command(transfer.sqe.cid & kSlotMask);
  NVTEE_CHECK(c.in_flight && &c.transfer == &transfer, "an answer belongs to a command in flight");
  c.in_flight = false;
  const Duration took = reactor_.now() - transfer.submitted;
  if (transfer.sqe.opcode == spec::io::kWrite) latency_->writes.add(took);
  if (transfer.sqe.opcode == spec::io::kRead) latency_->reads.add(took);
  const spec::Status status =
      transfer.data_error ? spec::st::kTransientTransport : spec::status_of_cqe(transfer.cqe.status);
  owner_->leg_answered(*this, transfer.sqe.cid, status);
}

void LegLink::on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) {}

void LegLink::on_association_up(nvmf::Association&, const nvmf::PeerInfo& info) {
  owner_->leg_up(*this, facts_of(info));
}

void LegLink::on_association_down(nvmf::Association&, const std::string& why, bool transient) {
  down_ = true;
  owner_->leg_down(*this, why, transient);
}

void LegLink::on_async_event(nvmf::Association&, std::uint32_t) {
  // Namespace attribute changes of a leg show at its next identify; nothing to do while it works.
}

}  // namespace nvtee::dataplane
