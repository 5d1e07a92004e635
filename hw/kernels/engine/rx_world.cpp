#include "hw/kernels/engine/rx_world.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::card::test {
namespace {

constexpr std::uint64_t kBase = 0x1'0000'0000ull;
constexpr unsigned kQueueOf = 8;  // queue (link) = session + this

template <class P>
Bytes8 bytes_of_pdu(const P& p) {
  Bytes8 b(sizeof p);
  std::memcpy(b.data(), &p, sizeof p);
  return b;
}
template <class P>
P pdu_from(const Bytes8& b) {
  P p{};
  std::memcpy(&p, b.data(), std::min(b.size(), sizeof p));
  return p;
}
void append(Bytes8& to, const Bytes8& more) {
  to.insert(to.end(), more.begin(), more.end());
}
void append(Bytes8& to, std::uint32_t x) {
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(x >> (8 * i)));
}

}  // namespace

RxWorld::RxWorld(std::uint64_t seed, const Options& o)
    : rng(seed),
      options(o),
      tcp(8, o.tcp, seed * 7 + 1),
      path(port.notify, port.read_request, port.read_meta, port.rx, stage.port0, 0, kBase),
      write_mem(memory, o.memory, seed * 7 + 2) {
  for (unsigned i = 0; i < 4; ++i) punts_back_.push_back({0, i});
}

void RxWorld::fail(const std::string& what) {
  if (fault.empty()) fault = what + " at clock " + std::to_string(now);
}

void RxWorld::open(unsigned session, unsigned role, bool hdgst, bool ddgst) {
  Session& s = sessions[session];
  const unsigned generation = s.generation;
  s = Session();
  s.generation = generation + 1;
  s.role = role;
  s.hdgst = hdgst;
  s.ddgst = ddgst;
  tcp.open(session);
  CardCtl c = CardCtl();
  c.op = CardCtl::kSetSession;
  c.session = session;
  c.role = role;
  c.queue = session + kQueueOf;
  c.link = session + kQueueOf;
  c.link_queue = session & 3;
  c.hdgst = hdgst;
  c.ddgst = ddgst;
  orders_.push_back(c);
}

void RxWorld::off(unsigned session) {
  CardCtl c = CardCtl();
  c.op = CardCtl::kSetSession;
  c.session = session;
  c.role = CardCtl::kOff;
  orders_.push_back(c);
  sessions[session].draining = true;
}

// A random PDU of the session's role, as its peer would send it.
SentPdu RxWorld::make(unsigned session) {
  const Session& s = sessions[session];
  const bool raw = s.role == CardCtl::kRaw;
  SentPdu p;
  nvmf::PduHead h{};
  const unsigned kind = rng.below(4);
  std::size_t size = 0;
  const auto data_size = [&](unsigned most) -> std::size_t {
    if (options.size == Size::kSmall) return 4 * (1 + rng.below(16));
    if (options.size == Size::kBlock) return 512;
    const unsigned big = rng.below(10);
    return 4 * (1 + rng.below(big == 0 ? most / 4 : big < 4 ? 256 : 40));
  };
  if (s.role == CardCtl::kHost && (kind != 0 || options.size == Size::kBlock)) {
    nvmf::CapsuleCmd c{};
    c.head = {spec::pdu::kCapsuleCmd, 0, spec::pdu::kHlenCmd, 0, 0};
    for (unsigned i = 0; i < 64; ++i)
      reinterpret_cast<std::uint8_t*>(&c.sqe)[i] = static_cast<std::uint8_t>(rng.bits());
    if (rng.chance(30)) c.sqe.sgl.address = rng.chance(50) ? 0 : 1ull << 40;
    size = kind == 1 && options.size != Size::kBlock ? 0 : data_size(8192);
    p.head = bytes_of_pdu(c);
  } else if (s.role == CardCtl::kHost || (s.role == CardCtl::kLeg && kind < 2)) {
    nvmf::DataPdu d{};
    d.head = {s.role == CardCtl::kHost ? spec::pdu::kH2CData : spec::pdu::kC2HData, 0, 24, 0, 0};
    d.cccid = static_cast<std::uint16_t>(rng.bits());
    d.ttag = static_cast<std::uint16_t>(rng.bits() & 0x1fff);
    size = data_size(rng.chance(5) ? 131072 : 20000);
    d.datal = static_cast<std::uint32_t>(size);
    d.datao = 4 * rng.below(static_cast<unsigned>(131072 - size) / 4 + 1);
    if (rng.chance(50)) d.head.flags = spec::pdu::kLast;
    if (d.head.flags && s.role == CardCtl::kLeg && rng.chance(50)) d.head.flags |= spec::pdu::kSuccess;
    p.head = bytes_of_pdu(d);
  } else if (s.role == CardCtl::kLeg) {
    nvmf::R2tPdu r{};
    r.head = {kind == 2 ? spec::pdu::kR2T : spec::pdu::kCapsuleResp, 0, 24, 0, 0};
    for (unsigned i = 8; i < 24; ++i)
      reinterpret_cast<std::uint8_t*>(&r)[i] = static_cast<std::uint8_t>(rng.bits());
    if (kind == 2) {
      r.r2to &= ~3u;
      r.r2tl &= ~3u;
    }
    p.head = bytes_of_pdu(r);
  } else {
    size = rng.chance(10) ? 16 + rng.below(131072 - 24) : 16 + rng.below(500);
    h = {static_cast<std::uint8_t>(rng.bits()), static_cast<std::uint8_t>(rng.bits()),
         static_cast<std::uint8_t>(rng.bits()), static_cast<std::uint8_t>(rng.bits()), 0};
    p.head = bytes_of_pdu(h);
  }
  p.data.resize(size);
  for (auto& x : p.data) x = static_cast<std::uint8_t>(rng.bits());
  const bool hdgst = s.hdgst && !raw, ddgst = s.ddgst && !raw && size != 0;
  h = pdu_from<nvmf::PduHead>(p.head);
  if (!raw) {
    h.flags = static_cast<std::uint8_t>(h.flags | (hdgst ? spec::pdu::kHdgst : 0) |
                                        (ddgst ? spec::pdu::kDdgst : 0));
    h.pdo = static_cast<std::uint8_t>(size != 0 ? p.head.size() + (hdgst ? 4 : 0) : 0);
  }
  h.plen = static_cast<std::uint32_t>(p.head.size() + (hdgst ? 4 : 0) + size + (ddgst ? 4 : 0));
  std::memcpy(p.head.data(), &h, sizeof h);
  p.wire = p.head;
  if (hdgst) append(p.wire, crc32c(0, p.head.data(), p.head.size()));
  append(p.wire, p.data);
  p.digest_ok = !ddgst || !rng.chance(options.bad_digest);
  if (ddgst) append(p.wire, crc32c(0, p.data.data(), size) ^ (p.digest_ok ? 0u : 1u << rng.below(32)));
  return p;
}

