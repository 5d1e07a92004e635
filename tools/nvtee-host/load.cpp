#include "tools/nvtee-host/load.hpp"

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/base/check.hpp"

namespace nvtee::host {
namespace {

constexpr Duration kTick = 20 * kMillisecond;
constexpr Duration kRetryDelay = 100 * kMillisecond;
constexpr std::size_t kKeptViolations = 100;
constexpr Duration kLargestBurst = 100 * kMillisecond;  // of --rate, after a pause

Time clock_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Time>(t.tv_sec) * kSecond + static_cast<Time>(t.tv_nsec);
}

bool writes(Kind k) {
  return k == Kind::kWrite || k == Kind::kZeroes || k == Kind::kDsm;
}

// A status after which the command may still take effect on its own: the path gave it up, not the medium.
bool leaves_in_doubt(spec::Status s) {
  using namespace spec::st;
  return (s >> 8) == 3 || s == kAbortRequested || s == kSqDeleted || s == kInterrupted ||
         s == kTransientTransport || s == kPowerLossAbort || s == kPreemptAbort;
}

}  // namespace

std::uint64_t Report::violation_count() const {
  std::uint64_t n = 0;
  for (const std::uint64_t f : faults) n += f;
  return n;
}

Load::Load(net::Reactor& reactor, LoadOptions options, std::optional<Shadow> state)
    : reactor_(reactor),
      options_(std::move(options)),
      shadow_(std::move(state)),
      tick_(reactor, [this] { on_tick(); }),
      connect_timer_(reactor, [this] { connect(); }),
      rate_timer_(reactor, [this] { pump(); }),
      settle_timer_(reactor, [this] { ready(); }),
      memory_(nullptr, std::free) {
  NVTEE_CHECK(options_.queues != 0 && options_.depth != 0 && options_.queues * options_.depth <= 4096,
              "queues and depth are checked by the caller");
  report_.verified = options_.verify;
  options_.connection.io_queues = static_cast<std::uint16_t>(options_.queues);
  options_.connection.queue_entries = static_cast<std::uint16_t>(std::max(2u, options_.depth + 1));
  if (shadow_) shadow_->set_rules(options_.rules);
}

Load::~Load() = default;

const Report& Load::run() {
  lost_at_ = reactor_.now();
  connect();
  tick_.arm_in(kTick);
  while (phase_ != Phase::kDone) reactor_.turn(kSecond);
  tick_.cancel();
  connect_timer_.cancel();
  rate_timer_.cancel();
  settle_timer_.cancel();
  association_.reset();
  if (report_.violation_count() != 0)
    report_.exit = Exit::kMismatch;
  else if (report_.exit == Exit::kOk && report_.failed != 0)
    report_.exit = Exit::kFailure;
  if (shadow_) report_.blocks_in_doubt = shadow_->blocks_in_doubt();
  return report_;
}

void Load::stop() {
  report_.stopped = true;
  options_.final_read = false;
  if (phase_ == Phase::kConnect || phase_ == Phase::kReadBack) return fail_run(Exit::kOk, "");
  if (phase_ == Phase::kLoad) begin_drain();
  advance();
}

// ---- one command -----------------------------------------------------------------------------------------

bool Load::within_limits() const {
  if (phase_ != Phase::kLoad) return false;
  if (options_.ops != 0 && sent_ops_ >= options_.ops) return false;
  return options_.bytes == 0 || sent_bytes_ < options_.bytes;
}

bool Load::rate_allows() {
  if (options_.rate <= 0) return true;
  const Time now = clock_now();
  if (next_send_ + kLargestBurst < now) next_send_ = now - kLargestBurst;
  if (next_send_ > now) {
    rate_timer_.arm_at(next_send_);
    return false;
  }
  next_send_ += static_cast<Duration>(1e9 / options_.rate);
  return true;
}

// Gives idle slots work as long as there is any.
void Load::pump() {
  while (connected() && !idle_.empty()) {
    if (phase_ == Phase::kReadBack) {
      const Shadow::Run run =
          read_done_ ? Shadow::Run{} : shadow_->next_written(read_cursor_, slot_bytes_ / report_.block_size);
      if (run.blocks == 0) {
        read_done_ = true;
        return advance();
      }
      read_cursor_ = run.lba + run.blocks;
      Slot& slot = slots_[idle_.back()];
      idle_.pop_back();
      start_read_back(slot, run);
      continue;
    }
    if (!within_limits() || !rate_allows()) return;
    Slot& slot = slots_[idle_.back()];
    idle_.pop_back();
    start(slot);
  }
}

