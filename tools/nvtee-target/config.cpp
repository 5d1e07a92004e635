#include "tools/nvtee-target/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/program_options.hpp>
#include <charconv>
#include <limits>
#include <set>
#include <sstream>
#include <string_view>

namespace nvtee::target {
namespace {

namespace po = boost::program_options;

constexpr const char* kUsage =
    R"(nvtee-target: an NVM subsystem over NVMe/TCP, on files, block devices or memory.

Serve:
  nvtee-target --mem 1G
      One 1 GiB namespace in memory on 127.0.0.1:4420, any host.
  nvtee-target --file /srv/vol0.img --size 10G --listen 0.0.0.0:4420 --allow-host nqn.2014-08.org.nvmexpress:uuid:...
      One file (made if missing), one host. Each write is on stable media before it is answered.
  nvtee-target --ns nsid=1,file=/srv/a.img,size=1G,bs=4096 --ns nsid=2,mem,size=512M,bs=512
      Two namespaces.
  nvtee-target --file t.img --size 1G --volatile-cache --cache-chaos 7 --listen 127.0.0.1:0 --port-file port
      For tests: unflushed writes live in process memory and are gone after kill -9; the port is the system's choice.

Connect a Linux host:
  nvme connect -t tcp -a 127.0.0.1 -s 4420 -n nqn.2024-01.io.nvtee:target

Control a target that was started with --control /run/t.sock (answers are JSON):
  nvtee-target ctl /run/t.sock status
  nvtee-target ctl /run/t.sock inject latency=5ms,opcode=write,range=0-1023,count=10
  nvtee-target ctl /run/t.sock inject error=2/81,opcode=read,nsid=1        (SCT/SC in hexadecimal)
  nvtee-target ctl /run/t.sock inject lose-write | misplace-write=8 | bitflip=100,opcode=read
  nvtee-target ctl /run/t.sock stall | resume | clear [ID] | drop-connections [io|all] | refuse-queues on|off
  nvtee-target ctl /run/t.sock ana optimized|non-optimized|inaccessible|loss|change
  nvtee-target ctl /run/t.sock lose-power       (volatile caches are forgotten, connections dropped)
  Filters of inject: opcode= range=FIRST-LAST nsid= host=NQN count=N (0: until cleared) skip=N every=N
  at=start|answer, and for error: dnr, executed.

What survives what:
  durability=power    (default for files) each write is stable before its answer; VWC 0.
  durability=flush    the page cache is a volatile cache: VWC 1, Flush and FUA make stable.
  durability=process  the page cache, VWC 0: survives a kill of this process, not a power failure. For tests.
  --volatile-cache    VWC 1, unflushed writes only in this process.
  mem                 nothing survives the end of the process.
Identity and reservations of a file's namespace are kept in FILE.nvtee (or meta=PATH); reservations in memory
without meta=PATH cannot persist (RESCAP, PTPL).
)";

template <class T>
bool number(std::string_view text, T& out) {
  const auto [p, e] = std::from_chars(text.data(), text.data() + text.size(), out);
  return e == std::errc{} && p == text.data() + text.size() && !text.empty();
}

std::optional<std::array<std::uint8_t, 16>> parse_id(std::string_view text) {
  std::array<std::uint8_t, 16> id{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int v = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
    if (v < 0 || digits == 32) return {};
    id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | v);
    ++digits;
  }
  if (digits != 32 || std::ranges::all_of(id, [](auto b) { return b == 0; })) return {};
  return id;
}

std::optional<Durability> parse_durability(std::string_view text) {
  if (text == "power") return Durability::kPower;
  if (text == "flush") return Durability::kFlush;
  if (text == "process") return Durability::kProcess;
  return {};
}

// One key of --ns. False: not understood.
bool namespace_word(std::string_view key, std::string_view value, NamespaceConfig& n) {
  const auto size_into = [&](std::uint64_t& out) {
    const auto s = parse_size(std::string(value));
    if (s) out = *s;
    return s.has_value();
  };
  const auto id_into = [&](auto& out) { return (out = parse_id(value)).has_value(); };
  if (key == "nsid") return number(value, n.nsid) && n.nsid != 0;
  if (key == "mem") return n.memory = value.empty();
  if (key == "prefault") return n.prefault = value.empty();
  if (key == "file") {
    n.path = value;
    return !value.empty();
  }
  if (key == "size") return size_into(n.size) && n.size != 0;
  if (key == "bs") {
    if (value != "512" && value != "4096" && value != "4K") return false;
    n.block_shift = value == "512" ? 9 : 12;
    return true;
  }
  if (key == "durability") {
    const auto d = parse_durability(value);
    if (d) n.durability = *d;
    return d.has_value();
  }
  if (key == "cache") {
    n.cache = true;
    return value.empty() || size_into(n.cache_size);
  }
  if (key == "chaos") {
    std::uint64_t seed = 0;
    if (!number(value, seed)) return false;
    n.chaos_seed = seed;
    n.cache = true;
    return true;
  }
  if (key == "meta") {
    n.meta = value;
    return !value.empty();
  }
  if (key == "nguid") return id_into(n.nguid);
  if (key == "uuid") return id_into(n.uuid);
  return false;
}

