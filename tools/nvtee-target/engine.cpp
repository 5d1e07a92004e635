#include "tools/nvtee-target/engine.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"

namespace nvtee::target {

namespace io = spec::io;
namespace st = spec::st;

namespace {

struct DsmRange {
  std::uint32_t attributes;
  std::uint32_t blocks;
  std::uint64_t lba;
};
static_assert(sizeof(DsmRange) == 16);

DsmRange dsm_range(const Command& c, std::uint32_t index) {
  DsmRange r{};
  std::memcpy(&r, c.data + std::size_t{index} * sizeof r, sizeof r);
  return r;
}

bool is_reservation(std::uint8_t opcode) {
  return opcode == io::kResvRegister || opcode == io::kResvReport || opcode == io::kResvAcquire ||
         opcode == io::kResvRelease;
}

bool needs_lock(const Command& c) {
  return c.has_range || c.sqe.opcode == io::kDsm;
}
bool writes(const Command& c) {
  return c.sqe.opcode != io::kRead && c.sqe.opcode != io::kCompare;
}

// A status after which the same command cannot succeed: the host need not try again.
bool is_final(spec::Status s) {
  return s == st::kCompareFailure || s == st::kReservationConflict || s == st::kLbaRange ||
         s == st::kInvalidField;
}

void flip_bit(Command& c, std::uint64_t bit) {
  const std::uint64_t at = bit % (std::uint64_t{c.length} * 8);
  c.data[at / 8] ^= static_cast<std::byte>(1u << (at % 8));
}

}  // namespace

Engine::Engine(net::Reactor& reactor, const CommandLimits& limits, EngineHost* host)
    : reactor_(reactor), limits_(limits), host_(host), timer_(reactor, [this] { on_timer(); }) {}

Engine::~Engine() {
  NVTEE_CHECK(pending_count_ == 0, "an engine is destroyed when nothing is under way");
}

void Engine::add(std::unique_ptr<Namespace> ns) {
  const std::uint32_t nsid = ns->nsid;
  namespaces_[nsid] = std::move(ns);
  last_found_ = nullptr;
}

Namespace* Engine::find(std::uint32_t nsid) {
  if (last_found_ && last_found_->nsid == nsid) return last_found_;
  const auto it = namespaces_.find(nsid);
  return it == namespaces_.end() ? nullptr : last_found_ = it->second.get();
}

CommandPlan Engine::plan(const Session& session, const nvmf::Sqe& sqe, std::uint32_t in_capsule,
                         Namespace*& ns) {
  CommandPlan p;
  ns = find(sqe.nsid);
  const bool no_reservations = ns && !ns->reservations && is_reservation(sqe.opcode);
  if (!opcode_known(sqe.opcode) || no_reservations) {
    p.status = st::kInvalidOpcode;
  } else if (!ns) {
    p.status = st::kInvalidNamespace;
  } else if (ana_status_ != st::kOk) {
    p.status = ana_status_;
  } else if (!access_allowed(ns->reservation, session.host, access_group(sqe.opcode))) {
    p.status = st::kReservationConflict;
    ++ns->counters.conflicts;
  } else {
    p = check_command(sqe, in_capsule, {ns->store->blocks(), ns->store->block_shift()}, limits_);
  }
  return p;
}

// ---- before the media
// --------------------------------------------------------------------------------------

bool Engine::at_once(const Command& c) const {
  return c.sqe.opcode == io::kWrite && c.ns != nullptr && c.ns->store->inline_atomic() && !injector_.active();
}

void Engine::submit(Command& c) {
  c.engine = this;
  c.status = st::kOk;
  c.dnr = false;
  c.executed = c.abort = c.awaited = c.orphan = c.doomed = false;
  c.range_index = 0;
  c.lba = c.sqe.slba();
  c.blocks = c.sqe.blocks();
  if (!injector_.active()) return lock_or_run(c);
  judge(c);
}

void Engine::judge(Command& c) {
  c.verdict = injector_.judge({c.sqe.opcode, c.ns->nsid, c.has_range, c.lba, c.blocks, &c.session->host_nqn});
  if (!c.verdict.hit) return lock_or_run(c);
  ++c.ns->counters.injected;
  if (c.verdict.stall_start) {
    set_pending(c, Phase::kStalled);
    return;
  }
  if (c.verdict.start_delay != 0) return delay(c, c.verdict.start_delay);
  go_on(c);
}

void Engine::delay(Command& c, Duration duration) {
  set_pending(c, Phase::kDelayed);
  c.due = reactor_.now() + duration;
  delayed_.emplace(c.due, &c);
  timer_.arm_at(delayed_.begin()->first);
}

void Engine::on_timer() {
  while (!delayed_.empty() && delayed_.begin()->first <= reactor_.now()) {
    Command& c = *delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    clear_pending(c);
    if (c.executed)
      answer(c);
    else
      go_on(c);
  }
  if (!delayed_.empty()) timer_.arm_at(delayed_.begin()->first);
}

std::size_t Engine::resume() {
  injector_.clear(Fault::kStall);
  std::size_t n = 0;
  for (auto& [nsid, ns] : namespaces_) {
    for (Command* c = ns->pending_first; c;) {
      Command* next = c->next;
      if (c->phase == Phase::kStalled) {
        ++n;
        clear_pending(*c);
        // What it lets loose may change the list: begin again.
        if (c->executed)
          answer(*c);
        else if (c->verdict.start_delay != 0)
          delay(*c, c->verdict.start_delay);
        else
          go_on(*c);
        next = ns->pending_first;
      }
      c = next;
    }
  }
  return n;
}

void Engine::go_on(Command& c) {
  const Verdict& v = c.verdict;
  if (v.error && !v.error_executed) return finish_early(c, v.status, v.dnr);
  if (v.misplace != 0 && c.has_range) {
    // Stays inside the namespace: wraps around its end.
    const std::uint64_t room = c.ns->store->blocks() - c.blocks + 1;
    const std::uint64_t by = static_cast<std::uint64_t>(v.misplace < 0 ? -v.misplace : v.misplace) % room;
    c.lba = (c.lba + (v.misplace < 0 ? room - by : by)) % room;
  }
  if (v.flip && c.sqe.opcode == io::kWrite) flip_bit(c, v.flip_bit);
  lock_or_run(c);
}

void Engine::lock_or_run(Command& c) {
  if (is_reservation(c.sqe.opcode)) return queue_reservation(c);
  if (c.sqe.opcode == io::kDsm && !next_dsm_range(c)) return over(c);
  if (!needs_lock(c) || c.ns->store->inline_atomic()) return run(c);
  c.hold.first = c.lba;
  c.hold.last = c.lba + c.blocks - 1;
  c.hold.exclusive = writes(c);
  c.hold.owner = &c;
  if (c.ns->lock.acquire(c.hold)) return run(c);
  set_pending(c, Phase::kLocked);
}

void Engine::run(Command& c) {
  if (c.doomed) return finish_early(c, st::kSqDeleted, false);
  // Again, at the moment it starts to act: a reservation that was made meanwhile fences it.
  if (c.ns->reservation.type != 0 &&
      !access_allowed(c.ns->reservation, c.session->host, access_group(c.sqe.opcode))) {
    ++c.ns->counters.conflicts;
    c.status = st::kReservationConflict;
    c.dnr = true;
    return over(c);
  }
  if (c.verdict.lose && c.verdict.hit) return over(c);
  start_media(c);
}

// Refused or failed before it did anything.
void Engine::finish_early(Command& c, spec::Status status, bool dnr) {
  c.status = status;
  c.dnr = dnr;
  over(c);
}

// ---- media
// -------------------------------------------------------------------------------------------------

void Engine::prepare_op(Command& c) {
  StoreOp& op = c.op;
  op.client = &c;
  op.lba = c.lba;
  op.blocks = c.blocks;
  op.data = c.data;
  op.fua = (c.sqe.cdw12 & spec::kCdw12Fua) != 0;
  switch (c.sqe.opcode) {
    case io::kRead:
      op.action = StoreAction::kRead;
      break;
    case io::kWrite:
      op.action = StoreAction::kWrite;
      break;
    case io::kCompare:
      op.action = StoreAction::kRead;
      op.data = c.scratch;
      break;
    case io::kWriteZeroes:
      op.action = (c.sqe.cdw12 & spec::kCdw12Deac) != 0 ? StoreAction::kDeallocate : StoreAction::kZero;
      break;
    case io::kDsm:
      op.action = StoreAction::kDeallocate;
      op.fua = false;
      break;
    default:
      op.action = StoreAction::kFlush;
      break;
  }
}

void Engine::start_media(Command& c) {
  prepare_op(c);
  const auto status = c.ns->store->start(c.op);
  if (status) return media_done(c, *status);
  set_pending(c, Phase::kMedia);
}

void Command::on_store_done(StoreOp&, spec::Status s) {
  engine->clear_pending(*this);
  engine->media_done(*this, s);
}

void Engine::media_done(Command& c, spec::Status status) {
  if (c.abort) status = st::kPreemptAbort;
  c.status = status;
  c.dnr = is_final(status);
  if (status == st::kOk) {
    if (c.sqe.opcode == io::kDsm) {
      ++c.range_index;
      release_range(c);
      return lock_or_run(c);
    }
    if (c.sqe.opcode == io::kCompare) compare_result(c);
    if (c.verdict.hit && c.verdict.flip && c.sqe.opcode == io::kRead) flip_bit(c, c.verdict.flip_bit);
  }
  if (c.verdict.hit && c.verdict.error && c.verdict.error_executed) {
    c.status = c.verdict.status;
    c.dnr = c.verdict.dnr;
  }
  over(c);
}

// The next range to deallocate. False: the command is over, well or not.
bool Engine::next_dsm_range(Command& c) {
  constexpr std::uint32_t kDeallocate = 1u << 2;
  const std::uint32_t count = (c.sqe.cdw10 & 0xff) + 1;
  if (c.range_index == 0) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const DsmRange r = dsm_range(c, i);
      if (r.lba <= c.ns->store->blocks() && r.blocks <= c.ns->store->blocks() - r.lba) continue;
      c.status = st::kLbaRange;
      c.dnr = true;
      return false;
    }
  }
  if ((c.sqe.cdw11 & kDeallocate) == 0) return false;  // hints only: nothing to do
  for (; c.range_index < count; ++c.range_index) {
    const DsmRange r = dsm_range(c, c.range_index);
    if (r.blocks == 0) continue;
    c.lba = r.lba;
    c.blocks = r.blocks;
    return true;
  }
  return false;
}

