#include "hw/kernels/engine/test_engine.hpp"

#include <algorithm>

#include "hw/kernels/tx_port/tx_queue.hpp"

namespace nvtee::card::test {

namespace p = spec::pdu;
namespace io = spec::io;

EngineWorld::EngineWorld(uint64_t seed, const Options& o, std::unique_ptr<Card> tested)
    : r(seed),
      options(o),
      card(std::move(tested)),
      tcp{SessionModel(32, o.tcp, seed * 3), SessionModel(32, o.tcp, seed * 5)} {
  for (unsigned i = 0; i < 2; ++i)
    reads_.push_back(std::make_unique<MemoryReadPort>(memory_, o.memory, seed + i));
  for (unsigned i = 0; i < 3; ++i)
    writes_.push_back(std::make_unique<MemoryWritePort>(memory_, o.memory, seed + 9 + i));
  registers_ = std::make_unique<Registers>(card->lite(), [this] { clock(); });
  registers_->write(reg::kClockStep, 4 << 16);
  registers_->begin_ring(kRingAt, 6);

  namespaces.resize(1);
  namespaces[0].legs = o.legs;
  namespaces.insert(namespaces.end(), o.more.begin(), o.more.end());
  for (const TestNamespace& n : namespaces) set_namespace(n);
  tee::Ctl c{};
  c.op = tee::Ctl::kSetLease;
  c.clock = ~0ull;
  mail(c);
  c = tee::Ctl();
  c.op = tee::Ctl::kRegionSet;
  c.region_state = tee::Ctl::kOpen;
  mail(c);
  for (unsigned ns = 0; ns < namespaces.size(); ++ns)
    for (unsigned i = 0; i < namespaces[ns].legs; ++i) legs.push_back(some_leg(ns, i));
  for (TestLeg& l : legs) open_leg(l);
  for (unsigned i = 0; i < o.hosts; ++i) hosts.push_back(some_host(i));
  for (TestHost& h : hosts) open_host(h);
}

TestLeg EngineWorld::some_leg(unsigned ns, unsigned leg) {
  TestLeg l;
  l.ns = ns;
  l.leg = leg;
  l.index = static_cast<unsigned>(legs.size());
  l.link = (5 + l.index * 9) % 64;
  const unsigned most = options.more.empty() ? 3 : 2;  // a port has few sessions
  l.queues = 1 + r.below(most);
  l.icdata = r.chance(30) ? 0 : r.chance(50) ? 1024 : 8192;
  l.maxh2c = r.chance(50) ? 4096 : 131072;
  l.digests = {r.chance(50), r.chance(50) || options.data_digests};
  if (options.plain) {
    l.queues = options.plain->leg_queues;
    l.icdata = options.plain->icdata;
    l.maxh2c = options.plain->maxh2c;
    l.digests = options.plain->leg;
  }
  for (unsigned q = 0; q < l.queues; ++q) {
    l.port[q] = options.plain ? (l.index + 1) % 2 : (l.index + q) % 2;
    l.session[q] = 8 + l.index * (most == 3 ? 4 : 2) + q;
  }
  return l;
}

TestHost EngineWorld::some_host(unsigned index) {
  TestHost h;
  h.queue = options.queues.empty() ? 1 + index * 5 : options.queues[index];
  h.port = index % 2;
  h.session = index;
  h.digests = {r.chance(50), r.chance(50)};
  if (options.plain) {
    h.port = 0;
    h.depth = options.plain->depth;
    h.digests = options.plain->host;
  }
  return h;
}

void EngineWorld::set_namespace(const TestNamespace& n, bool valid) {
  tee::Ctl c{};
  c.op = tee::Ctl::kSetNamespace;
  c.flag = valid ? 1 : 0;
  c.ns = n.row;
  c.nsid = n.nsid;
  c.lba = n.blocks;
  c.shift_a = 9;
  c.shift_b = n.region_shift;
  c.mask = n.prefer;
  c.flag3 = 1;
  mail(c);
}

void EngineWorld::mail(const tee::Ctl& c) {
  registers_->mail(reg::kMailTee, c);
}
void EngineWorld::mail(const CardCtl& c) {
  registers_->mail(reg::kMailCard, c);
}

void EngineWorld::set_session(unsigned port, unsigned session, unsigned role, unsigned at,
                              unsigned link_queue, const Digests& d) {
  CardCtl c{};
  c.op = CardCtl::kSetSession;
  c.port = port;
  c.session = session;
  c.role = role;
  if (role == CardCtl::kHost) c.queue = at;
  if (role == CardCtl::kLeg) c.link = at;
  c.link_queue = link_queue;
  c.hdgst = d.header;
  c.ddgst = d.data;
  mail(c);
}

void EngineWorld::open_host(TestHost& h) {
  tcp[h.port].open(h.session);
  h.open.clear();
  h.sqhd = 1;
  h.overtaken.clear();
  tee::Ctl t{};
  t.op = tee::Ctl::kQueueOpen;
  t.queue = h.queue;
  t.value = h.depth;
  mail(t);
  CardCtl c{};
  c.op = CardCtl::kSetQueue;
  c.queue = h.queue;
  c.port = h.port;
  c.session = h.session;
  c.entries = h.depth;
  c.hdgst = h.digests.header;
  c.ddgst = h.digests.data;
  c.valid = 1;
  mail(c);
  set_session(h.port, h.session, CardCtl::kHost, h.queue, 0, h.digests);
}

// As the README says a host ends.
void EngineWorld::close_host(TestHost& h) {
  h.gone = true;
  tcp[h.port].close(h.session);
  set_session(h.port, h.session, CardCtl::kOff, 0, 0, {});
  CardCtl c{};
  c.op = CardCtl::kSetQueue;
  c.queue = h.queue;
  mail(c);
  const auto drained = [&](unsigned kind) {
    for (const CardEvent& e : card_events)
      if (e.kind == kind && e.port == h.port && e.session == h.session) return true;
    return false;
  };
  EXPECT_TRUE(wait_event([&] { return drained(CardEvent::kSessionDrained); })) << "receive side not drained";
  EXPECT_TRUE(wait_event([&] { return drained(CardEvent::kTxDrained); })) << "send side not drained";
  // The session's number is TCP's until its end was notified.
  EXPECT_TRUE(wait_event([&] { return tcp[h.port].closed(h.session); })) << "still open";
  run(200, false);
  tee::Ctl t{};
  t.op = tee::Ctl::kQueueClose;
  t.queue = h.queue;
  mail(t);
  EXPECT_TRUE(wait_event([&] {
    for (const tee::Event& e : tee_events)
      if (e.kind == tee::Event::kQueueDrained && e.queue == h.queue) return true;
    return false;
  })) << "queue not drained";
}

void EngineWorld::open_leg(TestLeg& l) {
  CardCtl c{};
  c.op = CardCtl::kSetLink;
  c.link = l.link;
  c.ns = namespaces[l.ns].row;
  c.leg = l.leg;
  c.gen = l.gen;
  c.queues = l.queues;
  c.entries = options.plain ? options.plain->entries : 8 + r.below(30);
  c.icdata = l.icdata;
  c.maxh2c = l.maxh2c;
  c.hdgst = l.digests.header;
  c.ddgst = l.digests.data;
  c.valid = 1;
  mail(c);
  for (unsigned q = 0; q < l.queues; ++q) {
    tcp[l.port[q]].open(l.session[q]);
    c.op = CardCtl::kSetLinkQueue;
    c.link_queue = q;
    c.port = l.port[q];
    c.session = l.session[q];
    mail(c);
    set_session(l.port[q], l.session[q], CardCtl::kLeg, l.link, q, l.digests);
  }
  tee::Ctl t{};
  t.op = tee::Ctl::kSetLeg;
  t.ns = namespaces[l.ns].row;
  t.leg = l.leg;
  t.leg_state = tee::Ctl::kLegInSync;
  t.gen = l.gen;
  t.nsid = 100 + l.index;
  mail(t);
}

// A leg is lost: routing off, link off, both directions drained, then the sweep.
void EngineWorld::drop_leg(TestLeg& l, unsigned sweep) {
  l.off = true;
  tee::Ctl t{};
  t.op = tee::Ctl::kSetLeg;
  t.ns = namespaces[l.ns].row;
  t.leg = l.leg;
  t.leg_state = tee::Ctl::kLegOff;
  t.gen = l.gen;
  t.nsid = 100 + l.index;
  mail(t);
  CardCtl c{};
  c.op = CardCtl::kSetLink;
  c.link = l.link;
  c.ns = namespaces[l.ns].row;
  c.leg = l.leg;
  c.gen = l.gen;
  mail(c);
  for (unsigned q = 0; q < l.queues; ++q) {
    c.op = CardCtl::kSetLinkQueue;
    c.link_queue = q;
    c.port = l.port[q];
    c.session = l.session[q];
    mail(c);
    tcp[l.port[q]].close(l.session[q]);
    set_session(l.port[q], l.session[q], CardCtl::kOff, 0, 0, {});
  }
  for (unsigned q = 0; q < l.queues; ++q)
    EXPECT_TRUE(wait_event([&] {
      unsigned seen = 0;
      for (const CardEvent& e : card_events)
        if (e.port == l.port[q] && e.session == l.session[q])
          seen |= e.kind == CardEvent::kSessionDrained ? 1u : e.kind == CardEvent::kTxDrained ? 2u : 0u;
      return seen == 3;
    })) << "leg queue not drained";
  t = tee::Ctl();
  t.op = tee::Ctl::kLegSweep;
  t.ns = namespaces[l.ns].row;
  t.leg = l.leg;
  t.sweep = sweep;
  mail(t);
  EXPECT_TRUE(wait_event([&] {
    for (const tee::Event& e : tee_events)
      if (e.kind == tee::Event::kSweepDone && e.ns == t.ns && e.leg == l.leg) return true;
    return false;
  })) << "sweep not done";
}

// ---- the world's clock
// --------------------------------------------------------------------------------------
void EngineWorld::clock() {
  card->step(r, options.hold);
  for (unsigned i = 0; i < 2; ++i) {
    const MemoryStreams m = card->memory(i);
    tcp[i].step(card->port(i));
    reads_[i]->step(m.ar, m.r);
    writes_[i]->step(m.aw, m.w, m.b);
    if (!tcp[i].fault().empty()) fail("session interface: " + tcp[i].fault());
  }
  const RingStreams ring = card->ring();
  writes_[2]->step(ring.aw, ring.w, ring.b);
}

void EngineWorld::run(unsigned clocks, bool feed) {
  for (unsigned n = 0; n < clocks && fault.empty(); ++n) {
    clock();
    if (n % options.poll != 0) continue;
    ring_turn();
    for (TestHost& h : hosts) host_turn(h, feed);
    for (TestLeg& l : legs) leg_turn(l);
  }
}

bool EngineWorld::settle(unsigned clocks) {
  const auto open = [&] {
    for (const TestHost& h : hosts)
      if (!h.gone && !h.hostile && !h.open.empty()) return true;
    return false;
  };
  for (unsigned n = 0; n < clocks / 64 && open() && fault.empty(); ++n) run(64, false);
  return !open();
}

void EngineWorld::compare() {
  for (const TestLeg& l : legs)
    for (unsigned b = 0; b < kBlocks && !l.off; ++b) {
      const TestNamespace& n = namespaces[l.ns];
      if (n.forgotten[b]) continue;
      const auto at = static_cast<long>(b) * kBlock;
      ASSERT_TRUE(std::equal(l.disk.begin() + at, l.disk.begin() + at + kBlock, n.disk.begin() + at))
          << "leg " << l.index << " differs in block " << b;
    }
}

void EngineWorld::ring_turn() {
  for (;;) {
    const auto e = memory_.read(kRingAt + (ring_read_ % 64) * 64, 64);
    uint32_t number = 0;
    std::memcpy(&number, &e[60], 4);
    if (number != ring_read_ + 1) break;
    ++ring_read_;
    MailBits bits = 0;
    for (int i = 0; i < 60; ++i) bits.range(8 * i + 7, 8 * i) = e[static_cast<size_t>(i)];
    if (e[0] == reg::kRingTee) tee_events.push_back(record_of<tee::Event>(bits, kRingRecordAt));
    if (e[0] == reg::kRingCard) card_events.push_back(record_of<CardEvent>(bits, kRingRecordAt));
    registers_->write(reg::kRingConsumer, ring_read_);
  }
}

// ---- hosts
// -------------------------------------------------------------------------------------------------- A write
// meets nobody; reads may meet reads.
bool EngineWorld::range_free(unsigned ns, unsigned block, unsigned count, bool write) const {
  for (unsigned i = 0; i < count; ++i)
    if (namespaces[ns].forgotten[block + i]) return false;
  for (const TestHost& h : hosts)
    for (const auto& [cid, c] : h.open) {
      const bool meets = c.block < block + count && block < c.block + c.count;
      const bool changes = c.opcode == io::kWrite || c.opcode == io::kWriteZeroes;
      if (c.ns == ns && meets && (write || changes)) return false;
    }
  return true;
}

void EngineWorld::host_turn(TestHost& h, bool feed) {
  if (h.gone || h.hostile) return;
  std::string wrong;
  auto& in = tcp[h.port].sent(h.session);
  while (auto pdu = take_pdu(in, h.digests, wrong)) {
    if (!wrong.empty()) break;
    host_take(h, *pdu);
  }
  if (!wrong.empty()) fail("to host " + std::to_string(h.queue) + ": " + wrong);
  if (feed && h.open.size() + 1 < h.depth) host_issue(h);
}

void EngineWorld::host_issue(TestHost& h) {
  TestHost::Command c{};
  if (options.plain) {
    if (options.plain->next(h, c)) host_send(h, c);
  } else if (r.chance(30) && host_choose(c)) {
    const auto there =
        std::count_if(h.open.begin(), h.open.end(), [&](const auto& o) { return o.second.ns == c.ns; });
    if (there < namespaces[c.ns].most) host_send(h, c);
  }
}

bool EngineWorld::host_choose(TestHost::Command& c) {
  const unsigned ops[] = {io::kWrite, io::kWrite, io::kWrite,      io::kRead,
                          io::kRead,  io::kFlush, io::kWriteZeroes};
  if (namespaces.size() > 1) c.ns = r.below(static_cast<unsigned>(namespaces.size()));
  c.opcode = ops[r.below(7)];
  c.count = 1 + r.below(r.chance(5) ? 256 : r.chance(30) ? 40 : 8);
  c.block = r.below(namespaces[c.ns].blocks - c.count);
  if (c.opcode == io::kFlush) c.count = 0;
  const bool write = c.opcode == io::kWrite || c.opcode == io::kWriteZeroes;
  if (c.count != 0 && !range_free(c.ns, c.block, c.count, write)) return false;
  c.in_capsule = c.opcode == io::kWrite && c.count * kBlock <= 8192 && r.chance(70);
  return true;
}

namespace {
bool is_media(unsigned opcode) {
  return opcode == io::kWrite || opcode == io::kRead || opcode == io::kFlush || opcode == io::kWriteZeroes;
}
void spoil(ByteVec& pdu) {
  pdu[pdu.size() - 2] ^= 0x10;
}
}  // namespace

void EngineWorld::host_send(TestHost& h, TestHost::Command c) {
  if (is_media(c.opcode)) c.length = c.opcode == io::kWrite || c.opcode == io::kRead ? c.count * kBlock : 0;
  if ((c.opcode & 1) != 0) {
    c.data.resize(c.length);
    for (size_t i = 0; i < c.length; i += 4) {
      const uint64_t x = r.bits();
      std::memcpy(&c.data[i], &x, 4);
    }
  }
  do h.next_cid = (h.next_cid + 1) & 0xffff;
  while (h.open.count(h.next_cid) != 0);
  nvmf::CapsuleCmd cmd{};
  cmd.head.type = p::kCapsuleCmd;
  cmd.sqe.opcode = static_cast<uint8_t>(c.opcode);
  cmd.sqe.flags = spec::kPsdtSgl;
  cmd.sqe.cid = static_cast<uint16_t>(h.next_cid);
  cmd.sqe.nsid = c.nsid.value_or(namespaces[c.ns].nsid);
  cmd.sqe.sgl.type = c.in_capsule ? spec::kSglDataOffset : spec::kSglTransport;
  cmd.sqe.sgl.length = c.length;
  cmd.sqe.cdw10 = c.block;
  cmd.sqe.cdw12 = c.count == 0 ? 0 : c.count - 1;
  if (!h.digests.data || c.length == 0) c.spoiled = false;
  ByteVec pdu = make_pdu(cmd, c.in_capsule ? c.data : ByteVec(), h.digests);
  if (c.spoiled && c.in_capsule) spoil(pdu);
  tcp[h.port].arrive(h.session, pdu);
  h.open[h.next_cid] = c;
}

void EngineWorld::host_take(TestHost& h, const TakenPdu& t) {
  if (heard) heard(false, h.queue, t);
  if (t.head.type == p::kR2T) {
    host_r2t(h, t.as<nvmf::R2tPdu>());
  } else if (t.head.type == p::kC2HData) {
    const auto d = t.as<nvmf::DataPdu>();
    const auto it = h.open.find(d.cccid);
    if (it == h.open.end() || (it->second.opcode & 2) == 0) return fail("C2HData for no read");
    TestHost::Command& c = it->second;
    if (d.datao != c.got || d.datal != t.data.size() || c.last) return fail("C2HData out of order");
    c.data.insert(c.data.end(), t.data.begin(), t.data.end());
    c.got += d.datal;
    c.last = (t.head.flags & p::kLast) != 0;
    if (c.last != (c.got == c.length)) return fail("LAST in the wrong place");
  } else if (t.head.type == p::kCapsuleResp) {
    host_done(h, t.as<nvmf::CapsuleResp>().cqe);
  } else {
    fail("a PDU of type " + std::to_string(t.head.type) + " to a host");
  }
}

void EngineWorld::host_r2t(TestHost& h, const nvmf::R2tPdu& t) {
  const auto it = h.open.find(t.cccid);
  if (it == h.open.end() || (it->second.opcode & 1) == 0) return fail("R2T for no write");
  const ByteVec& data = it->second.data;
  if (t.r2to != 0 || t.r2tl != data.size()) return fail("R2T for something else");
  for (size_t at = 0; at < data.size();) {
    const size_t left = data.size() - at;
    const size_t n =
        options.plain || r.chance(50) ? left : 4 * (1 + r.below(static_cast<unsigned>(left / 4)));
    nvmf::DataPdu d{};
    d.head.type = p::kH2CData;
    d.head.flags = at + n == data.size() ? p::kLast : 0;
    d.cccid = t.cccid;
    d.ttag = t.ttag;
    d.datao = static_cast<uint32_t>(at);
    d.datal = static_cast<uint32_t>(n);
    const ByteVec part(data.begin() + static_cast<long>(at), data.begin() + static_cast<long>(at + n));
    ByteVec pdu = make_pdu(d, part, h.digests);
    if (it->second.spoiled && (at == 0 || r.chance(50))) spoil(pdu);
    tcp[h.port].arrive(h.session, pdu);
    at += n;
  }
}

// Each value comes once, in its turn; but one that finds no space at its session is overtaken by what was
// asked for already (tx_queue.hpp).
bool EngineWorld::in_turn(TestHost& h, unsigned sqhd) {
  if (h.overtaken.erase(sqhd) != 0) return true;
  do {
    h.sqhd = (h.sqhd + 1) % h.depth;
    h.overtaken.insert(h.sqhd);
  } while (h.sqhd != sqhd && h.overtaken.size() < kTxFly);
  return h.overtaken.erase(sqhd) != 0;
}

void EngineWorld::host_done(TestHost& h, const nvmf::Cqe& cqe) {
  const auto it = h.open.find(cqe.cid);
  if (it == h.open.end()) return fail("an answer to no command");
  const TestHost::Command c = it->second;
  h.open.erase(it);
  if (!in_turn(h, cqe.sqhd) || (h.open.empty() && !h.overtaken.empty())) return fail("SQHD");
  if (answered && (cqe.status != 0 || !is_media(c.opcode))) {
    if (!answered(h, c, cqe))
      fail("answer " + std::to_string(cqe.status) + " to opcode " + std::to_string(c.opcode));
    ++h.done;
    return;
  }
  if (cqe.status != 0) return fail("status " + std::to_string(cqe.status));
  if (c.spoiled) return fail("success in spite of a wrong data digest");
  const size_t from = size_t{c.block} * kBlock, size = size_t{c.count} * kBlock;
  Disk& disk = namespaces[c.ns].disk;
  if (c.opcode == io::kWrite) std::copy(c.data.begin(), c.data.end(), disk.begin() + static_cast<long>(from));
  if (c.opcode == io::kWriteZeroes) std::fill_n(disk.begin() + static_cast<long>(from), size, uint8_t{0});
  if (c.opcode == io::kWrite) ++writes;
  if (c.opcode == io::kRead) {
    ++reads;
    if (!c.last) return fail("a read without all of its data");
    if (!std::equal(c.data.begin(), c.data.end(), disk.begin() + static_cast<long>(from)))
      return fail("a read brought other bytes than were written");
  }
  ++h.done;
  if (options.plain && options.plain->done) options.plain->done(h, c);
}

// ---- legs
// ---------------------------------------------------------------------------------------------------
void EngineWorld::leg_turn(TestLeg& l) {
  if (l.off || l.dead) return;
  for (unsigned q = 0; q < l.queues; ++q) {
    std::string wrong;
    auto& in = tcp[l.port[q]].sent(l.session[q]);
    while (auto pdu = take_pdu(in, l.digests, wrong)) {
      if (!wrong.empty()) break;
      leg_take(l, q, *pdu);
    }
    if (!wrong.empty()) fail("to leg " + std::to_string(l.index) + ": " + wrong);
  }
  for (unsigned n = 0; n < (options.plain ? 8u : 3u) && !l.quiet; ++n) leg_speak(l);
}

void EngineWorld::leg_take(TestLeg& l, unsigned queue, const TakenPdu& t) {
  if (heard) heard(true, l.index, t);
  if (t.head.type == p::kCapsuleCmd) {
    TestLeg::Command c;
    c.sqe = t.as<nvmf::CapsuleCmd>().sqe;
    c.queue = queue;
    c.number = l.commands;
    c.write = c.sqe.opcode == io::kWrite;
    c.length = c.sqe.sgl.length;
    if (l.open.count(c.sqe.cid) != 0) return fail("a CID twice at a leg");
    if (c.sqe.nsid != 100 + l.index) return fail("NSID at a leg");
    const bool inside = c.sqe.sgl.type == spec::kSglDataOffset;
    if (inside != (c.write && c.length <= l.icdata)) return fail("in-capsule or not");
    if (inside && t.data.size() != c.length) return fail("in-capsule length");
    if (c.length != 0 && c.length != c.sqe.blocks() * kBlock) return fail("SGL length");
    if (inside) {
      c.data = t.data;
      c.asked = c.got = c.length;
    }
    l.open[c.sqe.cid] = c;
    ++l.commands;
    return;
  }
  if (t.head.type != p::kH2CData) return fail("a PDU of type " + std::to_string(t.head.type) + " to a leg");
  const auto d = t.as<nvmf::DataPdu>();
  const auto it = l.open.find(d.cccid);
  if (it == l.open.end()) return fail("H2CData for no command");
  TestLeg::Command& c = it->second;
  if (d.ttag != c.ttag || d.datao != c.got || d.datal != t.data.size() || d.datal > l.maxh2c ||
      c.got + d.datal > c.asked)
    return fail("H2CData that was not asked for");
  c.data.insert(c.data.end(), t.data.begin(), t.data.end());
  c.got += d.datal;
  if (((t.head.flags & p::kLast) != 0) != (c.got == c.asked)) return fail("LAST of an R2T");
}

void EngineWorld::leg_speak(TestLeg& l) {
  if (l.open.empty()) return;
  auto it = l.open.begin();
  if (options.plain) {  // the first that need not wait for data
    const auto waits = [](const auto& x) { return x.second.write && x.second.got < x.second.asked; };
    it = std::find_if_not(it, l.open.end(), waits);
    if (it == l.open.end()) return;
  } else {
    std::advance(it, r.below(static_cast<unsigned>(l.open.size())));
  }
  TestLeg::Command& c = it->second;
  SessionModel& net = tcp[l.port[c.queue]];
  const unsigned session = l.session[c.queue];
  if (c.write && c.asked < c.length) {
    if (c.got < c.asked) return;
    nvmf::R2tPdu t{};
    t.head.type = p::kR2T;
    t.cccid = c.sqe.cid;
    t.ttag = static_cast<uint16_t>(c.ttag = r.below(65536));
    t.r2to = c.asked;
    t.r2tl = options.plain || r.chance(50) ? c.length - c.asked : 4 * (1 + r.below((c.length - c.asked) / 4));
    c.asked += t.r2tl;
    return net.arrive(session, make_pdu(t, {}, l.digests));
  }
  if (c.write && c.got < c.length) return;
  const size_t from = c.sqe.slba() * kBlock;
  if (c.sqe.opcode == io::kRead && c.sent < c.length) {
    const unsigned left = c.length - c.sent;
    const unsigned n = options.plain || r.chance(50) ? left : 4 * (1 + r.below(left / 4));
    nvmf::DataPdu d{};
    d.head.type = p::kC2HData;
    d.cccid = c.sqe.cid;
    d.datao = c.sent;
    d.datal = n;
    const bool last = n == left, success = last && r.chance(30);
    d.head.flags = static_cast<uint8_t>((last ? p::kLast : 0) | (success ? p::kSuccess : 0));
    const ByteVec part(l.disk.begin() + static_cast<long>(from + c.sent),
                       l.disk.begin() + static_cast<long>(from + c.sent + n));
    c.sent += n;
    ByteVec pdu = make_pdu(d, part, l.digests);
    if (l.spoils) spoil(pdu);
    l.spoils = false;
    net.arrive(session, pdu);
    if (success) l.open.erase(it);
    return;
  }
  if (c.write) std::copy(c.data.begin(), c.data.end(), l.disk.begin() + static_cast<long>(from));
  if (c.sqe.opcode == io::kWriteZeroes)
    std::fill_n(l.disk.begin() + static_cast<long>(from), size_t{c.sqe.blocks()} * kBlock, uint8_t{0});
  leg_answer(l, c.sqe.cid);
}

void EngineWorld::leg_answer(TestLeg& l, unsigned cid) {
  const TestLeg::Command& c = l.open[cid];
  nvmf::CapsuleResp resp{};
  resp.head.type = p::kCapsuleResp;
  resp.cqe.cid = static_cast<uint16_t>(cid);
  tcp[l.port[c.queue]].arrive(l.session[c.queue], make_pdu(resp, {}, l.digests));
  l.open.erase(cid);
}

}  // namespace nvtee::card::test
