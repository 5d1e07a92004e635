// Random commands: no crash, and replies that keep to the rules whatever was asked.
#include <random>

#include "runtime/nvmf/front/test_tools.hpp"
#include "runtime/nvmf/front/transfer.hpp"

namespace nvtee::nvmf::test {
namespace {

struct Fuzz {
  std::mt19937_64 rng;
  explicit Fuzz(std::uint64_t seed) : rng(seed) {}
  template <class T>
  T any() {
    return static_cast<T>(rng());
  }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + rng() % from.size());
  }

  Sqe sqe() {
    Sqe s{};
    auto* words = reinterpret_cast<std::uint32_t*>(&s);
    for (std::size_t i = 0; i < sizeof s / 4; ++i) words[i] = rng() % 4 ? 0 : any<std::uint32_t>();
    s.opcode = pick<std::uint8_t>({0x02, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x18, 0x7f, any<std::uint8_t>()});
    s.flags = pick<std::uint8_t>({0x40, 0x40, 0x40, 0x00, any<std::uint8_t>()});
    s.nsid = pick<std::uint32_t>({0, 1, 5, 2, 64, 65, 0xfffffffe, 0xffffffff, any<std::uint32_t>() & 0xf});
    s.sgl.type = pick<std::uint8_t>({0x5a, 0x5a, 0x01, any<std::uint8_t>()});
    s.sgl.length = pick<std::uint32_t>({0, 4, 8, 16, 64, 512, 4096, 4096, any<std::uint32_t>()});
    const std::uint32_t numd = s.sgl.length / 4 - 1;
    s.cdw10 = pick<std::uint32_t>(
        {any<std::uint32_t>() & 0xff, (any<std::uint32_t>() & 0xffff) | numd << 16, any<std::uint32_t>()});
    if (s.opcode == 0x02 && rng() % 2) s.cdw11 = numd >> 16;
    return s;
  }
};

TEST(Hostile, RandomAdminCommands) {
  for (const ControllerKind kind : {ControllerKind::kIo, ControllerKind::kDiscovery}) {
    Unit u(kind);
    u.sub.m.oncs = 0x60;
    u.sub.m.vwc = 1;
    u.sub.m.namespaces[5].nmic = 3;
    u.sub.discovery = Bytes(3072);
    Fuzz f(kind == ControllerKind::kIo ? 1 : 2);
    unsigned answered = 0;
    for (int i = 0; i < 200'000; ++i) {
      const Sqe s = f.sqe();
      const auto plan = plan_transfer(s, 0);
      Bytes data;
      if (plan && plan->direction == AdminTransfer::Direction::kByR2t)
        data.resize(plan->length, f.any<std::byte>());
      u.now += f.rng() % kSecond;
      const auto out = u.core.execute(s, data, u.now);
      if (out.quiesce) u.core.quiesced();
      while (u.core.next_event()) {
      }
      if (f.rng() % 50 == 0) u.core.namespace_changed(f.any<std::uint32_t>());
      if (!u.core.enabled() && f.rng() % 4 == 0) {
        u.run(property_set(spec::prop::kCc, kCcLinux));
        u.core.quiesced();
        u.run(property_set(spec::prop::kCc, kCcLinux | 1));
      }
      if (out.held) continue;
      answered += out.reply.status == st::kOk;
      if (out.reply.status != st::kOk) ASSERT_TRUE(out.reply.data.empty());
      ASSERT_LE(out.reply.data.size(), AdminCore::kMostBytes);
      if (!out.reply.data.empty()) ASSERT_EQ(out.reply.data.size(), s.sgl.length);
    }
    EXPECT_GT(answered, 1000u);  // the commands are not all nonsense
  }
}

}  // namespace
}  // namespace nvtee::nvmf::test
