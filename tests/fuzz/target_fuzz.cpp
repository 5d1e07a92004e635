// nvtee-target: its sidecar file, the check of I/O commands with their SGLs, reservation data, and what its
// command line takes.
#include "runtime/base/crc32c.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tools/nvtee-target/command_check.hpp"
#include "tools/nvtee-target/config.hpp"
#include "tools/nvtee-target/inject.hpp"
#include "tools/nvtee-target/sidecar.hpp"

namespace nvtee::fuzz {
namespace {

using namespace target;

void sidecar(Input& in, bool right_checksum) {
  std::vector<std::byte> bytes(in.rest().begin(), in.rest().end());
  if (right_checksum && bytes.size() > 4) {
    const std::uint32_t crc = crc32c(0, bytes.data(), bytes.size() - 4);
    std::memcpy(bytes.data() + bytes.size() - 4, &crc, 4);
  }
  const auto c = decode_sidecar(bytes);
  if (!c) return must(!c.error().what.empty(), "a refusal says why");
  const auto again = decode_sidecar(encode_sidecar(*c));
  must(again && encode_sidecar(*again) == encode_sidecar(*c), "what is taken writes back");
}

void command(Input& in) {
  const auto q = in.take<nvmf::Sqe>();
  const std::uint32_t in_capsule = in.take<std::uint16_t>() % 8193;
  const Geometry g{in.take<std::uint64_t>() >> 16,
                   static_cast<std::uint8_t>(in.take<std::uint8_t>() & 1 ? 9 : 12)};
  if (!opcode_known(q.opcode)) return;
  const CommandLimits limits;
  const CommandPlan p = check_command(q, in_capsule, g, limits);
  if (p.status != spec::st::kOk) return;
  must(p.length <= limits.max_transfer, "data fits the buffer");
  must(p.flow != Flow::kNone || p.length == 0, "no data where none flows");
  must(!p.in_capsule || p.length == in_capsule, "data in the capsule is all of it");
  must(!p.has_range || (q.slba() <= g.blocks && q.blocks() <= g.blocks - q.slba()), "within the namespace");
  if (q.opcode == spec::io::kDsm) must(p.length >= ((q.cdw10 & 0xff) + 1) * 16, "all ranges are there");
}

void reservation(Input& in) {
  const std::uint8_t opcodes[] = {spec::io::kResvRegister, spec::io::kResvAcquire, spec::io::kResvRelease};
  const std::uint8_t opcode = opcodes[in.take<std::uint8_t>() % 3];
  const auto cdw10 = in.take<std::uint32_t>();
  std::vector<std::byte> data(reservation_data_length(opcode));
  const auto given = in.bytes(data.size());
  std::copy(given.begin(), given.end(), data.begin());
  (void)parse_reservation(opcode, cdw10, HostId{}, data);
}

void text(Input& in) {
  const std::string t = in.text();
  (void)parse_size(t);
  (void)parse_fault(t);
  (void)parse_namespace(t, {});
  std::vector<std::string> words(1);
  for (const char c : t) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  if (words.size() < 64) (void)parse_command_line(words);
}

}  // namespace

void one(Input in) {
  switch (in.take<std::uint8_t>() % 5) {
    case 0:
      return sidecar(in, false);
    case 1:
      return sidecar(in, true);
    case 2:
      return command(in);
    case 3:
      return reservation(in);
    default:
      return text(in);
  }
}

Seeds seeds() {
  Seeds out;
  SidecarContents c;
  c.blocks = 1000;
  c.reservation.ptpl = true;
  const auto plain = encode_sidecar(c);
  for (std::uint8_t k : {0, 1})
    out.push_back(Seed().put(k).text({reinterpret_cast<const char*>(plain.data()), plain.size()}));
  for (const std::uint8_t op :
       {spec::io::kRead, spec::io::kWrite, spec::io::kDsm, spec::io::kResvReport, spec::io::kFlush}) {
    nvmf::Sqe q{};
    q.opcode = op;
    q.flags = spec::kPsdtSgl;
    q.sgl.type = spec::kSglTransport;
    q.sgl.length = op == spec::io::kFlush ? 0 : 4096;
    q.cdw11 = op == spec::io::kResvReport ? 1 : 0;
    out.push_back(Seed()
                      .put(std::uint8_t{2})
                      .put(q)
                      .put(std::uint16_t{0})
                      .put(std::uint64_t{1000} << 16)
                      .put(std::uint8_t{0}));
  }
  out.push_back(Seed().put(std::uint8_t{3}).put(std::uint8_t{1}).put(1u).text(std::string(16, '\1')));
  for (const char* t :
       {"16m", "stall,opcode=write,count=1", "error=2/81,opcode=read,lba=1-5", "file=/tmp/x,size=1g,nsid=2",
        "--listen 127.0.0.1:0 --subnqn nqn.2026-01.x:y --namespace mem,size=16m"})
    out.push_back(Seed().put(std::uint8_t{4}).text(t));
  return out;
}

}  // namespace nvtee::fuzz
