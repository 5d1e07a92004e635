#include "runtime/base/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>

namespace nvtee {

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) {
  constexpr std::size_t kMax = std::size_t{1} << 30;  // the library takes an int
  auto* p = static_cast<unsigned char*>(const_cast<void*>(data));
  crc = ~crc;
  while (size != 0) {
    const std::size_t n = std::min(size, kMax);
    crc = crc32_iscsi(p, static_cast<int>(n), crc);
    p += n;
    size -= n;
  }
  return ~crc;
}

}  // namespace nvtee
