#include "hw/kernels/leg_io/test_legs.hpp"

namespace nvtee::card::test {

namespace io = spec::io;
namespace p = spec::pdu;

void LegWorld::make_link(unsigned i) {
  TestLink l;
  l.link = i * 7 % 64;
  l.ns = i / 4;
  l.leg = i % 4;
  links_.push_back(l);
  set_up(i);
}

void LegWorld::write_ctl(const CardCtl& c) {
  for (unsigned n = 0; rig_->ctl.full(); ++n) {
    ASSERT_LT(n, 10000u);
    turn(false);
  }
  rig_->ctl.write(c);
}

void LegWorld::set_up(unsigned i) {
  TestLink& l = links_[i];
  l.gen = (l.gen + 1) & 0xff;
  l.queues = 1 + r_.below(4);
  l.entries = 2 + r_.below(20);
  l.icdata = r_.chance(30) ? 0 : r_.chance(50) ? 512 : 8192;
  l.maxh2c = r_.chance(30) ? 4096 : r_.chance(30) ? 4100 : r_.chance(50) ? 131072 : 0xfffffffc;
  l.hdgst = r_.chance(50);
  l.ddgst = r_.chance(50);
  CardCtl c{};
  c.op = CardCtl::kSetLink;
  c.link = l.link;
  c.ns = l.ns;
  c.leg = l.leg;
  c.gen = l.gen;
  c.queues = l.queues;
  c.entries = l.entries;
  c.icdata = l.icdata;
  c.maxh2c = l.maxh2c;
  c.hdgst = l.hdgst;
  c.ddgst = l.ddgst;
  c.valid = 1;
  write_ctl(c);
  c.op = CardCtl::kSetLinkQueue;
  for (unsigned q = 0; q < l.queues; ++q) {
    l.port[q] = r_.below(2);
    l.session[q] = i * 4 + q;
    l.outstanding[q] = l.jobs_out[q] = 0;
    l.ended[q] = false;
    c.link_queue = q;
    c.port = l.port[q];
    c.session = l.session[q];
    write_ctl(c);
  }
  l.up = true;
  l.broken = false;
}

void LegWorld::set_down(unsigned i) {
  TestLink& l = links_[i];
  CardCtl c{};
  c.op = CardCtl::kSetLink;
  c.link = l.link;
  c.ns = l.ns;
  c.leg = l.leg;
  c.gen = l.gen;
  write_ctl(c);
  c.op = CardCtl::kSetLinkQueue;
  for (unsigned q = 0; q < l.queues; ++q) {
    c.link_queue = q;
    c.port = l.port[q];
    c.session = l.session[q];
    write_ctl(c);
  }
  l.up = false;
}

void LegWorld::run(unsigned steps) {
  for (unsigned n = 0; n < steps && !testing::Test::HasFatalFailure(); ++n) turn(true);
}

// Until every command of links that are up and unbroken is answered.
void LegWorld::quiesce() {
  const auto open = [&] {
    for (auto& [entry, c] : commands_)
      if (links_[c.link].up && !links_[c.link].broken) return true;
    return false;
  };
  for (unsigned n = 0; n < 200000 && open(); ++n) turn(false);
  EXPECT_FALSE(open()) << "a command was never answered";
}

void LegWorld::turn(bool feed) {
  if (feed && r_.chance(40)) issue();
  finish_jobs();
  legs_speak();
  store();
  rig_->step();
  take_jobs();
  take_places();
  take_answers();
  while (!rig_->event.empty()) {
    events_.push_back(rig_->event.read());
    const CardEvent& e = events_.back();
    for (TestLink& l : links_)
      EXPECT_TRUE(l.link != e.link.to_uint() || l.broken)
          << "link error " << e.fes.to_uint() << ", " << e.fei.to_uint();
  }
  while (!rig_->count.empty()) rig_->count.read();
}

void LegWorld::issue() {
  const unsigned at = r_.below(static_cast<unsigned>(links_.size()));
  TestLink& l = links_[at];
  const unsigned slot = r_.below(60) * 131 % 8192, entry = slot << 2 | l.leg;
  // One namespace a slot at a time, as in the core.
  for (unsigned leg = 0; leg < 4; ++leg) {
    const auto other = commands_.find(slot << 2 | leg);
    if (other != commands_.end() && (leg == l.leg || links_[other->second.link].ns != l.ns)) return;
  }
  if (rig_->tx.full()) return;
  const unsigned ops[] = {io::kWrite, io::kWrite, io::kRead, io::kFlush, io::kCompare, io::kWriteZeroes};
  TestCommand c;
  tee::LegTx& t = c.tx;
  t.ns = l.ns;
  t.leg = l.leg;
  t.gen = l.gen;
  t.slot = slot;
  cid_gen_[entry] = (cid_gen_[entry] + 1) % 7;
  t.cid = tee::leg_cid(cid_gen_[entry], slot);
  t.opcode = ops[r_.below(6)];
  t.nsid = static_cast<uint32_t>(r_.bits());
  t.slba = r_.bits();
  t.nlb = r_.below(16);
  t.cdw12_high = static_cast<uint32_t>(r_.bits() & 0xffff0000u);
  t.length = 512u << r_.below(r_.chance(20) ? 9 : 5);
  c.link = at;
  c.queue = slot % l.queues;
  c.reads = t.opcode == io::kRead;
  c.writes = t.opcode == io::kWrite || t.opcode == io::kCompare;
  c.in_capsule = c.writes && t.length <= l.icdata;
  const bool stale = r_.chance(5);
  if (stale) t.gen = t.gen + 1;
  rig_->tx.write(t);
  if (stale || !l.up) {
    ++dropped;
    return;  // nothing may come of it
  }
  commands_[entry] = c;
}

TestCommand* LegWorld::command_of(unsigned at, unsigned cid) {
  const auto it = commands_.find((cid & 0x1fff) << 2 | links_[at].leg);
  if (it == commands_.end() || it->second.link != at || it->second.tx.cid.to_uint() != cid) return nullptr;
  return &it->second;
}

void LegWorld::take_jobs() {
  for (unsigned port = 0; port < 2; ++port) {
    if (rig_->job[port].empty() || !r_.chance(70)) continue;
    const TxJob job = rig_->job[port].read();
    EXPECT_EQ(job.port.to_uint(), port);
    EXPECT_EQ(job.from.to_uint(), static_cast<unsigned>(TxJob::kLeg));
    const unsigned at = job.session.to_uint() / 4, q = job.session.to_uint() % 4;
    ASSERT_LT(at, links_.size());
    TestLink& l = links_[at];
    EXPECT_EQ(l.port[q], port);
    EXPECT_FALSE(l.ended[q]) << "a job behind the end";
    if (job.end) {
      EXPECT_FALSE(l.up);
      l.ended[q] = true;
      out_[port].push_back({job, ~0u});
      continue;
    }
    EXPECT_LE(++l.jobs_out[q], kTxWindow);
    const char* fault = head_fault(job);
    EXPECT_EQ(fault, nullptr) << fault;
    EXPECT_EQ(job.hdgst.to_uint(), l.hdgst);
    const auto head = pdu_of<nvmf::PduHead>(job);
    const unsigned cid = head.type == p::kCapsuleCmd ? pdu_of<nvmf::CapsuleCmd>(job).sqe.cid
                                                     : pdu_of<nvmf::DataPdu>(job).cccid;
    TestCommand* c = command_of(at, cid);
    if (!l.up && c == nullptr) {  // was forgotten by the test when the link went down
      out_[port].push_back({job, ~0u});
      continue;
    }
    ASSERT_NE(c, nullptr) << "a job for no command";
    EXPECT_EQ(c->queue, q);
    EXPECT_EQ(job.slot.to_uint(), c->tx.slot.to_uint());
    EXPECT_EQ(job.ddgst.to_uint(), l.ddgst && job.length != 0);
    ++c->jobs;
    if (head.type == p::kCapsuleCmd) {
      take_capsule(*c, job);
    } else {
      ASSERT_EQ(head.type, p::kH2CData);
      take_data(*c, job);
    }
    out_[port].push_back({job, cid << 16 | (c->tx.slot.to_uint() << 2 | l.leg)});
  }
}

void LegWorld::take_capsule(TestCommand& c, const TxJob& job) {
  TestLink& l = links_[c.link];
  ++capsules;
  EXPECT_FALSE(c.seen) << "sent twice";
  c.seen = true;
  if (l.up) EXPECT_LE(++l.outstanding[c.queue], l.entries - 1);
  const auto s = pdu_of<nvmf::CapsuleCmd>(job).sqe;
  const unsigned op = c.tx.opcode.to_uint();
  EXPECT_EQ(s.opcode, op);
  EXPECT_EQ(s.flags, spec::kPsdtSgl);
  EXPECT_EQ(s.nsid, c.tx.nsid.to_uint());
  EXPECT_EQ(s.cdw2 | s.cdw3 | s.mptr | s.cdw13 | s.cdw14 | s.cdw15, 0u);
  EXPECT_EQ(s.slba(), op == io::kFlush ? 0 : c.tx.slba.to_uint64());
  EXPECT_EQ(s.cdw12, op == io::kFlush ? 0 : c.tx.cdw12_high.to_uint() | c.tx.nlb.to_uint());
  EXPECT_EQ(s.sgl.address, 0u);
  EXPECT_EQ(s.sgl.type, c.in_capsule ? spec::kSglDataOffset : spec::kSglTransport);
  EXPECT_EQ(s.sgl.length, c.reads || c.writes ? c.tx.length.to_uint() : 0u);
  EXPECT_EQ(job.length.to_uint(), c.in_capsule ? c.tx.length.to_uint() : 0u);
  EXPECT_EQ(job.offset.to_uint(), 0u);
  EXPECT_EQ(job.after.to_uint(), 0u);
}

void LegWorld::take_data(TestCommand& c, const TxJob& job) {
  TestLink& l = links_[c.link];
  const auto d = pdu_of<nvmf::DataPdu>(job);
  EXPECT_EQ(d.ttag, c.ttag);
  EXPECT_EQ(d.datao, c.sent_to_leg);
  EXPECT_EQ(d.datao, job.offset.to_uint());
  EXPECT_EQ(d.datal, job.length.to_uint());
  EXPECT_LE(d.datal, l.maxh2c);
  EXPECT_GT(d.datal, 0u);
  c.sent_to_leg += d.datal;
  EXPECT_LE(c.sent_to_leg, c.r2t_end);
  EXPECT_EQ((d.head.flags & p::kLast) != 0, c.sent_to_leg == c.r2t_end);
  if (c.jobs > 1) EXPECT_EQ(job.after.to_uint(), 1u) << "may overtake an earlier PDU of its command";
  ++pieces;
}

void LegWorld::finish_jobs() {
  for (unsigned port = 0; port < 2; ++port) {
    if (out_[port].empty() || rig_->sent[port].full() || !r_.chance(30)) continue;
    // Of different sessions in any order; here: of any, but in order within a session.
    size_t i = r_.below(static_cast<unsigned>(out_[port].size()));
    for (size_t k = 0; k < i; ++k)
      if (out_[port][k].job.session == out_[port][i].job.session) {
        i = k;
        break;
      }
    const Out o = out_[port][i];
    out_[port].erase(out_[port].begin() + static_cast<long>(i));
    TxDone d{};
    d.done = o.job.done;
    d.slot = o.job.slot;
    d.token = o.job.token;
    rig_->sent[port].write(d);
    const unsigned at = o.job.session.to_uint() / 4;
    if (!o.job.end) --links_[at].jobs_out[o.job.session.to_uint() % 4];
    if (o.entry == ~0u) continue;
    if (TestCommand* c = command_of(at, o.entry >> 16)) --c->jobs;
  }
}

LegPdu LegWorld::pdu_for(const TestCommand& c, unsigned kind) const {
  const TestLink& l = links_[c.link];
  LegPdu p{};
  p.kind = kind;
  p.link = l.link;
  p.link_queue = c.queue;
  p.port = l.port[c.queue];
  p.cid = c.tx.cid;
  return p;
}

void LegWorld::send_pdu(TestCommand& c, LegPdu p) {
  const unsigned port = p.port.to_uint();
  if (p.kind == LegPdu::kData && p.length != 0)
    verdicts_[port].push_back({c.link, p.cid.to_uint(), p.offset.to_uint(), p.length.to_uint(), true});
  rig_->pdu[port].write(p);
}

void LegWorld::legs_speak() {
  if (commands_.empty()) return;
  for (unsigned n = 0; n < 3; ++n) {
    auto it = commands_.begin();
    std::advance(it, r_.below(static_cast<unsigned>(commands_.size())));
    TestCommand& c = it->second;
    if (!links_[c.link].up || links_[c.link].broken || !c.seen || c.answered) continue;
    if (rig_->pdu[links_[c.link].port[c.queue]].full()) continue;
    if (speak(c)) return;
  }
}

void LegWorld::answer(TestCommand& c) {
  c.answered = true;
  --links_[c.link].outstanding[c.queue];
}

// One PDU for a command.
bool LegWorld::speak(TestCommand& c) {
  const unsigned length = c.tx.length.to_uint();
  if (c.reads && c.done < length && !r_.chance(3)) {
    LegPdu p = pdu_for(c, LegPdu::kData);
    const unsigned left = length - c.done;
    const unsigned n = r_.chance(50) ? left : 4 * (1 + r_.below(left / 4));
    p.offset = c.done;
    p.length = n;
    c.done += n;
    p.last = c.done == length;
    p.success = p.last && r_.chance(30);
    ++c.unstored;
    if (p.success) answer(c);
    send_pdu(c, p);
    return true;
  }
  const bool asks = c.writes && !c.in_capsule;
  if (asks && c.sent_to_leg < c.r2t_end) return false;  // waits for its data
  if (asks && c.done < length && !r_.chance(3)) {
    if (c.done != 0 && c.jobs != 0) return false;  // the news that it left is still on its way
    LegPdu p = pdu_for(c, LegPdu::kR2t);
    const unsigned left = length - c.done;
    p.offset = c.done;
    p.length = r_.chance(50) ? left : 4 * (1 + r_.below(left / 4));
    p.ttag = c.ttag = r_.below(65536);
    c.done += p.length.to_uint();
    c.r2t_end = c.done;
    ++r2ts;
    send_pdu(c, p);
    return true;
  }
  const bool whole = c.done == length || c.in_capsule || (!c.reads && !c.writes);
  LegPdu p = pdu_for(c, LegPdu::kResponse);
  c.status = whole && r_.chance(80) ? 0 : 1 + r_.below(0x3ff);
  p.status = c.status;
  answer(c);
  send_pdu(c, p);
  return true;
}

void LegWorld::take_places() {
  for (unsigned port = 0; port < 2; ++port) {
    if (rig_->place[port].empty() || !r_.chance(60)) continue;
    const LegPlace v = rig_->place[port].read();
    ASSERT_FALSE(verdicts_[port].empty()) << "a verdict that nobody asked for";
    const Verdict want = verdicts_[port].front();
    verdicts_[port].pop_front();
    const bool up = links_[want.link].up && !links_[want.link].broken;
    if (up || !want.place) EXPECT_EQ(v.place.to_uint(), want.place);
    if (!v.place) continue;
    EXPECT_EQ(v.slot.to_uint(), want.cid & 0x1fff);
    EXPECT_EQ(v.offset.to_uint(), want.offset);
    EXPECT_EQ(v.link.to_uint(), links_[want.link].link);
    EXPECT_EQ(v.cid.to_uint(), want.cid);
    EXPECT_EQ(v.tell.to_uint(), 1u);
    storing_.push_back({want.link, want.cid, !links_[want.link].ddgst || !r_.chance(10), port});
  }
}

void LegWorld::store() {
  if (storing_.empty() || rig_->stored.full() || !r_.chance(30)) return;
  const Piece piece = storing_.front();
  storing_.pop_front();
  StoreDone d{};
  d.kind = StoreDone::kLegDone;
  d.ok = piece.ok;
  d.link = links_[piece.link].link;
  d.cid = piece.cid;
  d.port = piece.port;
  rig_->stored.write(d);
  if (TestCommand* c = command_of(piece.link, piece.cid)) {
    --c->unstored;
    if (!piece.ok) c->bad = true;
  }
}

void LegWorld::take_answers() {
  if (rig_->leg_in.empty() || !r_.chance(60)) return;
  const tee::LegIn a = rig_->leg_in.read();
  unsigned at = 0;
  while (at < links_.size() && (links_[at].ns != a.ns.to_uint() || links_[at].leg != a.leg.to_uint())) ++at;
  ASSERT_LT(at, links_.size());
  TestLink& l = links_[at];
  TestCommand* c = command_of(at, a.cid.to_uint());
  if (c == nullptr && !l.up) return;  // answered before the link went down
  ASSERT_NE(c, nullptr) << "an answer to no command";
  EXPECT_EQ(a.gen.to_uint(), l.gen);
  EXPECT_TRUE(c->answered);
  EXPECT_EQ(c->jobs, 0u) << "answered while its bytes are still on their way";
  EXPECT_EQ(c->unstored, 0u) << "answered before its data were in";
  EXPECT_EQ(a.status.to_uint(),
            c->status == 0 && c->bad ? unsigned{spec::st::kTransientTransport} : c->status);
  commands_.erase(c->tx.slot.to_uint() << 2 | l.leg);
  ++answers;
}

// A PDU that breaks the rules: told once, the data thrown away, nothing else.
void LegWorld::hostile(unsigned i, const LegPdu& pdu, unsigned fes) {
  TestLink& l = links_[i];
  const size_t before = events_.size();
  const unsigned port = pdu.port.to_uint();
  while (rig_->pdu[port].full()) turn(false);
  if (pdu.kind == LegPdu::kData && pdu.length != 0)
    verdicts_[port].push_back({i, pdu.cid.to_uint(), pdu.offset.to_uint(), pdu.length.to_uint(), false});
  rig_->pdu[port].write(pdu);
  l.broken = true;
  for (unsigned n = 0; n < 200; ++n) turn(false);
  ASSERT_EQ(events_.size(), before + 1);
  const CardEvent& e = events_.back();
  EXPECT_EQ(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kLinkError));
  EXPECT_EQ(e.link.to_uint(), l.link);
  EXPECT_EQ(e.fes.to_uint(), fes);
}

}  // namespace nvtee::card::test
