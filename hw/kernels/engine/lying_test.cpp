// Legs and hosts whose PDUs are well formed and say what is not so. Each lie is told of, with the status that
// names it, changes nothing, and stops nobody else.
#include "hw/kernels/engine/test_stories.hpp"

namespace nvtee::card {
namespace {

using test::ByteVec;
using test::EngineWorld;
using test::first_seed;
using test::random_options;
using test::rounds;
using test::TestHost;
using test::TestLeg;
namespace pdu = spec::pdu;

// ---- legs -------------------------------------------------------------------------------------------------
// What a leg says of a command: one of its own, or another leg's.
class Liar {
 public:
  Liar(EngineWorld& w, TestLeg& l, unsigned cid, const TestLeg& owner)
      : w_(w), l_(l), cid_(cid), c_(owner.open.at(cid)) {
    c_.queue %= l.queues;
  }
  unsigned next() const { return c_.sent; }
  unsigned left() const { return c_.length - c_.sent; }
  unsigned length() const { return c_.length; }

  void data(unsigned offset, unsigned length, unsigned flags, unsigned other = 0) {
    nvmf::DataPdu d{};
    d.head.type = pdu::kC2HData;
    d.head.flags = static_cast<uint8_t>(flags);
    d.cccid = static_cast<uint16_t>(cid_ ^ other);
    d.datao = offset;
    d.datal = length;
    say(make_pdu(d, ByteVec(length, 0xee), l_.digests));
  }
  void r2t(unsigned offset, unsigned length, unsigned other = 0) {
    nvmf::R2tPdu t{};
    t.head.type = pdu::kR2T;
    t.cccid = static_cast<uint16_t>(cid_ ^ other);
    t.r2to = offset;
    t.r2tl = length;
    say(make_pdu(t, {}, l_.digests));
  }
  void answer(unsigned other = 0) {
    nvmf::CapsuleResp resp{};
    resp.head.type = pdu::kCapsuleResp;
    resp.cqe.cid = static_cast<uint16_t>(cid_ ^ other);
    say(make_pdu(resp, {}, l_.digests));
  }
  // The read as it should be, answered too.
  void all() {
    nvmf::DataPdu d{};
    d.head.type = pdu::kC2HData;
    d.head.flags = pdu::kLast | pdu::kSuccess;
    d.cccid = static_cast<uint16_t>(cid_);
    d.datao = next();
    d.datal = left();
    const auto from = l_.disk.begin() + static_cast<long>(c_.sqe.slba() * test::kBlock);
    say(make_pdu(d, ByteVec(from + next(), from + length()), l_.digests));
  }