void Load::start(Slot& slot) {
  slot.task = workload_->next();
  slot.read_back = false;
  slot.tries = 0;
  slot.failed_first = 0;
  ++sent_ops_;
  sent_bytes_ += std::uint64_t{slot.task.blocks} * report_.block_size;
  slot.first_sent = clock_now();
  if (in_flight_ + waiting_ == 0 && !starved_) last_progress_ = slot.first_sent;
  send(slot);
}

void Load::start_read_back(Slot& slot, const Shadow::Run& run) {
  slot.task = {Kind::kRead, run.lba, run.blocks, false};
  slot.read_back = true;
  slot.tries = 0;
  slot.failed_first = 0;
  slot.first_sent = clock_now();
  send(slot);
}

void Load::begin_in_shadow(Slot& s) {
  if (!shadow_) return;
  s.has_op = true;
  if (s.task.kind == Kind::kFlush) {
    s.op = shadow_->begin_flush();
    return;
  }
  const std::size_t size = std::size_t{s.task.blocks} * report_.block_size;
  if (s.task.kind == Kind::kCompare && !shadow_->expect(s.task.lba, s.task.blocks, {s.buffer, size}))
    s.task.kind = Kind::kRead;  // what is there is not known: read it instead
  if (writes(s.task.kind)) {
    const WriteKind kind = s.task.kind == Kind::kWrite    ? WriteKind::kData
                           : s.task.kind == Kind::kZeroes ? WriteKind::kZeroes
                                                          : WriteKind::kDeallocate;
    s.op = shadow_->begin_write(kind, s.task.lba, s.task.blocks, s.task.fua);
    if (s.task.kind == Kind::kWrite) shadow_->fill(s.op, {s.buffer, size});
  } else {
    s.op = shadow_->begin_read(s.task.lba, s.task.blocks);
  }
}

void Load::send(Slot& s) {
  begin_in_shadow(s);
  const auto index = static_cast<std::uint32_t>(&s - slots_.data());
  const auto size = static_cast<std::uint32_t>(std::size_t{s.task.blocks} * report_.block_size);
  nvmf::Transfer& t = s.transfer;
  t = {};
  t.sqe.cid = static_cast<std::uint16_t>((++s.generation & 0xf) << 12 | index);
  t.sqe.nsid = options_.connection.nsid;
  t.sqe.cdw10 = static_cast<std::uint32_t>(s.task.lba);
  t.sqe.cdw11 = static_cast<std::uint32_t>(s.task.lba >> 32);
  t.sqe.cdw12 = (s.task.blocks - 1) | (s.task.fua ? spec::kCdw12Fua : 0);
  switch (s.task.kind) {
    case Kind::kRead:
      t.sqe.opcode = spec::io::kRead;
      t.in = s.buffer;
      t.in_length = size;
      break;
    case Kind::kWrite:
    case Kind::kCompare:
      t.sqe.opcode = s.task.kind == Kind::kWrite ? spec::io::kWrite : spec::io::kCompare;
      t.out = s.buffer;
      t.out_length = size;
      break;
    case Kind::kZeroes:
      t.sqe.opcode = spec::io::kWriteZeroes;
      break;
    case Kind::kFlush:
      t.sqe.opcode = spec::io::kFlush;
      t.sqe.cdw10 = t.sqe.cdw11 = t.sqe.cdw12 = 0;
      break;
    case Kind::kDsm: {
      nvme_dsm_range range{};
      range.nlb = s.task.blocks;
      range.slba = s.task.lba;
      std::memcpy(s.buffer, &range, sizeof range);
      t.sqe.opcode = spec::io::kDsm;
      t.sqe.cdw10 = 0;       // one range
      t.sqe.cdw11 = 1 << 2;  // AD: deallocate
      t.sqe.cdw12 = 0;
      t.out = s.buffer;
      t.out_length = sizeof range;
      break;
    }
  }
  s.state = SlotState::kInFlight;
  ++in_flight_;
  association_->io_queue(index % association_->io_queue_count()).submit(t);
}

