// Linked into simulator programs in place of runtime/base/check.cpp.
#include "sim/cluster/broken.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "runtime/base/check.hpp"

namespace nvtee {

void check_failed(const char* condition, const char* what, const char* file, int line) {
  cluster::Broken b;
  if (what[0] == 'P') b.property = static_cast<unsigned>(std::strtoul(what + 1, nullptr, 10));
  b.what = fmt::format("check failed: {} ({}) at {}:{}", what, condition, file, line);
  throw b;
}

}  // namespace nvtee