void RxWorld::expect_and_send(unsigned session, const SentPdu& pdu) {
  sessions[session].expected.push_back(pdu);
  tcp.arrive(session, pdu.wire);
}

void RxWorld::send(unsigned session, unsigned pdus) {
  for (unsigned i = 0; i < pdus; ++i) expect_and_send(session, make(session));
}

bool RxWorld::take_expected(unsigned session, SentPdu& to) {
  Session& s = sessions[session];
  if (s.expected.empty()) return false;
  to = std::move(s.expected.front());
  s.expected.pop_front();
  return true;
}

unsigned RxWorld::free_slot() {
  for (;;) {
    next_slot_ = (next_slot_ + 1) % 512;
    if (!filling_.count(next_slot_)) return next_slot_;
  }
}

void RxWorld::take_host() {
  if (path.host.empty() || verdicts_.size() > 40 || (options.hold != 0 && rng.chance(options.hold))) return;
  const tee::HostIn h = path.host.read();
  const unsigned session = h.queue.to_uint() - kQueueOf;
  SentPdu p;
  if (session >= 8 || sessions[session].role != CardCtl::kHost || !take_expected(session, p)) {
    fail("a HostIn that nobody sent");
    return;
  }
  const auto head = pdu_from<nvmf::PduHead>(p.head);
  bool same = false;
  unsigned offset = 0;
  if (head.type == spec::pdu::kCapsuleCmd) {
    const nvmf::Sqe q = pdu_from<nvmf::CapsuleCmd>(p.head).sqe;
    same = h.kind == tee::HostIn::kCommand && h.cid == q.cid && h.opcode == q.opcode && h.flags == q.flags &&
           h.nsid == q.nsid && h.slba == q.slba() && h.cdw12 == q.cdw12 && h.sgl_type == q.sgl.type &&
           h.sgl_length == q.sgl.length && h.sgl_address_nonzero == (q.sgl.address != 0 ? 1 : 0) &&
           h.length == p.data.size();
  } else {
    const auto d = pdu_from<nvmf::DataPdu>(p.head);
    same = h.kind == tee::HostIn::kDataHeader && h.cid == d.cccid && h.slot == d.ttag &&
           h.offset == d.datao && h.length == d.datal &&
           h.last == ((d.head.flags & spec::pdu::kLast) ? 1 : 0);
    offset = d.datao;
  }
  if (!same) fail("a HostIn differs from its PDU");
  if (p.data.empty()) {
    ++pdus_done;
    return;
  }
  Verdict v{now + (options.think ? rng.below(options.think) : 0), false, tee::Placement(), LegPlace()};
  if (fatal_next != 0 && --fatal_next == 0) {
    v.place.action = tee::Placement::kFatal;
    v.place.fes = 4;
    v.place.fei = 77;
  } else if (rng.chance(10)) {
    v.place.action = tee::Placement::kDiscard;
    ++pdus_done;
  } else {
    v.place.action = tee::Placement::kPlace;
    v.place.slot = free_slot();
    v.place.offset = offset;
    filling_[v.place.slot.to_uint()] = {
        session, sessions[session].generation, p, v.place.slot.to_uint(), offset, true};
  }
  verdicts_.push_back(v);
}