Status0 check_namespace(const NamespaceConfig& n) {
  if (n.memory == !n.path.empty())
    return fail(fmt::format("namespace {} needs one of mem and file=PATH", n.nsid));
  if (n.memory && n.size == 0)
    return fail(fmt::format("namespace {} in memory needs size=", n.nsid), "for example size=1G");
  if (n.size % (std::uint64_t{1} << n.block_shift) != 0)
    return fail(fmt::format("size={} is no multiple of the block size {}", n.size, 1u << n.block_shift));
  if (n.path.starts_with("/dev/") && n.meta.empty())
    return fail(
        fmt::format("'{}' is a device: there is no place beside it for identity and reservations", n.path),
        "name a file for them: meta=/var/lib/nvtee/NAME");
  return {};
}

bool good_nqn(const std::string& nqn) {
  return nqn.starts_with("nqn.") && nqn.size() <= 223 && nqn.find(' ') == std::string::npos;
}

Status0 check_limits(const Config& c) {
  if (!std::has_single_bit(c.max_transfer) || c.max_transfer < 4096 || c.max_transfer > 1024 * 1024)
    return fail("--mdts is a power of two from 4K to 1M");
  if (c.in_capsule % 16 != 0 || c.in_capsule > 64 * 1024)
    return fail("--in-capsule is a multiple of 16, at most 64K");
  if (c.max_h2c_data % 4 != 0 || c.max_h2c_data < 4096 || c.max_h2c_data > 1024 * 1024)
    return fail("--maxh2cdata is a multiple of 4 from 4K to 1M");
  if (c.r2t_bytes % 512 != 0 || c.c2h_bytes % 512 != 0)
    return fail("--r2t-size and --c2h-size are multiples of 512");
  if (c.max_queues == 0 || c.max_queues > 128) return fail("--max-queues is 1 to 128");
  if (c.queue_entries < 2 || c.queue_entries > 1024) return fail("--queue-entries is 2 to 1024");
  if (c.cpda > 31) return fail("--cpda is 0 to 31 (dwords - 1)");
  if (c.serial.empty() || c.serial.size() > 20) return fail("--serial has 1 to 20 characters");
  if (!good_nqn(c.subnqn))
    return fail("--subnqn '" + c.subnqn + "' is no NQN", "for example nqn.2024-01.com.example:vol0");
  for (const std::string& h : c.allowed_hosts)
    if (!good_nqn(h)) return fail("--allow-host '" + h + "' is no NQN");
  return {};
}

Status0 check_together(const Config& c) {
  if (c.namespaces.empty())
    return fail("there is nothing to serve", "give --mem SIZE, --file PATH or --ns ...; see --help");
  if (c.namespaces.size() > 64) return fail("at most 64 namespaces");
  std::set<std::uint32_t> ids;
  std::set<std::string> metas;
  for (const NamespaceConfig& n : c.namespaces) {
    if (n.nsid > 64) return fail(fmt::format("nsid={} is too large", n.nsid), "use 1 to 64");
    if (!ids.insert(n.nsid).second) return fail(fmt::format("nsid={} is given twice", n.nsid));
    if (!n.meta.empty() && !metas.insert(n.meta).second) return fail("meta=" + n.meta + " is given twice");
  }
  return {};
}

struct Raw {
  std::string listen, mdts, in_capsule, maxh2c, r2t, c2h, mem, file, size, bs, durability, cache_size, meta;
  std::uint64_t chaos = 0;
  std::vector<std::string> ns;
};