nvmf::Transfer* Load::find(nvmf::InitiatorQueue&, std::uint16_t cid) {
  const std::uint32_t index = cid & 0xfff;
  if (index >= slots_.size()) return nullptr;
  Slot& s = slots_[index];
  return s.state == SlotState::kInFlight && s.transfer.sqe.cid == cid ? &s.transfer : nullptr;
}

// ---- one answer ------------------------------------------------------------------------------------------

void Load::end_in_shadow(Slot& s, spec::Status status) {
  if (!std::exchange(s.has_op, false)) return;
  const std::size_t size = std::size_t{s.task.blocks} * report_.block_size;
  const bool ok = status == spec::st::kOk;
  if (s.task.kind == Kind::kFlush) return shadow_->end_flush(s.op, ok);
  if (writes(s.task.kind))
    return shadow_->end_write(s.op, ok                        ? Outcome::kAcked
                                    : leaves_in_doubt(status) ? Outcome::kLost
                                                              : Outcome::kFailed);
  if (s.task.kind == Kind::kCompare && (ok || status == spec::st::kCompareFailure)) {
    shadow_->end_compare(s.op, {s.buffer, size}, ok, found_);
  } else if (s.task.kind == Kind::kRead && ok) {
    shadow_->end_read(s.op, {s.buffer, size}, found_);
  } else {
    return shadow_->drop_read(s.op);
  }
  report_.checked_blocks += s.task.blocks;
  if (s.read_back) report_.read_back_blocks += s.task.blocks;
  if (!found_.empty()) settle_mismatches();
}

void Load::settle_mismatches() {
  for (Violation& v : found_) {
    ++report_.faults[static_cast<std::size_t>(v.fault)];
    if (report_.violations.size() < kKeptViolations) report_.violations.push_back(std::move(v));
  }
  found_.clear();
}

bool Load::retriable(const Slot& s, spec::Status status, bool dnr) const {
  if (!options_.retry || dnr || phase_ == Phase::kDrain) return false;
  if (status == spec::st::kCompareFailure) return false;
  const bool path = (status >> 8) == 3;
  if (path && options_.reconnect != 0) return clock_now() - s.failed_first < options_.reconnect;
  return s.tries < options_.retries;
}

// Something came to its end. Gaps are counted while the load runs only.
void Load::note_progress(Time now) {
  if (phase_ != Phase::kLoad && phase_ != Phase::kDrain) return;
  const Duration gap = now - last_progress_;
  last_progress_ = now;
  starved_ = false;
  if (gap <= report_.longest_gap) return;
  report_.longest_gap = gap;
  report_.longest_gap_at = now - started_;
}

void Load::on_response(nvmf::InitiatorQueue&, nvmf::Transfer& t) {
  Slot& s = slots_[t.sqe.cid & 0xfff];
  --in_flight_;
  const Time now = clock_now();
  const spec::Status status = spec::status_of_cqe(t.cqe.status);
  end_in_shadow(s, status);
  bool ok = status == spec::st::kOk;
  if (s.task.kind == Kind::kCompare && status == spec::st::kCompareFailure) {
    ok = true;  // an answer; with a shadow it was judged above
    ++report_.miscompares;
  }
  if (ok) {
    complete(s, now);
  } else {
    ++report_.errors[status];
    if (s.failed_first == 0) s.failed_first = now;
    if (retriable(s, status, t.cqe.status & spec::kCqeDnr)) {
      s.state = SlotState::kRetry;
      s.retry_at = reactor_.now() + kRetryDelay;
      ++waiting_;
      const bool elsewhere = status == spec::st::kAnaInaccessible || status == spec::st::kAnaPersistentLoss;
      if (elsewhere && options_.failover && options_.connection.addresses.size() > 1)
        lost(fmt::format("{}: the namespace is not accessible there", report_.peer.address.text()));
      return;
    }
    ++report_.failed;
    note_progress(now);
  }
  if (options_.stop_at_mismatch && report_.violation_count() != 0 && phase_ == Phase::kLoad) begin_drain();
  if (phase_ == Phase::kLoad && options_.rate <= 0 && within_limits()) return start(s);
  idle(s);
  if (phase_ == Phase::kReadBack || phase_ == Phase::kLoad) pump();
  advance();
}

