// The data plane of a simulated node: drives the tee core as SoftwareBody and FrontQueue do.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/core/planted.hpp"
#include "sim/cluster/core_config.hpp"
#include "sim/cluster/words.hpp"
#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

namespace io = spec::io;

bool Node::fits_core() {
  return kQueues == 1u << CoreConfig::kQueueBits && kDepth == 1u << CoreConfig::kDepthBits;
}

// ---- the control side ---------------------------------------------------------------------------
void Node::ctl(const tee::Ctl& c) {
  if (c.op == tee::Ctl::kRelease) {
    notes_[c.slot.to_uint()].hold = false;
    world_.check.slot_done(c.slot.to_uint());
  }
  ctl_backlog_.push_back(c);
}

void Node::command(const nvmf::Sqe& sqe) {
  Op& op = world_.ops.make();
  op.kind = Op::Kind::kInternal;
  op.lba = static_cast<std::uint32_t>(sqe.slba());
  op.count = sqe.blocks();
  op.submitted = world_.now();
  internal_[sqe.cid] = {op.id, true};
  world_.check.begun(op);
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
}

// ---- host queues --------------------------------------------------------------------------------
bool Node::connect(Conn& conn) {
  if (!up()) return false;
  for (unsigned q = 1; q < kQueues; ++q) {
    if (queues_[q] != nullptr) continue;
    queues_[q] = &conn;
    conn.queue = q;
    conn.last_heard = world_.now();
    tee::Ctl open{};
    open.op = tee::Ctl::kQueueOpen;
    open.queue = q;
    open.value = kDepth;
    ctl(open);
    pump();
    return true;
  }
  return false;
}

void Node::close_conn(Conn& conn, const char* why, bool tell_host) {
  if (!conn.node_open) return;
  world_.trace.say(world_.now(), fmt::format("node closes connection {}: {}", conn.number, why));
  world_.note("connection {} closed by node", conn.number);
  conn.node_open = false;
  conn.to_node.close();
  conn.owed_since = kNever;
  if (tell_host) conn.to_host.send({kMsgRst, 0, 0, 0, 0});
  tee::Ctl close{};
  close.op = tee::Ctl::kQueueClose;
  close.queue = conn.queue;
  if (!core::planted(core::Bug::kQueueNotClosed)) ctl(close);
  if (core::planted(core::Bug::kHoldForHost))
    for (unsigned i = 0; i < kDepth; ++i) release_for_host(conn.queue * kDepth + i);
  for (const std::uint32_t op : conn.ops) world_.check.lost(world_.ops.at(op));
  conn.ops.clear();
}

bool Node::slot_busy(std::uint32_t slot) const {
  return core_ && core_->leg_row(slot).phase != tee::LegRow::kIdle;
}

void Node::host_message(Conn& conn, const Msg& msg) {
  if (!up() || !conn.node_open) return;
  conn.last_heard = world_.now();
  if (msg.kind == kMsgCommand) host_command(conn, msg);
  if (msg.kind == kMsgData) host_data(conn, msg);
  if (msg.kind == kMsgFin) close_conn(conn, "the host closed it", false);
  pump();
}

