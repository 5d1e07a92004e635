// Test helper: one end of a connection, as bytes: makes PDUs with their digests and takes a stream apart.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "hw/nvme/spec.hpp"
#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::card::test {

using ByteVec = std::vector<uint8_t>;

struct Digests {
  bool header = false, data = false;
};

// Header struct with type, LAST and fields filled in; the rest is done here.
template <class P>
ByteVec make_pdu(P header, const ByteVec& data, const Digests& d) {
  namespace p = spec::pdu;
  const bool ddgst = d.data && !data.empty();
  header.head.hlen = sizeof(P);
  header.head.flags =
      static_cast<uint8_t>(header.head.flags | (d.header ? p::kHdgst : 0) | (ddgst ? p::kDdgst : 0));
  const size_t end = sizeof(P) + (d.header ? 4 : 0);
  header.head.pdo = static_cast<uint8_t>(data.empty() ? 0 : end);
  header.head.plen = static_cast<uint32_t>(end + data.size() + (ddgst ? 4 : 0));
  ByteVec out(reinterpret_cast<uint8_t*>(&header), reinterpret_cast<uint8_t*>(&header) + sizeof header);
  const auto put = [&](uint32_t crc) {
    for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(crc >> (8 * i)));
  };
  if (d.header) put(crc32c(0, &header, sizeof header));
  out.insert(out.end(), data.begin(), data.end());
  if (ddgst) put(crc32c(0, data.data(), data.size()));
  return out;
}

struct TakenPdu {
  nvmf::PduHead head{};
  ByteVec header;  // HLEN bytes
  ByteVec data;
  template <class P>
  P as() const {
    P p{};
    std::memcpy(&p, header.data(), std::min(sizeof p, header.size()));
    return p;
  }
};

// The next whole PDU at the front of the stream, checked. `fault` says what was wrong with it.
inline std::optional<TakenPdu> take_pdu(std::deque<uint8_t>& in, const Digests& d, std::string& fault) {
  TakenPdu t;
  if (in.size() < sizeof t.head) return {};
  uint8_t common[8];
  std::copy_n(in.begin(), 8, common);
  std::memcpy(&t.head, common, 8);
  if (t.head.plen < t.head.hlen || t.head.plen > 200000) {
    fault = "PLEN " + std::to_string(t.head.plen);
    return {};
  }
  if (in.size() < t.head.plen) return {};
  ByteVec all(in.begin(), in.begin() + t.head.plen);
  in.erase(in.begin(), in.begin() + t.head.plen);
  const bool ddgst = (t.head.flags & spec::pdu::kDdgst) != 0;
  if (((t.head.flags & spec::pdu::kHdgst) != 0) != d.header) fault = "HDGSTF";
  const size_t end = t.head.hlen + (d.header ? 4u : 0u);
  const size_t size = t.head.plen - end - (ddgst ? 4 : 0);
  if (all.size() < end || (size != 0 && t.head.pdo != end) || (size == 0 && t.head.pdo != 0)) fault = "PDO";
  if (ddgst != (d.data && size != 0)) fault = "DDGSTF";
  t.header.assign(all.begin(), all.begin() + t.head.hlen);
  t.data.assign(all.begin() + static_cast<long>(end), all.begin() + static_cast<long>(end + size));
  uint32_t crc = 0;
  if (d.header) {
    std::memcpy(&crc, &all[t.head.hlen], 4);
    if (crc != crc32c(0, t.header.data(), t.header.size())) fault = "HDGST";
  }
  if (ddgst) {
    std::memcpy(&crc, &all[end + size], 4);
    if (crc != crc32c(0, t.data.data(), t.data.size())) fault = "DDGST";
  }
  return t;
}

}  // namespace nvtee::card::test
