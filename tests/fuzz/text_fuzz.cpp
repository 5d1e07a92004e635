// What people write on command lines: sizes, durations, identifiers, NQNs, addresses, whole command lines.
#include "runtime/nvteed/command_line.hpp"
#include "runtime/nvteed/nqn.hpp"
#include "runtime/nvteed/units.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tools/nvtee-host/discovery_log.hpp"
#include "tools/nvtee-host/text.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::fuzz {

void one(Input in) {
  const auto how = in.take<std::uint8_t>();
  const std::string t = in.text().substr(0, 512);
  if (how & 0x80) {  // a discovery log, as a peer sends it
    const auto log = host::parse_discovery_log(in.rest());
    if (log) must((log->entries.size() + 1) * 1024 <= in.rest().size(), "records are within the page");
    return;
  }
  if (const auto s = text::parse_size(t)) {
    const auto again = text::parse_size(text::exact_size(*s));
    must(again && *again == *s, "a size reads back");
  }
  if (const auto d = text::parse_duration(t)) {
    const auto again = text::parse_duration(text::exact_duration(*d));
    must(again && *again == *d, "a duration reads back");
  }
  if (const auto id = text::parse_id16(t)) {
    const auto again = text::parse_id16(text::uuid_text(*id));
    must(again && *again == *id, "an identifier reads back");
  }
  (void)nqn_malformed(t);
  (void)nqn_unusable(t);
  for (const char c : text::log_value(t)) must(c != '\n' && c != '\r', "a value cannot break a log line");
  for (const char c : cli::clean(t))
    must(static_cast<unsigned char>(c) >= ' ', "nothing reaches the terminal raw");
  (void)host::parse_bytes(t);
  (void)host::parse_time(t);
  (void)host::parse_sizes(t);
  (void)host::parse_range(t);
  (void)host::parse_mix(t);
  (void)host::parse_rw(t);
  std::vector<std::string> words(1);
  for (const char c : t) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  const auto& all = cli::subcommands();
  if (words.size() < 64) (void)cmdline::parse(all[how % all.size()].command, words);
}

Seeds seeds() {
  Seeds out;
  for (const char* t :
       {"16MiB", "100us", "2s", "11111111-2222-3333-4444-555555555555", "nqn.2026-01.com.example:a",
        "4k:70,64k-128k:30", "1g:4g", "read=70,write=20", "randrw", "vol1 --leg a:1 --size 1GiB -o json",
        "--follow --since 3", "99999999999999999999TiB"})
    for (std::uint8_t how : {0, 4, 17}) out.push_back(Seed().put(how).text(t));
  std::string page(3072, '\0');
  page[8] = 2;
  page[1024] = 3;
  page.replace(1024 + 256, 20, "nqn.2024-01.test:one");
  out.push_back(Seed().put(std::uint8_t{0x80}).text(page));
  return out;
}

}  // namespace nvtee::fuzz