void Node::host_command(Conn& conn, const Msg& msg) {
  const Op& op = world_.ops.at(msg.a);
  nvmf::Sqe sqe{};
  sqe.cid = op.cid;
  sqe.nsid = 1;
  sqe.flags = spec::kPsdtSgl;
  sqe.sgl.type = spec::kSglTransport;
  sqe.cdw10 = op.lba;
  sqe.cdw12 = (op.count - 1) | (op.fua ? spec::kCdw12Fua : 0);
  const std::uint32_t bytes = op.count << world_.plan.setup.block_shift;
  std::uint32_t in_capsule = 0;
  switch (op.kind) {
    case Op::Kind::kRead:
      sqe.opcode = io::kRead;
      sqe.sgl.length = bytes;
      break;
    case Op::Kind::kWrite:
    case Op::Kind::kCompare:
      sqe.opcode = op.kind == Op::Kind::kWrite ? io::kWrite : io::kCompare;
      sqe.sgl.length = bytes;
      if (bytes <= 8192) in_capsule = bytes;
      break;
    case Op::Kind::kZeroes:
      sqe.opcode = io::kWriteZeroes;
      break;
    case Op::Kind::kDsm:
      sqe.opcode = io::kDsm;
      sqe.cdw10 = op.count > 1 ? 1 : 0;  // number of ranges, 0-based
      sqe.cdw11 = 4;                     // AD
      sqe.cdw12 = 0;
      sqe.sgl.length = in_capsule = 16 * (sqe.cdw10 + 1);
      break;
    default:
      sqe.opcode = io::kFlush;
      sqe.cdw10 = sqe.cdw12 = 0;
  }
  if (in_capsule != 0) sqe.sgl.type = spec::kSglDataOffset;
  tee::HostIn in{};
  in.kind = tee::HostIn::kCommand;
  in.queue = conn.queue;
  in.cid = sqe.cid;
  in.opcode = sqe.opcode;
  in.flags = sqe.flags;
  in.nsid = sqe.nsid;
  in.slba = sqe.slba();
  in.cdw12 = sqe.cdw12;
  in.sgl_type = sqe.sgl.type;
  in.sgl_length = sqe.sgl.length;
  in.length = in_capsule;
  const tee::Placement p = place(in);
  if (p.action == tee::Placement::kFatal) return close_conn(conn, "fatal", true);
  if (p.action != tee::Placement::kPlace) return;
  const unsigned slot = p.slot.to_uint();
  SlotNote& s = notes_[slot];
  s.sqe = sqe;
  s.op = op.id;
  s.started = true;
  s.answered = false;
  s.since = world_.now();
  s.whole = op.kind != Op::Kind::kWrite && op.kind != Op::Kind::kCompare;
  if (in_capsule == 0) return;
  s.whole = true;
  if (op.kind == Op::Kind::kDsm) {
    struct Range {
      std::uint32_t attributes, blocks;
      std::uint64_t lba;
    };
    // Two ranges when there are two blocks or more.
    const std::uint32_t half = op.count > 1 ? op.count / 2 : op.count;
    const Range ranges[2] = {{0, half, op.lba}, {0, op.count - half, op.lba + half}};
    std::memcpy(buffers_[slot].data(), ranges, sqe.sgl.length);
  } else {
    buffers_[slot] = op.values;
  }
  tee::HostIn done{};
  done.kind = tee::HostIn::kDataDone;
  done.queue = conn.queue;
  done.slot = slot;
  done.length = in_capsule;
  done.digest_ok = op.bad_digest ? 0 : 1;
  put(done);
}

// One H2CData PDU: `flag` says which half of the payload (0: all of it).
void Node::host_data(Conn& conn, const Msg& msg) {
  const Op& op = world_.ops.at(msg.a);
  const auto slot = static_cast<unsigned>(msg.b);
  const std::uint32_t bytes = op.count << world_.plan.setup.block_shift;
  const std::uint32_t half = bytes / 2;
  tee::HostIn in{};
  in.kind = tee::HostIn::kDataHeader;
  in.queue = conn.queue;
  in.cid = op.cid;
  in.slot = slot;
  in.offset = msg.flag == 2 ? half : 0u;
  in.length = msg.flag == 0 ? bytes : msg.flag == 1 ? half : bytes - half;
  in.last = msg.flag != 1;
  const tee::Placement p = place(in);
  if (p.action == tee::Placement::kFatal) return close_conn(conn, "fatal data", true);
  conn.owed_since = in.last == 1 ? kNever : world_.now();
  if (p.action != tee::Placement::kPlace) return;
  // Half a payload leaves the other half as it was.
  for (std::uint32_t i = 0; i < op.count; ++i) {
    const bool second = (i << world_.plan.setup.block_shift) >= half && op.count > 1;
    if (msg.flag == 0 || (msg.flag == 2) == second) buffers_[slot][i] = op.values[i];
  }
  if (in.last == 1) notes_[slot].whole = true;
  if (core::planted(core::Bug::kHoldForHost) && in.last == 1) release_for_host(slot);
  tee::HostIn done{};
  done.kind = tee::HostIn::kDataDone;
  done.queue = conn.queue;
  done.slot = slot;
  done.length = in.length;
  done.digest_ok = op.bad_digest ? 0 : 1;
  put(done);
}

