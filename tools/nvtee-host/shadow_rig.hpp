// A shadow and the medium that it shadows, for the shadow's tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tools/nvtee-host/shadow.hpp"

namespace nvtee::host {

using testing::HasSubstr;
constexpr std::uint32_t kSize = 512;

inline Shadow::Identity identity() {
  Shadow::Identity id;
  id.nsid = 1;
  id.block_size = kSize;
  id.blocks = 100000;
  id.session = 0xabcdef;
  return id;
}

// A shadow and the medium it shadows, which tests spoil at will.
class ShadowTest : public testing::Test {
 protected:
  Shadow shadow{identity(), {}};
  std::vector<std::byte> disk = std::vector<std::byte>(1000 * kSize, std::byte{0x33});
  std::vector<Violation> found;

  std::span<std::byte> place(std::uint64_t lba, std::uint32_t n = 1) {
    return std::span(disk).subspan(lba * kSize, std::size_t{n} * kSize);
  }
  Shadow::Op begin(std::uint64_t lba, std::uint32_t n = 1, WriteKind kind = WriteKind::kData) {
    return shadow.begin_write(kind, lba, n);
  }
  // The data reaches the medium.
  void apply(Shadow::Op op, std::uint64_t lba, std::uint32_t n = 1) { shadow.fill(op, place(lba, n)); }
  std::uint64_t write(std::uint64_t lba, std::uint32_t n = 1, Outcome outcome = Outcome::kAcked,
                      bool effect = true) {
    const Shadow::Op op = begin(lba, n);
    const std::uint64_t sequence = shadow.sequence(op);
    if (effect) apply(op, lba, n);
    shadow.end_write(op, outcome);
    return sequence;
  }
  void zero(std::uint64_t lba, std::uint32_t n = 1, WriteKind kind = WriteKind::kZeroes, bool effect = true) {
    const Shadow::Op op = begin(lba, n, kind);
    if (effect) std::memset(place(lba, n).data(), 0, std::size_t{n} * kSize);
    shadow.end_write(op, Outcome::kAcked);
  }
  std::vector<Fault> end(Shadow::Op read, std::uint64_t lba, std::uint32_t n = 1) {
    found.clear();
    shadow.end_read(read, place(lba, n), found);
    std::vector<Fault> out;
    for (const Violation& v : found) out.push_back(v.fault);
    return out;
  }
  std::vector<Fault> read(std::uint64_t lba, std::uint32_t n = 1) {
    return end(shadow.begin_read(lba, n), lba, n);
  }
  std::vector<std::byte> keep(std::uint64_t lba, std::uint32_t n = 1) {
    const auto p = place(lba, n);
    return {p.begin(), p.end()};
  }
  void put(std::uint64_t lba, const std::vector<std::byte>& data) {
    std::memcpy(disk.data() + lba * kSize, data.data(), data.size());
  }
};

using Faults = std::vector<Fault>;

}  // namespace nvtee::host
