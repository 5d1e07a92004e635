// header_split: heads with the digest that they should have, most of the time.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include "sim/cosim/kernels/card.hpp"

namespace {

using nvtee::card::PduHead;
using nvtee::cosim::Biases;
using nvtee::cosim::Random;

PduHead head(const Biases& biases, Random& r) {
  namespace pdu = nvtee::spec::pdu;
  PduHead h = nvtee::cosim::random_record<header_split_top_ports::head>(biases, r);
  const std::vector<unsigned> types = {pdu::kCapsuleCmd, pdu::kCapsuleCmd, pdu::kCapsuleResp,
                                       pdu::kH2CData,    pdu::kC2HData,    pdu::kR2T};
  h.bytes.range(7, 0) = r.of(types);
  const bool cmd = h.bytes.range(7, 0) == pdu::kCapsuleCmd;
  if (r.chance(80)) h.kind = PduHead::kPdu;
  if (r.chance(80)) {  // lengths and slots that are in order
    h.bytes.range(159, 128) = static_cast<ap_uint<32>>(h.data);
    h.bytes.range(97, 96) = 0;
    h.bytes.range(95, 93) = 0;
  }
  if (!cmd) h.bytes.range(607, 8 * 28) = 0;  // as rx_join hands it on
  if (r.chance(80)) {
    const ap_uint<32> right = cmd ? nvtee::card::crc_head72(h.bytes) : nvtee::card::crc_head24(h.bytes);
    if (cmd) {
      h.bytes.range(8 * 72 + 31, 8 * 72) = right;
    } else {
      h.bytes.range(8 * 24 + 31, 8 * 24) = right;
    }
    if (r.chance(5)) h.bytes[static_cast<int>(r.below(600))] = r.below(2);
  }
  h.sum = nvtee::card::crc_fold(h.bytes.range(511, 0));
  return h;
}

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, const Biases biases = nvtee::cosim::card_biases(name); bench.biases = biases;
               bench.rare = nvtee::cosim::card_rare(name);
               bench.source<header_split_top_ports::head>([biases](Random& r) { return head(biases, r); }))
