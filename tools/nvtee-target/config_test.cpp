#include "tools/nvtee-target/config.hpp"

#include <gtest/gtest.h>

namespace nvtee::target {
namespace {

Config good(std::vector<std::string> words) {
  auto line = parse_command_line(words);
  EXPECT_TRUE(line) << (line ? "" : line.error().text());
  return line ? line->config : Config{};
}
std::string bad(std::vector<std::string> words) {
  const auto line = parse_command_line(words);
  EXPECT_FALSE(line) << words.front();
  return line ? "" : line.error().text();
}

TEST(Size, Units) {
  EXPECT_EQ(*parse_size("4096"), 4096u);
  EXPECT_EQ(*parse_size("64K"), 65536u);
  EXPECT_EQ(*parse_size("2G"), std::uint64_t{2} << 30);
  EXPECT_EQ(*parse_size("1T"), std::uint64_t{1} << 40);
  for (const char* text : {"", "G", "-1", "1.5G", "1g", "1GG", "9999999999999T", "0x10"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(CommandLine, Simple) {
  const Config c = good({"--mem", "1G", "--bs", "512", "--listen", "[::1]:0"});
  ASSERT_EQ(c.namespaces.size(), 1u);
  EXPECT_TRUE(c.namespaces[0].memory);
  EXPECT_EQ(c.namespaces[0].size, std::uint64_t{1} << 30);
  EXPECT_EQ(c.namespaces[0].block_shift, 9);
  EXPECT_EQ(c.listen, (net::Address{"::1", 0}));
  EXPECT_EQ(c.max_transfer, 128u * 1024);
}

TEST(CommandLine, SeveralNamespacesWithDefaults) {
  const Config c = good({"--ns", "nsid=1,file=/x/a,size=1M,durability=flush", "--ns",
                         "nsid=7,mem,size=2M,bs=512,uuid=11111111-2222-8333-8444-555555555555",
                         "--volatile-cache", "--cache-chaos", "9", "--cache-size", "32M"});
  ASSERT_EQ(c.namespaces.size(), 2u);
  EXPECT_EQ(c.namespaces[0].durability, Durability::kFlush);
  EXPECT_TRUE(c.namespaces[0].cache);
  EXPECT_EQ(c.namespaces[0].cache_size, 32u << 20);
  EXPECT_EQ(c.namespaces[0].chaos_seed, 9u);
  EXPECT_EQ(c.namespaces[1].nsid, 7u);
  EXPECT_EQ(c.namespaces[1].block_shift, 9);
  ASSERT_TRUE(c.namespaces[1].uuid);
  EXPECT_EQ((*c.namespaces[1].uuid)[4], 0x22);
}

TEST(CommandLine, Limits) {
  const Config c = good({"--mem",
                         "1M",
                         "--mdts",
                         "32K",
                         "--in-capsule",
                         "4K",
                         "--max-queues",
                         "2",
                         "--queue-entries",
                         "16",
                         "--maxh2cdata",
                         "8K",
                         "--cpda",
                         "3",
                         "--r2t-size",
                         "4K",
                         "--no-header-digest",
                         "--no-data-digest",
                         "--no-c2h-success",
                         "--no-ana",
                         "--allow-host",
                         "nqn.a",
                         "--allow-host",
                         "nqn.b",
                         "--ready-fd",
                         "3"});
  EXPECT_EQ(c.max_transfer, 32u * 1024);
  EXPECT_EQ(c.in_capsule, 4096u);
  EXPECT_EQ(c.max_queues, 2);
  EXPECT_EQ(c.queue_entries, 16);
  EXPECT_EQ(c.max_h2c_data, 8192u);
  EXPECT_EQ(c.cpda, 3);
  EXPECT_EQ(c.r2t_bytes, 4096u);
  EXPECT_FALSE(c.header_digest || c.data_digest || c.c2h_success || c.ana);
  EXPECT_EQ(c.allowed_hosts.size(), 2u);
  EXPECT_EQ(c.ready_fd, 3);
}

TEST(CommandLine, RefusalsNameTheWord) {
  const struct {
    std::vector<std::string> words;
    const char* mention;
  } cases[] = {
      {{"--log", "info"}, "nothing to serve"},
      {{"--mem", "1X"}, "1X"},
      {{"--mem", "1000"}, "block size"},
      {{"--mem", "1M", "--file", "/x"}, "exclude"},
      {{"--mem", "1M", "--ns", "nsid=1,mem,size=1M"}, "exclude"},
      {{"--ns", "nsid=1,mem,size=1M", "--ns", "nsid=1,mem,size=1M"}, "twice"},
      {{"--ns", "nsid=0,mem,size=1M"}, "nsid=0"},
      {{"--ns", "nsid=65,mem,size=1M"}, "65"},
      {{"--ns", "nsid=1,size=1M"}, "mem and file"},
      {{"--ns", "nsid=1,mem,file=/x,size=1M"}, "mem and file"},
      {{"--ns", "nsid=1,mem"}, "size="},
      {{"--ns", "nsid=1,mem,size=1M,bs=1024"}, "bs=1024"},
      {{"--ns", "nsid=1,mem,size=1M,colour=red"}, "colour"},
      {{"--ns", "nsid=1,mem,size=1M,"}, "''"},
      {{"--ns", "nsid=1,file=/x,durability=maybe"}, "maybe"},
      {{"--ns", "nsid=1,mem,size=1M,uuid=123"}, "uuid=123"},
      {{"--file", "/dev/sdx"}, "meta="},
      {{"--mem", "1M", "--mdts", "100K"}, "--mdts"},
      {{"--mem", "1M", "--in-capsule", "100"}, "--in-capsule"},
      {{"--mem", "1M", "--maxh2cdata", "2K"}, "--maxh2cdata"},
      {{"--mem", "1M", "--queue-entries", "1"}, "--queue-entries"},
      {{"--mem", "1M", "--cpda", "32"}, "--cpda"},
      {{"--mem", "1M", "--subnqn", "vol0"}, "vol0"},
      {{"--mem", "1M", "--serial", "123456789012345678901"}, "--serial"},
      {{"--mem", "1M", "--listen", "localhost:1"}, "localhost"},
      {{"--mem", "1M", "--wibble"}, "wibble"},
      {{"--mem", "1M", "--ready-fd", "x"}, "ready-fd"},
      {{"ctl", "/s"}, "ctl"},
  };
  for (const auto& c : cases) EXPECT_NE(bad(c.words).find(c.mention), std::string::npos) << bad(c.words);
}

TEST(CommandLine, HelpTeachesAndControlPassesWordsOn) {
  const auto help = parse_command_line({"--help"});
  ASSERT_TRUE(help);
  EXPECT_EQ(help->verb, CommandLine::Verb::kHelp);
  for (const char* word : {"nvme connect", "inject latency=5ms", "--volatile-cache", "--ready-fd"})
    EXPECT_NE(help->text.find(word), std::string::npos) << word;
  const auto ctl = parse_command_line({"ctl", "/s", "inject", "stall"});
  ASSERT_TRUE(ctl);
  EXPECT_EQ(ctl->verb, CommandLine::Verb::kControl);
  EXPECT_EQ(ctl->control_path, "/s");
  EXPECT_EQ(ctl->words, (std::vector<std::string>{"inject", "stall"}));
}

}  // namespace
}  // namespace nvtee::target
