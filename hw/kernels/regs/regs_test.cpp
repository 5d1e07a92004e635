// regs and event_ring: every register, mail of every kind, a ring that is too small, counters.
#include <gtest/gtest.h>

#include <memory>

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/regs/test_runtime.hpp"
#include "hw/kernels/store/memory_model.hpp"

namespace nvtee::card {
namespace {

using test::Random;

struct Rig {
  RegsState regs{};
  EventRingState ring{};
  ClockState clock_state{};
  hw::AxiLiteSlave lite;
  hls::stream<tee::Ctl, 2> tee_ctl;
  hls::stream<CardCtl, 2> rx_ctl[2], host_ctl, leg_ctl;
  hls::stream<TcpCtl, 2> tcp_ctl[2];
  hls::stream<tee::HostIn, 2> host_in;
  hls::stream<TxJob, 2> job[2];
  hls::stream<TxDone, 8> freed[2], sent[2];
  hls::stream<RingCtl, 2> ring_ctl;
  hls::stream<RingNews, 2> ring_news;
  hls::stream<ap_uint<32>, 2> step;
  hls::stream<Count, 2> count[4];
  hls::stream<tee::Event, 4> tee_event;
  hls::stream<CardEvent, 4> card_event;
  hls::stream<TcpEvent, 4> tcp[2];
  hls::stream<tee::HostOut, 4> host_out;
  hls::stream<StoreDone, 4> raw;
  hls::stream<hw::AxiAddr, 2> aw;
  hls::stream<hw::AxiW, 2> w;
  hls::stream<hw::AxiB, 2> b;
  RegsIo regs_io{lite.aw,  lite.w,   lite.b,     lite.ar,    lite.r,   tee_ctl,  rx_ctl[0], rx_ctl[1],
                 host_ctl, leg_ctl,  tcp_ctl[0], tcp_ctl[1], host_in,  job[0],   job[1],    freed[0],
                 freed[1], ring_ctl, ring_news,  step,       count[0], count[1], count[2],  count[3]};
  EventRingIo ring_io{ring_ctl, ring_news, tee_event, card_event, tcp[0], tcp[1], host_out, raw,
                      sent[0],  sent[1],   freed[0],  freed[1],   aw,     w,      b};
  test::Memory memory;
  test::MemoryWritePort write{memory, {20, 10, 10, 64}, 1};
  unsigned clocks = 0;
  tee::Clock now = 0;
  void clock() {
    ++clocks;
    now = clock_step(clock_state, step);
    regs_step<EngineConfig>(regs, now, 0xb111d, regs_io);
    event_ring_step(ring, ring_io);
    write.step(aw, w, b);
  }
};

class Regs : public testing::Test {
 protected:
  std::unique_ptr<Rig> rig = std::make_unique<Rig>();
  test::Registers card{rig->lite, [this] { rig->clock(); }};
  Random r{1};

