// Every key of the configuration file, once.
#include <algorithm>
#include <bit>

#include "runtime/nvteed/config_reader.hpp"
#include "runtime/nvteed/nqn.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::config {
namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB, kTiB = 1024 * kGiB;
constexpr Duration kMinute = 60 * kSecond, kHour = 60 * kMinute;

const char* type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

void wrong_type(Reader& r, const toml::node& node, const std::string& field, const std::string& wanted) {
  r.refuse(node, field, fmt::format("{} is {}", value_text(node), type_name(node)), wanted);
}

// A place in T that a key fills: Ref is a function T& -> V&.
template <class T, class Ref>
const auto& at_place(const T& from, Ref ref) {
  return ref(const_cast<T&>(from));  // Ref itself changes nothing
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}
std::string list_text(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& i : items) out += (out.empty() ? "" : ", ") + i;
  return "[" + out + "]";
}
std::string item_text(const std::string& text) {
  return quoted(text);
}
std::string item_text(const net::Address& address) {
  return quoted(address.text());
}

template <class T, class Ref>
Key<T> integer(const char* name, Ref ref, std::int64_t low, std::int64_t high, const char* meaning) {
  T sample{};
  Key<T> key{name, "integer", std::to_string(ref(sample)), fmt::format("{} to {}", low, high), meaning, {}};
  key.set = [=, legal = key.legal](Reader& r, T& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_integer();
    if (!value) return wrong_type(r, node, field, legal);
    if (value->get() < low || value->get() > high)
      return r.refuse(node, field, fmt::format("{} is out of range", value->get()), legal);
    using V = std::remove_reference_t<decltype(ref(into))>;
    ref(into) = static_cast<V>(value->get());
  };
  key.get = [=](const T& from) { return std::to_string(at_place(from, ref)); };
  return key;
}

template <class T, class Ref>
Key<T> boolean(const char* name, Ref ref, const char* meaning) {
  T sample{};
  Key<T> key{name, "boolean", ref(sample) ? "true" : "false", "true or false", meaning, {}};
  key.set = [=](Reader& r, T& into, const toml::node& node, const std::string& field) {
    if (const auto* value = node.as_boolean())
      ref(into) = value->get();
    else
      wrong_type(r, node, field, "true or false");
  };
  key.get = [=](const T& from) { return std::string(at_place(from, ref) ? "true" : "false"); };
  return key;
}

template <class T, class Ref>
Key<T> duration(const char* name, Ref ref, Duration low, Duration high, const char* meaning) {
  T sample{};
  const std::string legal = fmt::format("{} to {}, as text with a unit (ns, us, ms, s, min, h)",
                                        text::exact_duration(low), text::exact_duration(high));
  Key<T> key{name, "duration", '"' + text::exact_duration(ref(sample)) + '"', legal, meaning, {}};
  key.set = [=](Reader& r, T& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_string();
    if (!value) return wrong_type(r, node, field, legal);
    const auto parsed = text::parse_duration(value->get());
    if (!parsed) return r.refuse(node, field, parsed.error().what, legal);
    if (*parsed < low || *parsed > high)
      return r.refuse(node, field, fmt::format("\"{}\" is out of range", value->get()), legal);
    ref(into) = *parsed;
  };
  key.get = [=](const T& from) { return quoted(text::exact_duration(at_place(from, ref))); };
  return key;
}

// `rule`: an extra demand in words with its test ("a power of two").
struct SizeRule {
  const char* words;
  bool (*holds)(std::uint64_t);
};
constexpr SizeRule kAnySize{nullptr, nullptr};
constexpr SizeRule kPowerOfTwo{"a power of two", [](std::uint64_t v) { return std::has_single_bit(v); }};