po::options_description options(Config& c, Raw& r) {
  po::options_description all("Options");
  all.add_options()("help,h", "this text")("version", "name and version")  //
      ("listen", po::value(&r.listen)->default_value("127.0.0.1:4420"),
       "address; port 0: the system picks one")  //
      ("ns", po::value(&r.ns)->composing(),
       "a namespace, repeatable: "
       "nsid=N,(mem|file=PATH),size=S,bs=512|4096,durability=power|flush|process,cache[=SIZE],"
       "chaos=SEED,meta=PATH,prefault,nguid=HEX,uuid=UUID; what is not named is taken from the flags "
       "below")                                                                                          //
      ("mem", po::value(&r.mem), "one namespace of this size in memory")                                 //
      ("file", po::value(&r.file), "one namespace on this file or block device")                         //
      ("prefault", "touch all of a memory namespace at the start: steady speed from the first command")  //
      ("size", po::value(&r.size), "size of the file when it is made")                                   //
      ("bs", po::value(&r.bs)->default_value("4096"), "block size, 512 or 4096")                         //
      ("durability", po::value(&r.durability)->default_value("power"), "power, flush or process")        //
      ("meta", po::value(&r.meta), "where identity and reservations are kept")                           //
      ("volatile-cache", "hold unflushed writes in this process only (VWC 1)")                           //
      ("cache-size", po::value(&r.cache_size)->default_value("64M"), "of the volatile cache")            //
      ("cache-chaos", po::value(&r.chaos), "write some blocks back early, chosen from this seed")        //
      ("subnqn", po::value(&c.subnqn)->default_value(c.subnqn), "the subsystem's NQN")                   //
      ("serial", po::value(&c.serial)->default_value(c.serial), "serial number")                         //
      ("allow-host", po::value(&c.allowed_hosts)->composing(),
       "host NQN that may connect, repeatable; none: any host")                              //
      ("mdts", po::value(&r.mdts)->default_value("128K"), "most data bytes of one command")  //
      ("in-capsule", po::value(&r.in_capsule)->default_value("8K"),
       "most data bytes in a command capsule")                                                           //
      ("maxh2cdata", po::value(&r.maxh2c)->default_value("128K"), "most data bytes in one H2CData PDU")  //
      ("r2t-size", po::value(&r.r2t), "most bytes one R2T asks for")                                     //
      ("c2h-size", po::value(&r.c2h), "most data bytes in one C2HData PDU")                              //
      ("max-queues", po::value(&c.max_queues)->default_value(c.max_queues),
       "I/O queues of one controller")                                                                     //
      ("queue-entries", po::value(&c.queue_entries)->default_value(c.queue_entries), "largest I/O queue")  //
      ("cpda", po::value<unsigned>()->default_value(0), "alignment asked of hosts, dwords - 1")            //
      ("no-header-digest", "refuse header digests")("no-data-digest", "refuse data digests")               //
      ("no-c2h-success", "always send a response capsule")("no-ana", "no ANA reporting")(
          "no-reservations", "no reservation commands (ONCS, RESCAP)")                                     //
      ("busy-poll", po::value(&c.busy_poll_us)->default_value(0), "microseconds to spin before sleeping")  //
      ("control", po::value(&c.control_path), "unix socket for `nvtee-target ctl`")                        //
      ("port-file", po::value(&c.port_file), "write the port here when listening")                         //
      ("ready-fd", po::value(&c.ready_fd)->default_value(-1),
       "write one JSON line here when listening, then close it")  //
      ("drain", po::value(&c.drain_seconds)->default_value(c.drain_seconds),
       "most seconds to finish in after SIGTERM")  //
      ("log", po::value(&c.log_level)->default_value("info"), "trace, debug, info, warn, error or off");
  return all;
}

Status0 take_sizes(const Raw& r, Config& c) {
  const auto into = [](const char* name, const std::string& text, std::uint32_t& out) -> Status0 {
    if (text.empty()) return {};
    const auto s = parse_size(text);
    if (!s || *s > std::numeric_limits<std::uint32_t>::max())
      return fail(fmt::format("--{} '{}' is no size", name, text));
    out = static_cast<std::uint32_t>(*s);
    return {};
  };
  Status0 s;
  if (s = into("mdts", r.mdts, c.max_transfer); !s) return s;
  if (s = into("in-capsule", r.in_capsule, c.in_capsule); !s) return s;
  if (s = into("maxh2cdata", r.maxh2c, c.max_h2c_data); !s) return s;
  if (s = into("r2t-size", r.r2t, c.r2t_bytes); !s) return s;
  return into("c2h-size", r.c2h, c.c2h_bytes);
}

