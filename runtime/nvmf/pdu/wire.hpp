// NVMe/TCP on the wire (TCP 1.0 §3.6; Base §3.3): structs that libnvme's <nvme/types.h> does not have.
// All fields little-endian; nvtee runs on little-endian machines only (asserted).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hw/nvme/spec.hpp"

namespace nvtee::nvmf {

static_assert(std::endian::native == std::endian::little, "wire structs are used in place");

#pragma pack(push, 1)

struct Sgl {
  std::uint64_t address;
  std::uint32_t length;
  std::uint8_t reserved[3];
  std::uint8_t type;  // spec::kSglDataOffset or spec::kSglTransport
};

// Submission queue entry. The fabrics view of bytes 4..: FCTYPE is the low byte of nsid.
struct Sqe {
  std::uint8_t opcode;
  std::uint8_t flags;  // FUSE 1:0, PSDT 7:6
  std::uint16_t cid;
  std::uint32_t nsid;
  std::uint32_t cdw2, cdw3;
  std::uint64_t mptr;
  Sgl sgl;
  std::uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;

  std::uint64_t slba() const { return (std::uint64_t{cdw11} << 32) | cdw10; }
  std::uint32_t blocks() const { return (cdw12 & 0xffff) + 1; }
  std::uint8_t fctype() const { return static_cast<std::uint8_t>(nsid); }
};
static_assert(sizeof(Sqe) == 64);

// Completion queue entry.
struct Cqe {
  std::uint64_t result;
  std::uint16_t sqhd;
  std::uint16_t sqid;
  std::uint16_t cid;
  std::uint16_t status;  // spec::cqe_status()
};
static_assert(sizeof(Cqe) == 16);

struct PduHead {  // common header
  std::uint8_t type;
  std::uint8_t flags;
  std::uint8_t hlen;
  std::uint8_t pdo;
  std::uint32_t plen;
};
static_assert(sizeof(PduHead) == 8);

struct IcReq {
  PduHead head;
  std::uint16_t pfv;
  std::uint8_t hpda;
  std::uint8_t dgst;
  std::uint32_t maxr2t;  // 0-based
  std::uint8_t reserved[112];
};
static_assert(sizeof(IcReq) == 128);

struct IcResp {
  PduHead head;
  std::uint16_t pfv;
  std::uint8_t cpda;
  std::uint8_t dgst;
  std::uint32_t maxh2cdata;
  std::uint8_t reserved[112];
};
static_assert(sizeof(IcResp) == 128);

struct CapsuleCmd {
  PduHead head;
  Sqe sqe;
};
static_assert(sizeof(CapsuleCmd) == 72);

struct CapsuleResp {
  PduHead head;
  Cqe cqe;
};
static_assert(sizeof(CapsuleResp) == 24);

struct DataPdu {  // H2CData and C2HData
  PduHead head;
  std::uint16_t cccid;
  std::uint16_t ttag;  // reserved in C2HData
  std::uint32_t datao;
  std::uint32_t datal;
  std::uint32_t reserved;
};
static_assert(sizeof(DataPdu) == 24);

struct R2tPdu {
  PduHead head;
  std::uint16_t cccid;
  std::uint16_t ttag;
  std::uint32_t r2to;
  std::uint32_t r2tl;
  std::uint32_t reserved;
};
static_assert(sizeof(R2tPdu) == 24);

struct TermReq {
  PduHead head;
  std::uint16_t fes;
  std::uint32_t fei;
  std::uint8_t reserved[10];
};
static_assert(sizeof(TermReq) == 24);

#pragma pack(pop)

}  // namespace nvtee::nvmf
