// The state file: a shadow on disk, so that a run can go on, or be verified, after the product was restarted.
//
// Little-endian. Header: "nvteshd1", u32 NSID, u32 block size, u64 blocks, u64 session, 16 bytes NGUID, u64
// last sequence, u64 tick, u64 pages. Page: u64 number, 16384 entries of u64 (Shadow::Entry; an entry that is
// a list has its place among the lists below instead). Then u64 lists; list: u32 n, n candidates of 42 bytes:
// u64 sequence, begun, ended, seen, dead, u8 value, u8 fate (bit 7: replaced for good). Last, the CRC32C of
// everything before it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"
#include "tools/nvtee-host/shadow.hpp"

namespace nvtee::host {
namespace {

constexpr char kMagic[8] = {'n', 'v', 't', 'e', 's', 'h', 'd', '1'};

constexpr std::uint8_t kForGood = 0x80;

struct FileCloser {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

// Running checksum over what is written or read; the first error sticks.
class Stream {
 public:
  explicit Stream(std::FILE* f) : f_(f) {}
  template <class T>
  void put(const T& v) {
    put_bytes(&v, sizeof v);
  }
  void put_bytes(const void* p, std::size_t n) {
    crc_ = crc32c(crc_, p, n);
    ok_ = ok_ && std::fwrite(p, 1, n, f_) == n;
  }
  template <class T>
  T get() {
    T v{};
    get_bytes(&v, sizeof v);
    return v;
  }
  void get_bytes(void* p, std::size_t n) {
    ok_ = ok_ && std::fread(p, 1, n, f_) == n;
    if (ok_) crc_ = crc32c(crc_, p, n);
  }
  bool ok() const { return ok_; }
  std::uint32_t crc() const { return crc_; }

