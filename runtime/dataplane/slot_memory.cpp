#include "runtime/dataplane/slot_memory.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace nvtee::dataplane {

Result<SlotMemory> SlotMemory::create(std::size_t slots, std::size_t bytes_each) {
  const std::size_t size = slots * bytes_each;
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    return fail_errno("map " + std::to_string(size >> 20) + " MiB of slot memory", errno,
                      "raise the address-space limit (ulimit -v) or run fewer subsystems");
  }
  return SlotMemory(static_cast<std::byte*>(p), size, bytes_each);
}

SlotMemory::SlotMemory(SlotMemory&& o) noexcept
    : base_(std::exchange(o.base_, nullptr)), size_(std::exchange(o.size_, 0)), each_(o.each_) {}

SlotMemory& SlotMemory::operator=(SlotMemory&& o) noexcept {
  std::swap(base_, o.base_);
  std::swap(size_, o.size_);
  std::swap(each_, o.each_);
  return *this;
}

SlotMemory::~SlotMemory() {
  if (base_ != nullptr) munmap(base_, size_);
}

}  // namespace nvtee::dataplane