 private:
  void say(const ByteVec& bytes) { w_.tcp[l_.port[c_.queue]].arrive(l_.session[c_.queue], bytes); }
  EngineWorld& w_;
  TestLeg& l_;
  unsigned cid_;
  TestLeg::Command c_;
};

constexpr unsigned kOtherGeneration = 1u << 13;  // of a leg's CID: its other bits are the slot

struct Lie {
  const char* what;
  bool write;  // of a write that waits for its R2T; else of a read with data to come
  unsigned fes, fei;
  void (*tell)(Liar&);
  bool other = false;  // told by a leg that does not have the command
};
using spec::fes::kInvalidHeaderField;
using spec::fes::kOutOfRange;
using spec::fes::kSequenceError;
const Lie kLies[] = {
    {"a hole before the data", false, kSequenceError, 0,
     [](Liar& l) { l.data(l.next() + 4, l.left() - 4, pdu::kLast); }},
    {"data twice", false, kSequenceError, 0,
     [](Liar& l) {
       l.data(l.next(), 256, 0);
       l.data(l.next(), 256, 0);
     }},
    {"more data than were asked for", false, kOutOfRange, 0,
     [](Liar& l) { l.data(l.next(), l.left() + 4, pdu::kLast); }},
    {"data far behind the end", false, kOutOfRange, 0, [](Liar& l) { l.data(0xfffffffc, 8, pdu::kLast); }},
    {"SUCCESS without LAST", false, kInvalidHeaderField, 1,
     [](Liar& l) { l.data(l.next(), l.left(), pdu::kSuccess); }},
    {"data after LAST", false, kSequenceError, 0,
     [](Liar& l) {
       l.data(l.next(), 256, pdu::kLast);
       l.data(l.next() + 256, 256, pdu::kLast);
     }},
    {"SUCCESS before the end", false, kSequenceError, 0,
     [](Liar& l) { l.data(l.next(), 256, pdu::kLast | pdu::kSuccess); }},
    {"an answer before the end of the data", false, kSequenceError, 0, [](Liar& l) { l.answer(); }},
    {"a second answer", false, kInvalidHeaderField, 20,
     [](Liar& l) {
       l.all();
       l.answer();
     }},
    {"data of an old command", false, kInvalidHeaderField, 8,
     [](Liar& l) { l.data(l.next(), l.left(), pdu::kLast, kOtherGeneration); }},
    {"an answer to an old command", false, kInvalidHeaderField, 20,
     [](Liar& l) { l.answer(kOtherGeneration); }},
    {"an answer to another leg's command", false, kInvalidHeaderField, 20, [](Liar& l) { l.answer(); }, true},
    {"data of another leg's command", false, kInvalidHeaderField, 8,
     [](Liar& l) { l.data(l.next(), l.left(), pdu::kLast); }, true},
    {"an R2T for a read", false, kInvalidHeaderField, 8, [](Liar& l) { l.r2t(0, 512); }},
    {"data for a write", true, kInvalidHeaderField, 8, [](Liar& l) { l.data(0, 256, 0); }},
    {"an R2T for nothing", true, kInvalidHeaderField, 16, [](Liar& l) { l.r2t(0, 0); }},
    {"an R2T beyond the end", true, kOutOfRange, 0, [](Liar& l) { l.r2t(0, l.length() + 4); }},
    {"an R2T with a hole before it", true, kSequenceError, 0, [](Liar& l) { l.r2t(4, l.length() - 4); }},
    {"an R2T of half a dword", true, kInvalidHeaderField, 16, [](Liar& l) { l.r2t(0, l.length() - 2); }},
    {"an R2T from within a dword", true, kInvalidHeaderField, 12, [](Liar& l) { l.r2t(2, l.length() - 4); }},
    {"an R2T of an old command", true, kInvalidHeaderField, 8,
     [](Liar& l) { l.r2t(0, l.length(), kOtherGeneration); }},
    {"a write's answer before its data", true, kSequenceError, 0, [](Liar& l) { l.answer(); }},
};

// A leg, and the command of which it can lie, with its owner.
struct Chance {
  TestLeg* leg = nullptr;
  unsigned cid = 0;
  const TestLeg* owner = nullptr;
};
// One that speaks and does not have the command.
TestLeg* stranger(EngineWorld& w, unsigned cid) {
  for (TestLeg& l : w.legs)
    if (!l.off && !l.dead && l.open.count(cid) == 0) return &l;
  return nullptr;
}
Chance look_for(EngineWorld& w, bool write, bool other) {
  for (TestLeg& l : w.legs) {
    if (l.off || l.dead) continue;
    for (const auto& [cid, c] : l.open) {
      const bool waits = c.write && c.asked == 0 && c.length != 0;
      const bool owes = c.sqe.opcode == spec::io::kRead && c.length - c.sent >= 512;
      if (!(write ? waits : owes)) continue;
      TestLeg* const liar = other ? stranger(w, cid) : &l;
      if (liar != nullptr) return {liar, cid, &l};
    }
  }
  return {};
}

// Hosts draw few commands while others wait: one more, of blocks that nobody else touches.
constexpr unsigned kReadAt = 100, kWriteAt = 200, kAsked = 32;
void ask(EngineWorld& w, bool write) {
  TestHost& h = w.hosts[w.r.below(static_cast<unsigned>(w.hosts.size()))];
  if (h.open.size() + 2 > h.depth) return;
  TestHost::Command c{};
  c.opcode = write ? spec::io::kWrite : spec::io::kRead;
  c.block = write ? kWriteAt : kReadAt;
  c.count = kAsked;  // more than a capsule takes
  w.send(h, c);
}

TEST(Engine, LyingLegs) {
  constexpr size_t kLegs = 4;
  const uint64_t from = first_seed(1200), until = from + rounds(1);
  for (uint64_t seed = from; seed < until; ++seed) {
    // In a world all legs but one lie, one after the other.
    for (size_t at = 0; at < std::size(kLies); at += kLegs - 1) {
      SCOPED_TRACE(seed);
      EngineWorld::Options o = random_options(seed + 100 * at);
      o.legs = kLegs;
      o.hosts = 3;
      o.tcp.drain = 64;
      EngineWorld w(seed, o);
      w.forget(kReadAt, kAsked);
      w.forget(kWriteAt, kAsked);
      for (size_t n = at; n < std::min(at + kLegs - 1, std::size(kLies)); ++n) {
        const Lie& lie = kLies[n];
        SCOPED_TRACE(lie.what);
        Chance c;
        for (TestLeg& l : w.legs) l.quiet = true;
        for (unsigned i = 0; i < 4000 && c.leg == nullptr && w.fault.empty(); ++i) {
          if (i % 32 == 0) ask(w, lie.write);
          w.run(8);
          c = look_for(w, lie.write, lie.other);
        }
        for (TestLeg& l : w.legs) l.quiet = false;
        EXPECT_EQ(w.fault, "");
        if (c.leg == nullptr) {
          ADD_FAILURE() << "no leg had such a command";
          return;
        }
        TestLeg& l = *c.leg;
        Liar liar(w, l, c.cid, *c.owner);
        lie.tell(liar);
        l.dead = true;  // says nothing else
        // What the header alone gives away is told of the session.
        const auto of_leg = [&](const CardEvent& e) {
          if (e.kind == CardEvent::kLinkError) return e.link == l.link;
          bool mine = false;
          for (unsigned q = 0; q < l.queues; ++q) mine |= e.port == l.port[q] && e.session == l.session[q];
          return e.kind == CardEvent::kSessionError && mine;
        };
        const auto told = [&] {
          return std::any_of(w.card_events.begin(), w.card_events.end(), [&](const CardEvent& e) {
            return of_leg(e) && e.fes == lie.fes && e.fei == lie.fei;
          });
        };
        EXPECT_TRUE(w.wait_event(told, 40000)) << "not told of";
        for (const CardEvent& e : w.card_events) {
          EXPECT_NE(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kQueueError));
          if (e.kind == CardEvent::kLinkError || e.kind == CardEvent::kSessionError)
            EXPECT_TRUE(of_leg(e) && e.fes == lie.fes)
                << "told something else: " << e.fes.to_uint() << ", " << e.fei.to_uint();
        }
        w.card_events.clear();
        w.drop_leg(l);
        if (testing::Test::HasFailure()) return;
      }
      EXPECT_TRUE(w.settle()) << "somebody was stopped";
      EXPECT_EQ(w.fault, "");
      w.compare();
      if (testing::Test::HasFailure()) return;
    }
  }
}

// ---- hosts ------------------------------------------------------------------------------------------------
struct HostLie {
  const char* what;
  unsigned fes, fei;
  void (*tell)(nvmf::DataPdu&, unsigned length);  // offset 0, `length` bytes, LAST: as it should be
  int beside = 0;  // bytes that follow and DATAL does not count, or (negative) counts and do not
};
const HostLie kHostLies[] = {
    {"data that begin behind the beginning", kOutOfRange, 0,
     [](nvmf::DataPdu& d, unsigned length) {
       d.datao = 4;
       d.datal = length - 4;
     }},
    {"more data than were asked for", kOutOfRange, 0,
     [](nvmf::DataPdu& d, unsigned length) { d.datal = length + 4; }},
    {"an end that is 0 again", kOutOfRange, 0, [](nvmf::DataPdu& d, unsigned length) { d.datao = -length; }},
    {"another slot", kInvalidHeaderField, 10,
     [](nvmf::DataPdu& d, unsigned) { d.ttag = static_cast<uint16_t>(d.ttag ^ 0x1000); }},
    {"another command", kInvalidHeaderField, 8,
     [](nvmf::DataPdu& d, unsigned) { d.cccid = static_cast<uint16_t>(d.cccid ^ 1); }},
    {"LAST before the end", kInvalidHeaderField, 1,
     [](nvmf::DataPdu& d, unsigned length) { d.datal = length / 2; }},
    {"no LAST at the end", kInvalidHeaderField, 1, [](nvmf::DataPdu& d, unsigned) { d.head.flags = 0; }},
    {"more bytes than DATAL says", kInvalidHeaderField, 16,
     [](nvmf::DataPdu& d, unsigned length) { d.datal = length - 4; }, 4},
    {"fewer bytes than DATAL says", kInvalidHeaderField, 16, [](nvmf::DataPdu&, unsigned) {}, -4},
    {"data of half a dword", kInvalidHeaderField, 16,
     [](nvmf::DataPdu& d, unsigned length) { d.datal = length - 2; }},
    {"data from within a dword", kInvalidHeaderField, 12,
     [](nvmf::DataPdu& d, unsigned length) {
       d.datao = 2;
       d.datal = length - 4;
     }},
};

TEST(Engine, LyingHosts) {
  const uint64_t from = first_seed(1300), until = from + rounds(2);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.hosts = 3;
    EngineWorld w(seed, o);
    for (const HostLie& lie : kHostLies) {
      SCOPED_TRACE(lie.what);
      TestHost* liar = nullptr;
      w.heard = [&](bool leg, unsigned queue, const test::TakenPdu& t) {
        if (leg || t.head.type != pdu::kR2T || liar != nullptr) return;
        liar = &*std::find_if(w.hosts.begin(), w.hosts.end(),
                              [&](const TestHost& h) { return h.queue == queue; });
        const auto r = t.as<nvmf::R2tPdu>();
        nvmf::DataPdu d{};
        d.head.type = pdu::kH2CData;
        d.head.flags = pdu::kLast;
        d.cccid = r.cccid;
        d.ttag = r.ttag;
        d.datal = r.r2tl;
        lie.tell(d, r.r2tl);
        const auto bytes = static_cast<size_t>(static_cast<long>(d.datal) + lie.beside);
        w.tcp[liar->port].arrive(liar->session, make_pdu(d, ByteVec(bytes, 0xee), liar->digests));
        liar->hostile = true;
      };
      for (unsigned i = 0; i < 400 && liar == nullptr && w.fault.empty(); ++i) w.run(100);
      w.heard = nullptr;
      EXPECT_EQ(w.fault, "");
      if (liar == nullptr) {
        ADD_FAILURE() << "no host was asked for data";
        return;
      }
      TestHost& h = *liar;
      const auto told = [&] {
        return std::any_of(w.card_events.begin(), w.card_events.end(), [&](const CardEvent& e) {
          const bool mine =
              (e.kind == CardEvent::kSessionError && e.port == h.port && e.session == h.session) ||
              (e.kind == CardEvent::kQueueError && e.queue == h.queue);
          return mine && e.fes == lie.fes && e.fei == lie.fei;
        });
      };
      EXPECT_TRUE(w.wait_event(told, 40000)) << "not told of";
      for (const auto& [cid, c] : h.open) w.forget(c.block, c.count);
      w.close_host(h);
      w.card_events.clear();
      w.tee_events.clear();
      h.hostile = h.gone = false;
      w.open_host(h);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(w.settle()) << "somebody was stopped";
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace nvtee::card
