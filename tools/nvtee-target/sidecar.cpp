#include "tools/nvtee-target/sidecar.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"

namespace nvtee::target {
namespace {

constexpr char kMagic[9] = "NVTEETGT";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFixed = 8 + 4 + 4 + 16 + 16 + 8 + 4 + 4 + 16 + 4;
constexpr std::size_t kRegistrant = 24, kCrc = 4;
constexpr std::size_t kLargest = kFixed + kMaxRegistrants * kRegistrant + kCrc;

class Writer {
 public:
  template <class T>
  void put(const T& v) {
    const auto* p = reinterpret_cast<const std::byte*>(&v);
    bytes_.insert(bytes_.end(), p, p + sizeof v);
  }
  void put(const void* p, std::size_t n) {
    const auto* b = static_cast<const std::byte*>(p);
    bytes_.insert(bytes_.end(), b, b + n);
  }
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> b) : b_(b) {}
  template <class T>
  T get() {  // the size was checked before
    T v{};
    std::memcpy(&v, b_.data(), sizeof v);
    b_ = b_.subspan(sizeof v);
    return v;
  }
  std::span<const std::byte> b_;
};

Result<std::vector<std::byte>> read_whole(const std::string& path) {
  net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open '" + path + "'", errno);
  std::vector<std::byte> bytes(kLargest + 1);
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read '" + path + "'", errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

// Durable as it is written: nothing of a reservation that does not persist.
ReservationState durable_part(const ReservationState& r) {
  return r.ptpl ? r : ReservationState{};
}

}  // namespace

std::vector<std::byte> encode_sidecar(const SidecarContents& c) {
  const ReservationState r = durable_part(c.reservation);
  Writer w;
  w.put(kMagic, 8);
  w.put(kVersion);
  w.put(static_cast<std::uint32_t>(kFixed + r.registrants.size() * kRegistrant + kCrc));
  w.put(c.nguid);
  w.put(c.uuid);
  w.put(c.blocks);
  w.put(c.block_shift);
  w.put(static_cast<std::uint8_t>(r.ptpl));
  w.put(r.type);
  w.put(std::uint8_t{0});
  w.put(r.generation);
  w.put(r.holder);
  w.put(static_cast<std::uint32_t>(r.registrants.size()));
  for (const Registrant& x : r.registrants) {
    w.put(x.host);
    w.put(x.key);
  }
  w.put(crc32c(0, w.bytes_.data(), w.bytes_.size()));
  return std::move(w.bytes_);
}

Result<SidecarContents> decode_sidecar(std::span<const std::byte> bytes) {
  if (bytes.size() < kFixed + kCrc) return fail("it has only " + std::to_string(bytes.size()) + " bytes");
  Reader in(bytes);
  if (std::memcmp(bytes.data(), kMagic, 8) != 0)
    return fail("it does not begin as a file of nvtee-target does");
  in.get<std::uint64_t>();
  if (const auto v = in.get<std::uint32_t>(); v != kVersion)
    return fail("it is of version " + std::to_string(v) + ", this program reads " + std::to_string(kVersion));
  if (in.get<std::uint32_t>() != bytes.size()) return fail("its length is not what it says");
  std::uint32_t crc = 0;
  std::memcpy(&crc, bytes.data() + bytes.size() - kCrc, kCrc);
  if (crc32c(0, bytes.data(), bytes.size() - kCrc) != crc) return fail("its checksum is wrong");
  SidecarContents c;
  c.nguid = in.get<std::array<std::uint8_t, 16>>();
  c.uuid = in.get<std::array<std::uint8_t, 16>>();
  c.blocks = in.get<std::uint64_t>();
  c.block_shift = in.get<std::uint8_t>();
  ReservationState& r = c.reservation;
  r.ptpl = in.get<std::uint8_t>() != 0;
  r.type = in.get<std::uint8_t>();
  in.get<std::uint8_t>();
  r.generation = in.get<std::uint32_t>();
  r.holder = in.get<HostId>();
  const auto count = in.get<std::uint32_t>();
  if (count > kMaxRegistrants || bytes.size() != kFixed + count * kRegistrant + kCrc)
    return fail("its number of registrants does not fit its length");
  for (std::uint32_t i = 0; i < count; ++i) {
    Registrant x;
    x.host = in.get<HostId>();
    x.key = in.get<std::uint64_t>();
    if (r.find(x.host)) return fail("a host is registered twice in it");
    r.registrants.push_back(x);
  }
  if (r.type > spec::resv::kEaAllRegistrants) return fail("its reservation type is none");
  if (r.type != 0 && (r.all_registrants() ? r.registrants.empty() : !r.find(r.holder)))
    return fail("its reservation has no holder");
  return c;
}

Sidecar::Sidecar(Uring& uring, std::string path)
    : uring_(uring), path_(std::move(path)), temporary_(path_ + ".new") {
  const std::size_t slash = path_.rfind('/');
  directory_path_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash);
}

