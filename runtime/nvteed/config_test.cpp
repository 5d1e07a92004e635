#include "runtime/nvteed/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "runtime/nvteed/nqn.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Lines 1-2: a node; 3-4: a peer; each test's own text begins at line 9.
constexpr const char* kBase = R"([node]
host_nqn = "nqn.2026-01.com.example:node1"
[[peer]]
name = "left"
addresses = ["192.0.2.1:4420"]
nqn = "nqn.2026-01.com.example:left"
[[subsystem]]
nqn = "nqn.2026-01.com.example:front"
)";

std::vector<std::string> lines(const Problems& problems) {
  std::vector<std::string> out;
  for (const Problem& p : problems) out.push_back(p.text());
  return out;
}

std::vector<std::string> errors_of(const std::string& text, const std::vector<Override>& overrides = {}) {
  const auto config = parse(text, "f.toml", overrides);
  return config ? std::vector<std::string>{} : lines(config.error());
}

constexpr const char* kSizeUnits = "; bytes, or text with a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)";

TEST(Config, FullFileIsRead) {
  const auto c = parse(R"([node]
host_nqn = "nqn.2026-01.com.example:node1"
state_file = "/tmp/s.db"
api_socket = "/tmp/a.sock"
listen = ["127.0.0.1:0", "[::1]", "192.0.2.7"]
discovery = ["192.0.2.7"]
reactors = 3
busy_poll = "20us"
[log]
level = "debug"
[times]
leg_deadline = "1500ms"
flap_limit = 7
host_data_deadline = "3s"
[limits]
open_max = "2GiB"
copy_chunk = 65536
resync_rate = "100MB"
[[peer]]
name = "left"
addresses = ["192.0.2.1", "192.0.2.2:4421"]
nqn = "nqn.2026-01.com.example:left"
queues = 4
entries = 64
header_digest = true
data_digest = true
keep_alive = "1s"
[[subsystem]]
nqn = "nqn.2026-01.com.example:front"
serial = "S1"
hosts = ["nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"]
[[namespace]]
name = "vol1"
subsystem = "nqn.2026-01.com.example:front"
nsid = 3
size = "1GiB"
block_size = 512
region_size = "4MiB"
assume_equal = true
legs = [{ peer = "left" }, { peer = "left", nsid = 2 }]
nguid = "00112233445566778899aabbccddeeff"
uuid = "11111111-2222-3333-4444-555555555555"
)",
                       "f.toml");
  ASSERT_TRUE(c) << testing::PrintToString(lines(c.error()));
  EXPECT_THAT(c->warnings, ElementsAre());
  const NodeConfig& n = c->node;
  EXPECT_EQ(n.state_file, "/tmp/s.db");
  EXPECT_EQ(n.listen, (std::vector<net::Address>{{"127.0.0.1", 0}, {"::1", 4420}, {"192.0.2.7", 4420}}));
  EXPECT_EQ(n.discovery, (std::vector<net::Address>{{"192.0.2.7", 8009}}));
  EXPECT_EQ(n.reactors, 3u);
  EXPECT_EQ(n.busy_poll, 20 * kMicrosecond);
  EXPECT_EQ(n.log_level, "debug");
  EXPECT_EQ(n.times.leg_deadline, 1500 * kMillisecond);
  EXPECT_EQ(n.times.hold, 20 * kSecond);  // not given: the default
  EXPECT_EQ(n.times.flap_limit, 7u);
  EXPECT_EQ(n.host_data_deadline, 3 * kSecond);
  EXPECT_EQ(n.limits.open_max_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(n.limits.chunk_bytes, 65536u);
  EXPECT_EQ(n.limits.resync_max_bytes_per_s, 100'000'000u);
  ASSERT_EQ(n.peers.size(), 1u);
  EXPECT_EQ(n.peers[0].addresses.size(), 2u);
  EXPECT_EQ(n.peers[0].queues, 4u);
  EXPECT_EQ(n.peers[0].entries, 64u);
  EXPECT_TRUE(n.peers[0].header_digest && n.peers[0].data_digest);
  EXPECT_EQ(n.peers[0].kato_ms, 1000u);
  ASSERT_EQ(n.subsystems.size(), 1u);
  EXPECT_EQ(n.subsystems[0].serial, "S1");
  EXPECT_EQ(n.subsystems[0].hosts.size(), 1u);
  ASSERT_EQ(c->namespaces.size(), 1u);
  const DeclaredNamespace& d = c->namespaces[0];
  EXPECT_EQ(d.spec.blocks, 2097152u);
  EXPECT_EQ(d.spec.block_shift, 9);
  EXPECT_EQ(d.spec.region_bytes, 4u << 20);
  EXPECT_TRUE(d.assume_equal);
  ASSERT_EQ(d.legs.size(), 2u);
  EXPECT_EQ(d.legs[0].nsid, 1u);
  EXPECT_EQ(d.legs[1].nsid, 2u);
  EXPECT_EQ(text::nguid_text(d.spec.nguid), "00112233445566778899aabbccddeeff");
}

