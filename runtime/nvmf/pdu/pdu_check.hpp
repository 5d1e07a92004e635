// What a PDU header must look like, as pure functions (TCP 1.0 §3.6): nothing here knows of sockets.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

// Where the parts of a PDU are, in bytes. A PDU = header, [HDGST], [pad up to data_offset], data, [DDGST].
struct PduLayout {
  std::uint32_t header = 0;       // HLEN
  bool header_digest = false;     // HDGST follows the header
  std::uint32_t data_offset = 0;  // PDO; equals the end of header and HDGST when there is no data
  std::uint32_t data_length = 0;
  bool data_digest = false;

  std::uint32_t header_end() const { return header + (header_digest ? spec::pdu::kDigestBytes : 0); }
};

constexpr std::uint32_t kDefaultMaxRxData = 8192;  // in-capsule data that is always allowed (TCP 1.0 §3.5)

// Offsets of fields, as FEI names them.
namespace fei {
constexpr std::uint32_t kType = 0, kFlags = 1, kHlen = 2, kPdo = 3, kPlen = 4, kPfv = 8, kHpda = 10,
                        kDataOffset = 12, kDataLength = 16;
}  // namespace fei

struct HeadCheck {
  PduLayout layout;
  std::optional<Fatal> fatal;
};

// Checks the 8-byte common header of a PDU that `side` received under `terms`, in this order: type and
// direction, HLEN, flags (reserved ones, HDGSTF), PLEN with the data limit, PDO and alignment, DDGSTF.
HeadCheck check_head(const PduHead& head, PduConnection::Side side, const PduConnection::Terms& terms);

// True for a TermReq to `side`, well formed or not: these are never answered, the connection just ends.
bool is_term_req(const PduHead& head, PduConnection::Side side);

// Checks the rest of a header that passed check_head: DATAL and DATAO of data PDUs agree with the layout.
std::optional<Fatal> check_body(const PduAny& pdu, const PduLayout& layout);

// Type of a PDU as people call it ("H2CData"), and the meaning of a FES.
const char* pdu_name(std::uint8_t type);
const char* fes_text(std::uint16_t fes);

}  // namespace nvtee::nvmf
