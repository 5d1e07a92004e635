// One I/O queue spoken byte by byte: what a broken or hostile host could send.
#include <poll.h>
#include <sys/socket.h>

#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/pdu/wire.hpp"
#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;
namespace p = spec::pdu;
using Bytes = std::vector<std::byte>;

class Raw : public testing::Test {
 protected:
  void SetUp() override {
    Config c;
    c.namespaces = {mem_namespace(16 << 20)};
    c.queue_entries = 16;
    server_ = serve(loop_, c);
    TestHost::Options o;
    o.queues = 0;  // the I/O queue is ours
    admin_ = std::make_unique<TestHost>(loop_, server_->address(), o);
    ASSERT_TRUE(admin_->connect()) << admin_->why;
  }
  // TCP, ICReq, Connect of queue 1.
  void open(bool digests) {
    digests_ = digests;
    auto fd = net::connect_tcp(server_->address());
    ASSERT_TRUE(fd);
    fd_ = std::move(*fd);
    nvmf::IcReq q{};
    q.head = {p::kICReq, 0, p::kHlenIC, 0, 128};
    q.dgst = digests ? 3 : 0;
    send(bytes(q));
    nvmf::IcResp r{};
    ASSERT_TRUE(receive(&r, sizeof r));
    ASSERT_EQ(r.head.type, p::kICResp);
    ASSERT_EQ(r.dgst, digests ? 3 : 0);
    nvmf::Sqe connect{};
    connect.opcode = spec::kOpFabrics;
    connect.flags = spec::kPsdtSgl;
    connect.cid = 0x777;
    connect.nsid = spec::fabrics::kConnect;
    connect.sgl.type = spec::kSglDataOffset;
    connect.sgl.length = 1024;
    connect.cdw10 = 1u << 16;
    connect.cdw11 = 15;  // SQSIZE
    Bytes data(1024);
    const HostId host = TestHost::host_id(1);
    std::memcpy(data.data(), host.data(), 16);
    const std::uint16_t cntlid = admin_->association().info().cntlid;
    std::memcpy(data.data() + 16, &cntlid, 2);
    const TestHost::Options names;
    std::memcpy(data.data() + 256, names.subnqn.data(), names.subnqn.size());
    std::memcpy(data.data() + 512, names.nqn.data(), names.nqn.size());
    send(capsule(connect, data));
    const nvmf::Cqe c = response();
    ASSERT_EQ(spec::status_of_cqe(c.status), st::kOk);
  }

  template <class T>
  static Bytes bytes(const T& t) {
    const auto* b = reinterpret_cast<const std::byte*>(&t);
    return {b, b + sizeof t};
  }
  static void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
  static Bytes crc(const Bytes& of) { return bytes(crc32c(0, of.data(), of.size())); }
  // Header and data of a PDU with its digests.
  Bytes finish(Bytes header, const Bytes& data, std::uint8_t flags, bool spoil = false) const {
    nvmf::PduHead head;
    std::memcpy(&head, header.data(), sizeof head);
    const std::uint32_t hd = digests_ ? 4 : 0, dd = digests_ && !data.empty() ? 4 : 0;
    head.flags = static_cast<std::uint8_t>(flags | (hd != 0 ? p::kHdgst : 0) | (dd != 0 ? p::kDdgst : 0));
    head.pdo = data.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(header.size() + hd);
    head.plen = static_cast<std::uint32_t>(header.size() + hd + data.size() + dd);
    std::memcpy(header.data(), &head, sizeof head);
    Bytes out = header;
    if (hd != 0) append(out, crc(header));
    append(out, data);
    if (dd != 0) append(out, crc(data));
    if (spoil) out.back() ^= std::byte{1};
    return out;
  }
  Bytes capsule(const nvmf::Sqe& sqe, const Bytes& data = {}, bool spoil = false) const {
    nvmf::CapsuleCmd c{};
    c.head.type = p::kCapsuleCmd;
    c.head.hlen = p::kHlenCmd;
    c.sqe = sqe;
    return finish(bytes(c), data, 0, spoil);
  }
  Bytes h2c(std::uint16_t cid, std::uint16_t ttag, std::uint32_t offset, const Bytes& data, bool last,
            bool spoil = false) const {
    nvmf::DataPdu d{};
    d.head.type = p::kH2CData;
    d.head.hlen = p::kHlenData;
    d.cccid = cid;
    d.ttag = ttag;
    d.datao = offset;
    d.datal = static_cast<std::uint32_t>(data.size());
    return finish(bytes(d), data, last ? p::kLast : 0, spoil);
  }
  static nvmf::Sqe write(std::uint16_t cid, std::uint64_t lba, std::uint32_t blocks, bool in_capsule) {
    nvmf::Sqe q = TestHost::sqe(io::kWrite, lba, blocks);
    q.cid = cid;
    q.sgl.type = in_capsule ? spec::kSglDataOffset : spec::kSglTransport;
    q.sgl.length = blocks * 4096;
    return q;
  }