TEST(Config, SmallestFileHasDefaults) {
  const auto c = parse("node.host_nqn = 'nqn.2026-01.com.example:n'\n", "f.toml");
  ASSERT_TRUE(c) << testing::PrintToString(lines(c.error()));
  EXPECT_EQ(c->node.state_file, kDefaultState);
  EXPECT_EQ(c->node.api_socket, kDefaultSocket);
  EXPECT_THAT(c->warnings, ElementsAre("node.listen is empty: no host can connect"));
}

TEST(Config, EmptyFileLacksTheHostNqn) {
  EXPECT_THAT(
      errors_of(""),
      ElementsAre("f.toml: node.host_nqn: is missing; legal: nqn.YYYY-MM.REVERSED.DOMAIN:NAME, at most 223 "
                  "bytes, such as nqn.2026-01.com.example:vol1"));
}

struct Bad {
  const char* name;
  std::string text;   // after kBase, from line 9 on
  std::string error;  // the only one
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedExactly) {
  EXPECT_THAT(errors_of(kBase + GetParam().text), ElementsAre(GetParam().error));
}

std::string ns(const std::string& rest) {
  return "[[namespace]]\nname = \"v\"\nsubsystem = \"nqn.2026-01.com.example:front\"\n" + rest;
}

const Bad kBad[] = {
    {"syntax", "[times\n", "f.toml:9:7: not TOML: Error while parsing table header: expected ']', saw '\\n'"},
    {"syntax_bracket", "[\n",
     "f.toml:9:2: not TOML: Error while parsing key: expected bare key starting character or string "
     "delimiter, saw '\\n'"},
    {"unknown_section", "[tmes]\n",
     "f.toml:9:2: tmes: unknown key; did you mean 'times'?; legal: node, log, times, limits, peer, "
     "subsystem, namespace"},
    {"unknown_key", "[limits]\nopen_mx = 1\n",
     "f.toml:10:1: limits.open_mx: unknown key; did you mean 'open_max'?; legal: open_max, copy_depth, "
     "copy_chunk, resync_rate"},
    {"unknown_key_far", "[log]\nzzzzz = 1\n", "f.toml:10:1: log.zzzzz: unknown key; legal: level"},
    {"duration_without_unit", "[times]\nhold = \"20\"\n",
     "f.toml:10:8: times.hold: '20' has no unit; legal: 10ms to 10min, as text with a unit (ns, us, ms, s, "
     "min, h)"},
    {"duration_as_number", "[times]\nhold = 20\n",
     "f.toml:10:8: times.hold: 20 is an integer; legal: 10ms to 10min, as text with a unit (ns, us, ms, s, "
     "min, h)"},
    {"duration_too_long", "[times]\nhold = \"2h\"\n",
     "f.toml:10:8: times.hold: \"2h\" is out of range; legal: 10ms to 10min, as text with a unit (ns, us, "
     "ms, s, min, h)"},
    {"size_unit", "[limits]\nopen_max = \"16M\"\n",
     std::string("f.toml:10:12: limits.open_max: '16M' has the unknown unit 'M'; legal: 1MiB to 64TiB") +
         kSizeUnits},
    {"size_negative", "[limits]\nopen_max = -1\n",
     std::string("f.toml:10:12: limits.open_max: -1 is an integer; legal: 1MiB to 64TiB") + kSizeUnits},
    {"size_not_power_of_two", "[limits]\ncopy_chunk = \"12KiB\"\n",
     std::string("f.toml:10:14: limits.copy_chunk: \"12KiB\" is not a power of two; legal: 4KiB to 128KiB, a "
                 "power of two") +
         kSizeUnits},
    {"integer_range", "[times]\nflap_limit = 0\n",
     "f.toml:10:14: times.flap_limit: 0 is out of range; legal: 1 to 1000"},
    {"boolean", "[[subsystem]]\nnqn = \"nqn.2026-01.com.example:b\"\nany_host = \"yes\"\n",
     "f.toml:11:12: subsystem[2].any_host: \"yes\" is text; legal: true or false"},
    {"level", "[log]\nlevel = \"loud\"\n",
     "f.toml:10:9: log.level: \"loud\" is not a log level; legal: trace, debug, info, warn, error, off"},
    {"times_order", "[times]\nprobe = \"2s\"\n",
     "f.toml:10:9: times.probe: 2s is not below times.leg_deadline (2s): a remaining leg is probed while the "
     "deadline runs; legal: "
     "shorter than times.leg_deadline"},
    {"times_order_other_given", "[times]\nhold = \"5s\"\n",
     "f.toml:10:8: times.start_wait: 5s is not below times.hold (5s): hosts' commands wait while legs are "
     "awaited at start; legal: "
     "shorter than times.hold"},
    {"section_is_no_table", "limits = 5\n",  // belongs to [[subsystem]] in TOML
     "f.toml:9:1: subsystem[1].limits: unknown key; legal: nqn, serial, any_host, hosts"},
    {"peer_name",
     "[[peer]]\nname = \"a b\"\naddresses = [\"192.0.2.2\"]\nnqn = \"nqn.2026-01.com.example:b\"\n",
     "f.toml:10:8: peer[2].name: \"a b\" is not a name; legal: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with "
     "a letter or digit"},
    {"peer_twice",
     "[[peer]]\nname = \"left\"\naddresses = [\"192.0.2.2\"]\nnqn = \"nqn.2026-01.com.example:b\"\n",
     "f.toml:10:8: peer[2].name: \"left\" is taken by peer[1]; legal: a value used once"},
    {"peer_port",
     "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2:70000\", \"192.0.2.2\"]\nnqn = "
     "\"nqn.2026-01.com.example:b\"\n",
     "f.toml:11:14: peer[2].addresses[1]: '70000' in '192.0.2.2:70000' is not a port; legal: numeric "
     "addresses as "
     "\"192.0.2.1:4420\" or \"[2001:db8::1]:4420\"; ports 0 to 65535"},
    {"peer_port_zero",
     "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2:0\"]\nnqn = \"nqn.2026-01.com.example:b\"\n",
     "f.toml:11:13: peer[2].addresses[1]: \"192.0.2.2:0\" has port 0; legal: ports 1 to 65535"},
    {"peer_no_address", "[[peer]]\nname = \"b\"\naddresses = []\nnqn = \"nqn.2026-01.com.example:b\"\n",
     "f.toml:11:13: peer[2].addresses: has no usable address; legal: at least one address"},
    // reaches: leg.queues
    {"peer_queues",
     "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2\"]\nnqn = \"nqn.2026-01.com.example:b\"\nqueues = 5\n",
     "f.toml:13:10: peer[2].queues: 5 is out of range; legal: 1 to 4"},
    {"peer_keep_alive",
     "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2\"]\nnqn = \"nqn.2026-01.com.example:b\"\nkeep_alive = "
     "\"4s\"\n",
     "f.toml:13:14: peer[2].keep_alive: 4s is not below times.guard_time (4s): a peer may run a lost leg's "
     "commands until it misses "
     "our keep-alive; legal: shorter than times.guard_time"},
    {"peer_is_ourselves",
     "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2\"]\nnqn = \"nqn.2026-01.com.example:front\"\n",
     "f.toml:12:7: peer[2].nqn: \"nqn.2026-01.com.example:front\" is a [[subsystem]] of this node; legal: a "
     "subsystem that another "
     "program serves"},
    {"peer_lacks_nqn", "[[peer]]\nname = \"b\"\naddresses = [\"192.0.2.2\"]\n",
     "f.toml:9:1: peer[2].nqn: is missing; legal: an NQN of at most 223 bytes"},
    {"subsystem_nqn", "[[subsystem]]\nnqn = \"nqn.26-01.com.example:x\"\n",
     "f.toml:10:7: subsystem[2].nqn: \"nqn.26-01.com.example:x\" has no date YYYY-MM after 'nqn.'; legal: "
     "nqn.YYYY-MM.REVERSED.DOMAIN:NAME, "
     "at most 223 bytes, such as nqn.2026-01.com.example:vol1"},
    {"subsystem_twice", "[[subsystem]]\nnqn = \"nqn.2026-01.com.example:front\"\n",
     "f.toml:10:7: subsystem[2].nqn: \"nqn.2026-01.com.example:front\" is taken by subsystem[1]; legal: a "
     "value used once"},
    {"any_host_and_hosts", "any_host = true\nhosts = [\"nqn.2026-01.com.example:h\"]\n",
     "f.toml:10:9: subsystem[1].hosts: is given with any_host = true; legal: hosts, or any_host = true"},
    {"serial", "serial = \"123456789012345678901\"\n",
     "f.toml:9:10: subsystem[1].serial: \"123456789012345678901\" is not a serial number; legal: 1 to 20 "
     "printable ASCII characters "
     "without spaces"},
    {"unknown_peer", ns("legs = [{ peer = \"lefd\" }]\n"),
     "f.toml:12:18: namespace[1].legs[1].peer: \"lefd\" is not a peer; did you mean 'left'?; legal: left"},
    {"no_legs", ns("legs = []\n"),
     "f.toml:12:8: namespace[1].legs: has 0 legs; legal: 1 to 4 of { peer = \"NAME\", nsid = N }"},
    {"five_legs",
     ns("legs = "
        "[{peer='left',nsid=1},{peer='left',nsid=2},{peer='left',nsid=3},{peer='left',nsid=4},{peer='left',"
        "nsid=5}]\n"),
     "f.toml:12:8: namespace[1].legs: has 5 legs; legal: 1 to 4 of { peer = \"NAME\", nsid = N }"},
    {"same_leg_twice", ns("legs = [{peer='left'}, {peer='left'}]\n"),
     "f.toml:12:24: namespace[1].legs[2]: namespace 1 of peer \"left\" is namespace[1].legs[1] already; "
     "legal: each namespace of a "
     "peer in one leg only"},
    {"leg_key", ns("legs = [{peer='left', nsd=1}]\n"),
     "f.toml:12:23: namespace[1].legs[1].nsd: unknown key; did you mean 'nsid'?; legal: peer, nsid"},
    {"leg_is_text", ns("legs = ['left:1']\n"),
     "f.toml:12:9: namespace[1].legs[1]: is not a table; legal: a list of tables, each { peer = ... }, "
     "with keys of: peer, nsid"},
    {"unknown_subsystem",
     "[[namespace]]\nname='v'\nsubsystem='nqn.2026-01.com.example:x'\nlegs=[{peer='left'}]\n",
     "f.toml:11:11: namespace[1].subsystem: \"nqn.2026-01.com.example:x\" is not a subsystem; legal: "
     "nqn.2026-01.com.example:front"},
    {"namespace_name_twice", ns("legs=[{peer='left'}]\n") + ns("nsid=2\nlegs=[{peer='left',nsid=2}]\n"),
     "f.toml:14:8: namespace[2].name: \"v\" is taken by namespace[1]; legal: a value used once"},
    {"nsid_twice",
     ns("legs=[{peer='left'}]\n") +
         "[[namespace]]\nname='w'\nsubsystem='nqn.2026-01.com.example:front'\nlegs=[{peer='left',nsid=2}]\n",
     "f.toml:13:1: namespace[2].nsid: 1 is taken by namespace[1] in that subsystem; legal: an NSID used once "
     "in a subsystem"},
    {"leg_of_two_namespaces",
     ns("legs=[{peer='left'}]\n") +
         "[[namespace]]\nname='w'\nnsid=2\nsubsystem='nqn.2026-01.com.example:front'\nlegs=[{peer='left'}]\n",
     "f.toml:17:7: namespace[2].legs[1]: namespace 1 of peer \"left\" is namespace[1].legs[1] already; "
     "legal: each namespace of a peer "
     "in one leg only"},
    {"size_of_blocks", ns("size=4097\nlegs=[{peer='left'}]\n"),
     "f.toml:12:6: namespace[1].size: 4097B is not a multiple of block_size (4096); legal: whole blocks"},
    {"block_size", ns("block_size=1024\nlegs=[{peer='left'}]\n"),
     std::string("f.toml:12:12: namespace[1].block_size: 1024 is not either 512 or 4096; legal: 512B to "
                 "4KiB, either 512 or 4096, or 0") +
         kSizeUnits},
    {"uuid", ns("uuid='1234'\nlegs=[{peer='left'}]\n"),
     "f.toml:12:6: namespace[1].uuid: '1234' has 4 digits; legal: 32 hexadecimal digits, with or without "
     "dashes, not all zero"},
    {"nguid_zero", ns("nguid='00000000000000000000000000000000'\nlegs=[{peer='left'}]\n"),
     "f.toml:12:7: namespace[1].nguid: \"00000000000000000000000000000000\" is all zero; legal: 32 "
     "hexadecimal digits, with or without "
     "dashes, not all zero"},
};

