// The program itself, as a child process, against a scripted subsystem in this process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/nvmf/initiator/fake_peer.hpp"

namespace nvtee::host {
namespace {

using nvmf::FakePeer;
using nvmf::Sqe;
using testing::HasSubstr;
constexpr const char* kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";

class Cli : public testing::Test {
 protected:
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());
  FakePeer peer{*reactor};
  std::string dir, out;
  pid_t child = -1;

  void SetUp() override {
    char name[] = "/tmp/nvtee-host-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir = name;
  }
  void TearDown() override {
    if (child > 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    for (const char* f : {"/out", "/state", "/state.new"}) ::unlink((dir + f).c_str());
    ::rmdir(dir.c_str());
  }
  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), NVTEE_HOST_PROGRAM);
    child = ::fork();
    ASSERT_GE(child, 0);
    if (child != 0) return;
    const int fd = ::open((dir + "/out").c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  // Serves the child until it ends; its exit code, or -1 when it does not end in a minute.
  int finish() {
    const Time begun = reactor->now();
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (reactor->now() - begun > 60 * kSecond) return -1;
      reactor->turn(5 * kMillisecond);
    }
    child = -1;
    char buffer[65536];
    const int fd = ::open((dir + "/out").c_str(), O_RDONLY | O_CLOEXEC);
    out.clear();
    for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int run(std::vector<std::string> arguments) {
    start(std::move(arguments));
    return finish();
  }
  std::vector<std::string> at_peer(const char* command, std::vector<std::string> more) {
    std::vector<std::string> a = {command, "-a", peer.address().text(), "-n", "nqn.test:subsys"};
    a.insert(a.end(), more.begin(), more.end());
    return a;
  }
};

TEST_F(Cli, HelpTeaches) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out, HasSubstr("verify"));
  for (const char* c : {"discover", "identify", "run", "load", "verify", "reservation"}) {
    EXPECT_EQ(run({c, "--help"}), 0) << c;
    EXPECT_THAT(out, HasSubstr("nvtee-host ")) << c;
  }
}

TEST_F(Cli, WrongUsageIsTwo) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"fly"}), 2);
  EXPECT_EQ(run({"run", "-n", "x"}), 2);
  EXPECT_THAT(out, HasSubstr("--addr"));
  EXPECT_EQ(run({"run", "-a", "127.0.0.1:1"}), 2);
  EXPECT_THAT(out, HasSubstr("subnqn"));
  EXPECT_EQ(run(at_peer("run", {"--no-such-thing"})), 2);
  EXPECT_EQ(run(at_peer("run", {"--bs", "4q"})), 2);
  EXPECT_EQ(run(at_peer("run", {"--mix", "trim=1"})), 2);
  EXPECT_EQ(run(at_peer("run", {"--depth", "5000"})), 2);
  EXPECT_EQ(run(at_peer("run", {"--state", dir + "/state"})), 2);
  EXPECT_EQ(run(at_peer("verify", {})), 2);
  EXPECT_EQ(run(at_peer("verify", {"--state", dir + "/state"})), 2);
  EXPECT_EQ(run(at_peer("run", {"--bs", "1000", "--ops", "1"})), 2);
  EXPECT_THAT(out, HasSubstr("--bs"));
}

TEST_F(Cli, NobodyThereIsThree) {
  peer.stop_listening();
  EXPECT_EQ(run(at_peer("run", {"--ops", "1"})), 3);
  EXPECT_THAT(out, HasSubstr(peer.address().text()));
  EXPECT_EQ(run(at_peer("identify", {})), 3);
  EXPECT_EQ(run({"discover", peer.address().text()}), 3);
}

TEST_F(Cli, Identify) {
  EXPECT_EQ(run(at_peer("identify", {"-o", "json"})), 0) << out;
  const auto j = nlohmann::json::parse(out);
  EXPECT_EQ(j["controller"]["model"], "fake");
  EXPECT_EQ(j["controller"]["subnqn"], "nqn.test:subsys");
  ASSERT_EQ(j["namespaces"].size(), 1u);
  EXPECT_EQ(j["namespaces"][0]["blocks"], 20000);
  EXPECT_EQ(run(at_peer("identify", {})), 0);
  EXPECT_THAT(out, HasSubstr("namespace 1: 20000 blocks of 512 bytes"));
}

