// Test helper: the PDU that a TxJob stands for, as the wire structs see it.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "hw/kernels/engine/records.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::card::test {

template <int W>
std::vector<uint8_t> bytes_of(const ap_uint<W>& bits, std::size_t count) {
  std::vector<uint8_t> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ap_uint<8> byte = bits.range(static_cast<int>(8 * i) + 7, static_cast<int>(8 * i));
    out[i] = static_cast<uint8_t>(byte.to_uint());
  }
  return out;
}

template <class P>
P pdu_of(const TxJob& job) {
  P p{};
  const auto bytes = bytes_of(whole_head(job.head), sizeof p);
  std::memcpy(&p, bytes.data(), sizeof p);
  return p;
}

// What is wrong with the common header of a job, or nothing.
inline const char* head_fault(const TxJob& job) {
  const auto h = pdu_of<nvmf::PduHead>(job);
  const unsigned hlen = job.head_bytes.to_uint(), hdgst = job.hdgst ? 4 : 0, ddgst = job.ddgst ? 4 : 0;
  const unsigned data = job.length.to_uint();
  if (h.hlen != hlen) return "HLEN";
  if (h.plen != hlen + hdgst + data + ddgst) return "PLEN";
  if (h.pdo != (data ? hlen + hdgst : 0)) return "PDO";
  if (((h.flags & spec::pdu::kHdgst) != 0) != (hdgst != 0)) return "HDGSTF";
  if (((h.flags & spec::pdu::kDdgst) != 0) != (ddgst != 0)) return "DDGSTF";
  if (ddgst && !data) return "DDGSTF without data";
  if (data > kMaxTxData) return "more than kMaxTxData";
  return nullptr;
}

}  // namespace nvtee::card::test