Result<std::unique_ptr<Sidecar>> Sidecar::open(Uring& uring, std::string path, const SidecarContents& fresh) {
  std::unique_ptr<Sidecar> s(new Sidecar(uring, std::move(path)));
  s->directory_ = net::Fd(::open(s->directory_path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!s->directory_) return fail_errno("cannot open the directory '" + s->directory_path_ + "'", errno);
  struct stat st{};
  if (::lstat(s->path_.c_str(), &st) != 0) {
    if (errno != ENOENT) return fail_errno("cannot look at '" + s->path_ + "'", errno);
    s->contents_ = fresh;
    if (auto made = s->replace_file(encode_sidecar(fresh)); !made) return std::unexpected(made.error());
    return s;
  }
  auto bytes = read_whole(s->path_);
  if (!bytes) return std::unexpected(bytes.error());
  auto contents = decode_sidecar(*bytes);
  if (!contents)
    return fail(
        "'" + s->path_ +
            "' (identity and reservations of the namespace) is damaged: " + contents.error().what,
        "it is left as it is; restore it from a backup, or move it away to start without reservations");
  if (contents->blocks != fresh.blocks || contents->block_shift != fresh.block_shift)
    return fail("'" + s->path_ + "' belongs to a namespace of " + std::to_string(contents->blocks) +
                    " blocks of " + std::to_string(1u << contents->block_shift) + " bytes, not " +
                    std::to_string(fresh.blocks) + " of " + std::to_string(1u << fresh.block_shift),
                "give the size and block size it was made with, or name another meta=");
  s->contents_ = std::move(*contents);
  return s;
}

Status0 Sidecar::open_temporary() {
  file_ = net::Fd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return fail_errno("cannot create '" + temporary_ + "'", errno);
  return {};
}

void Sidecar::save(const ReservationState& reservation, std::function<void(Status0)> done) {
  NVTEE_CHECK(!done_, "one change of the sidecar at a time");
  next_ = contents_;
  next_.reservation = durable_part(reservation);
  bytes_ = encode_sidecar(next_);
  written_ = 0;
  done_ = std::move(done);
  step_ = Step::kWrite;
  // A failure to open shows as EBADF of the write: the answer always comes later.
  open_error_ = {};
  if (auto opened = open_temporary(); !opened) open_error_ = opened.error();
  uring_.start(*this);
}

void Sidecar::fill(io_uring_sqe& sqe) {
  switch (step_) {
    case Step::kWrite:
      io_uring_prep_write(&sqe, file_.get(), bytes_.data() + written_,
                          static_cast<unsigned>(bytes_.size() - written_), written_);
      break;
    case Step::kSync:
      io_uring_prep_fsync(&sqe, file_.get(), 0);
      break;
    case Step::kRename:
      io_uring_prep_renameat(&sqe, AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), 0);
      break;
    case Step::kSyncDirectory:
      io_uring_prep_fsync(&sqe, directory_.get(), 0);
      break;
  }
}

void Sidecar::on_cqe(int result) {
  if (result == -EINTR || result == -EAGAIN) return uring_.start(*this);
  if (open_error_) return finish(std::unexpected(*open_error_));
  if (result < 0) return finish(fail_errno("cannot replace '" + path_ + "'", -result));
  switch (step_) {
    case Step::kWrite:
      if (result == 0) return finish(fail("cannot write '" + temporary_ + "'"));
      written_ += static_cast<std::size_t>(result);
      if (written_ == bytes_.size()) step_ = Step::kSync;
      break;
    case Step::kSync:
      step_ = Step::kRename;
      break;
    case Step::kRename:
      step_ = Step::kSyncDirectory;
      break;
    case Step::kSyncDirectory:
      return finish({});
  }
  uring_.start(*this);
}

void Sidecar::finish(Status0 result) {
  file_.reset();
  if (result) contents_ = next_;
  // `done` may save again.
  const auto done = std::exchange(done_, nullptr);
  done(std::move(result));
}

Status0 Sidecar::save_now(const ReservationState& reservation) {
  NVTEE_CHECK(!done_, "one change of the sidecar at a time");
  SidecarContents next = contents_;
  next.reservation = durable_part(reservation);
  auto result = replace_file(encode_sidecar(next));
  if (result) contents_ = std::move(next);
  return result;
}

Status0 Sidecar::replace_file(std::span<const std::byte> bytes) {
  if (auto opened = open_temporary(); !opened) return opened;
  const net::Fd file = std::move(file_);
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno("cannot write '" + temporary_ + "'", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  if (::fsync(file.get()) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0 ||
      ::fsync(directory_.get()) != 0)
    return fail_errno("cannot replace '" + path_ + "'", errno);
  return {};
}

}  // namespace nvtee::target