INSTANTIATE_TEST_SUITE_P(Table, BadConfig, testing::ValuesIn(kBad),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(Config, AllProblemsAreToldAtOnceInOrder) {
  const auto errors =
      errors_of(std::string(kBase) + "[log]\nlevel = 5\n[times]\nhold = \"x\"\nprob = \"1s\"\n");
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_THAT(errors[0], HasSubstr("f.toml:10:9: log.level"));
  EXPECT_THAT(errors[1], HasSubstr("f.toml:12:8: times.hold: 'x' does not begin with a whole number"));
  EXPECT_THAT(errors[2], HasSubstr("did you mean 'probe'?"));
}

// reaches: config.problems
TEST(Config, ProblemsAreBounded) {
  std::string text = std::string(kBase) + "[log]\n";
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(errors_of(text).size(), 50u);
}

// reaches: copy.depth
// reaches: leg.entries
// reaches: config.subsystems
// reaches: config.peers
// reaches: config.addresses
// reaches: config.allowed_hosts
TEST(Config, CountsAreBounded) {
  const auto many = [](std::size_t n, const std::function<std::string(std::size_t)>& one) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += one(i);
    return out;
  };
  const std::string node = "[node]\nhost_nqn = \"nqn.2026-01.com.example:n\"\n";
  const auto peer = [](std::size_t i) {
    return fmt::format(
        "[[peer]]\nname = \"p{0}\"\naddresses = [\"192.0.2.1\"]\nnqn = \"nqn.2026-01.com.x:{0}\"\n", i);
  };
  const auto subsystem = [](std::size_t i) {
    return fmt::format("[[subsystem]]\nnqn = \"nqn.2026-01.com.y:{}\"\nany_host = true\n", i);
  };
  const auto address = [](std::size_t i) { return fmt::format("\"192.0.2.1:{}\", ", i + 1); };
  const auto host = [](std::size_t i) { return fmt::format("\"nqn.2026-01.com.z:{}\", ", i); };
  struct Case {
    std::string good, bad, says;
  };
  using namespace limits;
  const auto hosts = [&](std::size_t n) {
    return node + "[[subsystem]]\nnqn = \"nqn.2026-01.com.y:a\"\nhosts = [" + many(n, host) + "]\n";
  };
  const auto listen = [&](std::size_t n) { return node + "listen = [" + many(n, address) + "]\n"; };
  const Case cases[] = {
      {node + many(kPeers, peer), node + many(kPeers + 1, peer),
       "peer[257]: is one of 257 tables; legal: at most 256"},
      {node + many(kSubsystems, subsystem), node + many(kSubsystems + 1, subsystem),
       "subsystem[65]: is one of 65 tables; legal: at most 64"},
      {listen(kAddresses), listen(kAddresses + 1), "node.listen"},
      {hosts(kAllowedHosts), hosts(kAllowedHosts + 1), "subsystem[1].hosts"},
      {node + "[limits]\ncopy_depth = 32\n", node + "[limits]\ncopy_depth = 33\n",
       "33 is out of range; legal: 1 to 32"},
      {node + peer(0) + "entries = 1024\n", node + peer(0) + "entries = 1025\n", "legal: 2 to 1024"},
  };
  for (const Case& c : cases) {
    const auto good = parse(c.good, "f.toml");
    EXPECT_TRUE(good) << good.error()[0].text();
    const auto bad = parse(c.bad, "f.toml");
    ASSERT_FALSE(bad) << c.says;
    EXPECT_EQ(bad.error().size(), 1u);
    EXPECT_THAT(bad.error()[0].text(), HasSubstr(c.says));
  }
}

