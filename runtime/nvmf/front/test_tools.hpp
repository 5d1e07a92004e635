// A subsystem without a server around it, and commands to give to its controllers.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "runtime/nvmf/front/admin_core.hpp"

namespace nvtee::nvmf::test {

namespace st = spec::st;
using Bytes = std::vector<std::byte>;

inline std::uint64_t le(const Bytes& b, std::size_t at, std::size_t n) {
  std::uint64_t v = 0;
  EXPECT_TRUE(n <= 8 && at + n <= b.size());
  if (n <= 8 && at + n <= b.size()) std::memcpy(&v, b.data() + at, n);
  return v;
}
inline std::string text(const Bytes& b, std::size_t at, std::size_t n) {
  return {reinterpret_cast<const char*>(b.data()) + at, n};
}
inline std::string c_text(const Bytes& b, std::size_t at) {
  return reinterpret_cast<const char*>(b.data()) + at;
}
inline bool all_zero(const Bytes& b, std::size_t from = 0) {
  for (std::size_t i = from; i < b.size(); ++i)
    if (b[i] != std::byte{0}) return false;
  return true;
}

struct FakeSubsystem final : SubsystemView {
  SubsystemModel m;
  AnaHistory history;
  std::vector<std::uint16_t> ids{3, 7, 9};
  Bytes discovery;
  std::function<std::optional<AdminReply>(const Sqe&, std::span<const std::byte>)> backend;
  std::vector<ControllerInfo> changes;
  bool dispersed_allowed = true;

  FakeSubsystem() {
    m.nqn = "nqn.2024-01.test:one";
    m.serial = "SN-1";
    m.hosts = {"nqn.host:a"};
    add(1, 1000, 12, 1);
    add(5, 2048, 9, 2);
  }
  NamespaceModel& add(std::uint32_t nsid, std::uint64_t blocks, std::uint8_t shift, std::uint32_t group) {
    NamespaceModel& ns = m.namespaces[nsid];
    ns.blocks = blocks;
    ns.block_shift = shift;
    ns.ana_group = group;
    ns.nguid.fill(static_cast<std::uint8_t>(0x10 + nsid));
    history.update(m);
    return ns;
  }

  const SubsystemModel& model() const override { return m; }
  const AnaHistory& ana() const override { return history; }
  std::vector<std::uint16_t> controller_ids() const override { return ids; }
  std::uint64_t power_on_hours() const override { return 77; }
  Bytes discovery_page(const ControllerInfo&) const override { return discovery; }
  std::optional<AdminReply> ask_backend(const ControllerInfo&, const Sqe& sqe,
                                        std::span<const std::byte> d) override {
    return backend ? backend(sqe, d) : std::nullopt;
  }
  void controller_changed(const ControllerInfo& c) override { changes.push_back(c); }
  bool dispersed_access(const ControllerInfo&, std::uint32_t) override { return dispersed_allowed; }
};

inline Sqe command(std::uint8_t opcode, std::uint32_t nsid = 0, std::uint16_t cid = 1) {
  Sqe s{};
  s.opcode = opcode;
  s.flags = spec::kPsdtSgl;
  s.cid = cid;
  s.nsid = nsid;
  s.sgl.type = spec::kSglTransport;
  return s;
}
inline Sqe with_length(Sqe s, std::uint32_t length) {
  s.sgl.length = length;
  return s;
}
inline Sqe identify_cmd(std::uint8_t cns, std::uint32_t nsid = 0, std::uint16_t cntid = 0,
                        std::uint8_t csi = 0) {
  Sqe s = with_length(command(spec::admin::kIdentify, nsid), 4096);
  s.cdw10 = cns | (std::uint32_t{cntid} << 16);
  s.cdw11 = std::uint32_t{csi} << 24;
  return s;
}
inline Sqe log_cmd(std::uint8_t lid, std::uint32_t bytes, std::uint64_t offset = 0, bool rae = false,
                   std::uint8_t lsp = 0) {
  Sqe s = with_length(command(spec::admin::kGetLogPage, spec::kNsidAll), bytes);
  const std::uint32_t numd = bytes / 4 - 1;
  s.cdw10 = lid | (std::uint32_t{lsp} << 8) | (rae ? 1u << 15 : 0) | (numd << 16);
  s.cdw11 = numd >> 16;
  s.cdw12 = static_cast<std::uint32_t>(offset);
  s.cdw13 = static_cast<std::uint32_t>(offset >> 32);
  return s;
}
inline Sqe get_feature(std::uint8_t fid, std::uint8_t select = 0, std::uint32_t nsid = 0,
                       std::uint32_t cdw11 = 0, std::uint32_t bytes = 0) {
  Sqe s = with_length(command(spec::admin::kGetFeatures, nsid), bytes);
  s.cdw10 = fid | (std::uint32_t{select} << 8);
  s.cdw11 = cdw11;
  return s;
}
inline Sqe set_feature(std::uint8_t fid, std::uint32_t cdw11, std::uint32_t nsid = 0,
                       std::uint32_t bytes = 0) {
  Sqe s = with_length(command(spec::admin::kSetFeatures, nsid), bytes);
  s.cdw10 = fid;
  s.cdw11 = cdw11;
  return s;
}
inline Sqe property_get(std::uint32_t offset, std::uint32_t size = 0) {
  Sqe s = command(spec::kOpFabrics, spec::fabrics::kPropertyGet);
  s.cdw10 = size;
  s.cdw11 = offset;
  return s;
}
inline Sqe property_set(std::uint32_t offset, std::uint64_t value, std::uint32_t size = 0) {
  Sqe s = command(spec::kOpFabrics, spec::fabrics::kPropertySet);
  s.cdw10 = size;
  s.cdw11 = offset;
  s.cdw12 = static_cast<std::uint32_t>(value);
  s.cdw13 = static_cast<std::uint32_t>(value >> 32);
  return s;
}

inline constexpr std::uint32_t kCcLinux = 0x00460000;  // IOSQES 6, IOCQES 4

inline ControllerInfo info_of(std::uint32_t kato_ms = 5000) {
  ControllerInfo i;
  i.cntlid = 7;
  i.host_nqn = "nqn.host:a";
  i.host_id.fill(0xaa);
  i.kato_ms = kato_ms;
  return i;
}

// A controller under test; time stands still unless moved.
struct Unit {
  FakeSubsystem sub;
  Time now = 1'000 * kSecond;
  AdminCore core;

  explicit Unit(ControllerKind kind = ControllerKind::kIo, ControllerInfo info = info_of(),
                bool enable = true)
      : core(kind, sub, std::move(info), now) {
    if (enable) run(property_set(spec::prop::kCc, kCcLinux | 1));
  }
  AdminCore::Outcome step(const Sqe& s, const Bytes& data = {}) { return core.execute(s, data, now); }
  AdminReply run(const Sqe& s, const Bytes& data = {}) { return core.execute(s, data, now).reply; }
  std::uint32_t csts() { return static_cast<std::uint32_t>(run(property_get(spec::prop::kCsts)).result); }
};

}  // namespace nvtee::nvmf::test