template <class T, class Ref>
Key<T> size(const char* name, Ref ref, std::uint64_t low, std::uint64_t high, SizeRule rule, bool zero,
            const char* meaning) {
  T sample{};
  std::string legal = fmt::format("{} to {}", text::exact_size(low), text::exact_size(high));
  if (rule.words) legal += fmt::format(", {}", rule.words);
  if (zero) legal += ", or 0";
  legal += "; bytes, or text with a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)";
  Key<T> key{name, "size", ref(sample) ? '"' + text::exact_size(ref(sample)) + '"' : "0", legal, meaning, {}};
  key.set = [=](Reader& r, T& into, const toml::node& node, const std::string& field) {
    std::uint64_t bytes = 0;
    if (const auto* number = node.as_integer(); number && number->get() >= 0) {
      bytes = static_cast<std::uint64_t>(number->get());
    } else if (const auto* value = node.as_string()) {
      const auto parsed = text::parse_size(value->get());
      if (!parsed) return r.refuse(node, field, parsed.error().what, legal);
      bytes = *parsed;
    } else {
      return wrong_type(r, node, field, legal);
    }
    const bool ok = (zero && bytes == 0) || (bytes >= low && bytes <= high);
    if (!ok) return r.refuse(node, field, fmt::format("{} is out of range", value_text(node)), legal);
    if (bytes && rule.holds && !rule.holds(bytes))
      return r.refuse(node, field, fmt::format("{} is not {}", value_text(node), rule.words), legal);
    ref(into) = static_cast<std::remove_reference_t<decltype(ref(into))>>(bytes);
  };
  key.get = [=](const T& from) {
    const auto value = at_place(from, ref);
    return value ? quoted(text::exact_size(value)) : std::string("0");
  };
  return key;
}

// `test` returns what is wrong with the text, or nothing.
using TextTest = std::optional<std::string> (*)(const std::string&);

template <class T, class Ref>
Key<T> text_key(const char* name, Ref ref, const char* fallback, const char* legal, TextTest test,
                const char* meaning) {
  Key<T> key{name, "text", fallback, legal, meaning, {}};
  key.set = [=](Reader& r, T& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_string();
    if (!value) return wrong_type(r, node, field, legal);
    if (const auto wrong = test(value->get()))
      return r.refuse(node, field, fmt::format("\"{}\" {}", value->get(), *wrong), legal);
    ref(into) = value->get();
  };
  key.get = [=](const T& from) {
    const auto& value = at_place(from, ref);
    return value.empty() ? std::string() : quoted(value);
  };
  return key;
}

// A list of texts, each by `one` (reads it, or refuses it).
template <class T, class Ref, class One>
Key<T> list_key(const char* name, const char* type, Ref ref, const char* fallback, const char* legal,
                std::size_t most, One one, const char* meaning) {
  Key<T> key{name, type, fallback, legal, meaning, {}};
  key.set = [=](Reader& r, T& into, const toml::node& node, const std::string& field) {
    const auto* array = node.as_array();
    if (!array) return wrong_type(r, node, field, legal);
    if (array->size() > most)
      return r.refuse(node, field, fmt::format("has {} entries", array->size()),
                      fmt::format("at most {}", most));
    for (std::size_t i = 0; i < array->size(); ++i) {
      const toml::node& item = (*array)[i];
      const std::string at = fmt::format("{}[{}]", field, i + 1);
      const auto* value = item.as_string();
      if (!value) {
        wrong_type(r, item, at, legal);
        continue;
      }
      r.remember(at, item);
      auto parsed = one(value->get());
      if (parsed)
        ref(into).push_back(std::move(*parsed));
      else
        r.refuse(item, at, parsed.error().what, legal);
    }
  };
  key.get = [=](const T& from) {
    std::vector<std::string> items;
    for (const auto& item : at_place(from, ref)) items.push_back(item_text(item));
    return list_text(items);
  };
  return key;
}

template <class T>
Key<T> required(Key<T> key) {
  key.required = true;
  key.fallback = "required";
  return key;
}

Result<net::Address> io_address(const std::string& t) {
  return net::parse_address(t, 4420);
}
Result<net::Address> discovery_address(const std::string& t) {
  return net::parse_address(t, 8009);
}
Result<std::string> any_nqn(const std::string& t) {
  if (const auto wrong = nqn_unusable(t)) return fail(fmt::format("\"{}\" {}", t, *wrong));
  return t;
}