void Load::complete(Slot& s, Time now) {
  note_progress(now);
  if (s.read_back) return;
  Report::PerKind& k = report_.kinds[static_cast<std::size_t>(s.task.kind)];
  ++k.ops;
  k.bytes += std::uint64_t{s.task.blocks} * report_.block_size;
  k.latency.add(now - s.first_sent);
}

void Load::idle(Slot& s) {
  s.state = SlotState::kIdle;
  idle_.push_back(static_cast<std::uint32_t>(&s - slots_.data()));
}

// Commands that wait to be sent again: those that are due, or all of them.
void Load::resend_due(bool all) {
  if (waiting_ == 0 || !connected()) return;
  for (Slot& s : slots_) {
    if (s.state != SlotState::kRetry || (!all && s.retry_at > reactor_.now())) continue;
    --waiting_;
    ++s.tries;
    ++report_.retried;
    send(s);
  }
}

// ---- phases ----------------------------------------------------------------------------------------------

void Load::begin_load() {
  started_ = last_progress_ = next_send_ = clock_now();
  next_print_ = reactor_.now() + options_.progress;
  phase_ = options_.read_back_only ? Phase::kDrain : Phase::kLoad;
  if (options_.time != 0) stop_at_ = started_ + options_.time;
}

void Load::on_tick() {
  tick_.arm_in(kTick);
  const Time now = reactor_.now();
  if (phase_ == Phase::kLoad && now >= stop_at_) begin_drain();
  check_timeouts();
  resend_due(false);
  pump();
  if (options_.progress != 0 && phase_ != Phase::kDone && now >= next_print_) print_progress(now);
  advance();
}

// No new commands. Those that wait to be sent again stay undone; what they were in doubt about stays so.
void Load::begin_drain() {
  phase_ = Phase::kDrain;
  rate_timer_.cancel();
  for (Slot& s : slots_) {
    if (s.state != SlotState::kRetry) continue;
    --waiting_;
    idle(s);
  }
}

// Goes on to the next phase when the present one is over.
void Load::advance() {
  if (in_flight_ + waiting_ != 0) return;
  if (phase_ == Phase::kLoad && !within_limits()) begin_drain();
  if (phase_ == Phase::kDrain) {
    report_.elapsed = clock_now() - started_;
    if (!options_.verify || !options_.final_read) return finish();
    phase_ = Phase::kReadBack;
    read_cursor_ = 0;
    read_done_ = false;
    return pump();
  }
  if (phase_ == Phase::kReadBack && read_done_) finish();
}

void Load::finish() {
  if (phase_ == Phase::kClose || phase_ == Phase::kDone) return;
  phase_ = Phase::kClose;
  usable_ = false;
  if (!association_ || !association_->up()) {
    phase_ = Phase::kDone;
    return;
  }
  association_->shutdown();
}

void Load::fail_run(Exit exit, const std::string& why) {
  if (phase_ == Phase::kClose || phase_ == Phase::kDone) return;
  const Time now = clock_now();
  if (started_ != 0 && (phase_ == Phase::kLoad || phase_ == Phase::kDrain)) {
    if (in_flight_ + waiting_ != 0 || starved_) note_progress(now);  // the gap that has no end
    report_.elapsed = now - started_;
  }
  drop_outstanding();
  report_.exit = exit;
  report_.failure = why;
  finish();
}

void Load::print_progress(Time now) {
  std::uint64_t ops = 0;
  for (const auto& k : report_.kinds) ops += k.ops;
  const char* what = !connected() ? "not connected" : phase_ == Phase::kReadBack ? "reading back" : "running";
  fmt::print(stderr, "{:8.1f} s  {}  {:.0f} IOPS  {} outstanding  {} errors  {} losses  {} mismatches\n",
             started_ == 0 ? 0.0 : static_cast<double>(clock_now() - started_) / 1e9, what,
             static_cast<double>(ops - printed_ops_) * 1e9 / static_cast<double>(options_.progress),
             in_flight_ + waiting_, report_.failed, report_.losses, report_.violation_count());
  printed_ops_ = ops;
  next_print_ = now + options_.progress;
}

}  // namespace nvtee::host
