#include "tools/nvtee-target/file_store.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "runtime/base/check.hpp"

namespace nvtee::target {
namespace {

constexpr unsigned kTasks = 1024;
constexpr unsigned kMaxRetries = 64;
constexpr std::size_t kZeroChunk = 256 * 1024;
alignas(4096) constinit std::array<std::byte, kZeroChunk> g_zeroes{};

// The kernel closes the files of a killed process's io_uring a while after the process is gone, and tells
// nobody when: one that starts in its place asks again for this long.
constexpr unsigned kLockTries = 100;
constexpr timespec kLockPause{0, 10'000'000};

Status0 lock_alone(int fd, const std::string& path) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  for (unsigned i = 0; i < kLockTries; ++i) {
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
    if (errno != EAGAIN && errno != EACCES) break;
    ::nanosleep(&kLockPause, nullptr);
  }
  if (errno == EAGAIN || errno == EACCES || errno == EINTR)
    return fail("'" + path + "' is in use by another nvtee-target, or twice by this one",
                "stop the other one, or give each namespace a file of its own", EAGAIN);
  return fail_errno("cannot lock '" + path + "'", errno);
}

std::string in_bytes(std::uint64_t n) {
  return std::to_string(n) + " bytes";
}

// Size of what was opened; grows a new or empty regular file to the size asked for.
Result<std::uint64_t> settle_size(int fd, const struct stat& st, const FileOptions& o) {
  if (S_ISBLK(st.st_mode)) {
    std::uint64_t size = 0;
    if (::ioctl(fd, BLKGETSIZE64, &size) != 0)
      return fail_errno("cannot ask the size of '" + o.path + "'", errno);
    if (o.size > size)
      return fail("'" + o.path + "' has " + in_bytes(size) + ", size= asks for " + in_bytes(o.size),
                  "leave size= out to use the whole device");
    return o.size != 0 ? o.size : size;
  }
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (size != 0) {
    if (o.size != 0 && o.size != size)
      return fail("'" + o.path + "' has " + in_bytes(size) + ", size= asks for " + in_bytes(o.size),
                  "leave size= out, or name another file: an existing one is never resized");
    return size;
  }
  if (o.size == 0) return fail("'" + o.path + "' is empty", "give its size, for example size=1G");
  if (::ftruncate(fd, static_cast<off_t>(o.size)) != 0)
    return fail_errno("cannot make '" + o.path + "' " + in_bytes(o.size) + " long", errno);
  if (::fsync(fd) != 0) return fail_errno("cannot make '" + o.path + "' stable", errno);
  return o.size;
}

spec::Status status_of(const StoreOp& op, int error) {
  if (error == ENOSPC || error == EDQUOT) return spec::st::kCapacityExceeded;
  if (op.action == StoreAction::kRead) return spec::st::kReadError;
  return spec::st::kWriteFault;
}

}  // namespace

Result<std::unique_ptr<FileStore>> FileStore::open(Uring& uring, const FileOptions& o) {
  NVTEE_CHECK(o.block_shift == 9 || o.block_shift == 12, "block size is checked by the caller");
  const int flags = O_RDWR | O_CLOEXEC | (o.size != 0 ? O_CREAT : 0);
  net::Fd fd(::open(o.path.c_str(), flags, 0600));
  if (!fd)
    return fail_errno("cannot open '" + o.path + "'", errno,
                      errno == ENOENT ? "give size= to create it" : "check its owner and mode");
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return fail_errno("cannot look at '" + o.path + "'", errno);
  if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
    return fail("'" + o.path + "' is neither a regular file nor a block device");
  if (auto locked = lock_alone(fd.get(), o.path); !locked) return std::unexpected(locked.error());
  if (::fstat(fd.get(), &st) != 0) return fail_errno("cannot look at '" + o.path + "'", errno);
  auto size = settle_size(fd.get(), st, o);
  if (!size) return std::unexpected(size.error());
  const std::uint64_t block = std::uint64_t{1} << o.block_shift;
  if (*size % block != 0)
    return fail("'" + o.path + "' has " + in_bytes(*size) + ", no multiple of the block size " +
                std::to_string(block));
  return std::unique_ptr<FileStore>(
      new FileStore(uring, std::move(fd), *size >> o.block_shift, o, S_ISBLK(st.st_mode)));
}

FileStore::FileStore(Uring& uring, net::Fd fd, std::uint64_t blocks, const FileOptions& options,
                     bool block_device)
    : Store(blocks, options.block_shift),
      uring_(uring),
      fd_(std::move(fd)),
      durability_(options.durability),
      block_device_(block_device),
      tasks_(kTasks) {
  for (Task& t : tasks_) {
    t.store = this;
    t.next_free = free_;
    free_ = &t;
  }
}