std::optional<std::string> name_test(const std::string& t) {
  if (!text::is_name(t)) return "is not a name";
  return {};
}
std::optional<std::string> level_test(const std::string& t) {
  constexpr const char* kLevels[] = {"trace", "debug", "info", "warn", "error", "off"};
  if (std::ranges::find(kLevels, t) == std::end(kLevels)) return "is not a log level";
  return {};
}
std::optional<std::string> state_test(const std::string& t) {
  if (t == kMemoryState || (t.starts_with('/') && !t.ends_with('/'))) return {};
  return "is not the absolute path of a file";
}
std::optional<std::string> socket_test(const std::string& t) {
  if (!t.starts_with('/') || t.ends_with('/')) return "is not an absolute path";
  if (t.size() > 100) return "is too long for the address of a unix socket";
  return {};
}
std::optional<std::string> serial_test(const std::string& t) {
  const bool ok =
      !t.empty() && t.size() <= 20 && std::ranges::all_of(t, [](char c) { return c > ' ' && c < 0x7f; });
  if (!ok) return "is not a serial number";
  return {};
}

constexpr const char* kNqnRule =
    "nqn.YYYY-MM.REVERSED.DOMAIN:NAME, at most 223 bytes, such as nqn.2026-01.com.example:vol1";
constexpr const char* kAddressRule =
    "numeric addresses as \"192.0.2.1:4420\" or \"[2001:db8::1]:4420\"; ports 0 to 65535";

// One loopback address, or none.
Key<NodeConfig> address_key(const char* name, const char* meaning) {
  const char* legal = "a loopback address as \"127.0.0.1:9419\" or \"[::1]:9419\"; ports 0 to 65535";
  Key<NodeConfig> key{name, "address", "none", legal, meaning, {}};
  key.set = [legal](Reader& r, NodeConfig& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_string();
    if (!value) return wrong_type(r, node, field, legal);
    const auto address = net::parse_address(value->get(), 9419);
    if (!address) return r.refuse(node, field, address.error().what, legal);
    if (!address->host.starts_with("127.") && address->host != "::1")
      return r.refuse(node, field, value_text(node) + " can be reached from outside", legal);
    into.metrics = *address;
  };
  key.get = [](const NodeConfig& from) { return from.metrics ? item_text(*from.metrics) : std::string(); };
  return key;
}

Key<NodeConfig> fencing_key() {
  const char* legal = "\"auto\" or \"guard_time\"";
  Key<NodeConfig> key{
      "fencing",
      "text",
      "\"auto\"",
      legal,
      "How a leg is kept from commands that were sent to it before: by a reservation (Exclusive "
      "Access, persistent) where it offers them, else by waiting for times.guard_time; or always "
      "by waiting. Legs that are reserved must be given back (`nvtee leg remove`) before it is "
      "set to guard_time.",
      {}};
  key.set = [legal](Reader& r, NodeConfig& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_string();
    if (!value) return wrong_type(r, node, field, legal);
    if (value->get() != "auto" && value->get() != "guard_time")
      return r.refuse(node, field, value_text(node) + " is not a way of fencing", legal);
    into.fencing = value->get() == "auto" ? Fencing::kAuto : Fencing::kGuardTime;
  };
  key.get = [](const NodeConfig& from) {
    return quoted(from.fencing == Fencing::kAuto ? "auto" : "guard_time");
  };
  return key;
}

#define AT(expression) [](auto& c) -> auto& { return c.expression; }

