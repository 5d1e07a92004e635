#include "runtime/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace nvtee {

void check_failed(const char* condition, const char* what, const char* file, int line) {
  std::fprintf(stderr, "nvtee: check failed: %s (%s) at %s:%d\n", what, condition, file, line);
  std::abort();
}

}  // namespace nvtee
