#include "tools/nvtee-target/queue.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"

namespace nvtee::target {
namespace {

namespace st = spec::st;
using nvmf::DataSink;

// Byte offsets in H2CData, for FEI.
constexpr std::uint32_t kFeiFlags = 1, kFeiCccid = 8, kFeiTtag = 10;
constexpr std::uint64_t kPartToken = std::uint64_t{1} << 32;  // a part of a command's data: nothing to do

// Path and retry statuses must leave the host free to try elsewhere or again; the rest is the command's own
// fault.
bool do_not_retry(spec::Status s) {
  return (s >> 8) != 3 && s != st::kTransientTransport && s != st::kInterrupted;
}

}  // namespace

Result<std::unique_ptr<Queue>> Queue::create(Engine& engine, std::shared_ptr<const Session> session,
                                             std::uint16_t qid, std::uint32_t entries,
                                             const QueueOptions& options,
                                             nvmf::ControllerConnection& connection, QueueOwner* owner) {
  // Address space only: pages come when slots are used, and slots are used last in, first out.
  const std::size_t bytes = std::size_t{entries} * 2 * options.max_transfer;
  void* p =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return fail_errno("cannot map the buffers of a queue", errno);
  return std::unique_ptr<Queue>(new Queue(engine, std::move(session), qid, entries, options, connection,
                                          owner, static_cast<std::byte*>(p)));
}

Queue::Queue(Engine& engine, std::shared_ptr<const Session> session, std::uint16_t qid, std::uint32_t entries,
             const QueueOptions& options, nvmf::ControllerConnection& connection, QueueOwner* owner,
             std::byte* memory)
    : engine_(engine),
      session_(std::move(session)),
      qid_(qid),
      options_(options),
      connection_(&connection),
      owner_(owner),
      memory_(memory),
      slots_(entries) {
  for (std::uint32_t i = entries; i-- > 0;) {
    Slot& s = slots_[i];
    s.index = static_cast<std::uint16_t>(i);
    s.owner = this;
    s.session = session_.get();
    s.data = memory_ + std::size_t{i} * 2 * options_.max_transfer;
    s.scratch = s.data + options_.max_transfer;
    s.next_free = free_;
    free_ = &s;
  }
}

Queue::~Queue() {
  NVTEE_CHECK(over(), "a queue is destroyed when nothing of it is at work");
  ::munmap(memory_, memory_bytes());
}

void Queue::drop(const std::string& why) {
  if (connection_) connection_->close(why);
}

void Queue::drain() {
  draining_ = true;
  stop_taking();
}

bool Queue::drained() const {
  return outstanding_ == parked_ && (!connection_ || connection_->pdu().queued_tx_bytes() == 0);
}

// Data that was asked for still comes in; without any, the rest stays in the socket.
void Queue::stop_taking() {
  if (draining_ && receiving_ == 0 && connection_ && !current_) connection_->pdu().pause_rx();
}

// ---- receiving
// ---------------------------------------------------------------------------------------------

DataSink Queue::on_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule) {
  // The connection ends hosts that send more than the queue holds.
  NVTEE_CHECK(free_, "P10: no more commands than slots");
  Slot& s = *free_;
  free_ = s.next_free;
  ++outstanding_;
  s.sqe = sqe;
  s.state = State::kArriving;
  s.digest_bad = false;
  s.received = 0;
  s.owns_cid = !cids_.test(sqe.cid);
  cids_.set(sqe.cid);
  current_ = &s;
  plan(s, in_capsule);
  if (s.plan.status != st::kOk || !s.plan.in_capsule) return DataSink::drop();
  return engine_.at_once(s) ? DataSink::lent(s.data) : DataSink::to(s.data);
}

void Queue::plan(Slot& s, std::uint32_t in_capsule) {
  s.plan = CommandPlan{};
  if (!s.owns_cid) {
    s.plan.status = st::kCidConflict;
    return;
  }
  if (s.sqe.opcode == spec::kOpFabrics) return;
  s.plan = engine_.plan(*session_, s.sqe, in_capsule, s.ns);
  s.length = s.plan.length;
  s.has_range = s.plan.has_range;
}

void Queue::on_command_data(const nvmf::ReceivedData& data) {
  if (!current_) return;
  Slot& s = *std::exchange(current_, nullptr);
  if (s.plan.status != st::kOk) return refuse(s, s.plan.status, do_not_retry(s.plan.status));
  if (!data.digest_ok) return refuse(s, st::kTransientTransport, false);
  if (s.sqe.opcode == spec::kOpFabrics) return fabrics(s);
  if (s.plan.flow == Flow::kOut && !s.plan.in_capsule) return ask_for_data(s);
  if (data.at != nullptr) return lent_data_complete(s, data);
  data_complete(s);
}

// The data is still in the connection's buffer, and most often goes from there to the media.
void Queue::lent_data_complete(Slot& s, const nvmf::ReceivedData& data) {
  if (!engine_.at_once(s)) {  // since the header came, a fault was asked for: it may keep the command
    std::memcpy(s.data, data.at, data.length);
    return data_complete(s);
  }
  std::byte* const own = std::exchange(s.data, const_cast<std::byte*>(data.at));  // a write only reads it
  data_complete(s);
  NVTEE_CHECK(s.state == State::kFree, "what uses lent data is over when it returns");
  s.data = own;
}

// On I/O queues the only fabrics command that makes sense is Disconnect.
void Queue::fabrics(Slot& s) {
  if (s.sqe.fctype() != spec::fabrics::kDisconnect) return refuse(s, st::kInvalidOpcode, true);
  nvmf::ControllerConnection* connection = connection_;
  refuse(s, st::kOk, false);
  connection->pdu().close_when_sent("the host disconnected the queue");
}