void RxWorld::take_leg() {
  if (path.leg.empty() || verdicts_.size() > 40 || (options.hold != 0 && rng.chance(options.hold))) return;
  const LegPdu g = path.leg.read();
  const unsigned session = g.link.to_uint() - kQueueOf;
  SentPdu p;
  if (session >= 8 || sessions[session].role != CardCtl::kLeg || !take_expected(session, p)) {
    fail("a LegPdu that nobody sent");
    return;
  }
  const auto head = pdu_from<nvmf::PduHead>(p.head);
  const auto d = pdu_from<nvmf::DataPdu>(p.head);
  const auto c = pdu_from<nvmf::CapsuleResp>(p.head);
  bool same = g.link_queue == (session & 3) && g.port == 0;
  if (head.type == spec::pdu::kCapsuleResp) {
    same = same && g.kind == LegPdu::kResponse && g.cid == c.cqe.cid &&
           g.status == spec::status_of_cqe(c.cqe.status);
  } else {
    same = same && g.kind == (head.type == spec::pdu::kR2T ? LegPdu::kR2t : LegPdu::kData) &&
           g.cid == d.cccid && g.offset == d.datao && g.length == d.datal;
    if (head.type == spec::pdu::kR2T) same = same && g.ttag == d.ttag;
    if (head.type == spec::pdu::kC2HData)
      same = same && g.last == ((head.flags & spec::pdu::kLast) ? 1 : 0) &&
             g.success == ((head.flags & spec::pdu::kSuccess) ? 1 : 0);
  }
  if (!same) fail("a LegPdu differs from its PDU");
  if (p.data.empty()) {
    ++pdus_done;
    return;
  }
  Verdict v{now + (options.think ? rng.below(options.think) : 0), true, tee::Placement(), LegPlace()};
  v.leg_place.place = !rng.chance(10);
  if (v.leg_place.place) {
    v.leg_place.slot = free_slot();
    v.leg_place.offset = d.datao;
    v.leg_place.tell = rng.chance(60) || !p.digest_ok;
    v.leg_place.link = g.link;
    v.leg_place.cid = g.cid;
    if (!p.digest_ok && rng.chance(50)) v.leg_place.tell = 0;  // told all the same
    filling_[v.leg_place.slot.to_uint()] = {
        session, sessions[session].generation, p, v.leg_place.slot.to_uint(), d.datao, v.leg_place.tell == 1};
    if (!v.leg_place.tell && p.digest_ok) {
      filling_.erase(v.leg_place.slot.to_uint());
      ++pdus_done;
    }
  } else {
    ++pdus_done;
  }
  verdicts_.push_back(v);
}

// Verdicts come one after the other, each kind in its order.
void RxWorld::answer() {
  for (std::size_t i = 0; i < verdicts_.size(); ++i) {
    Verdict& v = verdicts_[i];
    if (v.due > now) return;
    if (v.leg ? path.leg_place.full() : path.placement.full()) return;
    if (v.leg) {
      path.leg_place.write(v.leg_place);
    } else {
      path.placement.write(v.place);
    }
    verdicts_.pop_front();
    return;
  }
}

bool RxWorld::memory_has(const Filling& f) {
  return memory.read(kBase + std::uint64_t{f.slot} * 131072 + f.offset, f.pdu.data.size()) == f.pdu.data;
}