// The flags for one namespace are words of --ns, too.
Status0 take_namespaces(const po::variables_map& map, const Raw& r, Config& c) {
  NamespaceConfig d;
  const auto word = [&](const char* key, const std::string& value) -> Status0 {
    if (value.empty() || namespace_word(key, value, d)) return {};
    return fail(fmt::format("--{} '{}' is not understood", key, value));
  };
  Status0 s;
  if (s = word("bs", r.bs); !s) return s;
  if (s = word("durability", r.durability); !s) return s;
  const auto cache_size = parse_size(r.cache_size);
  if (!cache_size) return std::unexpected(cache_size.error());
  d.cache_size = *cache_size;
  d.cache = map.count("volatile-cache") != 0;
  d.prefault = map.count("prefault") != 0;
  if (map.count("cache-chaos") != 0) {
    d.chaos_seed = r.chaos;
    d.cache = true;
  }
  for (const std::string& text : r.ns) {
    auto n = parse_namespace(text, d);
    if (!n) return std::unexpected(n.error());
    c.namespaces.push_back(*n);
  }
  if (r.mem.empty() && r.file.empty()) return {};
  if (!r.ns.empty() || (!r.mem.empty() && !r.file.empty()))
    return fail("--mem, --file and --ns exclude each other", "for several namespaces use --ns only");
  d.memory = !r.mem.empty();
  d.path = r.file;
  d.meta = r.meta;
  if (s = word("size", d.memory ? r.mem : r.size); !s) return s;
  if (s = check_namespace(d); !s) return s;
  c.namespaces.push_back(d);
  return {};
}

Result<CommandLine> parse_control(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3)
    return fail("ctl needs the socket and a request", "for example: nvtee-target ctl /run/t.sock status");
  CommandLine line;
  line.verb = CommandLine::Verb::kControl;
  line.control_path = arguments[1];
  line.words.assign(arguments.begin() + 2, arguments.end());
  return line;
}

Result<CommandLine> parse_serve(const std::vector<std::string>& arguments) {
  CommandLine line;
  Config& c = line.config;
  Raw raw;
  const po::options_description all = options(c, raw);
  po::variables_map map;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(all)
                  .positional({})
                  .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
                  .run(),
              map);
    po::notify(map);
  } catch (const po::error& e) {
    return fail(e.what(), "see nvtee-target --help");
  }
  if (map.count("help") != 0) {
    std::ostringstream text;
    text << kUsage << '\n' << all;
    line.verb = CommandLine::Verb::kHelp;
    line.text = text.str();
    return line;
  }
  if (map.count("version") != 0) {
    line.verb = CommandLine::Verb::kVersion;
    line.text = "nvtee-target 0.1\n";
    return line;
  }
  auto address = net::parse_address(raw.listen, spec::kPortIo);
  if (!address) return std::unexpected(address.error());
  c.listen = *address;
  const unsigned cpda = map["cpda"].as<unsigned>();
  if (cpda > 31) return fail("--cpda is 0 to 31 (dwords - 1)");
  c.cpda = static_cast<std::uint8_t>(cpda);
  c.header_digest = map.count("no-header-digest") == 0;
  c.data_digest = map.count("no-data-digest") == 0;
  c.c2h_success = map.count("no-c2h-success") == 0;
  c.ana = map.count("no-ana") == 0;
  c.reservations = map.count("no-reservations") == 0;
  Status0 s;
  if (s = take_sizes(raw, c); !s) return std::unexpected(s.error());
  if (s = take_namespaces(map, raw, c); !s) return std::unexpected(s.error());
  if (s = check_limits(c); !s) return std::unexpected(s.error());
  if (s = check_together(c); !s) return std::unexpected(s.error());
  return line;
}

}  // namespace

Result<std::uint64_t> parse_size(const std::string& text) {
  const std::string_view units = "KMGT";
  std::string_view digits = text;
  unsigned shift = 0;
  if (!digits.empty())
    if (const auto at = units.find(digits.back()); at != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(at) + 1);
      digits.remove_suffix(1);
    }
  std::uint64_t n = 0;
  if (!number(digits, n) || n > (std::uint64_t{1} << 62) >> shift)
    return fail("'" + text + "' is no size", "for example 512M, 10G or 1048576");
  return n << shift;
}

Result<NamespaceConfig> parse_namespace(const std::string& text, const NamespaceConfig& defaults) {
  NamespaceConfig n = defaults;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    const std::size_t eq = std::min(word.find('='), word.size());
    const std::string_view value = eq < word.size() ? word.substr(eq + 1) : std::string_view{};
    if (!namespace_word(word.substr(0, eq), value, n))
      return fail(fmt::format("--ns: '{}' is not understood", word),
                  "for example --ns nsid=1,file=/srv/a.img,size=1G,bs=4096");
    at = end + 1;
  }
  if (const auto good = check_namespace(n); !good) return std::unexpected(good.error());
  return n;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "ctl") return parse_control(arguments);
  return parse_serve(arguments);
}

}  // namespace nvtee::target
