#include "tools/nvtee-target/target.hpp"

#include <nvme/types.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"

namespace nvtee::target {
namespace {

namespace st = spec::st;
namespace fid = spec::fid;

constexpr std::uint8_t kNoticeBits = 0x0e;  // REGPRE, RESREL, RESPRE
constexpr std::uint32_t kSave = 1u << 31;
constexpr std::uint32_t kCapabilities = 6;  // changeable, namespace specific

using Reply = nvmf::IoBackend::AdminReply;
Reply ok(std::uint64_t result = 0) {
  return {st::kOk, false, result, {}};
}
Reply refused(spec::Status status, bool dnr = true) {
  return {status, dnr, 0, {}};
}

template <std::size_t N>
Reply page(const std::array<std::byte, N>& bytes) {
  return {st::kOk, false, 0, {bytes.begin(), bytes.end()}};
}

template <std::size_t N>
void put_count(std::uint8_t (&field)[N], std::uint64_t value) {
  std::memcpy(field, &value, std::min(N, sizeof value));
}

}  // namespace

Target::Target(net::Reactor& reactor, const QueueOptions& options)
    : reactor_(reactor),
      options_(options),
      engine_(reactor, {options.max_transfer}, this),
      drain_timer_(reactor, [this] { check_drained(); }) {}

Target::~Target() = default;

// ---- queues
// ------------------------------------------------------------------------------------------------

std::shared_ptr<Session> Target::session_of(const nvmf::ControllerInfo& controller) {
  std::weak_ptr<Session>& known = sessions_[controller.cntlid];
  if (auto s = known.lock(); s && s->host == controller.host_id && s->host_nqn == controller.host_nqn)
    return s;
  auto s = std::make_shared<Session>();
  s->cntlid = controller.cntlid;
  s->host = controller.host_id;
  s->host_nqn = controller.host_nqn;
  known = s;
  return s;
}

std::expected<nvmf::QueueHandler*, spec::Status> Target::open_queue(const nvmf::ControllerInfo& controller,
                                                                    std::uint16_t qid, std::uint32_t entries,
                                                                    nvmf::ControllerConnection& connection) {
  if (refuse_queues_) return std::unexpected(spec::Status{st::kConnectBusy});
  auto queue = Queue::create(engine_, session_of(controller), qid, entries, options_, connection, this);
  if (!queue) {
    log::error("queue_refused host={} qid={} reason=\"{}\"", controller.host_nqn, qid, queue.error().text());
    return std::unexpected(spec::Status{st::kConnectBusy});
  }
  log::info("queue_opened host={} cntlid={} qid={} entries={}", controller.host_nqn, controller.cntlid, qid,
            entries);
  queues_.push_back(std::move(*queue));
  return queues_.back().get();
}

void Target::on_queue_over(Queue& queue) {
  const auto it = std::ranges::find(queues_, &queue, &std::unique_ptr<Queue>::get);
  NVTEE_CHECK(it != queues_.end(), "a queue is over once");
  const std::uint16_t cntlid = queue.session().cntlid;
  graveyard_.push_back(std::move(*it));
  queues_.erase(it);
  reactor_.defer(this);
  if (at_work(cntlid)) return;
  std::vector<Waiter> done;
  for (auto w = waiters_.begin(); w != waiters_.end();)
    if (w->cntlid == cntlid) {
      done.push_back(std::move(*w));
      w = waiters_.erase(w);
    } else {
      ++w;
    }
  for (Waiter& w : done) w.done();
}

void Target::on_deferred() {
  graveyard_.clear();
  std::erase_if(sessions_, [](const auto& s) { return s.second.expired(); });
}

bool Target::at_work(std::uint16_t cntlid) const {
  return std::ranges::any_of(queues_,
                             [&](const auto& q) { return q->closed() && q->session().cntlid == cntlid; });
}

void Target::quiesce(const nvmf::ControllerInfo& controller, std::function<void()> done) {
  notices_.forget(controller.cntlid);
  if (!at_work(controller.cntlid)) return done();
  waiters_.push_back({controller.cntlid, std::move(done)});
}

void Target::controller_changed(const nvmf::ControllerInfo& controller) {
  const auto it = sessions_.find(controller.cntlid);
  if (it == sessions_.end()) return;
  if (const auto s = it->second.lock()) s->host = controller.host_id;
}

void Target::drop_queues(const std::string& why) {
  std::vector<Queue*> all;
  for (const auto& q : queues_)
    if (!q->closed()) all.push_back(q.get());
  for (Queue* q : all) q->drop(why);  // moves it to the graveyard; it lives to the end of the turn
}

unsigned Target::outstanding() const {
  unsigned n = 0;
  for (const auto& q : queues_) n += q->outstanding();
  return n;
}

void Target::drain(std::function<void()> done) {
  drained_ = std::move(done);
  for (const auto& q : queues_) q->drain();
  drain_timer_.arm_in(0);
}

// Looked at now and then instead of told by each answer: the fast path has no place for it.
void Target::check_drained() {
  if (!std::ranges::all_of(queues_, [](const auto& q) { return q->drained(); }))
    return drain_timer_.arm_in(kMillisecond);
  if (drained_) std::exchange(drained_, nullptr)();
}

// ---- reservations: who is there, who is told
// ---------------------------------------------------------------

std::vector<ControllerOfHost> Target::controllers() {
  std::vector<ControllerOfHost> out;
  if (!server_) return out;
  for (const auto& c : server_->controllers()) out.push_back({c.info.host_id, c.info.cntlid});
  return out;
}

void Target::notify(std::uint32_t nsid, std::span<const NoticeTo> notices) {
  const Namespace* ns = engine_.find(nsid);
  const auto present = controllers();
  std::vector<std::uint16_t> told;
  for (const NoticeTo& n : notices) {
    if (notice_masked(ns->notice_mask, n.notice)) continue;
    for (const ControllerOfHost& c : present)
      if (c.host == n.host && notices_.add(c.cntlid, nsid, n.notice)) told.push_back(c.cntlid);
  }
  if (told.empty()) return;
  server_->raise_event(
      [&](const nvmf::ControllerInfo& info) { return std::ranges::find(told, info.cntlid) != told.end(); },
      spec::aen::kTypeIoSpecific, 0, spec::lid::kReservation);
}

// ---- admin
// -------------------------------------------------------------------------------------------------

std::optional<Target::AdminReply> Target::admin(const nvmf::ControllerInfo& controller, const nvmf::Sqe& sqe,
                                                std::span<const std::byte>) {
  const std::uint32_t which = sqe.cdw10 & 0xff;
  switch (sqe.opcode) {
    case spec::admin::kGetLogPage:
      if (which == spec::lid::kReservation) return page(notices_.take(controller.cntlid));
      if (which == spec::lid::kSmart) return smart_page();
      return {};
    case spec::admin::kSetFeatures:
      if (which != fid::kResvNotifyMask && which != fid::kResvPersist) return {};
      return set_feature(sqe);
    case spec::admin::kGetFeatures:
      if (which != fid::kResvNotifyMask && which != fid::kResvPersist) return {};
      return get_feature(sqe);
    default:
      return {};
  }
}

Target::AdminReply Target::get_feature(const nvmf::Sqe& sqe) {
  const std::uint32_t select = (sqe.cdw10 >> 8) & 7;
  if (select == 3) return ok(kCapabilities);
  if (select > 3) return refused(st::kInvalidField);
  if (sqe.nsid == spec::kNsidAll) return refused(st::kInvalidField);
  const Namespace* ns = engine_.find(sqe.nsid);
  if (!ns) return refused(st::kInvalidNamespace);
  if (select != 0) return ok(0);  // default; nothing is saved, so saved is the default too
  return ok((sqe.cdw10 & 0xff) == fid::kResvNotifyMask ? ns->notice_mask : ns->reservation.ptpl);
}

Target::AdminReply Target::set_feature(const nvmf::Sqe& sqe) {
  if ((sqe.cdw10 & kSave) != 0) return refused(st::kFeatureNotSaveable);
  std::vector<Namespace*> chosen;
  for (const auto& [nsid, ns] : engine_.namespaces())
    if (sqe.nsid == nsid || sqe.nsid == spec::kNsidAll) chosen.push_back(ns.get());
  if (chosen.empty()) return refused(st::kInvalidNamespace);
  for (Namespace* ns : chosen) {
    if ((sqe.cdw10 & 0xff) == fid::kResvNotifyMask) {
      ns->notice_mask = static_cast<std::uint8_t>(sqe.cdw11 & kNoticeBits);
      continue;
    }
    if (auto reply = set_persistence(*ns, (sqe.cdw11 & 1) != 0); reply.status != st::kOk) return reply;
  }
  return ok();
}

// Rare and short, so it may block: the answer must not leave before it is durable.
Target::AdminReply Target::set_persistence(Namespace& ns, bool ptpl) {
  if (ns.reservation.ptpl == ptpl) return ok();
  if (ptpl && !ns.sidecar) return refused(st::kInvalidField);  // RESCAP says so
  // A reservation command is between decision and commit: the host tries again.
  if (ns.reservation_busy) return refused(st::kInterrupted, false);
  ReservationState next = ns.reservation;
  next.ptpl = ptpl;
  if (ns.sidecar) {
    if (auto saved = ns.sidecar->save_now(next); !saved) {
      log::error("reservation_not_saved nsid={} reason=\"{}\"", ns.nsid, saved.error().text());
      return refused(st::kInternal, false);
    }
  }
  ns.reservation = std::move(next);
  return ok();
}

Target::AdminReply Target::smart_page() const {
  nvme_smart_log smart{};
  std::uint64_t read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
  for (const auto& [nsid, ns] : engine_.namespaces()) {
    const NamespaceCounters& n = ns->counters;
    read_bytes += n.read_blocks << ns->store->block_shift();
    written_bytes += n.written_blocks << ns->store->block_shift();
    reads += n.reads + n.compares;
    writes += n.writes;
  }
  constexpr std::uint64_t kUnit = 512 * 1000;  // data units: thousands of 512 bytes, rounded up
  smart.avail_spare = 100;
  put_count(smart.data_units_read, (read_bytes + kUnit - 1) / kUnit);
  put_count(smart.data_units_written, (written_bytes + kUnit - 1) / kUnit);
  put_count(smart.host_reads, reads);
  put_count(smart.host_writes, writes);
  const auto* p = reinterpret_cast<const std::byte*>(&smart);
  return {st::kOk, false, 0, {p, p + sizeof smart}};
}

}  // namespace nvtee::target