void RxWorld::take_done() {
  if (path.store.done.empty() && path.store.now.empty()) return;
  const StoreDone d = path.store.now.empty() ? path.store.done.read() : path.store.now.read();
  const unsigned slot = d.slot.to_uint();
  if (d.kind == StoreDone::kRawDone) {
    SentPdu p;
    const unsigned session = d.session.to_uint();
    if (slot < 8192 || slot >= 8196 || !punt_out_[slot - 8192])
      return fail("a raw PDU in a buffer that is not its");
    if (session >= 8 || sessions[session].role != CardCtl::kRaw || !take_expected(session, p))
      return fail("a raw PDU that nobody sent");
    if (d.head != pdu_from<std::uint64_t>(p.head) || d.length != p.data.size()) fail("a raw PDU differs");
    if (!memory_has({session, 0, p, slot, 0, true})) fail("a raw PDU's bytes differ");
    punt_out_[slot - 8192] = false;
    punts_back_.push_back({now + rng.below(200), slot - 8192});
    ++pdus_done;
    return;
  }
  const auto it = filling_.find(slot);
  if (it == filling_.end()) return fail("a StoreDone for nothing");
  const Filling f = it->second;
  filling_.erase(it);
  ++pdus_done;
  const Session& s = sessions[f.session];
  if (f.generation != s.generation && s.drained != 0)
    return fail("a StoreDone after the session was drained");
  if (d.ok != (f.pdu.digest_ok ? 1 : 0)) fail("a digest judged wrongly");
  if (d.kind != (s.role == CardCtl::kHost ? StoreDone::kHostDone : StoreDone::kLegDone))
    fail("StoreDone kind");
  if (d.kind == StoreDone::kHostDone && d.queue.to_uint() != f.session + kQueueOf) fail("StoreDone queue");
  if (d.kind == StoreDone::kLegDone &&
      (d.link.to_uint() != f.session + kQueueOf || d.tell != (f.tell ? 1 : 0)))
    fail("StoreDone link");
  // What is in the stage may reach memory later: looked at when all is quiet. Here: what only memory has.
  const bool staged = pdu_from<nvmf::PduHead>(f.pdu.head).type == spec::pdu::kCapsuleCmd;
  if (!staged && !memory_has(f)) fail("bytes in memory differ");
}

void RxWorld::on_event(const CardEvent& e) {
  const unsigned session = e.session.to_uint();
  if (e.kind == CardEvent::kSessionError) {
    sessions[session].errors.push_back(e);
  } else if (e.kind == CardEvent::kSessionClosed) {
    ++sessions[session].closed;
  } else if (e.kind == CardEvent::kSessionDrained) {
    Session& s = sessions[session];
    ++s.drained;
    s.draining = false;
    s.expected.clear();
    std::erase_if(filling_, [&](const auto& x) { return x.second.session == session; });
  } else {
    fail("an event of no kind");
  }
}
void RxWorld::take_events() {
  for (auto* e : {static_cast<hls::stream<CardEvent>*>(&path.framer.event),
                  static_cast<hls::stream<CardEvent>*>(&path.split_event),
                  static_cast<hls::stream<CardEvent>*>(&path.placer_event),
                  static_cast<hls::stream<CardEvent>*>(&path.store.event)})
    if (!e->empty()) on_event(e->read());
}

void RxWorld::punts() {
  for (std::size_t i = 0; i < punts_back_.size(); ++i) {
    if (punts_back_[i].first > now) continue;
    CardCtl c = CardCtl();
    c.op = CardCtl::kPuntFree;
    c.slot = 8192 + punts_back_[i].second;
    punt_out_[punts_back_[i].second] = true;
    orders_.push_back(c);
    punts_back_.erase(punts_back_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

void RxWorld::clock() {
  punts();
  if (!orders_.empty() && !path.ctl().full()) {
    path.ctl().write(orders_.front());
    orders_.pop_front();
  }
  take_events();
  take_done();
  answer();
  take_host();
  take_leg();
  write_mem.step(path.store.aw, path.store.w, path.store.b);
  stage.step();
  path.step([&](unsigned) { return options.hold == 0 || !rng.chance(options.hold); });
  tcp.step(port);
  ++now;
}

bool RxWorld::quiet() const {
  for (const Session& s : sessions)
    if (s.draining || !s.expected.empty()) return false;
  return orders_.empty() && verdicts_.empty() && filling_.empty() && tcp.rx_idle() && write_mem.idle();
}

std::string RxWorld::left_over() const {
  std::string s = std::to_string(orders_.size()) + " orders, " + std::to_string(verdicts_.size()) +
                  " verdicts, " + std::to_string(filling_.size()) + " buffers;";
  for (unsigned i = 0; i < sessions.size(); ++i)
    if (sessions[i].draining || !sessions[i].expected.empty())
      s += " session " + std::to_string(i) + " (role " + std::to_string(sessions[i].role) +
           "): " + std::to_string(sessions[i].expected.size()) + " PDUs, " + std::to_string(tcp.unread(i)) +
           " bytes unread;";
  return s;
}

bool RxWorld::settle(unsigned clocks) {
  for (unsigned i = 0; i < clocks; ++i) {
    if (quiet() || !fault.empty()) break;
    clock();
  }
  const bool done = quiet();
  if (!done && fault.empty()) fail("stands still: " + left_over());
  for (unsigned i = 0; i < 400 && fault.empty(); ++i) clock();  // nothing more may come
  if (fault.empty() && !tcp.fault().empty()) fault = tcp.fault();
  if (fault.empty() && write_mem.errors() != 0) fault = "AXI";
  return done && fault.empty();
}

}  // namespace nvtee::card::test