  void send(const Bytes& b) {
    std::size_t sent = 0;
    EXPECT_TRUE(loop_.until([&] {
      const ssize_t n = ::send(fd_.get(), b.data() + sent, b.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
      return sent == b.size();
    }));
  }
  // False: the connection ended first.
  bool receive(void* to, std::size_t size) {
    std::size_t have = 0;
    bool ended = false;
    EXPECT_TRUE(loop_.until([&] {
      const ssize_t n = ::recv(fd_.get(), static_cast<std::byte*>(to) + have, size - have, MSG_DONTWAIT);
      if (n > 0) have += static_cast<std::size_t>(n);
      ended = n == 0 || (n < 0 && errno != EAGAIN);
      return have == size || ended;
    }));
    return have == size;
  }
  nvmf::PduAny pdu(std::uint8_t type, std::size_t size) {
    nvmf::PduAny a{};
    EXPECT_TRUE(receive(&a, size));
    EXPECT_EQ(a.head.type, type);
    std::uint32_t digest = 0;
    if (digests_ && type != p::kC2HTermReq) EXPECT_TRUE(receive(&digest, 4));
    return a;
  }
  nvmf::Cqe response() { return pdu(p::kCapsuleResp, sizeof(nvmf::CapsuleResp)).resp.cqe; }
  spec::Status status_for(std::uint16_t cid) {
    const nvmf::Cqe c = response();
    EXPECT_EQ(c.cid, cid);
    return spec::status_of_cqe(c.status);
  }
  nvmf::R2tPdu r2t() { return pdu(p::kR2T, sizeof(nvmf::R2tPdu)).r2t; }
  std::uint16_t fatal() { return pdu(p::kC2HTermReq, sizeof(nvmf::TermReq)).term.fes; }
  int media(std::uint64_t lba) {
    return std::to_integer<int>(
        static_cast<MemStore*>(server_->target().engine().find(1)->store)->at(lba)[0]);
  }

  Loop loop_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TestHost> admin_;
  net::Fd fd_;
  bool digests_ = false;
};

TEST_F(Raw, ABadDataDigestInACapsuleTouchesNothing) {
  open(true);
  const Bytes data(4096, std::byte{7});
  send(capsule(write(1, 3, 1, true), data, true));
  const nvmf::Cqe c = response();
  EXPECT_EQ(spec::status_of_cqe(c.status), st::kTransientTransport);
  EXPECT_EQ(c.status & spec::kCqeDnr, 0);
  EXPECT_EQ(media(3), 0);
  send(capsule(write(1, 3, 1, true), data));  // the connection lives, the CID is free again
  EXPECT_EQ(status_for(1), st::kOk);
  EXPECT_EQ(media(3), 7);
}

TEST_F(Raw, ABadDataDigestInOnePartOfAWriteTouchesNothing) {
  open(true);
  for (int bad = 0; bad < 2; ++bad) {
    send(capsule(write(2, 0, 4, false)));
    const nvmf::R2tPdu r = r2t();
    EXPECT_EQ(r.r2tl, 16384u);
    send(h2c(2, r.ttag, 0, Bytes(8192, std::byte{1}), false, bad == 0));
    send(h2c(2, r.ttag, 8192, Bytes(8192, std::byte{1}), true, bad == 1));
    EXPECT_EQ(status_for(2), st::kTransientTransport);
    EXPECT_EQ(media(0), 0);
    EXPECT_EQ(media(3), 0);
  }
}

TEST_F(Raw, H2cDataMustFitItsR2t) {
  struct Case {
    const char* what;
    std::function<Bytes(std::uint16_t ttag)> make;
    std::uint16_t fes;
  };
  const Bytes some(4096), all(16384);
  const Case cases[] = {
      {"offset", [&](auto t) { return h2c(2, t, 4096, some, false); }, spec::fes::kOutOfRange},
      {"too long", [&](auto t) { return h2c(2, t, 0, Bytes(20480), true); }, spec::fes::kOutOfRange},
      {"TTAG of nothing", [&](auto t) { return h2c(2, static_cast<std::uint16_t>(t + 1), 0, all, true); },
       spec::fes::kInvalidHeaderField},
      {"TTAG 0", [&](auto) { return h2c(2, 0, 0, all, true); }, spec::fes::kInvalidHeaderField},
      {"TTAG beyond", [&](auto) { return h2c(2, 0xffff, 0, all, true); }, spec::fes::kInvalidHeaderField},
      {"another CID", [&](auto t) { return h2c(3, t, 0, all, true); }, spec::fes::kInvalidHeaderField},
      {"LAST too early", [&](auto t) { return h2c(2, t, 0, some, true); }, spec::fes::kInvalidHeaderField},
      {"LAST missing", [&](auto t) { return h2c(2, t, 0, all, false); }, spec::fes::kInvalidHeaderField},
  };
  for (const Case& c : cases) {
    open(false);
    send(capsule(write(2, 0, 4, false)));
    send(c.make(r2t().ttag));
    EXPECT_EQ(fatal(), c.fes) << c.what;
    fd_.reset();
    EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 0; })) << c.what;
  }
  EXPECT_EQ(media(0), 0);
}