Section<NodeConfig> node() {
  using C = NodeConfig;
  return {
      "node",
      "The node itself.",
      false,
      {
          required(text_key<C>("host_nqn", AT(host_nqn), "", kNqnRule, nqn_malformed,
                               "Host NQN that this node shows to its peers. Peers must allow it; keep it "
                               "unchanged over the node's life.")),
          text_key<C>("state_file", AT(state_file), "\"/var/lib/nvtee/state.db\"",
                      "absolute path, or \":memory:\" (tests only: nothing survives a stop)", state_test,
                      "Metadata store: epochs, open set, dirty maps. Its directory must exist."),
          text_key<C>("api_socket", AT(api_socket), "\"/run/nvtee/nvteed.sock\"",
                      "absolute path of at most 100 bytes", socket_test,
                      "Unix socket of the control API, used by the nvtee command."),
          list_key<C>("listen", "list of addresses", AT(listen), "[]", kAddressRule, limits::kAddresses,
                      io_address,
                      "Where hosts connect (NVMe/TCP I/O, and discovery too). Port 4420 when none is "
                      "given; port 0 lets the system pick."),
          list_key<C>("discovery", "list of addresses", AT(discovery), "[]", kAddressRule, limits::kAddresses,
                      discovery_address, "Listeners for discovery only. Port 8009 when none is given."),
          address_key("metrics",
                      "Where Prometheus scrapes /metrics, on loopback only. None: nothing listens. "
                      "Port 9419 when none is given."),
          fencing_key(),
          integer<C>("reactors", AT(reactors), 1, 64,
                     "Threads that move data. A subsystem lives on one of them; more than the number of "
                     "cores or subsystems is of no use."),
          duration<C>("busy_poll", AT(busy_poll), 0, kMillisecond,
                      "The longest that a reactor polls its sockets before it sleeps. It polls only "
                      "while events come that fast, so an idle node does not; 0 means never."),
      }};
}

Section<NodeConfig> log() {
  return {"log",
          "What the daemon writes to stderr.",
          false,
          {
              text_key<NodeConfig>("level", AT(log_level), "\"info\"", "trace, debug, info, warn, error, off",
                                   level_test, "Lines below this level are not written."),
          }};
}

Section<NodeConfig> times() {
  using C = NodeConfig;
  return {
      "times",
      "Bounds of every wait. Each must be smaller than that of whoever waits for it; what contradicts is "
      "refused.",
      false,
      {
          duration<C>("leg_deadline", AT(times.leg_deadline), 10 * kMillisecond, kMinute,
                      "A leg that owes an answer longer than this is faulted."),
          duration<C>("probe", AT(times.probe), kMillisecond, 10 * kSecond,
                      "After a leg's failure, a remaining leg must answer something newer within this."),
          duration<C>(
              "gate", AT(times.gate), 10 * kMillisecond, kMinute,
              "A metadata commit slower than this closes the namespace (hosts get a path error and retry)."),
          duration<C>("hold", AT(times.hold), 10 * kMillisecond, 10 * kMinute,
                      "With no leg left, commands wait this long for one to return before they fail. Keep "
                      "the hosts' I/O timeout above hold + leg_deadline + gate."),
          duration<C>("guard_time", AT(times.guard_time), 10 * kMillisecond, kHour,
                      "Commands that a lost leg had not answered may still execute for this long."),
          duration<C>("reconnect_min", AT(times.reconnect_min), kMillisecond, kMinute,
                      "First pause between attempts to reach a lost leg; doubles each time."),
          duration<C>("reconnect_max", AT(times.reconnect_max), kMillisecond, kHour,
                      "Longest pause between attempts to reach a lost leg."),
          duration<C>("start_wait", AT(times.start_wait), 10 * kMillisecond, 10 * kMinute,
                      "At start, an in-sync leg that is not there by then is faulted."),
          duration<C>("idle_close", AT(times.idle_close), 10 * kMillisecond, kHour,
                      "An open region that was not written for this long is flushed and closed."),
          integer<C>("flap_limit", AT(times.flap_limit), 1, 1000,
                     "Faults of a leg within flap_window after which it waits for `nvtee leg online`."),
          duration<C>("flap_window", AT(times.flap_window), kSecond, 24 * kHour, "See flap_limit."),
          duration<C>("host_data_deadline", AT(host_data_deadline), 10 * kMillisecond, 10 * kMinute,
                      "A host must send a write's data within this, or its connection is closed."),
      }};
}

