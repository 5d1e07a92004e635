// A host's bytes on one connection against a whole subsystem: handshake, Connect, then anything. Whatever
// comes, the connection is served or ended, and nothing of it is left behind.
#include <sys/socket.h>

#include "runtime/nvmf/front/loopback_tools.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

using namespace nvmf;
namespace p = spec::pdu;

struct Accept final : ConnectHandler {
  SubsystemServer& server;
  std::unique_ptr<ControllerConnection> connection;
  bool ended = false;
  explicit Accept(SubsystemServer& s) : server(s) {}
  void on_connect(ControllerConnection&, const Sqe& sqe, std::span<const std::byte, 1024> data) override {
    server.connect(std::move(connection), sqe, data);
  }
  void on_early_close(ControllerConnection&, const std::string&) override { ended = true; }
};

std::string handshake(bool digests) {
  IcReq q{};
  q.head = {p::kICReq, 0, p::kHlenIC, 0, p::kHlenIC};
  q.dgst = digests ? 3 : 0;
  return Seed().put(q);
}

std::string connect_pdu() {
  CapsuleCmd c{};
  c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, p::kHlenCmd, p::kHlenCmd + 1024};
  c.sqe = nvmf::test::command(spec::kOpFabrics, spec::fabrics::kConnect);
  c.sqe.sgl = {0, 1024, {}, spec::kSglDataOffset};
  c.sqe.cdw11 = 31;
  std::string data(1024, '\0');
  data.replace(16, 2, "\xff\xff");
  data.replace(256, 20, "nqn.2024-01.test:one");
  data.replace(512, 10, "nqn.host:a");
  return Seed().put(c).text(data);
}

}  // namespace

void one(Input in) {
  static auto reactor = std::move(*net::Reactor::create());
  static nvmf::test::TestBackend backend;
  backend.queues.clear();
  backend.open = 0;
  const auto how = in.take<std::uint8_t>();
  static auto listener = std::move(*net::listen_tcp({"127.0.0.1", 0}));
  static const auto address = *net::local_address(listener.get());
  net::Fd ours = nvmf::test::dial(address);
  auto theirs = net::accept_tcp(listener.get());
  must(theirs && *theirs, "the connection comes");
  const linger reset{1, 0};  // no TIME_WAIT: thousands of these follow each other
  ::setsockopt(ours.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  std::string bytes = how & 1 ? handshake(false) : std::string();
  if (how & 2) bytes += connect_pdu();
  bytes += in.text().substr(0, 64 * 1024);
  {
    SubsystemServer server(*reactor, nvmf::test::test_model(), &backend);
    Accept accept(server);
    accept.connection =
        std::make_unique<ControllerConnection>(*reactor, std::move(*theirs), FrontProfile{}, &accept);
    const std::size_t cut = how & 4 ? bytes.size() / 2 : bytes.size();
    (void)!::send(ours.get(), bytes.data(), cut, MSG_NOSIGNAL);
    for (int i = 0; i < 3; ++i) reactor->turn(0);
    (void)!::send(ours.get(), bytes.data() + cut, bytes.size() - cut, MSG_NOSIGNAL);
    for (int i = 0; i < 4; ++i) reactor->turn(0);
    must(server.controllers().size() <= 1, "one connection is one controller");
    ours.reset();
    for (int i = 0; i < 3; ++i) reactor->turn(0);
    must(server.controllers().empty(), "a hang-up ends the controller");
  }
  reactor->turn(0);
  must(backend.open == 0, "no queue is left");
}

Seeds seeds() {
  using namespace nvmf::test;
  Seeds out;
  const auto capsule = [](Sqe s, std::uint16_t cid, std::size_t data = 0) {
    CapsuleCmd c{};
    s.cid = cid;
    c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, static_cast<std::uint8_t>(data ? p::kHlenCmd : 0),
              static_cast<std::uint32_t>(p::kHlenCmd + data)};
    c.sqe = s;
    return std::string(Seed().put(c).text(std::string(data, '\3')));
  };
  const std::string enable = capsule(property_set(spec::prop::kCc, kCcLinux | 1), 1);
  for (std::uint8_t how : {0, 1, 3, 7}) out.push_back(Seed().put(how).text(enable));
  std::string many = enable;
  std::uint16_t cid = 2;
  for (const Sqe& s : {identify_cmd(1), identify_cmd(2), log_cmd(0x0c, 4096), set_feature(0x16, 0, 0, 512),
                       command(spec::admin::kAsyncEvent), command(spec::admin::kKeepAlive)})
    many += capsule(s, cid++);
  DataPdu d{};
  d.head = {p::kH2CData, p::kLast, p::kHlenData, p::kHlenData, p::kHlenData + 512};
  d.cccid = 5;
  d.ttag = 1;
  d.datal = 512;
  many += Seed().put(d).text(std::string(512, '\0'));
  out.push_back(Seed().put(std::uint8_t{3}).text(many));
  out.push_back(Seed().put(std::uint8_t{7}).text(many));
  out.push_back(Seed().put(std::uint8_t{0}).text(handshake(true)));
  out.push_back(Seed().put(std::uint8_t{1}).text(connect_pdu() + enable));
  return out;
}

}  // namespace nvtee::fuzz