TEST(Config, OverridesReplaceAndAreNamedInErrors) {
  const std::vector<Override> good = {{"times.hold", "7s"},
                                      {"node.reactors", "2"},
                                      {"log.level", "warn"},
                                      {"node.listen", "['127.0.0.1:1']"}};
  const auto c = parse(kBase, "f.toml", good);
  ASSERT_TRUE(c) << testing::PrintToString(lines(c.error()));
  EXPECT_EQ(c->node.times.hold, 7 * kSecond);
  EXPECT_EQ(c->node.reactors, 2u);
  EXPECT_EQ(c->node.log_level, "warn");
  EXPECT_EQ(c->node.listen.size(), 1u);
  EXPECT_THAT(errors_of(kBase, {{"node.reactors", "100"}}),
              ElementsAre("--set node.reactors=100: node.reactors: 100 is out of range; legal: 1 to 64"));
  EXPECT_THAT(errors_of(kBase, {{"peer.name", "x"}})[0], HasSubstr("does not name a single value"));
  EXPECT_THAT(errors_of(kBase, {{"log.level", "5\nx=1"}})[0], HasSubstr("log.level"));
}

TEST(Config, WarnsOfWhatIsLegalButOdd) {
  const auto c =
      parse(std::string(kBase) +
                "[times]\nhold = \"40s\"\n[[peer]]\nname='t'\nnqn='testnqn'\naddresses=['192.0.2.9']\n",
            "f.toml");
  ASSERT_TRUE(c);
  EXPECT_THAT(c->warnings, ElementsAre(HasSubstr("Linux hosts give a command up after 30s"),
                                       "peer[2].nqn: \"testnqn\" does not begin with 'nqn.'",
                                       HasSubstr("no host can connect"), HasSubstr("node.listen is empty")));
}

