#include "runtime/nvmf/pdu/pdu_tx.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"

namespace nvtee::nvmf {
namespace {

namespace p = spec::pdu;

bool has_digests(std::uint8_t type) {
  return type != p::kICReq && type != p::kICResp && type != p::kH2CTermReq && type != p::kC2HTermReq;
}

}  // namespace

void TxQueue::grow() {
  std::vector<Record> bigger(ring_.empty() ? 16 : ring_.size() * 2);
  for (std::size_t i = 0; i < count_; ++i) bigger[i] = std::move(at(i));
  ring_ = std::move(bigger);
  first_ = 0;
}

TxQueue::Record& TxQueue::append() {
  if (count_ == ring_.size()) grow();
  return at(count_++);
}

void TxQueue::push(const PduConnection::Terms& terms, const void* header, std::size_t header_size,
                   std::span<const std::byte> data, std::uint64_t token, std::optional<std::uint32_t> ddgst) {
  NVTEE_CHECK(header_size >= sizeof(PduHead) && header_size <= sizeof(PduAny),
              "a PDU header has a known size");
  Record& r = append();
  std::memcpy(r.head.data(), header, header_size);
  PduHead head;
  std::memcpy(&head, header, sizeof head);
  NVTEE_CHECK(head.hlen == header_size, "HLEN is the size of the header struct");

  const bool digests = has_digests(head.type);
  const bool hdgst = digests && terms.header_digest;
  const bool with_ddgst = digests && terms.data_digest && !data.empty();
  std::size_t end = header_size + (hdgst ? p::kDigestBytes : 0);
  head.pdo = 0;
  if (!data.empty()) {
    const std::size_t align = std::max<std::size_t>(terms.tx_align, 4);
    const std::size_t data_offset = (end + align - 1) / align * align;
    NVTEE_CHECK(data_offset <= r.head.size(), "HPDA and CPDA are at most 128 bytes");
    std::memset(r.head.data() + end, 0, data_offset - end);
    head.pdo = static_cast<std::uint8_t>(data_offset);
    end = data_offset;
  }
  head.flags = static_cast<std::uint8_t>((head.flags & ~(p::kHdgst | p::kDdgst)) | (hdgst ? p::kHdgst : 0) |
                                         (with_ddgst ? p::kDdgst : 0));
  r.head_size = static_cast<std::uint16_t>(end);
  r.ddgst_size = with_ddgst ? p::kDigestBytes : 0;
  r.data = data.data();
  r.data_size = data.size();
  r.token = token;
  head.plen = static_cast<std::uint32_t>(r.size());
  std::memcpy(r.head.data(), &head, sizeof head);
  if (hdgst) {
    const std::uint32_t crc = crc32c(0, r.head.data(), header_size);
    std::memcpy(r.head.data() + header_size, &crc, sizeof crc);
  }
  if (with_ddgst) {
    const std::uint32_t crc = ddgst ? *ddgst : crc32c(0, data.data(), data.size());
    std::memcpy(r.ddgst.data(), &crc, sizeof crc);
  }
  if (token == 0 && !data.empty()) {
    r.copy.assign(data.begin(), data.end());
    r.data = r.copy.data();
  }
  bytes_ += r.size();
}

void TxQueue::push_raw(std::span<const std::byte> bytes) {
  Record& r = append();
  NVTEE_CHECK(bytes.size() <= r.head.size(), "raw PDUs fit a header's place");
  std::memcpy(r.head.data(), bytes.data(), bytes.size());
  r.head_size = static_cast<std::uint16_t>(bytes.size());
  r.ddgst_size = 0;
  r.data = nullptr;
  r.data_size = 0;
  r.token = 0;
  bytes_ += bytes.size();
}

unsigned TxQueue::gather(iovec* out, unsigned most) const {
  unsigned n = 0;
  std::size_t skip = done_;
  auto add = [&](const std::byte* data, std::size_t size) {
    if (skip >= size) {
      skip -= size;
      return;
    }
    out[n++] = {const_cast<std::byte*>(data) + skip, size - skip};
    skip = 0;
  };
  for (std::size_t i = 0; i < count_ && n + 3 <= most; ++i) {
    const Record& r = at(i);
    add(r.head.data(), r.head_size);
    add(r.data, r.data_size);
    add(r.ddgst.data(), r.ddgst_size);
  }
  return n;
}

void TxQueue::consume(std::size_t n) {
  done_ += n;
  bytes_ -= n;
}

std::optional<std::uint64_t> TxQueue::take_finished() {
  if (count_ == 0) return {};
  Record& r = at(0);
  if (done_ < r.size()) return {};
  done_ -= r.size();
  if (r.copy.capacity() > kKeepCopy) r.copy = {};
  const std::uint64_t token = r.token;
  first_ = (first_ + 1) & (ring_.size() - 1);
  --count_;
  return token;
}

void TxQueue::drop_unstarted() {
  // More than one may have started: those that left whole and whose tokens are about to be taken.
  std::size_t keep = 0;
  for (std::size_t begin = 0; keep < count_ && begin < done_; ++keep) begin += at(keep).size();
  while (count_ > keep) {
    Record& r = at(count_ - 1);
    bytes_ -= r.size();
    if (r.copy.capacity() > kKeepCopy) r.copy = {};
    --count_;
  }
}

}  // namespace nvtee::nvmf