FileStore::~FileStore() {
  unsigned count = 0;
  for (Task* t = free_; t; t = t->next_free) ++count;
  NVTEE_CHECK(count == kTasks, "a store is destroyed when nothing is under way");
}

std::optional<spec::Status> FileStore::start(StoreOp& op) {
  // Every answered write is stable already (kPower), or nobody was promised that (kProcess).
  if (op.action == StoreAction::kFlush && durability_ != Durability::kFlush) return spec::st::kOk;
  op.next = nullptr;
  if (!free_) {
    (waiting_last_ ? waiting_last_->next : waiting_first_) = &op;
    waiting_last_ = &op;
    return {};
  }
  Task& task = *free_;
  free_ = task.next_free;
  begin(task, op);
  return {};
}

void FileStore::begin(Task& t, StoreOp& op) {
  t.op = &op;
  t.retries = 0;
  t.offset = op.lba << block_shift();
  t.remaining = std::uint64_t{op.blocks} << block_shift();
  t.cursor = op.data;
  switch (op.action) {
    case StoreAction::kRead:
    case StoreAction::kWrite:
      t.step = Step::kTransfer;
      break;
    case StoreAction::kZero:
      t.step = Step::kZeroRange;
      break;
    case StoreAction::kDeallocate:
      t.step = Step::kPunch;
      break;
    case StoreAction::kFlush:
      t.step = Step::kSync;
      break;
  }
  uring_.start(t);
}

int FileStore::write_flags(const StoreOp& op) const {
  return stable(op) ? RWF_DSYNC : 0;
}

void FileStore::fill(Task& t, io_uring_sqe& sqe) {
  const int fd = fd_.get();
  switch (t.step) {
    case Step::kTransfer: {
      const auto size = static_cast<unsigned>(t.remaining);
      if (t.op->action == StoreAction::kRead) {
        io_uring_prep_read(&sqe, fd, t.cursor, size, t.offset);
      } else {
        io_uring_prep_write(&sqe, fd, t.cursor, size, t.offset);
        sqe.rw_flags = write_flags(*t.op);
      }
      break;
    }
    case Step::kZeroRange:
    case Step::kPunch: {
      const int how = t.step == Step::kPunch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
      io_uring_prep_fallocate(&sqe, fd, how | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(t.offset),
                              static_cast<off_t>(t.remaining));
      break;
    }
    case Step::kWriteZeroes:
      io_uring_prep_write(&sqe, fd, g_zeroes.data(),
                          static_cast<unsigned>(std::min<std::uint64_t>(t.remaining, kZeroChunk)), t.offset);
      break;
    case Step::kSync:
      io_uring_prep_fsync(&sqe, fd, IORING_FSYNC_DATASYNC);
      break;
  }
}

void FileStore::advance(Task& t, int result) {
  if ((result == -EINTR || result == -EAGAIN) && ++t.retries <= kMaxRetries) return uring_.start(t);
  switch (t.step) {
    case Step::kTransfer:
    case Step::kWriteZeroes:
      return transferred(t, result);
    case Step::kZeroRange:
    case Step::kPunch:
      return zeroed(t, result);
    case Step::kSync:
      return finish(t, result < 0 ? spec::Status{spec::st::kWriteFault} : spec::Status{spec::st::kOk});
  }
}

void FileStore::transferred(Task& t, int result) {
  // 0: the file was cut short behind our back, or the medium took nothing.
  if (result <= 0) return finish(t, status_of(*t.op, -result));
  const auto n = static_cast<std::uint64_t>(result);
  NVTEE_CHECK(n <= t.remaining, "the kernel moves no more than asked");
  t.offset += n;
  t.remaining -= n;
  if (t.remaining != 0) {
    if (t.step == Step::kTransfer) t.cursor += n;
    return uring_.start(t);
  }
  if (t.step == Step::kWriteZeroes && stable(*t.op)) {
    t.step = Step::kSync;
    return uring_.start(t);
  }
  finish(t, spec::st::kOk);
}

void FileStore::zeroed(Task& t, int result) {
  if (result == -EOPNOTSUPP || result == -EINVAL || result == -ENODEV) {
    t.step = Step::kWriteZeroes;  // this file system cannot: write them
    return uring_.start(t);
  }
  if (result < 0) return finish(t, status_of(*t.op, -result));
  if (!stable(*t.op)) return finish(t, spec::st::kOk);
  t.step = Step::kSync;
  uring_.start(t);
}

void FileStore::finish(Task& t, spec::Status status) {
  StoreOp& op = *t.op;
  t.op = nullptr;
  if (StoreOp* next = waiting_first_) {
    waiting_first_ = next->next;
    if (!waiting_first_) waiting_last_ = nullptr;
    begin(t, *next);
  } else {
    t.next_free = free_;
    free_ = &t;
  }
  op.client->on_store_done(op, status);
}

}  // namespace nvtee::target