void Engine::compare_result(Command& c) {
  if (std::memcmp(c.data, c.scratch, c.length) == 0) return;
  c.status = st::kCompareFailure;
  c.dnr = true;
}

// ---- after the media
// ---------------------------------------------------------------------------------------

void Engine::over(Command& c) {
  c.executed = true;
  if (c.awaited) {
    c.awaited = false;
    awaited_done(*c.ns);
  }
  release_range(c);
  if (c.verdict.hit && !c.orphan) {
    if (c.verdict.stall_answer) {
      set_pending(c, Phase::kStalled);
      return;
    }
    if (c.verdict.answer_delay != 0) return delay(c, c.verdict.answer_delay);
  }
  answer(c);
}

void Engine::answer(Command& c) {
  c.verdict = {};
  count(c);
  c.owner->on_command_done(c);
}

void Engine::release_range(Command& c) {
  if (!c.hold.queued) return;
  Namespace& ns = *c.ns;
  ns.lock.release(c.hold);
  if (ns.granting) return;  // the loop below is at work further out
  ns.granting = true;
  while (RangeHold* h = ns.lock.ready()) {
    Command& next = *static_cast<Command*>(h->owner);
    clear_pending(next);
    run(next);
  }
  ns.granting = false;
}

void Engine::count(const Command& c) {
  NamespaceCounters& n = c.ns->counters;
  if (c.status != st::kOk) ++n.errors;
  switch (c.sqe.opcode) {
    case io::kRead:
      ++n.reads;
      n.read_blocks += c.blocks;
      break;
    case io::kWrite:
      ++n.writes;
      n.written_blocks += c.blocks;
      break;
    case io::kFlush:
      ++n.flushes;
      break;
    case io::kCompare:
      ++n.compares;
      break;
    case io::kWriteZeroes:
      ++n.zeroes;
      break;
    case io::kDsm:
      ++n.dsm;
      break;
    default:
      ++n.reservations;
      break;
  }
}