// reaches: config.file
TEST(Config, FileIsBounded) {
  const std::string path = "/tmp/nvtee-config-" + std::to_string(::getpid()) + ".toml";
  std::ofstream(path) << kBase << "#" << std::string(kMaxFileBytes, 'x') << "\n";
  const auto large = load(path);
  ::unlink(path.c_str());
  ASSERT_FALSE(large);
  EXPECT_THAT(lines(large.error())[0], HasSubstr("larger than"));
}

TEST(Config, FilesThatCannotBeReadAreNamed) {
  const auto missing = load("/nonexistent/nvteed.toml");
  ASSERT_FALSE(missing);
  EXPECT_THAT(lines(missing.error()), ElementsAre("/nonexistent/nvteed.toml: cannot be read: No such file or "
                                                  "directory; name a readable file with --config"));
  EXPECT_FALSE(load("/proc/self"));
}

TEST(Config, NoInputCrashesTheReader) {
  // Every prefix of a good file, and every single byte of it replaced: an answer comes, whatever it is.
  const std::string good =
      std::string(kBase) +
      ns("size='1GiB'\nlegs=[{peer='left'}]\nuuid='11111111-2222-3333-4444-555555555555'\n");
  for (std::size_t i = 0; i < good.size(); ++i) {
    (void)parse(good.substr(0, i), "f.toml");
    for (const char c : {'\0', '"', '[', '=', '\n', '\xff', '9'}) {
      std::string bad = good;
      bad[i] = c;
      if (const auto r = parse(bad, "f.toml"); !r) EXPECT_FALSE(r.error().empty());
    }
  }
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ConfigText, ReadsBackToTheSame) {
  const auto example = load(std::string(NVTEE_SOURCE_DIR) + "/docs/nvteed.example.toml");
  ASSERT_TRUE(example);
  const std::string text = to_toml(*example);
  const auto again = parse(text, "again.toml");
  ASSERT_TRUE(again) << again.error()[0].text();
  EXPECT_EQ(to_toml(*again), text);
  EXPECT_TRUE(changes(*example, *again).empty());
}