void Node::say_sent(unsigned queue, unsigned slot) {
  tee::HostIn in{};
  in.kind = tee::HostIn::kSent;
  in.queue = queue;
  in.slot = slot;
  put(in);
}

// The socket has taken the read data: they must still be those that were answered.
void Node::buffer_sent(std::uint32_t life, std::uint32_t slot, std::uint32_t op_id) {
  if (life != life_ || !up()) return;
  Op& op = world_.ops.at(op_id);
  for (std::uint32_t i = 0; i < op.count; ++i)
    if (buffers_[slot][i] != op.values[i])
      world_.check.fail(3, fmt::format("the buffer of slot {} changes before it is sent", slot));
  Conn& conn = *world_.conns[op.conn];
  if (conn.node_open) conn.to_host.send({kMsgResponse, 0, op.cid, op.id, 0});
  say_sent(slot / kDepth, slot);
  pump();
}

// ---- what the core says -------------------------------------------------------------------------
void Node::internal_out(const tee::HostOut& out) {
  if (out.kind != tee::HostOut::kResponse) return;
  const auto cid = static_cast<std::uint16_t>(out.cid.to_uint());
  Internal& i = internal_[cid];
  if (i.busy) {
    i.busy = false;
    world_.check.slot_done(out.slot.to_uint());
    world_.check.answered(world_.ops.at(i.op), static_cast<spec::Status>(out.status.to_uint()), nullptr,
                          out.slot.to_uint());
  }
  internal_done_.emplace_back(cid, static_cast<spec::Status>(out.status.to_uint()));
}

void Node::host_out(const tee::HostOut& out) {
  const unsigned queue = out.queue.to_uint(), slot = out.slot.to_uint();
  if (queue == 0) return internal_out(out);
  Conn* conn = queues_[queue];
  NVTEE_CHECK(conn != nullptr, "answers go to queues that exist");
  const auto cid = static_cast<std::uint16_t>(out.cid.to_uint());
  if (cid >= conn->cids.size())
    return world_.check.fail(
        0, fmt::format("connection {} is answered a command {} that it has not", conn->number, cid));
  Op& op = world_.ops.at(conn->cids[cid]);
  if (out.kind == tee::HostOut::kR2t) {
    if (conn->node_open) {
      conn->owed_since = world_.now();
      conn->to_host.send({kMsgR2t, 0, cid, op.id, slot});
      if (core::planted(core::Bug::kHoldForHost)) hold_for_host(op, slot);
    }
    return;
  }
  const auto status = static_cast<spec::Status>(out.status.to_uint());
  world_.note("host is answered {}: {} lba {} count {} status {:#05x} slot {}", op.id, kind_word(op.kind),
              op.lba, op.count, status, slot);
  if (conn->node_open && status == 0 && clock() >= lease_)
    world_.check.fail(15, fmt::format("command {} succeeds after the lease", op.id));
  const bool data = out.kind == tee::HostOut::kReadData;
  if (slot / kDepth == queue) {
    world_.check.slot_done(slot);
    notes_[slot].answered = true;  // it may wait for its socket only
  }
  if (!conn->node_open) {  // the host is gone: its memory obligations end at once
    if (data) say_sent(queue, slot);
    return;
  }
  if (data) op.values = buffers_[slot];
  world_.check.answered(op, status, data ? op.values.data() : nullptr, slot);
  std::erase(conn->ops, op.id);
  if (op.kind == Op::Kind::kWrite) write_times_ += world_.now() - op.submitted, ++writes_done_;
  if (!data) {
    conn->to_host.send({kMsgResponse, static_cast<std::uint8_t>(out.dnr.to_uint()), cid, op.id, status});
    return;
  }
  world_.agenda.in(world_.chance.between(1, 60) * kMicrosecond,
                   [this, life = life_, slot, id = op.id] { buffer_sent(life, slot, id); });
}