TEST_F(Raw, ACidInUseIsRefusedAndTheFirstGoesOn) {
  open(false);
  send(capsule(write(5, 0, 4, false)));
  const nvmf::R2tPdu r = r2t();
  send(capsule(write(5, 8, 1, true), Bytes(4096, std::byte{9})));
  EXPECT_EQ(status_for(5), st::kCidConflict);
  EXPECT_EQ(media(8), 0);
  send(h2c(5, r.ttag, 0, Bytes(16384, std::byte{4}), true));
  EXPECT_EQ(status_for(5), st::kOk);
  EXPECT_EQ(media(0), 4);
}

TEST_F(Raw, MoreCommandsThanTheQueueHoldsEndTheConnection) {
  open(false);
  for (std::uint16_t cid = 0; cid < 16; ++cid) send(capsule(write(cid, cid * 4u, 4, false)));
  std::uint16_t fes = 0;
  for (nvmf::PduAny any{}; fes == 0 && receive(&any, sizeof any.head);) {
    ASSERT_TRUE(receive(reinterpret_cast<std::byte*>(&any) + 8, any.head.hlen - 8u));
    if (any.head.type == p::kC2HTermReq) fes = any.term.fes;
  }
  EXPECT_EQ(fes, spec::fes::kSequenceError);
  fd_.reset();
  EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 0; }));
  EXPECT_EQ(server_->target().outstanding(), 0u);
}

TEST_F(Raw, AHostThatVanishesInMidWriteLeavesNothing) {
  open(false);
  send(capsule(write(1, 0, 4, false)));
  const nvmf::R2tPdu r = r2t();
  Bytes part = h2c(1, r.ttag, 0, Bytes(16384, std::byte{3}), true);
  part.resize(9000);
  send(part);
  fd_.reset();
  EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 0; }));
  EXPECT_EQ(media(0), 0);
}

TEST_F(Raw, AQueueIsDrainedInMidWrite) {
  open(false);
  send(capsule(write(1, 0, 4, false)));
  const nvmf::R2tPdu r = r2t();
  bool drained = false;
  server_->drain([&] { drained = true; });
  loop_.turns(5);
  EXPECT_FALSE(drained);  // the data that was asked for is still to come
  send(h2c(1, r.ttag, 0, Bytes(16384, std::byte{3}), true));
  EXPECT_EQ(status_for(1), st::kOk);
  EXPECT_TRUE(loop_.until([&] { return drained; }));
  EXPECT_EQ(media(3), 3);
}

}  // namespace
}  // namespace nvtee::target