TEST_F(Cli, Discover) {
  peer.options.sub_nqn = kDiscoveryNqn;
  peer.on_identify = [](nvme_id_ctrl& c) {
    c.cntrltype = 2;
    c.kas = 0;
    c.ioccsz = 0;
  };
  std::vector<std::byte> log(1024 * 8);
  nvmf_discovery_log header;
  std::memset(&header, 0, sizeof header);
  header.genctr = 9;
  header.numrec = 7;
  std::memcpy(log.data(), &header, sizeof header);
  for (unsigned i = 0; i < 7; ++i) {
    nvmf_disc_log_entry e{};
    e.trtype = 3;
    e.adrfam = 1;
    e.subtype = 2;
    std::strcpy(e.trsvcid, "4420 ");
    std::strcpy(e.traddr, "10.0.0.1");
    std::snprintf(e.subnqn, sizeof e.subnqn, "nqn.test:%u", i);
    std::memcpy(log.data() + 1024 * (i + 1), &e, sizeof e);
  }
  peer.on_command = [&](FakePeer::Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::admin::kGetLogPage || (s.cdw10 & 0xff) != spec::lid::kDiscovery) return false;
    const std::size_t n = ((s.cdw10 >> 16) + 1) * 4, at = s.cdw12;
    c.send_data_and_respond(s.cid, std::span(log).subspan(at, std::min(n, log.size() - at)));
    return true;
  };
  EXPECT_EQ(run({"discover", peer.address().text(), "-o", "json"}), 0) << out;
  const auto j = nlohmann::json::parse(out);
  EXPECT_EQ(j["generation"], 9);
  ASSERT_EQ(j["records"].size(), 7u);
  EXPECT_EQ(j["records"][6]["nqn"], "nqn.test:6");
  EXPECT_EQ(j["records"][0]["service"], "4420");
  EXPECT_EQ(run({"discover", peer.address().text()}), 0);
  EXPECT_THAT(out, HasSubstr("10.0.0.1:4420"));
}

TEST_F(Cli, RunThenVerifyThenFindDamage) {
  const std::vector<std::string> state = {"--state", dir + "/state"};
  std::vector<std::string> load = {"--verify", "--ops",   "2000",
                                   "--bs",     "512-16k", "--range",
                                   "0:1m",     "--mix",   "read=40,write=40,flush=2,zeroes=8,compare=5,dsm=5",
                                   "-o",       "json"};
  load.insert(load.end(), state.begin(), state.end());
  EXPECT_EQ(run(at_peer("run", load)), 0) << out;
  const auto j = nlohmann::json::parse(out);
  EXPECT_EQ(j["result"], "ok");
  EXPECT_EQ(j["all"]["ops"], 2000);
  EXPECT_EQ(run(at_peer("load", load)), 0) << "goes on with the state";
  EXPECT_EQ(run(at_peer("verify", state)), 0) << out;
  EXPECT_THAT(out, HasSubstr("all that was checked is right"));
  peer.memory()[100 * 512 + 77] ^= std::byte{1};
  EXPECT_EQ(run(at_peer("verify", state)), 1) << out;
  EXPECT_THAT(out, HasSubstr("block 100: "));
  EXPECT_THAT(out, HasSubstr("MISMATCH"));
}

TEST_F(Cli, AnIoErrorIsThree) {
  peer.on_execute = [](FakePeer::Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kWriteFault, 0, true);
    return true;
  };
  EXPECT_EQ(run(at_peer("run", {"--ops", "10"})), 3);
  EXPECT_THAT(out, HasSubstr("2/80h Write Fault: 10"));
}

TEST_F(Cli, ASignalEndsItInOrderAndKeepsTheState) {
  unsigned n = 0;
  peer.on_execute = [&](FakePeer::Connection&, const Sqe&, auto) {
    if (++n == 500) ::kill(child, SIGTERM);
    return false;
  };
  EXPECT_EQ(run(at_peer("run", {"--verify", "--time", "1h", "--range", "0:1m", "--state", dir + "/state"})),
            0)
      << out;
  EXPECT_THAT(out, HasSubstr("stopped early"));
  EXPECT_EQ(run(at_peer("verify", {"--state", dir + "/state"})), 0) << out;
}

}  // namespace
}  // namespace nvtee::host
