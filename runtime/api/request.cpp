#include "runtime/api/request.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "runtime/nvteed/units.hpp"

namespace nvtee::api {
namespace {

Result<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const char* at = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(at, at + 2, value, 16).ptr != at + 2)
      return fail(fmt::format("'{}' has a bad % sequence", text), "write %XX with two hexadecimal digits");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(fmt::format("'{}' is not a whole number", text));
  return value;
}

Result<Json> parse_object(const std::string& body, const std::vector<std::string>& known) {
  Json object = Json::parse(body, nullptr, false);
  if (object.is_discarded()) return fail("the body is not JSON", "send a JSON object");
  if (!object.is_object()) return fail("the body is not a JSON object", "send a JSON object");
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const auto near = text::nearest(key, known);
    return fail(
        fmt::format("unknown field '{}'{}", key, near ? fmt::format("; did you mean '{}'?", *near) : ""),
        "fields are " + all);
  }
  return object;
}

// Reads one optional field by `read`, naming it in what it refuses.
template <class Read>
Status0 field(const Json& object, const char* name, Read read) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (Status0 r = read(*found); !r)
    return fail(fmt::format("{}: {}", name, r.error().what), r.error().remedy);
  return {};
}

Status0 read_text(const Json& value, std::string& into) {
  if (!value.is_string()) return fail("is not text");
  into = value.get<std::string>();
  return {};
}

Status0 read_name(const Json& value, std::string& into) {
  if (Status0 r = read_text(value, into); !r) return r;
  if (!text::is_name(into)) return fail(fmt::format("'{}' is not a name", into), text::kNameRule);
  return {};
}

Status0 read_size(const Json& value, std::uint64_t& into) {
  if (value.is_number_unsigned()) {
    into = value.get<std::uint64_t>();
    return {};
  }
  if (!value.is_string()) return fail("is not a size", "bytes as a number, or text such as \"16MiB\"");
  auto parsed = text::parse_size(value.get<std::string>());
  if (!parsed) return std::unexpected(parsed.error());
  into = *parsed;
  return {};
}

Status0 read_bool(const Json& value, bool& into) {
  if (!value.is_boolean()) return fail("is not true or false");
  into = value.get<bool>();
  return {};
}

Status0 read_nsid(const Json& value, std::uint32_t& into, std::uint32_t most) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > most)
    return fail(fmt::format("{} is not an NSID", value.dump(-1, ' ', true, Json::error_handler_t::replace)),
                fmt::format("1 to {}", most));
  into = value.get<std::uint32_t>();
  return {};
}

Status0 read_id(const Json& value, text::Id16& into) {
  std::string t;
  if (Status0 r = read_text(value, t); !r) return r;
  auto id = text::parse_id16(t);
  if (!id) return std::unexpected(id.error());
  into = *id;
  return {};
}

Status0 read_block_size(const Json& value, std::uint8_t& shift) {
  std::uint64_t size = 0;
  if (Status0 r = read_size(value, size); !r) return r;
  if (size != 512 && size != 4096) return fail(fmt::format("{} is not a block size", size), "512 or 4096");
  shift = static_cast<std::uint8_t>(std::countr_zero(size));
  return {};
}

Status0 read_region_size(const Json& value, std::uint64_t& into) {
  if (Status0 r = read_size(value, into); !r) return r;
  if (into == 0 || (std::has_single_bit(into) && into >= 1 << 20 && into <= 64 << 20)) return {};
  return fail(fmt::format("{} is not a region size", text::exact_size(into)),
              "a power of two, 1MiB to 64MiB, or 0");
}

Status0 read_legs(const Json& value, std::vector<core::LegSpec>& into) {
  if (!value.is_array() || value.empty() || value.size() > core::kMaxLegs)
    return fail("is not a list of 1 to 4 legs", "[{\"peer\": NAME, \"nsid\": N}]");
  for (const Json& item : value) {
    auto leg = parse_leg(item);
    if (!leg) return std::unexpected(leg.error());
    into.push_back(std::move(*leg));
  }
  return {};
}

Status0 read_create(const Json& o, CreateRequest& c) {
  Status0 r;
  const auto read = [&](const char* name, auto f) {
    if (r) r = field(o, name, f);
  };
  read("name", [&](const Json& v) { return read_name(v, c.spec.name); });
  read("subsystem", [&](const Json& v) { return read_text(v, c.spec.subsystem); });
  read("nsid", [&](const Json& v) { return read_nsid(v, c.spec.nsid, 64); });
  read("size", [&](const Json& v) { return read_size(v, c.size); });
  read("block_size", [&](const Json& v) { return read_block_size(v, c.spec.block_shift); });
  read("region_size", [&](const Json& v) { return read_region_size(v, c.spec.region_bytes); });
  read("legs", [&](const Json& v) { return read_legs(v, c.legs); });
  read("assume_equal", [&](const Json& v) { return read_bool(v, c.assume_equal); });
  read("nguid", [&](const Json& v) { return read_id(v, c.spec.nguid); });
  read("uuid", [&](const Json& v) { return read_id(v, c.spec.uuid); });
  return r;
}

}  // namespace

