// The bare baseline: two processes on the product's reactor that exchange requests and answers of an NVMe
// write's size at some depth, and do nothing else. What the machine gives at best with this reactor.
#pragma once

#include <cstddef>

namespace nvtee::bench {

// Exchanges per second. Requests of `request` bytes, answers of 24, `depth` under way.
double bare_exchange(std::size_t request, unsigned depth, double seconds);

}  // namespace nvtee::bench