void Node::leg_tx(const tee::LegTx& tx) {
  const unsigned leg = tx.leg.to_uint(), slot = tx.slot.to_uint();
  LegCommand c;
  c.opcode = static_cast<std::uint8_t>(tx.opcode.to_uint());
  c.cid = static_cast<std::uint16_t>(tx.cid.to_uint());
  c.slot = slot;
  c.lba = static_cast<std::uint32_t>(tx.slba.to_uint64());
  c.count = c.opcode == io::kFlush ? 0 : tx.nlb.to_uint() + 1;
  c.fua = (tx.cdw12_high.to_uint() & spec::kCdw12Fua) != 0;
  c.hold = notes_[slot].hold;
  if (slot >= kDepth) c.repair = world_.ops.at(notes_[slot].op).kind == Op::Kind::kRead;
  world_.note("to leg {}: {} lba {} count {} cid {} gen {}", leg, opcode_word(c.opcode), c.lba, c.count,
              c.cid, tx.gen.to_uint());
  // It has ended in the same turn, since the leg that it names was dropped: it goes nowhere.
  if (!slot_busy(slot)) return;
  world_.check.sent(c);
  if (!c.hold && slot >= kDepth && !notes_[slot].whole)
    world_.check.fail(11, fmt::format("slot {} is at a leg before its host has sent all data", slot));
  Assoc* a = links_[leg];
  // Not there (any more): the command stays pending in the core (the gate).
  if (a == nullptr || a->gen != tx.gen.to_uint() || !a->up) return;
  if (c.opcode == io::kRead || c.opcode == io::kCompare) world_.check.read_sent(leg);
  const std::uint32_t id = new_command();
  LegCommand& stored = commands_[id];
  c.live = true;
  c.assoc = a->number;
  c.host = a->host;
  c.sent = world_.now();
  c.serial = next_serial_++;
  if (c.opcode == io::kWrite || c.opcode == io::kCompare) c.data = buffers_[slot];
  stored = c;
  a->commands.push_back(id);
  a->to_peer.send({kMsgCommand, 0, c.cid, id, c.serial});
}

// ---- a planted bug, and what must see it (P12) ----------------------------------------------------
void Node::hold_for_host(const Op& op, unsigned slot) {
  host_holds_[slot] = -1;
  tee::Ctl c{};
  c.op = tee::Ctl::kHold;
  c.lba = op.lba;
  c.nlb = op.count;
  c.flag = 1;
  c.tag = kHostTag + slot;
  ctl(c);
}

void Node::release_for_host(unsigned slot) {
  if (host_holds_[slot] < 0) return;
  tee::Ctl c{};
  c.op = tee::Ctl::kRelease;
  c.slot = static_cast<unsigned>(std::exchange(host_holds_[slot], -1));
  ctl(c);
}

// A command that waits while nothing at all is under way on its blocks, but a host owes data for them.
void Node::check_waiting() {
  for (const Conn* conn : queues_) {
    if (conn == nullptr || !conn->node_open || conn->owed_since == kNever) continue;
    if (world_.now() < conn->owed_since + 120 * kMillisecond) continue;
    for (unsigned slot = conn->queue * kDepth; slot < (conn->queue + 1) * kDepth; ++slot) {
      const auto& row = core_->payload_row(slot);
      if (!core_->slot_used(slot) || row.state != tee::PayloadRow::kCollect) continue;
      check_waiting_for(static_cast<std::uint32_t>(row.cmd.slba.to_uint64()), row.cmd.count.to_uint(), slot);
    }
  }
}