// ---- who is inside
// -----------------------------------------------------------------------------------------

void Engine::set_pending(Command& c, Phase phase) {
  NVTEE_CHECK(!c.pending, "a command waits for one thing at a time");
  Namespace& ns = *c.ns;
  c.phase = phase;
  c.pending = true;
  c.next = nullptr;
  c.prev = ns.pending_last;
  (ns.pending_last ? ns.pending_last->next : ns.pending_first) = &c;
  ns.pending_last = &c;
  ++pending_count_;
  stalled_count_ += phase == Phase::kStalled;
}

void Engine::clear_pending(Command& c) {
  NVTEE_CHECK(c.pending, "only a waiting command goes on");
  Namespace& ns = *c.ns;
  stalled_count_ -= c.phase == Phase::kStalled;
  (c.prev ? c.prev->next : ns.pending_first) = c.next;
  (c.next ? c.next->prev : ns.pending_last) = c.prev;
  c.prev = c.next = nullptr;
  c.pending = false;
  c.phase = Phase::kIdle;
  --pending_count_;
}

bool Engine::discard(Command& c) {
  switch (c.phase) {
    case Phase::kIdle:
      return true;
    case Phase::kMedia:
    case Phase::kReserving:
      c.orphan = true;
      return false;
    case Phase::kDelayed:
      std::erase_if(delayed_, [&](const auto& d) { return d.second == &c; });
      break;
    case Phase::kQueued:
      std::erase(c.ns->reservation_queue, &c);
      break;
    case Phase::kStalled:
    case Phase::kLocked:
      break;
  }
  clear_pending(c);
  c.verdict = {};
  release_range(c);
  return true;
}

}  // namespace nvtee::target
