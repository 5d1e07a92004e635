#include "tools/nvtee-target/mem_store.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.hpp"

namespace nvtee::target {
namespace {
constexpr std::uintptr_t kPage = 4096;
constexpr std::size_t kDropFrom = 256 * 1024;  // from here giving pages back is cheaper than writing zeroes
// Writes around the cache: what a host wrote is seldom read soon, and fetching the old contents of its lines
// first, as ordinary stores do, costs a target a sixth of its time. `to` and n are multiples of 64 bytes
// (blocks are).
void copy_around_cache(std::byte* to, const std::byte* from, std::size_t n) {
  using Wide = long long __attribute__((vector_size(16)));
  for (std::size_t i = 0; i < n; i += 4 * sizeof(Wide)) {
    Wide piece[4];
    std::memcpy(piece, from + i, sizeof piece);
    for (unsigned k = 0; k < 4; ++k)
      __builtin_nontemporal_store(piece[k], reinterpret_cast<Wide*>(to + i) + k);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // such stores are not ordered with others
}

}  // namespace

Result<std::unique_ptr<MemStore>> MemStore::create(std::uint64_t blocks, std::uint8_t block_shift,
                                                   bool prefault) {
  NVTEE_CHECK(blocks != 0 && (block_shift == 9 || block_shift == 12), "geometry is checked by the caller");
  void* p = ::mmap(nullptr, blocks << block_shift, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    return fail_errno("cannot map " + std::to_string(blocks << block_shift) + " bytes of memory", errno,
                      "use a smaller size=, or a file");
  std::unique_ptr<MemStore> store(new MemStore(static_cast<std::byte*>(p), blocks, block_shift));
  if (!prefault) return store;
  // Huge pages only then: a first write would wait for 2 MiB to be cleared.
  ::madvise(p, blocks << block_shift, MADV_HUGEPAGE);
  if (::madvise(p, blocks << block_shift, MADV_POPULATE_WRITE) != 0)
    return fail_errno("cannot get " + std::to_string(blocks << block_shift) + " bytes of memory at once",
                      errno, "leave prefault out, or use a smaller size=");
  return store;
}

MemStore::~MemStore() {
  ::munmap(base_, bytes());
}

std::optional<spec::Status> MemStore::start(StoreOp& op) {
  const std::size_t size = std::size_t{op.blocks} << block_shift();
  switch (op.action) {
    case StoreAction::kRead:
      std::memcpy(op.data, at(op.lba), size);
      break;
    case StoreAction::kWrite:
      copy_around_cache(at(op.lba), op.data, size);
      break;
    case StoreAction::kZero:
    case StoreAction::kDeallocate:
      clear(op.lba, op.blocks);
      break;
    case StoreAction::kFlush:
      break;
  }
  return spec::st::kOk;
}

void MemStore::clear(std::uint64_t lba, std::uint32_t blocks) {
  std::byte* first = at(lba);
  std::byte* last = first + (std::size_t{blocks} << block_shift());
  if (static_cast<std::size_t>(last - first) < kDropFrom) {
    std::memset(first, 0, static_cast<std::size_t>(last - first));
    return;
  }
  // Whole pages are given back (they read as zero when touched again); the ragged ends are written.
  auto* from =
      reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(first) + kPage - 1) & ~(kPage - 1));
  auto* to = reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(last) & ~(kPage - 1));
  std::memset(first, 0, static_cast<std::size_t>(from - first));
  std::memset(to, 0, static_cast<std::size_t>(last - to));
  if (::madvise(from, static_cast<std::size_t>(to - from), MADV_DONTNEED) != 0)
    std::memset(from, 0, static_cast<std::size_t>(to - from));
}

}  // namespace nvtee::target
