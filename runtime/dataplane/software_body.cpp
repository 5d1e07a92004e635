#include "runtime/dataplane/software_body.hpp"

#include <algorithm>

#include "runtime/base/check.hpp"
#include "runtime/base/limits.hpp"

namespace nvtee::dataplane {

namespace {

constexpr Duration kDeadlineCheck = 50 * kMillisecond;
constexpr unsigned kPumpTurns = 64;  // then other sockets get their turn

// The core's own sizes are those that the table of bounds tells of.
static_assert(SoftwareBody::kQueues == limits::kQueues + 1 && SoftwareBody::kDepth == limits::kQueueEntries &&
              SoftwareBody::kSlots == limits::kSlots && SoftwareBody::kMdts == limits::kTransfer &&
              SoftwareBody::kNamespaces == limits::kNamespaces && core::kMaxLegs == limits::kLegs &&
              tee::kMaxInCapsule == limits::kInCapsule &&
              tee::Sizes<tee::CardConfig>::kSets * tee::kRegionWays == limits::kOpenRegions);

}  // namespace

Result<std::unique_ptr<SoftwareBody>> SoftwareBody::create(net::Reactor& reactor, DataPlaneClient* client,
                                                           const Options& options) {
  auto memory = SlotMemory::create(kSlots, kMdts);
  if (!memory) return std::unexpected(memory.error());
  return std::unique_ptr<SoftwareBody>(new SoftwareBody(reactor, client, options, std::move(*memory)));
}

SoftwareBody::SoftwareBody(net::Reactor& reactor, DataPlaneClient* client, const Options& options,
                           SlotMemory memory)
    : reactor_(reactor),
      client_(client),
      options_(options),
      memory_(std::move(memory)),
      core_(std::make_unique<tee::TeeCore<>>()),
      slots_(kSlots),
      links_(kNamespaces * core::kMaxLegs),
      latency_(kNamespaces * core::kMaxLegs),
      deadline_timer_(reactor, [this] { check_deadlines(); }) {
  leg_backlog_.reserve(kSlots);
  tee::Ctl open{};
  open.op = tee::Ctl::kQueueOpen;
  open.queue = 0;
  open.value = kDepth;
  ctl(open);
  deadline_timer_.arm_in(kDeadlineCheck);
}

SoftwareBody::~SoftwareBody() = default;

// ---- the control side -----------------------------------------------------------------------------------

void SoftwareBody::ctl(const tee::Ctl& ctl) {
  note_ctl(ctl);
  ctl_backlog_.push_back(ctl);
  kick();
}

void SoftwareBody::note_ctl(const tee::Ctl& ctl) {
  if (ctl.op.to_uint() != tee::Ctl::kSetNamespace) return;
  const unsigned ns = ctl.ns.to_uint();
  const bool valid = ctl.flag.to_uint() != 0;
  if (valid && nsids_[ns] == ctl.nsid.to_uint()) return;
  nsids_[ns] = valid ? ctl.nsid.to_uint() : 0;
  namespaces_[ns] = NsNote{};
  std::fill_n(latency_.begin() + ns * core::kMaxLegs, core::kMaxLegs, LegLatency{});
  namespaces_[ns].block_shift = static_cast<std::uint8_t>(ctl.shift_a.to_uint());
}

void SoftwareBody::command(const nvmf::Sqe& sqe) {
  tee::HostIn in{};
  in.kind = tee::HostIn::kCommand;
  in.queue = 0;
  in.cid = sqe.cid;
  in.opcode = sqe.opcode;
  in.flags = spec::kPsdtSgl;
  in.nsid = sqe.nsid;
  in.slba = sqe.slba();
  in.cdw12 = sqe.cdw12;
  in.sgl_type = spec::kSglTransport;
  internal_backlog_.push_back(in);
  kick();
}

void SoftwareBody::open_leg(unsigned ns, unsigned leg, std::uint8_t gen, const LegTarget& target) {
  NVTEE_CHECK(link(ns, leg) == nullptr, "a leg has one association");
  links_[ns * core::kMaxLegs + leg] =
      std::make_unique<LegLink>(reactor_, ns, leg, gen, target, kSlots, &latency_[ns * core::kMaxLegs + leg],
                                static_cast<LegLinkOwner*>(this));
}

void SoftwareBody::reserve(unsigned ns, unsigned leg, const core::Reserve& command) {
  if (LegLink* l = link(ns, leg)) l->reserve(command);
}

void SoftwareBody::close_leg(unsigned ns, unsigned leg) {
  auto& l = links_[ns * core::kMaxLegs + leg];
  if (l) closed_links_.push_back(std::move(l));
  std::erase_if(reports_, [&](const LegReport& r) { return r.ns == ns && r.leg == leg; });
  for (auto& r : reports_now_) {
    if (r.ns == ns && r.leg == leg) r.kind = LegReport::Kind::kDown, r.gen = 0xff, r.ns = kNamespaces;
  }
  // Its buffers must be out of every send queue before a sweep may free the slots.
  if (pumping_) closed_links_.clear();
  kick();
}

std::expected<nvmf::QueueHandler*, spec::Status> SoftwareBody::open_queue(
    const nvmf::ControllerInfo& controller, std::uint32_t entries, nvmf::ControllerConnection& connection) {
  if (entries > kDepth) return std::unexpected(spec::st::kInvalidQueueSize);
  for (unsigned q = 1; q < kQueues; ++q) {
    if (queues_[q]) continue;
    queues_[q] =
        std::make_unique<FrontQueue>(static_cast<FrontQueueOwner*>(this), q, controller.cntlid, &connection);
    tee::Ctl open{};
    open.op = tee::Ctl::kQueueOpen;
    open.queue = q;
    open.value = entries;
    ctl(open);
    return queues_[q].get();
  }
  return std::unexpected(spec::st::kConnectBusy);
}

unsigned SoftwareBody::queues_of(std::uint16_t cntlid) const {
  unsigned n = 0;
  for (const auto& q : queues_) n += q && q->cntlid() == cntlid ? 1 : 0;
  return n;
}

unsigned SoftwareBody::queues_in_use() const {
  unsigned n = 0;
  for (const auto& q : queues_) n += q ? 1 : 0;
  return n;
}

Traffic SoftwareBody::traffic(unsigned ns) {
  NsNote& n = namespaces_[ns];
  Traffic t = n.traffic;
  const Time now = reactor_.now();
  if (n.last_write + kSecond < now) t.mean_write_latency = 0;
  if (n.outstanding != 0) t.longest_gap = std::max(t.longest_gap, now - n.last_completion);
  return t;
}

// ---- host side ------------------------------------------------------------------------------------------

tee::Placement SoftwareBody::place(const tee::HostIn& in) {
  put(in);
  // The front stages answer in the same call unless an output is full: then make room. What makes room here
  // never calls back into a connection's owner: events wait for the pump.
  for (unsigned turn = 0; core_->placement.empty(); ++turn) {
    NVTEE_CHECK(turn < 1'000'000, "P10: the core's front answers each header in bounded steps");
    core_->run_front(reactor_.now());
    if (!core_->placement.empty()) break;
    feed();
    core_->run(reactor_.now());
    drain_traffic();
    collect_events();
  }
  return core_->placement.read();
}

void SoftwareBody::put(const tee::HostIn& in) {
  for (unsigned turn = 0; core_->host_in.full(); ++turn) {
    NVTEE_CHECK(turn < 1'000'000, "P10: the core takes host records in bounded steps");
    core_->run(reactor_.now());
    drain_traffic();
    collect_events();
  }
  // A queue's open must be seen before its first command.
  while (!ctl_backlog_.empty()) {
    if (!feed()) {
      core_->run(reactor_.now());
      drain_traffic();
      collect_events();
    }
  }
  core_->host_in.write(in);
  kick();
}

SoftwareBody::NsNote* SoftwareBody::note_of(std::uint32_t nsid, std::uint8_t* index) {
  for (unsigned i = 0; i < kNamespaces; ++i) {
    if (nsids_[i] == nsid && nsid != 0) {
      *index = static_cast<std::uint8_t>(i);
      return &namespaces_[i];
    }
  }
  return nullptr;
}

void SoftwareBody::started(unsigned slot, const nvmf::Sqe& sqe) {
  SlotNote& s = slots_[slot];
  s.sqe = sqe;
  s.started = reactor_.now();
  s.digest_known = false;
  s.ns = 0xff;
  if (NsNote* n = note_of(sqe.nsid, &s.ns)) {
    if (n->outstanding++ == 0) n->last_completion = s.started;
  }
}

void SoftwareBody::payload_digest(unsigned slot, const nvmf::ReceivedData& data, bool whole) {
  SlotNote& s = slots_[slot];
  s.digest_known = whole && data.digest_present && data.digest_ok;
  s.digest = data.digest;
}

void SoftwareBody::queue_closed(FrontQueue& queue) {
  for (unsigned i = 0; i < kDepth; ++i) {
    SlotNote& s = slots_[queue.queue() * kDepth + i];
    if (s.started == 0) continue;
    s.started = 0;
    if (s.ns != 0xff && namespaces_[s.ns].outstanding != 0) --namespaces_[s.ns].outstanding;
  }
  tee::Ctl close{};
  close.op = tee::Ctl::kQueueClose;
  close.queue = queue.queue();
  ctl(close);
}

// Books a command's end: counters, latency, gap.
void SoftwareBody::finish(unsigned slot, const tee::HostOut& out) {
  SlotNote& s = slots_[slot];
  if (s.started == 0 || s.ns == 0xff) return;
  NsNote& n = namespaces_[s.ns];
  const Time now = reactor_.now();
  if (n.outstanding != 0) --n.outstanding;
  n.traffic.longest_gap = std::max(n.traffic.longest_gap, now - n.last_completion);
  n.last_completion = now;
  const Duration took = now - s.started;
  s.started = 0;
  if (out.status.to_uint() != 0) {
    ++n.traffic.errors;
    return;
  }
  const std::uint64_t bytes = std::uint64_t{s.sqe.blocks()} << n.block_shift;
  if (s.sqe.opcode == spec::io::kWrite) {
    ++n.traffic.writes;
    n.traffic.write_bytes += bytes;
    auto& mean = n.traffic.mean_write_latency;
    mean = mean == 0 ? took : (mean * 15 + took) / 16;
    n.last_write = now;
  } else if (s.sqe.opcode == spec::io::kRead) {
    ++n.traffic.reads;
    n.traffic.read_bytes += bytes;
  } else {
    ++n.traffic.others;
  }
}

void SoftwareBody::answer(const tee::HostOut& out) {
  const unsigned queue = out.queue.to_uint();
  const unsigned slot = out.slot.to_uint();
  if (queue == 0) {
    if (out.kind.to_uint() == tee::HostOut::kResponse) {
      internal_done_.emplace_back(static_cast<std::uint16_t>(out.cid.to_uint()),
                                  static_cast<spec::Status>(out.status.to_uint()));
    }
    return;
  }
  FrontQueue* q = queues_[queue].get();
  NVTEE_CHECK(q != nullptr, "answers go to queues that exist");
  if (out.kind.to_uint() != tee::HostOut::kR2t) finish(slot, out);
  q->send(out, memory_.at(slot));
}

// ---- leg side -------------------------------------------------------------------------------------------

void SoftwareBody::to_leg(const tee::LegTx& tx) {
  LegLink* l = link(tx.ns.to_uint(), tx.leg.to_uint());
  // Not there (any more): the command stays pending in the core until the leg is dropped or it is reissued
  // (the gate).
  if (l == nullptr || l->gen() != tx.gen.to_uint() || !l->up()) return;
  const unsigned slot = tx.slot.to_uint();
  SlotNote& s = slots_[slot];
  if (tx.opcode.to_uint() == spec::io::kRead)
    s.digest_known = false;  // the buffer will hold what the leg says
  std::optional<std::uint32_t> crc;
  if (s.digest_known && tx.opcode.to_uint() == spec::io::kWrite) crc = s.digest;
  l->submit(tx, memory_.at(slot), crc);
}

void SoftwareBody::leg_answered(LegLink& link, std::uint16_t cid, spec::Status status) {
  tee::LegIn in{};
  in.ns = link.ns();
  in.leg = link.leg();
  in.gen = link.gen();
  in.cid = cid;
  in.status = status;
  leg_backlog_.push_back(in);
  kick();
}

void SoftwareBody::leg_up(LegLink& link, const core::LegFacts& facts) {
  reports_.push_back({LegReport::Kind::kUp, link.ns(), link.leg(), link.gen(), facts, {}, true, {}});
  kick();
}

void SoftwareBody::leg_down(LegLink& link, const std::string& why, bool transient) {
  reports_.push_back({LegReport::Kind::kDown, link.ns(), link.leg(), link.gen(), {}, why, transient, {}});
  kick();
}

void SoftwareBody::leg_deadline(LegLink& link) {
  reports_.push_back({LegReport::Kind::kDeadline, link.ns(), link.leg(), link.gen(), {}, {}, true, {}});
  kick();
}

void SoftwareBody::leg_reserved(LegLink& link, core::Reserved answer) {
  reports_.push_back(
      {LegReport::Kind::kReserved, link.ns(), link.leg(), link.gen(), {}, {}, true, std::move(answer)});
  kick();
}

void SoftwareBody::check_deadlines() {
  const Time now = reactor_.now();
  for (auto& l : links_) {
    if (l) l->check_deadline(reactor_);
  }
  for (auto& q : queues_) {
    if (q) q->check_host_data(now, options_.host_data_deadline);
  }
  deadline_timer_.arm_in(kDeadlineCheck);
}

// ---- the pump -------------------------------------------------------------------------------------------

bool SoftwareBody::feed() {
  bool moved = false;
  while (!ctl_backlog_.empty() && !core_->ctl.full()) {
    core_->ctl.write(ctl_backlog_.front());
    ctl_backlog_.pop_front();
    moved = true;
  }
  while (leg_fed_ < leg_backlog_.size() && !core_->leg_in.full()) {
    core_->leg_in.write(leg_backlog_[leg_fed_++]);
    moved = true;
  }
  if (leg_fed_ == leg_backlog_.size()) {
    leg_backlog_.clear();
    leg_fed_ = 0;
  }
  return moved;
}

bool SoftwareBody::drain_traffic() {
  bool moved = false;
  while (!core_->host_out.empty()) {
    answer(core_->host_out.read());
    moved = true;
  }
  while (!core_->leg_tx.empty()) {
    to_leg(core_->leg_tx.read());
    moved = true;
  }
  return moved;
}

bool SoftwareBody::collect_events() {
  bool moved = false;
  while (!core_->event.empty()) {
    events_.push_back(core_->event.read());
    moved = true;
  }
  return moved;
}

bool SoftwareBody::deliver() {
  if (events_.empty() && reports_.empty() && internal_done_.empty()) return false;
  events_now_.clear();
  events_now_.swap(events_);
  for (const tee::Event& e : events_now_) {
    const unsigned kind = e.kind.to_uint();
    if (kind == tee::Event::kHeld) slots_[e.slot.to_uint()].digest_known = false;
    if (kind == tee::Event::kQueueDrained) {
      const std::uint16_t cntlid = queues_[e.queue.to_uint()]->cntlid();
      queues_[e.queue.to_uint()].reset();
      client_->on_queue_drained(cntlid);
      continue;
    }
    client_->on_event(e);
  }
  internal_done_now_.clear();
  internal_done_now_.swap(internal_done_);
  for (const auto& [cid, status] : internal_done_now_) client_->on_internal_response(cid, status);
  reports_now_.clear();
  reports_now_.swap(reports_);
  for (std::size_t i = 0; i < reports_now_.size(); ++i) {
    const LegReport r = reports_now_[i];
    if (r.ns >= kNamespaces) continue;  // closed meanwhile
    if (r.kind == LegReport::Kind::kUp) client_->on_leg_up(r.ns, r.leg, r.gen, r.facts);
    if (r.kind == LegReport::Kind::kDown) client_->on_leg_down(r.ns, r.leg, r.gen, r.why, r.transient);
    if (r.kind == LegReport::Kind::kDeadline) client_->on_leg_deadline(r.ns, r.leg, r.gen);
    if (r.kind == LegReport::Kind::kReserved) client_->on_reserved(r.ns, r.leg, r.gen, r.reserved);
  }
  reports_now_.clear();
  return true;
}

void SoftwareBody::pump() {
  NVTEE_CHECK(!pumping_, "the pump is not re-entered");
  pumping_ = true;
  closed_links_.clear();
  bool more = true;
  for (unsigned turn = 0; more && turn < kPumpTurns; ++turn) {
    more = feed();
    while (!internal_backlog_.empty() && !core_->host_in.full()) {
      const tee::Placement p = place(internal_backlog_.front());
      if (p.action.to_uint() == tee::Placement::kFatal) break;  // no slot of queue 0 is free: when one is
      internal_backlog_.pop_front();
      if (p.action.to_uint() == tee::Placement::kPlace) slots_[p.slot.to_uint()].started = 0;
      more = true;
    }
    more |= core_->run(reactor_.now());
    more |= drain_traffic();
    more |= collect_events();
    more |= deliver();
  }
  pumping_ = false;
  if (more) kick();
}

}  // namespace nvtee::dataplane
