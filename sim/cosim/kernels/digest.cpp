// digest: beats of PDUs, with the digest that they should have, most of the time.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include <array>
#include <memory>

#include "sim/cosim/kernels/card.hpp"

namespace {

using nvtee::card::SummedBeat;
using nvtee::cosim::Biases;
using nvtee::cosim::Random;

class Pdus {
 public:
  explicit Pdus(Biases b) : biases_(std::move(b)) {}

  SummedBeat beat(Random& r) {
    SummedBeat s = nvtee::cosim::random_record<digest_top_ports::in>(biases_, r);
    const unsigned session = r.below(4);
    std::uint32_t& sum = sum_[session];
    s.beat.session = session;
    s.beat.count = r.chance(50) ? 64 : 1 + r.below(64);
    const std::uint32_t before = s.beat.first ? nvtee::card::kCrcInit : sum;
    sum = nvtee::card::crc_next(before, s.sum.to_uint());
    const std::uint32_t right =
        nvtee::card::crc_end(sum, static_cast<ap_uint<6>>(64 - s.beat.count.to_uint()));
    if (r.chance(80)) s.beat.digest = right ^ (r.chance(20) ? 1u << r.below(32) : 0u);
    return s;
  }

 private:
  Biases biases_;
  std::array<std::uint32_t, 4> sum_{};
};

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, const auto pdus = std::make_shared<Pdus>(nvtee::cosim::card_biases(name));
               bench.source<digest_top_ports::in>([pdus](Random& r) { return pdus->beat(r); }))