  template <class T>
  T random_record() {
    MailBits bits = 0;
    for (int i = 0; i < 8; ++i) bits.range(64 * i + 63, 64 * i) = r.bits();
    return record_of<T>(bits, 0);
  }
  template <class T>
  MailBits bits(const T& x) {
    return mail_of(x, 0);
  }
  void run(unsigned n) {
    for (unsigned i = 0; i < n; ++i) rig->clock();
  }
};

TEST_F(Regs, SaysWhoItIs) {
  EXPECT_EQ(card.read(reg::kId), reg::kIdValue);
  EXPECT_EQ(card.read(reg::kVersion), reg::kVersionValue);
  EXPECT_EQ(card.read(reg::kBuild), 0xb111du);
  EXPECT_EQ(card.read(reg::kSizes), 6u | 7u << 8 | 6u << 16 | 8u << 24);
  EXPECT_EQ(card.read(0x00f0), 0u);
}

TEST_F(Regs, ClockCountsNanoseconds) {
  card.write(reg::kClockStep, 4 << 16);
  EXPECT_EQ(card.read(reg::kClockStep), 4u << 16);
  const uint64_t a = card.read64(reg::kNowLo);
  const unsigned from = rig->clocks;
  run(1000);
  const uint64_t b = card.read64(reg::kNowLo);
  EXPECT_NEAR(static_cast<double>(b - a), 4.0 * (rig->clocks - from), 40);
  card.write(reg::kClockStep, 203362);  // 322.265625 MHz: 3.103 ns
  const uint64_t c = rig->now.to_uint64();
  run(1000000);
  EXPECT_NEAR(static_cast<double>(rig->now.to_uint64() - c), 3103058, 50);
  // HI belongs to the LO before it.
  rig->clock_state.ns = 0xffffffffull - 4;
  const uint64_t across = card.read64(reg::kNowLo);
  EXPECT_NEAR(static_cast<double>(across), 4294967295.0, 60);
}

TEST_F(Regs, MailReachesItsKernel) {
  for (unsigned n = 0; n < 200; ++n) {
    const auto t = random_record<tee::Ctl>();
    card.mail(reg::kMailTee, t);
    run(10);
    ASSERT_FALSE(rig->tee_ctl.empty());
    EXPECT_EQ(bits(rig->tee_ctl.read()), bits(t));
    const auto h = random_record<tee::HostIn>();
    card.mail(reg::kMailHostIn, h);
    run(10);
    tee::HostIn own = h;
    own.queue = 0;
    EXPECT_EQ(bits(rig->host_in.read()), bits(own));
    const auto tcp = random_record<TcpCtl>();
    card.mail(reg::kMailTcp, tcp, n % 2);
    run(10);
    EXPECT_EQ(bits(rig->tcp_ctl[n % 2].read()), bits(tcp));
    auto c = random_record<CardCtl>();
    c.op = 1 + n % 5;
    card.mail(reg::kMailCard, c);
    run(10);
    hls::stream<CardCtl>* to[] = {nullptr,        &rig->rx_ctl[c.port.to_uint()],
                                  &rig->host_ctl, &rig->leg_ctl,
                                  &rig->leg_ctl,  &rig->rx_ctl[c.port.to_uint()]};
    ASSERT_FALSE(to[c.op.to_uint()]->empty()) << c.op.to_uint();
    EXPECT_EQ(bits(to[c.op.to_uint()]->read()), bits(c));
  }
  EXPECT_EQ(card.read(reg::kMailLost), 0u);
}

TEST_F(Regs, FullQueueShows) {
  tee::Ctl t{};
  for (unsigned i = 0; i < 3; ++i) {
    t.tag = i;
    card.mail(reg::kMailTee, t);
    run(10);
  }
  EXPECT_EQ(card.read(reg::kMailBusy), 1u);
  card.write(reg::kMail0, 0xffffffff);  // not heard: the mail that waits stays as it is
  card.write(reg::kDoorbell, reg::kMailTee);
  EXPECT_EQ(card.read(reg::kMailLost), 1u);
  for (unsigned i = 0; i < 3; ++i) {
    run(10);
    EXPECT_EQ(rig->tee_ctl.read().tag.to_uint(), i);
  }
  run(10);
  EXPECT_EQ(card.read(reg::kMailBusy), 0u);
  EXPECT_TRUE(rig->tee_ctl.empty());
  card.write(reg::kDoorbell, 77);
  run(10);
  EXPECT_EQ(card.read(reg::kMailLost), 2u);
}

TEST_F(Regs, RawSendIsBounded) {
  CardCtl c{};
  c.op = CardCtl::kRawSend;
  c.port = 1;
  c.session = 9;
  c.slot = 8192 + 3;
  c.length = 100;
  for (unsigned i = 0; i < kTxRuntime; ++i) {
    card.mail(reg::kMailCard, c);
    run(10);
    ASSERT_FALSE(rig->job[1].empty());
    const TxJob j = rig->job[1].read();
    EXPECT_EQ(j.session.to_uint(), 9u);
    EXPECT_EQ(j.length.to_uint(), 100u);
    EXPECT_EQ(j.head_bytes.to_uint(), 0u);
    EXPECT_EQ(j.done.to_uint(), static_cast<unsigned>(TxJob::kRawSent));
  }
  card.mail(reg::kMailCard, c);
  run(100);
  EXPECT_TRUE(rig->job[1].empty()) << "more than kTxRuntime";
  EXPECT_EQ(card.read(reg::kMailBusy), 1u);
  card.begin_ring(0x10000, 4);
  TxDone d{};
  d.slot = 8192 + 3;
  d.error = SendStatus::kClosed;
  rig->sent[1].write(d);
  run(100);
  EXPECT_FALSE(rig->job[1].empty());
  const auto e = rig->memory.read(0x10000, 64);
  EXPECT_EQ(e[0], reg::kRingCard);
  MailBits got = 0;
  for (int i = 0; i < 64; ++i) got.range(8 * i + 7, 8 * i) = e[static_cast<size_t>(i)];
  const auto event = record_of<CardEvent>(got, kRingRecordAt);
  EXPECT_EQ(event.kind.to_uint(), static_cast<unsigned>(CardEvent::kRawSent));
  EXPECT_EQ(event.error.to_uint(), static_cast<unsigned>(SendStatus::kClosed));
  EXPECT_EQ(event.slot.to_uint(), 8195u);
}

TEST_F(Regs, Counters) {
  uint64_t pdus[3][2] = {}, bytes[3][2] = {};
  for (unsigned n = 0; n < 2000; ++n) {
    Count c{};
    c.kind = r.below(3);
    c.port = r.below(2);
    c.pdus = r.below(64);
    c.bytes = r.below(1 << 24);
    auto& to = rig->count[r.below(4)];
    if (!to.full()) {
      to.write(c);
      pdus[c.kind.to_uint()][c.port.to_uint()] += c.pdus.to_uint();
      bytes[c.kind.to_uint()][c.port.to_uint()] += c.bytes.to_uint();
    }
    if (r.chance(10)) card.read(reg::kCounters + 8 * r.below(12));
    rig->clock();
  }
  run(20);
  for (unsigned k = 0; k < 3; ++k)
    for (unsigned p = 0; p < 2; ++p) {
      EXPECT_EQ(card.read64(reg::kCounters + 32 * k + 8 * p), pdus[k][p]);
      EXPECT_EQ(card.read64(reg::kCounters + 32 * k + 16 + 8 * p), bytes[k][p]);
    }
}

// A ring of 8 entries, a runtime that is slow: no event is lost, none is changed, and the wait shows.
TEST_F(Regs, RingLosesNothing) {
  card.begin_ring(0x40000, 3);
  std::deque<std::pair<unsigned, MailBits>> expected[6];
  unsigned sent = 0;
  uint32_t read = 0;
  for (unsigned n = 0; n < 20000 || read < sent; ++n) {
    ASSERT_LT(n, 100000u);
    if (n < 20000 && r.chance(20)) {
      switch (r.below(6)) {
        case 0:
          if (!rig->tee_event.full()) {
            const auto e = random_record<tee::Event>();
            rig->tee_event.write(e);
            expected[0].push_back({reg::kRingTee, bits(e)});
            ++sent;
          }
          break;
        case 1:
          if (!rig->card_event.full()) {
            const auto e = random_record<CardEvent>();
            if (e.kind == CardEvent::kRawPdu) break;
            rig->card_event.write(e);
            expected[1].push_back({reg::kRingCard, bits(e)});
            ++sent;
          }
          break;
        case 2:
        case 3: {
          const unsigned p = r.below(2);
          if (rig->tcp[p].full()) break;
          const auto e = random_record<TcpEvent>();
          rig->tcp[p].write(e);
          expected[2 + p].push_back({reg::kRingTcp | p << 8, bits(e)});
          ++sent;
          break;
        }
        case 4:
          if (!rig->host_out.full()) {
            const auto h = random_record<tee::HostOut>();
            rig->host_out.write(h);
            expected[4].push_back({reg::kRingHostOut, bits(h)});
            ++sent;
          }
          break;
        default:
          if (!rig->raw.full()) {
            StoreDone d{};
            d.session = r.below(256);
            d.length = r.below(1 << 17);
            d.head = r.bits();
            d.slot = 8192 + r.below(64);
            rig->raw.write(d);
            expected[5].push_back({reg::kRingCard, bits(raw_event(d))});
            ++sent;
          }
      }
    }
    rig->clock();
    if (!r.chance(3)) continue;
    const auto e = rig->memory.read(0x40000 + (read % 8) * 64, 64);
    uint32_t number = 0;
    std::memcpy(&number, &e[60], 4);
    if (number != read + 1) continue;
    MailBits got = 0;
    for (int i = 4; i < 60; ++i) got.range(8 * i - 25, 8 * i - 32) = e[static_cast<size_t>(i)];
    const unsigned kind = e[0] | e[1] << 8;
    bool found = false;
    for (auto& q : expected) {
      if (found || q.empty() || q.front().first != kind || q.front().second != got) continue;
      q.pop_front();
      found = true;
    }
    ASSERT_TRUE(found) << "entry " << read << " of kind " << kind << " is nobody's";
    card.write(reg::kRingConsumer, ++read);
  }
  EXPECT_GT(sent, 500u);
  EXPECT_GT(card.read(reg::kRingStalled), 0u);
  EXPECT_EQ(card.read(reg::kRingProducer), sent);
}

}  // namespace
}  // namespace nvtee::card