void Node::check_waiting_for(std::uint32_t lba, std::uint32_t count, unsigned collecting) {
  int waits = -1;
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if (slot == collecting || !core_->slot_used(slot)) continue;
    const auto& row = core_->payload_row(slot);
    if (row.state != tee::PayloadRow::kForward) continue;
    const auto phase = core_->leg_row(slot).phase;
    const bool idle = phase == tee::LegRow::kIdle;
    if (!idle && (phase != tee::LegRow::kHeld || row.cmd.cid < kHostTag)) return;  // something is under way
    const auto from = static_cast<std::uint32_t>(row.cmd.slba.to_uint64());
    const bool overlap = row.cmd.count != 0 && from < lba + count && lba < from + row.cmd.count.to_uint();
    if (idle && overlap && slot >= kDepth && !notes_[slot].answered &&
        notes_[slot].since + 100 * kMillisecond < world_.now())
      waits = static_cast<int>(slot);
  }
  if (waits >= 0)
    world_.check.fail(12,
                      fmt::format("slot {} waits for nothing but the host of slot {}", waits, collecting));
}

// What waited for its host or for a region goes with its queue: its host may be sure of that after CQT (P2).
void Node::check_closed_queues() {
  if (!ctl_backlog_.empty() || halted_) return;
  for (unsigned q = 1; q < kQueues; ++q) {
    if (queues_[q] == nullptr || queues_[q]->node_open) continue;
    for (unsigned slot = q * kDepth; slot < (q + 1) * kDepth; ++slot)
      if (core_->slot_used(slot) && core_->payload_row(slot).state == tee::PayloadRow::kParked)
        world_.check.fail(2, fmt::format("slot {} is parked although its queue is closed", slot));
  }
}

// ---- the pump -----------------------------------------------------------------------------------
tee::Placement Node::place(const tee::HostIn& in) {
  put(in);
  for (unsigned turn = 0; core_->placement.empty(); ++turn) {
    NVTEE_CHECK(turn < 1'000'000, "P10: the core's front answers each header in bounded steps");
    core_->run_front(clock());
    if (!core_->placement.empty()) break;
    feed();
    core_->run(clock());
    drain_traffic();
    collect_events();
  }
  return core_->placement.read();
}

void Node::put(const tee::HostIn& in) {
  while (core_->host_in.full() || !ctl_backlog_.empty()) {
    if (!ctl_backlog_.empty()) feed();
    if (core_->host_in.full() || !ctl_backlog_.empty()) {
      core_->run(clock());
      drain_traffic();
      collect_events();
    }
  }
  core_->host_in.write(in);
}