Result<Target> parse_target(const std::string& text) {
  Target out;
  const auto question = text.find('?');
  std::string_view path = std::string_view(text).substr(0, question);
  if (!path.starts_with('/')) return fail(fmt::format("'{}' is not a path", text));
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = path.find('/');
    auto segment = decode(path.substr(0, slash));
    if (!segment) return std::unexpected(segment.error());
    out.segments.push_back(std::move(*segment));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  }
  std::string_view query =
      question == std::string::npos ? std::string_view{} : std::string_view(text).substr(question + 1);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals));
    auto value = decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name) return std::unexpected(name.error());
    if (!value) return std::unexpected(value.error());
    out.query[*name] = *value;
  }
  return out;
}

Result<std::uint64_t> query_number(const Target& target, const std::string& name, std::uint64_t fallback,
                                   std::uint64_t most) {
  const auto found = target.query.find(name);
  if (found == target.query.end()) return fallback;
  auto value = number(found->second);
  if (!value) return fail(fmt::format("{}: {}", name, value.error().what));
  if (*value > most)
    return fail(fmt::format("{}: {} is out of range", name, *value), fmt::format("0 to {}", most));
  return value;
}

Result<core::LegSpec> parse_leg_text(const std::string& t) {
  core::LegSpec leg;
  const auto colon = t.find(':');
  leg.peer = t.substr(0, colon);
  if (!text::is_name(leg.peer))
    return fail(fmt::format("'{}' does not name a peer", t), "write PEER or PEER:NSID");
  if (colon == std::string::npos) return leg;
  const auto nsid = number(std::string_view(t).substr(colon + 1));
  if (!nsid || *nsid < 1 || *nsid > 0xfffffffe)
    return fail(fmt::format("'{}' in '{}' is not an NSID", t.substr(colon + 1), t),
                "write PEER:NSID with NSID 1 to 4294967294");
  leg.nsid = static_cast<std::uint32_t>(*nsid);
  return leg;
}

Result<core::LegSpec> parse_leg(const Json& value) {
  if (value.is_string()) return parse_leg_text(value.get<std::string>());
  core::LegSpec leg;
  if (!value.is_object()) return fail("a leg is not an object", "{\"peer\": NAME, \"nsid\": N}");
  for (const auto& [key, unused] : value.items())
    if (key != "peer" && key != "nsid")
      return fail(fmt::format("unknown field '{}' of a leg", key), "fields are peer, nsid");
  if (!value.contains("peer")) return fail("a leg has no peer", "{\"peer\": NAME, \"nsid\": N}");
  if (Status0 r = field(value, "peer", [&](const Json& v) { return read_name(v, leg.peer); }); !r)
    return std::unexpected(r.error());
  if (Status0 r = field(value, "nsid", [&](const Json& v) { return read_nsid(v, leg.nsid, 0xfffffffe); }); !r)
    return std::unexpected(r.error());
  return leg;
}

Result<CreateRequest> parse_create(const std::string& body) {
  const auto object = parse_object(body, {"name", "subsystem", "nsid", "size", "block_size", "region_size",
                                          "legs", "assume_equal", "nguid", "uuid"});
  if (!object) return std::unexpected(object.error());
  CreateRequest c;
  c.spec.nsid = 0;
  if (Status0 r = read_create(*object, c); !r) return std::unexpected(r.error());
  if (c.spec.name.empty()) return fail("name: is missing", text::kNameRule);
  if (c.legs.empty()) return fail("legs: is missing", "[{\"peer\": NAME, \"nsid\": N}]");
  const std::uint64_t block = std::uint64_t{1} << c.spec.block_shift;
  if (c.size % block)
    return fail(
        fmt::format("size: {} is not a multiple of the block size ({})", text::exact_size(c.size), block),
        "give whole blocks");
  c.spec.blocks = c.size >> c.spec.block_shift;
  return c;
}

Result<std::uint64_t> parse_rate(const std::string& body) {
  const auto object = parse_object(body, {"bytes_per_second"});
  if (!object) return std::unexpected(object.error());
  if (!object->contains("bytes_per_second"))
    return fail("bytes_per_second: is missing", "0, or 1MiB to 1TiB");
  std::uint64_t rate = 0;
  if (Status0 r = field(*object, "bytes_per_second", [&](const Json& v) { return read_size(v, rate); }); !r)
    return std::unexpected(r.error());
  if (rate != 0 && (rate < std::uint64_t{1} << 20 || rate > std::uint64_t{1} << 40))
    return fail(fmt::format("bytes_per_second: {} is out of range", text::exact_size(rate)),
                "0, or 1MiB to 1TiB");
  return rate;
}

Result<core::LegSpec> parse_add_leg(const std::string& body) {
  const auto object = parse_object(body, {"peer", "nsid"});
  if (!object) return std::unexpected(object.error());
  return parse_leg(*object);
}

}  // namespace nvtee::api