TEST(ConfigText, ChangesAreNamed) {
  const auto before = parse(kBase, "a");
  std::string text = std::string(kBase) + "any_host = true\n[times]\nhold = \"10s\"\n";
  text.replace(text.find("name = \"left\""), 13, "queues = 3\nname = \"left\"");
  const auto after = parse(text, "b");
  ASSERT_TRUE(before && after);
  std::vector<std::string> words;
  for (const auto& c : changes(*before, *after)) words.push_back(c.what + " " + c.before + " " + c.after);
  EXPECT_THAT(words, ElementsAre("times.hold \"20s\" \"10s\"", "peer left.queues 2 3",
                                 "subsystem nqn.2026-01.com.example:front.any_host false true"));
  const auto fewer = parse("[node]\nhost_nqn = \"nqn.2026-01.com.example:node1\"\n", "c");
  ASSERT_TRUE(fewer);
  EXPECT_EQ(changes(*before, *fewer).size(), 2u);
}

TEST(ConfigDoc, PageHasTheTablesOfAllKeys) {
  const std::string page = file_text(std::string(NVTEE_SOURCE_DIR) + "/docs/CONFIG.md");
  EXPECT_NE(page.find(key_tables()), std::string::npos)
      << "docs/CONFIG.md is out of date: put in the output of `nvteed --print-config-doc`:\n"
      << key_tables();
}

