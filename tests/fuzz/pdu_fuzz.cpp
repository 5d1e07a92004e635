// PDU framing in both directions. However the bytes are cut into pieces, the same PDUs come out of them.
#include "runtime/nvmf/pdu/pdu_rx.hpp"
#include "runtime/nvmf/pdu/pdu_tx.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

using namespace nvmf;
namespace p = spec::pdu;

struct Trace {
  std::vector<std::uint32_t> steps;
  std::vector<std::byte> data;
};

Trace run(std::span<const std::byte> in, PduConnection::Side side, const PduConnection::Terms& terms,
          std::size_t piece) {
  Trace t;
  RxMachine rx;
  static std::vector<std::byte> sink(8192);
  std::size_t at = 0;
  while (at < in.size()) {
    auto part = in.subspan(at, std::min(piece, in.size() - at));
    at += part.size();
    for (;;) {
      const auto step = rx.advance(part, side, terms);
      if (step == RxMachine::Step::kMore) break;
      t.steps.push_back(static_cast<std::uint32_t>(step));
      if (step == RxMachine::Step::kFatal) {
        t.steps.push_back(rx.fatal().fes);
        t.steps.push_back(rx.fatal().fei);
        return t;
      }
      if (step == RxMachine::Step::kTermReq) return t;
      if (step == RxMachine::Step::kSink) {
        must(rx.data_length() <= terms.max_rx_data, "data of a PDU is within the limit");
        rx.set_sink(sink.data());
      } else {
        t.steps.push_back(rx.pdu().head.type);
        t.steps.push_back(rx.received().length);
        t.steps.push_back(rx.received().digest_ok);
        t.data.insert(t.data.end(), sink.begin(), sink.begin() + rx.received().length);
      }
    }
    must(part.empty(), "all bytes are used");
  }
  return t;
}

}  // namespace

void one(Input in) {
  const auto how = in.take<std::uint8_t>();
  const auto piece = in.take<std::uint8_t>();
  const auto side = how & 1 ? PduConnection::Side::kHost : PduConnection::Side::kController;
  PduConnection::Terms terms{(how & 2) != 0, (how & 4) != 0, how & 8 ? 32u : 0u, 0, 8192};
  const Trace whole = run(in.rest(), side, terms, std::max<std::size_t>(in.rest().size(), 1));
  const Trace parts = run(in.rest(), side, terms, piece + 1u);
  must(whole.steps == parts.steps && whole.data == parts.data, "pieces change nothing");
}

Seeds seeds() {
  Seeds out;
  const auto add = [&](std::uint8_t how, std::uint8_t piece, const void* pdu, std::size_t size,
                       std::size_t data) {
    PduConnection::Terms terms{(how & 2) != 0, (how & 4) != 0, 0, how & 8 ? 32u : 0u, 8192};
    TxQueue q;
    std::vector<std::byte> bytes(data, std::byte{0x5a});
    q.push(terms, pdu, size, bytes, data ? 1 : 0, {});
    q.push(terms, pdu, size, bytes, data ? 1 : 0, {});
    Seed s;
    s.put(how).put(piece);
    iovec v[16];
    for (unsigned i = 0, n = q.gather(v, 16); i < n; ++i)
      s.text({static_cast<const char*>(v[i].iov_base), v[i].iov_len});
    out.push_back(s);
  };
  for (std::uint8_t how = 0; how < 16; how = static_cast<std::uint8_t>(how + 2)) {
    CapsuleCmd c{};
    c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, 0, 0};
    add(how, 7, &c, sizeof c, 0);
    add(how, 63, &c, sizeof c, 512);
    DataPdu d{};
    d.head = {p::kH2CData, p::kLast, p::kHlenData, 0, 0};
    d.datal = 64;
    add(how, 0, &d, sizeof d, 64);
    CapsuleResp r{};
    r.head = {p::kCapsuleResp, 0, p::kHlenResp, 0, 0};
    add(how | 1, 3, &r, sizeof r, 0);
    d.head.type = p::kC2HData;
    add(how | 1, 200, &d, sizeof d, 64);
    R2tPdu t{};
    t.head = {p::kR2T, 0, p::kHlenR2T, 0, 0};
    add(how | 1, 11, &t, sizeof t, 0);
  }
  IcReq q{};
  q.head = {p::kICReq, 0, p::kHlenIC, 0, p::kHlenIC};
  add(0, 1, &q, sizeof q, 0);
  return out;
}

}  // namespace nvtee::fuzz
