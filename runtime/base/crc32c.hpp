// CRC32C as NVMe/TCP digests want it (reflected, initial value and final xor FFFFFFFFh), by ISA-L.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nvtee {

// Continues `crc` (0 to start) over `size` bytes: crc32c(crc32c(0, a), b) == crc32c(0, ab).
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size);

}  // namespace nvtee