void Queue::ask_for_data(Slot& s) {
  if (draining_ && s.state == State::kArriving) {
    ++parked_;
    return stop_taking();
  }
  receiving_ += s.state == State::kArriving;
  const std::uint32_t left = s.length - s.received;
  const std::uint32_t now = options_.r2t_bytes != 0 ? std::min(options_.r2t_bytes, left) : left;
  s.state = State::kReceiving;
  s.r2t_end = s.received + now;
  // TTAG 0 is left out: some hosts are said to mistake it.
  connection_->send_r2t(s.sqe.cid, static_cast<std::uint16_t>(s.index + 1), s.received, now);
}

Queue::Slot* Queue::receiving(const nvmf::DataPdu& pdu) {
  if (pdu.ttag == 0 || pdu.ttag > slots_.size()) return nullptr;
  Slot& s = slots_[pdu.ttag - 1u];
  return s.state == State::kReceiving ? &s : nullptr;
}

DataSink Queue::on_h2c_header(const nvmf::DataPdu& pdu) {
  const Slot* s = receiving(pdu);
  if (!s) return DataSink::refuse(spec::fes::kInvalidHeaderField, kFeiTtag);
  if (s->sqe.cid != pdu.cccid) return DataSink::refuse(spec::fes::kInvalidHeaderField, kFeiCccid);
  if (pdu.datao != s->received || pdu.datal > s->r2t_end - s->received)
    return DataSink::refuse(spec::fes::kOutOfRange, 0);
  const bool last = (pdu.head.flags & spec::pdu::kLast) != 0;
  if (last != (pdu.datao + pdu.datal == s->r2t_end))
    return DataSink::refuse(spec::fes::kInvalidHeaderField, kFeiFlags);
  return DataSink::to(s->data + s->received);
}

void Queue::on_h2c_data(const nvmf::DataPdu& pdu, const nvmf::ReceivedData& data) {
  Slot* s = receiving(pdu);
  NVTEE_CHECK(s, "data comes after its header was taken");
  s->received += data.length;
  s->digest_bad |= !data.digest_ok;
  if (s->received != s->r2t_end) return;
  if (s->received != s->length) return ask_for_data(*s);
  --receiving_;
  stop_taking();
  // What arrived damaged has stayed in the slot: nobody has seen it.
  if (s->digest_bad) return refuse(*s, st::kTransientTransport, false);
  data_complete(*s);
}

void Queue::data_complete(Slot& s) {
  s.state = State::kEngine;
  engine_.submit(s);
}

// ---- answering
// ---------------------------------------------------------------------------------------------

void Queue::refuse(Slot& s, spec::Status status, bool dnr) {
  s.status = status;
  s.dnr = dnr;
  s.plan.flow = Flow::kNone;
  send_answer(s);
}

void Queue::on_command_done(Command& command) {
  Slot& s = static_cast<Slot&>(command);
  NVTEE_CHECK(s.state == State::kEngine, "the engine finishes what it was given, once");
  if (connection_) return send_answer(s);
  const bool was_at_work = s.orphan;
  free_slot(s);
  if (was_at_work && --at_work_ == 0) owner_->on_queue_over(*this);
}

void Queue::send_answer(Slot& s) {
  if (s.status != st::kOk || s.plan.flow != Flow::kIn) {
    connection_->send_response(s.sqe.cid, s.status, s.dnr);
    return free_slot(s);
  }
  const bool success = options_.c2h_success && connection_->may_use_success();
  s.state = State::kSending;
  send_data(s, success);
  if (!success) connection_->send_response(s.sqe.cid, st::kOk);
}

void Queue::send_data(Slot& s, bool success) {
  const std::uint32_t most = options_.c2h_bytes != 0 ? options_.c2h_bytes : s.length;
  for (std::uint32_t at = 0; at < s.length; at += most) {
    const std::uint32_t n = std::min(most, s.length - at);
    const bool last = at + n == s.length;
    connection_->send_data_part(s.sqe.cid, at, {s.data + at, n}, last, last && success,
                                last ? s.index + 1u : kPartToken);
  }
}

void Queue::on_sent(std::uint64_t token) {
  if (token == kPartToken) return;
  Slot& s = slots_.at(token - 1);
  NVTEE_CHECK(s.state == State::kSending, "memory comes back once");
  free_slot(s);
}

void Queue::free_slot(Slot& s) {
  if (s.owns_cid) cids_.reset(s.sqe.cid);
  s.state = State::kFree;
  s.next_free = free_;
  free_ = &s;
  --outstanding_;
}

// ---- the end
// -----------------------------------------------------------------------------------------------

// Everything that has not begun is discarded (DESIGN §4, Host loss); what is at the store is waited for.
void Queue::on_closed(const std::string& why) {
  log::info("queue_closed host={} cntlid={} qid={} outstanding={} why=\"{}\"", session_->host_nqn,
            session_->cntlid, qid_, outstanding_, why);
  connection_ = nullptr;
  current_ = nullptr;
  for (Slot& s : slots_) s.doomed = true;
  at_work_ = 1;  // until we are through: discarding one may let others finish
  for (Slot& s : slots_) {
    if (s.state == State::kFree) continue;
    if (s.state == State::kEngine && !engine_.discard(s)) {
      ++at_work_;
      continue;
    }
    if (s.state != State::kFree) free_slot(s);
  }
  if (--at_work_ == 0) owner_->on_queue_over(*this);
}

}  // namespace nvtee::target