bool Node::feed() {
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

bool Node::feed_internal() {
  bool moved = false;
  while (!internal_backlog_.empty() && !core_->host_in.full()) {
    const tee::HostIn in = internal_backlog_.front();
    internal_backlog_.pop_front();
    const tee::Placement p = place(in);
    if (p.action == tee::Placement::kFatal) {  // no slot is free
      internal_backlog_.push_front(in);
      return moved;
    }
    if (p.action == tee::Placement::kPlace) notes_[p.slot.to_uint()].started = false;
    moved = true;
  }
  return moved;
}

bool Node::drain_traffic() {
  bool moved = false;
  while (!core_->host_out.empty()) {
    host_out(core_->host_out.read());
    moved = true;
  }
  while (!core_->leg_tx.empty()) {
    leg_tx(core_->leg_tx.read());
    moved = true;
  }
  return moved;
}

bool Node::collect_events() {
  bool moved = false;
  while (!core_->event.empty()) {
    events_.push_back(core_->event.read());
    moved = true;
  }
  return moved;
}

bool Node::deliver() {
  if (events_.empty() && reports_.empty() && internal_done_.empty()) return false;
  events_now_.clear();
  events_now_.swap(events_);
  for (std::size_t i = 0; i < events_now_.size(); ++i) {
    if (dying_) return false;
    on_event(events_now_[i]);
    if (!halted_) continue;
    events_.insert(events_.begin(), events_now_.begin() + static_cast<long>(i) + 1, events_now_.end());
    return true;
  }
  auto done = std::move(internal_done_);
  internal_done_.clear();
  for (const auto& [cid, status] : done) punts_->on_response(cid, status);
  auto reports = std::move(reports_);
  reports_.clear();
  for (const Report& r : reports) {
    if (dying_) return false;
    if (halted_) {
      reports_.push_back(r);
      continue;
    }
    core::Input in;
    in.leg = r.leg;
    in.gen = r.gen;
    in.facts = r.facts;
    in.reserved = r.reserved;
    in.text = r.why;
    in.transient = r.transient;
    // Of an association that was closed meanwhile nothing is reported.
    if (links_[r.leg] == nullptr || links_[r.leg]->gen != r.gen) continue;
    if (r.kind == Report::Kind::kDown) close_leg(r.leg);
    in.kind = r.kind == Report::Kind::kUp         ? core::Input::Kind::kLegUp
              : r.kind == Report::Kind::kReserved ? core::Input::Kind::kReserved
              : r.kind == Report::Kind::kDown     ? core::Input::Kind::kLegDown
                                                  : core::Input::Kind::kLegDeadline;
    input(std::move(in));
  }
  return true;
}

void Node::on_event(const tee::Event& e) {
  const unsigned kind = e.kind.to_uint(), slot = e.slot.to_uint();
  if (e.ns == 1) world_.note("neighbour event {} slot {} tag {}", kind, slot, e.tag.to_uint());
  if (e.ns == 1) return neighbour_event(e);
  world_.note("core says {}: slot {} leg {} region {} status {:#05x}", event_word(kind), slot,
              e.leg.to_uint(), e.region.to_uint(), e.status.to_uint());
  if (kind == tee::Event::kQueueDrained) {
    const unsigned queue = e.queue.to_uint();
    for (unsigned i = queue * kDepth; i < (queue + 1) * kDepth; ++i) world_.check.slot_done(i);
    if (queues_[queue] != nullptr) queues_[queue]->queue = 0;
    queues_[queue] = nullptr;
    return;
  }
  if (kind == tee::Event::kHeld) notes_[slot].hold = true;
  if (core::planted(core::Bug::kHoldForHost) && e.tag.to_uint() >= kHostTag) {
    if (kind == tee::Event::kHeld) host_holds_[e.tag.to_uint() - kHostTag] = static_cast<int>(slot);
    if (kind == tee::Event::kHeld && notes_[e.tag.to_uint() - kHostTag].whole)
      release_for_host(e.tag.to_uint() - kHostTag);
    if (kind == tee::Event::kHeld || kind == tee::Event::kHoldRefused) return;
  }
  if (kind == tee::Event::kPunt) {
    punt_shift_ = notes_[slot].sqe.opcode == io::kCompare ? 3 : world_.plan.setup.block_shift;
    return punts_->start(slot);
  }
  if (punts_->on_event(e)) return;
  core::Input in;
  in.kind = core::Input::Kind::kCore;
  in.event = e;
  input(std::move(in));
}

void Node::pump() {
  if (!up() || paused_ || pumping_ || halted_) return;
  pumping_ = true;
  if (!inputs_.empty() && !stepping_) run_inputs();
  bool more = true;
  for (unsigned turn = 0; more && !dying_ && !halted_ && world_.ok(); ++turn) {
    if (turn > 100'000) world_.check.fail(10, "the node does not come to rest");
    more = feed();
    more |= feed_internal();
    more |= core_->run(clock());
    more |= drain_traffic();
    more |= collect_events();
    more |= deliver();
  }
  pumping_ = false;
  if (dying_) crash_and_restart();
}

}  // namespace nvtee::cluster