Section<NodeConfig> limits() {
  using C = NodeConfig;
  return {
      "limits",
      "Bounds of memory, replay and copying.",
      false,
      {
          size<C>("open_max", AT(limits.open_max_bytes), kMiB, 64 * kTiB, kAnySize, false,
                  "Soft cap of the open set of a namespace: what is copied after an unclean stop."),
          integer<C>("copy_depth", AT(limits.copy_depth), 1, limits::kCopyDepth,
                     "Chunks in flight while a leg is copied."),
          size<C>("copy_chunk", AT(limits.chunk_bytes), 4 * kKiB, 128 * kKiB, kPowerOfTwo, false,
                  "Bytes copied at once; not above the maximum transfer of any leg."),
          size<C>(
              "resync_rate", AT(limits.resync_max_bytes_per_s), kMiB, kTiB, kAnySize, true,
              "Most bytes per second that a resync copies. 0: bounded by the latency that hosts see only."),
      }};
}

}  // namespace

const std::vector<Section<NodeConfig>>& node_sections() {
  static const std::vector<Section<NodeConfig>> all = {node(), log(), times(), limits()};
  return all;
}

const Section<PeerConfig>& peer_section() {
  using C = PeerConfig;
  static const Section<C> section{
      "peer",
      "A backing NVM subsystem, which holds legs.",
      true,
      {
          required(text_key<C>("name", AT(name), "", text::kNameRule, name_test,
                               "Name by which legs refer to it.")),
          required(list_key<C>("addresses", "list of addresses", AT(addresses), "", kAddressRule,
                               limits::kAddresses, io_address,
                               "Where it is reached, tried in this order. Port 4420 when none is given.")),
          required(text_key<C>("nqn", AT(subnqn), "", "an NQN of at most 223 bytes", nqn_unusable,
                               "NQN of the subsystem.")),
          integer<C>("queues", AT(queues), 1, limits::kLegQueues, "I/O queues per leg."),
          integer<C>("entries", AT(entries), 2, limits::kLegEntries,
                     "Entries per I/O queue; the peer may grant fewer."),
          boolean<C>("header_digest", AT(header_digest), "CRC32C over PDU headers."),
          boolean<C>("data_digest", AT(data_digest), "CRC32C over data."),
          [] {
            // kato_ms is a number of milliseconds; in the file it is a duration like every other.
            struct Shadow {
              Duration kato = PeerConfig{}.kato_ms * kMillisecond;
            };
            const auto inner = duration<Shadow>(
                "keep_alive", AT(kato), 100 * kMillisecond, kMinute,
                "Keep-alive timeout of the leg's association. Smaller than times.guard_time.");
            Key<C> key{inner.name, inner.type, inner.fallback, inner.legal, inner.meaning, {}};
            key.set = [inner](Reader& r, C& into, const toml::node& node, const std::string& field) {
              Shadow shadow;
              inner.set(r, shadow, node, field);
              if (shadow.kato % kMillisecond)
                r.refuse(node, field,
                         fmt::format("{} is not a whole number of milliseconds", value_text(node)),
                         inner.legal);
              into.kato_ms = static_cast<unsigned>(shadow.kato / kMillisecond);
            };
            key.get = [](const C& from) { return quoted(text::exact_duration(from.kato_ms * kMillisecond)); };
            return key;
          }(),
      }};
  return section;
}

const Section<SubsystemConfig>& subsystem_section() {
  using C = SubsystemConfig;
  static const Section<C> section{
      "subsystem",
      "An NVM subsystem that hosts see.",
      true,
      {
          required(text_key<C>("nqn", AT(nqn), "", kNqnRule, nqn_malformed, "Its NQN.")),
          text_key<C>("serial", AT(serial), "derived from the NQN",
                      "1 to 20 printable ASCII characters without spaces", serial_test,
                      "Serial number shown to hosts."),
          boolean<C>("any_host", AT(any_host), "Whether every host may connect."),
          list_key<C>("hosts", "list of NQNs", AT(hosts), "[]", "host NQNs of at most 223 bytes",
                      limits::kAllowedHosts, any_nqn, "Hosts that may connect, where any_host is false."),
      }};
  return section;
}

const Section<core::LegSpec>& leg_section() {
  using C = core::LegSpec;
  static const Section<C> section{
      "legs",
      "A leg: `{ peer = \"NAME\", nsid = N }`.",
      true,
      {
          required(text_key<C>("peer", AT(peer), "", "the name of a [[peer]]", name_test,
                               "Peer that holds the copy.")),
          integer<C>("nsid", AT(nsid), 1, 0xfffffffe, "NSID of the copy on that peer."),
      }};
  return section;
}