 private:
  std::FILE* f_;
  std::uint32_t crc_ = 0;
  bool ok_ = true;
};

}  // namespace

Status0 Shadow::save(const std::string& path) const {
  const std::string temporary = path + ".new";
  File file(std::fopen(temporary.c_str(), "wb"));
  if (!file) return fail_errno("cannot write the state file " + temporary, errno);
  Stream s(file.get());
  s.put(kMagic);
  s.put(identity_.nsid);
  s.put(identity_.block_size);
  s.put(identity_.blocks);
  s.put(identity_.session);
  s.put(identity_.nguid);
  s.put(sequence_);
  s.put(tick_);
  std::uint64_t pages = 0, lists = 0;
  for (const auto& p : pages_) pages += p != nullptr;
  s.put(pages);
  std::vector<std::uint32_t> heads;
  for (std::uint64_t n = 0; n < pages_.size(); ++n) {
    if (!pages_[n]) continue;
    s.put(n);
    for (const Entry e : *pages_[n]) {
      if (e.kind() == Kind::kList) {
        heads.push_back(static_cast<std::uint32_t>(e.number()));
        s.put(Entry::make(Kind::kList, false, lists++).bits);
      } else {
        s.put(e.bits);
      }
    }
  }
  s.put(lists);
  for (const std::uint32_t head : heads) {
    std::uint32_t n = 0;
    for (std::uint32_t at = head; at != kNone; at = candidates_[at].next) ++n;
    s.put(n);
    for (std::uint32_t at = head; at != kNone; at = candidates_[at].next) {
      const Candidate& c = candidates_[at];
      const bool in_flight = c.fate == Fate::kInFlight;
      s.put(c.sequence);
      s.put(c.begun);
      s.put(in_flight ? tick_ : c.ended);
      s.put(c.seen);
      s.put(c.dead);
      s.put(c.value);
      const Fate fate = in_flight ? Fate::kLost : c.fate;
      s.put(static_cast<std::uint8_t>(static_cast<unsigned>(fate) | (c.replaced_for_good ? kForGood : 0u)));
    }
  }
  s.put(s.crc());
  if (!s.ok() || std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0)
    return fail_errno("cannot write the state file " + temporary, errno, "see that the disk has room");
  file.reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno("cannot replace the state file " + path, errno);
  return {};
}

Result<Shadow> Shadow::load(const std::string& path, const Rules& rules) {
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) return fail_errno("cannot read the state file " + path, errno);
  const auto bad = [&](const char* why) {
    return fail("the state file " + path + " is damaged: " + why, "restore it, or start anew without it");
  };
  Stream s(file.get());
  if (const auto magic = s.get<std::array<char, 8>>(); std::memcmp(magic.data(), kMagic, sizeof kMagic) != 0)
    return fail(path + " is not a state file of nvtee-host");
  Identity id;
  id.nsid = s.get<std::uint32_t>();
  id.block_size = s.get<std::uint32_t>();
  id.blocks = s.get<std::uint64_t>();
  id.session = s.get<std::uint64_t>();
  id.nguid = s.get<std::array<std::uint8_t, 16>>();
  if (!s.ok() || id.block_size < kCellBytes || id.block_size > 1u << 20 || id.block_size % kCellBytes != 0 ||
      id.blocks > 1ull << 38)
    return bad("its header");
  Shadow out(id, rules);
  out.sequence_ = s.get<std::uint64_t>();
  out.tick_ = s.get<std::uint64_t>();
  const auto pages = s.get<std::uint64_t>();
  if (!s.ok() || pages > out.pages_.size()) return bad("its number of pages");
  std::vector<std::pair<Entry*, std::uint64_t>> list_entries;  // with their LBAs
  for (std::uint64_t left = pages; left != 0; --left) {
    const auto n = s.get<std::uint64_t>();
    if (!s.ok() || n >= out.pages_.size() || out.pages_[n]) return bad("a page's number");
    out.pages_[n] = std::make_unique<Page>();
    s.get_bytes(out.pages_[n]->data(), sizeof(Page));
    if (!s.ok()) return bad("it is cut short");
    for (std::uint64_t i = 0; i < kPageBlocks; ++i) {
      Entry& e = (*out.pages_[n])[i];
      if (e.kind() > Kind::kList) return bad("an entry's kind");
      if (e.kind() != Kind::kList) continue;
      if (e.number() != list_entries.size()) return bad("a list's number");
      list_entries.emplace_back(&e, n * kPageBlocks + i);
    }
  }
  if (s.get<std::uint64_t>() != list_entries.size() || !s.ok()) return bad("its number of lists");
  for (const auto& [e, lba] : list_entries) {
    const auto n = s.get<std::uint32_t>();
    if (!s.ok() || n == 0) return bad("an empty list");
    std::uint32_t head = kNone, tail = kNone;
    for (std::uint32_t i = 0; i < n; ++i) {
      Candidate c;
      c.sequence = s.get<std::uint64_t>();
      c.begun = s.get<std::uint64_t>();
      c.ended = s.get<std::uint64_t>();
      c.seen = s.get<std::uint64_t>();
      c.dead = s.get<std::uint64_t>();
      c.value = s.get<Value>();
      const auto fate = s.get<std::uint8_t>();
      c.fate = static_cast<Fate>(fate & ~kForGood);
      c.replaced_for_good = (fate & kForGood) != 0;
      if (!s.ok() || c.value > Value::kAnything || c.fate > Fate::kLost) return bad("a candidate");
      const std::uint32_t at = out.new_candidate();
      out.candidates_[at] = c;
      (tail == kNone ? head : out.candidates_[tail].next) = at;
      tail = at;
    }
    *e = Entry::make(Kind::kList, false, head);
    out.tidy(*e, kNever);  // no read is in progress any more
    if (e->kind() == Kind::kList) out.note_list(lba);
  }
  const std::uint32_t crc = s.crc();
  if (s.get<std::uint32_t>() != crc || !s.ok()) return bad("its checksum");
  return out;
}

}  // namespace nvtee::host
