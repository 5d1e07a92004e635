// The hosts of the random world.
#include <algorithm>

#include "hw/kernels/tee_core/test_world.hpp"

namespace nvtee::tee::test {

namespace io = spec::io;

HostIn World::random_command(unsigned queue, unsigned ns) {
  static constexpr unsigned kOps[] = {io::kWrite,       io::kWrite,   io::kWrite, io::kWrite,
                                      io::kRead,        io::kRead,    io::kRead,  io::kFlush,
                                      io::kWriteZeroes, io::kCompare, io::kDsm,   io::kResvReport};
  HostIn h{};
  const unsigned op = kOps[below(std::size(kOps))];
  const unsigned count = 1 + below(kMaxBlocks);
  h.kind = HostIn::kCommand;
  h.queue = queue;
  h.cid = next_cid_++ & 0xffff;
  h.opcode = op;
  h.flags = spec::kPsdtSgl;
  h.nsid = ref_[ns].nsid;
  h.slba = below(kBlocks - count + 1);
  h.cdw12 = count - 1;
  h.sgl_type = spec::kSglTransport;
  if (op == io::kDsm) {
    h.sgl_length = 16 * (1 + below(4));
  } else if (op & 3) {
    h.sgl_length = count << ref_[ns].lbads;
  }
  if ((op & 1) && chance(500)) {
    h.sgl_type = spec::kSglDataOffset;
    h.length = h.sgl_length;
  }
  return h;
}

// One field that may be wrong.
void World::spoil(HostIn& h) {
  switch (below(12)) {
    case 0:
      h.opcode = below(256);
      break;
    case 1:
      h.flags = below(256);
      break;
    case 2:
      h.nsid = chance(500) ? 0xffffffffu : below(12);
      break;
    case 3:
      h.slba = kBlocks - below(10);
      break;
    case 4:
      h.slba = ~0ull - below(10);
      break;
    case 5:
      h.cdw12 = h.cdw12.to_uint() + below(20);
      break;
    case 6:
      h.cdw12 = h.cdw12.to_uint() | (1u << (26 + below(4)));
      break;
    case 7:
      h.sgl_type = below(256);
      break;
    case 8:
      h.sgl_length = h.sgl_length.to_uint() + below(5);
      break;
    case 9:
      h.sgl_address_nonzero = 1;
      break;
    case 10:
      h.length = h.length.to_uint() + 4 * below(3);
      break;
    default:
      h.sgl_length = 0;
  }
}

Placement World::put(const HostIn& h) {
  Placement p;
  for (unsigned turn = 0; !core_->put(h); ++turn) {
    must(turn < 10000, "P10: host records are taken");
    core_->run(now_);
    drain(~0u);
  }
  for (unsigned turn = 0; !core_->get(p); ++turn) {
    must(turn < 10000, "P10: every header gets its placement");
    if (core_->run_front(now_)) continue;
    drain(~0u);
    feed();
  }
  Placement second;
  must(!core_->get(second), "one placement a header");
  return p;
}

void World::put_note(const HostIn& h) {
  for (unsigned turn = 0; !core_->put(h); ++turn) {
    must(turn < 10000, "P10: host records are taken");
    core_->run(now_);
    drain(~0u);
  }
}

void World::host_command() {
  const unsigned q = 1 + below(kQueues - 1), ns = below(kNs);
  unsigned used = 0;
  each_live([&](const HostCmd& c) { used += c.queue == q && c.placed ? 1 : 0; });
  for (const auto& [slot, id] : sending_) used += slot / kDepth == q ? 1 : 0;
  if (used >= kDepth) return;
  HostIn h = random_command(q, ns);
  if (chance(80)) spoil(h);
  if (!queues_[q].open) {
    if (!queues_[q].shut) return;
    must(put(h).action == Placement::kDiscard, "a command of a closed queue is discarded");
    ++seen["commands of closed queues"];
    return;
  }
  const RefAnswer expected = door(ref_, {kMaxBlocks, kMaxBlocks * 512}, h, now_ < lease_);
  // Kept before the core may answer it.
  HostCmd& c = cmds_[next_id_];
  c.id = next_id_++;
  c.queue = q;
  c.cid = h.cid.to_uint();
  by_cid_[{q, c.cid}] = c.id;
  remember(h, expected, {});
  const uint64_t id = c.id;
  const Placement p = put(h);
  if (expected.status != 0) {
    must(p.action == Placement::kDiscard, "a bad command's data are discarded");
    return;
  }
  if (p.action != Placement::kPlace) broken("a good command is placed");
  const unsigned slot = p.slot.to_uint();
  must(slot / kDepth == q, "slots are of their queue");
  must(!sending_.contains(slot), "a slot is not given twice: it is being sent");
  HostCmd& placed = cmds_.at(id);
  trace("placed", id, "op", placed.opcode, "ns", placed.ns, placed.slba, placed.count, "cid", placed.cid,
        "slot", slot);
  if (placed.answered) return;  // while it was put
  placed.slot = slot;
  placed.placed = true;
  by_slot_[slot] = id;
}

// What is known of a command when it is sent.
void World::remember(const HostIn& h, const RefAnswer& expected, const Placement&) {
  HostCmd& c = cmds_.at(next_id_ - 1);
  c.start = now_;
  c.opcode = h.opcode.to_uint();
  c.ns = h.nsid.to_uint() == ref_[1].nsid ? 1 : 0;
  c.count = c.opcode == io::kFlush ? 0 : (h.cdw12.to_uint() & 0xffff) + 1;
  c.slba = h.slba.to_uint64();
  c.length = (c.opcode & 3) ? h.sgl_length.to_uint() : 0;
  if (expected.status != 0) {
    c.statuses = {expected.status};
    c.tokens.clear();
    c.count = 0;
    c.opcode = 0xff;  // never a success
    ++seen["refused"];
    return;
  }
  const bool range = c.opcode == io::kWrite || c.opcode == io::kRead || c.opcode == io::kWriteZeroes ||
                     c.opcode == io::kCompare;
  c.punt = (h.flags.to_uint() & 3) != 0 || !(range || c.opcode == io::kFlush) ||
           (c.opcode == io::kCompare && !ref_[c.ns].compare);
  if (!range) c.count = 0;
  c.collects = (c.opcode & 1) != 0;
  c.in_capsule = h.sgl_type == spec::kSglDataOffset;
  c.r2t_due = c.collects && !c.in_capsule;
  c.piece = c.collects && c.in_capsule;
  if (c.piece) c.sent = c.length;
  if (ns_[c.ns].not_home || failing(c.ns)) c.statuses.insert(spec::st::kPathInternal);
  for (unsigned i = 0; i < c.count; ++i) {
    uint64_t token = c.opcode == io::kWriteZeroes ? 0 : next_token_++;
    if (c.opcode == io::kCompare && chance(700)) token = ns_[c.ns].legs[below(kLegsUsed)].data[c.slba + i];
    c.tokens.push_back(token);
  }
  if (!c.collects) c.whole = true;
  if (c.opcode == io::kWriteZeroes && !c.punt)
    for (unsigned i = 0; i < c.count; ++i)
      c.writes.push_back(registers_[c.ns].begin_write(c.slba + i, 0, now_));
  ++seen["op " + std::to_string(c.opcode) + (c.punt ? " punted" : "")];
}

// ---- payload --------------------------------------------------------------------------------------------
void World::host_data() {
  std::vector<uint64_t> waiting;
  each_live([&](const HostCmd& c) {
    if (c.placed && c.collects && !c.whole && !c.dead && (c.piece || !c.r2t_due)) waiting.push_back(c.id);
  });
  if (waiting.empty()) return;
  HostCmd& c = cmds_.at(waiting[below(static_cast<unsigned>(waiting.size()))]);
  if (c.piece) {
    data_done(c);
  } else if (!winding_ && chance(8)) {
    bad_header(c);
  } else {
    data_header(c);
  }
}

static HostIn header_of(unsigned queue, unsigned slot, unsigned cid, unsigned offset, unsigned length,
                        bool last) {
  HostIn h{};
  h.kind = HostIn::kDataHeader;
  h.queue = queue;
  h.slot = slot;
  h.cid = cid;
  h.offset = offset;
  h.length = length;
  h.last = last;
  return h;
}

void World::data_header(HostCmd& c) {
  const unsigned left = c.length - c.sent;
  const unsigned length = chance(500) ? left : std::min(left, 4 * (1 + below(600)));
  const HostIn h = header_of(c.queue, c.slot, c.cid, c.sent, length, length == left);
  c.piece = true;
  c.sent += length;
  const unsigned slot = c.slot, offset = c.sent - length;
  const Placement p = put(h);
  must(p.action == Placement::kPlace && p.slot == slot && p.offset == offset, "good data are placed");
  ++seen["data headers"];
}

void World::bad_header(HostCmd& c) {
  const unsigned left = c.length - c.sent, q = c.queue;
  HostIn h = header_of(c.queue, c.slot, c.cid, c.sent, left, true);
  unsigned fes = spec::fes::kInvalidHeaderField, fei = 0;
  switch (below(5)) {
    case 0:
      h.slot = kDepth * (q == 1 ? 2 : 1) + below(kDepth);  // another queue's
      fei = 10;
      break;
    case 1:
      h.cid = c.cid + 1;
      fei = 8;
      break;
    case 2:
      h.offset = c.sent + 4;
      fes = spec::fes::kOutOfRange;
      break;
    case 3:
      h.length = left + 4;
      fes = spec::fes::kOutOfRange;
      break;
    default:
      h.last = 0;
      fei = 1;
  }
  const Placement p = put(h);
  must(p.action == Placement::kFatal && p.fes == fes && p.fei == fei,
       "a bad data header is fatal and says why");
  ++seen["bad headers"];
  close_queue(q);
}

void World::data_done(HostCmd& c) {
  HostIn h{};
  h.kind = HostIn::kDataDone;
  h.queue = c.queue;
  h.slot = c.slot;
  h.digest_ok = chance(970);
  c.piece = false;
  if (!h.digest_ok) c.digest_bad = true;
  if (c.sent == c.length) {
    c.whole = true;
    for (unsigned i = 0; i < c.count; ++i) buffers_[c.slot][i] = c.tokens[i];
    if (c.digest_bad) {
      c.statuses.insert(spec::st::kTransientTransport);
      ++seen["bad digests"];
    } else if (c.opcode == io::kWrite && !c.punt) {
      for (unsigned i = 0; i < c.count; ++i)
        c.writes.push_back(registers_[c.ns].begin_write(c.slba + i, c.tokens[i], now_));
    }
  }
  put_note(h);
}

// The buffer was sent. It must not have been touched since it was answered.
void World::host_sent() {
  if (sending_.empty()) return;
  auto it = sending_.begin();
  std::advance(it, below(static_cast<unsigned>(sending_.size())));
  const auto [slot, id] = *it;
  const HostCmd& c = cmds_.at(id);
  for (unsigned i = 0; i < c.count; ++i)
    must(buffers_[slot][i] == c.captured[i], "a read's buffer stays until it was sent");
  sending_.erase(it);
  HostIn h{};
  h.kind = HostIn::kSent;
  h.queue = c.queue;
  h.slot = slot;
  put_note(h);
}

void World::close_queue(unsigned q) {
  if (!queues_[q].open) return;
  Ctl c = order(Ctl::kQueueClose);
  c.queue = q;
  send(c);
  queues_[q].open = false;
  queues_[q].draining = true;
  each_live([&](HostCmd& x) {
    if (x.queue == q) x.dead = true;
  });
  settle();
  if (!queues_[q].open) queues_[q].shut = true;
  ++seen["queues closed"];
}

// ---- answers --------------------------------------------------------------------------------------------
World::HostCmd* World::command_in(unsigned slot) {
  const auto it = by_slot_.find(slot);
  return it == by_slot_.end() ? nullptr : &cmds_.at(it->second);
}

void World::on_host_out(const HostOut& h) {
  const unsigned q = h.queue.to_uint(), slot = h.slot.to_uint();
  trace("out kind", h.kind, "queue", h.queue, "cid", h.cid, "slot", h.slot, "status", h.status);
  must(!queues_[q].shut, "nothing is said on a closed queue");
  const auto it = by_cid_.find({q, h.cid.to_uint()});
  must(it != by_cid_.end(), "answers are for commands");
  HostCmd& c = cmds_.at(it->second);
  must(!c.answered, "a command is answered once");
  if (h.kind == HostOut::kR2t) {
    must(c.r2t_due && h.length == c.length, "one R2T, for all of it");
    c.r2t_due = false;
    return;
  }
  c.answered = true;
  ++seen["answers"];
  const unsigned status = h.status.to_uint();
  if (status != 0) {
    if (!c.statuses.contains(status)) broken("unexpected status " + std::to_string(status));
    ++seen["status " + std::to_string(status)];
  } else {
    must(!lease_over_, "P15: no success after the lease");
    c.slot = slot;
    check_success(c);
  }
  // The slot may have been given to the next command before this answer was read.
  if (const auto own = by_slot_.find(c.slot); c.placed && own != by_slot_.end() && own->second == c.id)
    by_slot_.erase(own);
  if (h.kind == HostOut::kReadData) {
    must(status == 0 && (c.opcode & 2) != 0, "only a success of a read has data");
    must(h.length == c.length, "all of the data");
    c.captured = buffers_[slot];
    sending_[slot] = c.id;
  } else {
    must(status != 0 || (c.opcode & 2) == 0, "a read's success has data");
  }
}

void World::check_success(HostCmd& c) {
  must(c.opcode != 0xff && c.whole && !c.digest_bad, "only good and whole commands succeed");
  must(!c.punt || c.punted, "punted commands are answered by the runtime");
  if (c.punt) return;
  for (unsigned i = 0; i < c.count; ++i) {
    if (c.is_write()) {
      registers_[c.ns].end_write(c.slba + i, c.writes[i], now_);
      for (const Leg& l : ns_[c.ns].legs)
        must(l.state != Ctl::kLegInSync || l.data[c.slba + i] == c.tokens[i],
             "P1: an acknowledged write is on every in-sync leg");
    } else {
      const uint64_t value = c.opcode == io::kRead ? buffers_[c.slot][i] : c.tokens[i];
      must(registers_[c.ns].may_read(c.slba + i, value, c.start), "P2, P3: a read sees the register's value");
    }
  }
}

}  // namespace nvtee::tee::test