namespace {

// nguid and uuid: 16 bytes that must not be all zero.
template <class Ref>
Key<DeclaredNamespace> id_key(const char* name, Ref ref, const char* meaning) {
  const char* legal = "32 hexadecimal digits, with or without dashes, not all zero";
  Key<DeclaredNamespace> key{name, "text", "generated", legal, meaning, {}};
  key.set = [=](Reader& r, DeclaredNamespace& into, const toml::node& node, const std::string& field) {
    const auto* value = node.as_string();
    if (!value) return wrong_type(r, node, field, legal);
    const auto id = text::parse_id16(value->get());
    if (!id) return r.refuse(node, field, id.error().what, legal);
    if (text::is_zero(*id)) return r.refuse(node, field, value_text(node) + " is all zero", legal);
    ref(into) = *id;
  };
  key.get = [=](const DeclaredNamespace& from) {
    const auto& id = at_place(from, ref);
    return text::is_zero(id) ? std::string() : quoted(text::nguid_text(id));
  };
  return key;
}

Key<DeclaredNamespace> legs_key() {
  Key<DeclaredNamespace> key{
      "legs",
      "list of legs",
      "required",
      "1 to 4 of { peer = \"NAME\", nsid = N }",
      "The copies. Used when the namespace is created; later changes are made with `nvtee leg`.",
      {},
      true};
  key.set = [legal = key.legal](Reader& r, DeclaredNamespace& into, const toml::node& node,
                                const std::string& field) {
    if (const auto* array = node.as_array(); array && (array->empty() || array->size() > core::kMaxLegs))
      return r.refuse(node, field, fmt::format("has {} legs", array->size()), legal);
    r.read_list(leg_section(), node, into.legs, field);
  };
  key.get = [](const DeclaredNamespace& from) {
    std::vector<std::string> items;
    for (const auto& l : from.legs)
      items.push_back(fmt::format("{{ peer = {}, nsid = {} }}", quoted(l.peer), l.nsid));
    return list_text(items);
  };
  return key;
}

}  // namespace

const Section<DeclaredNamespace>& namespace_section() {
  using C = DeclaredNamespace;
  static const Section<C> section{
      "namespace",
      "A namespace that is created at start unless it exists. An existing one is never changed by the file: "
      "differences are reported.",
      true,
      {
          required(text_key<C>("name", AT(spec.name), "", text::kNameRule, name_test,
                               "Name for people and for the nvtee command.")),
          required(text_key<C>("subsystem", AT(spec.subsystem), "", "the nqn of a [[subsystem]]",
                               nqn_malformed, "Subsystem that shows it.")),
          integer<C>("nsid", AT(spec.nsid), 1, 64, "NSID that hosts see."),
          legs_key(),
          size<C>("size", AT(size), 4 * kKiB, 1024 * kTiB, kAnySize, true,
                  "Size; a multiple of block_size. 0: that of the first leg's namespace."),
          size<C>("block_size", AT(block_size), 512, 4096,
                  {"either 512 or 4096", [](std::uint64_t v) { return v == 512 || v == 4096; }}, true,
                  "Logical block size; that of all legs. 0: that of the legs, or 4096 where size is given."),
          size<C>("region_size", AT(spec.region_bytes), kMiB, 64 * kMiB, kPowerOfTwo, true,
                  "Unit of the open set and the dirty maps, fixed at creation. 0: chosen by size."),
          boolean<C>("assume_equal", AT(assume_equal),
                     "The legs are known to hold equal data (for example all new and zeroed): nothing is "
                     "copied. Take it out of the file after the first "
                     "start. Without it, the first leg is copied to the others."),
          id_key("nguid", AT(spec.nguid),
                 "NGUID that hosts see. Give the one of a volume that hosts know already to take it over."),
          id_key("uuid", AT(spec.uuid), "UUID that hosts see, likewise."),
      }};
  return section;
}

}  // namespace nvtee::config