TEST(ConfigDoc, ExampleIsLegalAndNamesEveryKey) {
  const std::string path = std::string(NVTEE_SOURCE_DIR) + "/docs/nvteed.example.toml";
  const auto c = load(path);
  ASSERT_TRUE(c) << testing::PrintToString(lines(c.error()));
  EXPECT_THAT(c->warnings, ElementsAre());
  // Every key of the tables stands in the example, in use or commented out.
  const std::string example = file_text(path);
  std::istringstream tables(key_tables());
  for (std::string line; std::getline(tables, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string key = line.substr(3, line.find('`', 3) - 3);
    EXPECT_THAT(example, testing::AnyOf(HasSubstr(key + " = "), HasSubstr(key + "= "))) << key;
  }
}

TEST(Units, SizesAndDurationsReadBack) {
  for (const std::uint64_t v : {0ull, 1ull, 512ull, 4096ull, 4097ull, 1048576ull, 3221225472ull, 1ull << 50})
    EXPECT_EQ(text::parse_size(text::exact_size(v)).value(), v) << text::exact_size(v);
  for (const Duration v : {Duration{0}, Duration{1}, 1500 * kMillisecond, 90 * kSecond, 3600 * kSecond})
    EXPECT_EQ(text::parse_duration(text::exact_duration(v)).value(), v) << text::exact_duration(v);
  for (const char* bad :
       {"", " ", "x", "-1", "1.5GiB", "16EiB", "18446744073709551616", "16777216TiB", "1 2"})
    EXPECT_FALSE(text::parse_size(bad)) << bad;
  for (const char* bad : {"", "1", "1x", "-1s", "99999999999999999999s", "9999999999999h"})
    EXPECT_FALSE(text::parse_duration(bad)) << bad;
}

TEST(Units, HumanTexts) {
  EXPECT_EQ(text::human_size(0), "0 B");
  EXPECT_EQ(text::human_size(1023), "1023 B");
  EXPECT_EQ(text::human_size(1536), "1.50 KiB");
  EXPECT_EQ(text::human_size(std::uint64_t{100} << 30), "100 GiB");
  EXPECT_EQ(text::human_duration(100 * kMicrosecond), "100 us");
  EXPECT_EQ(text::human_duration(125 * kSecond), "2 min 5 s");
  EXPECT_EQ(text::human_duration(90'000 * kSecond), "1 d 1 h");
}

TEST(Units, NearestIsASlipOnly) {
  EXPECT_EQ(text::nearest("statsu", {"status", "events"}), "status");
  EXPECT_EQ(text::nearest("ev", {"status", "events"}), "events");
  EXPECT_EQ(text::nearest("zzzz", {"status", "events"}), std::nullopt);
}

TEST(Units, LogValuesCannotBreakALine) {
  EXPECT_EQ(text::log_value("plain"), "plain");
  EXPECT_EQ(text::log_value(""), "\"\"");
  EXPECT_EQ(text::log_value("a b=\"c\"\n\x01"), "\"a b=\\\"c\\\"\\n\\x01\"");
}

TEST(Nqn, FormsAreTold) {
  EXPECT_FALSE(nqn_malformed("nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"));
  EXPECT_FALSE(nqn_malformed("nqn.2016-06.io.spdk:cnode1"));
  for (const char* bad :
       {"", "nqn", "nqn.", "nqn.2014-13.a:b", "nqn.2014-08.:b", "nqn.2014-08.a",
        "nqn.2014-08.a:", "iqn.2014-08.a:b", "nqn.2014-08.a:b c", "nqn.2014-08.org.nvmexpress.discovery"})
    EXPECT_TRUE(nqn_malformed(bad)) << bad;
  EXPECT_FALSE(nqn_malformed("nqn.2014-08.a:" + std::string(209, 'x')));
  EXPECT_TRUE(nqn_malformed("nqn.2014-08.a:" + std::string(210, 'x')));
}

}  // namespace
}  // namespace nvtee::config
