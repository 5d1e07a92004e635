// Programmer errors stop the process, in release builds too. Operating errors are values: see result.hpp.
#pragma once

namespace nvtee {
// Prints `what` with its place and aborts. `what` names the invariant where one is asserted ("P4: ...").
[[noreturn]] void check_failed(const char* condition, const char* what, const char* file, int line);
}  // namespace nvtee

#define NVTEE_CHECK(condition, what)                               \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::nvtee::check_failed(#condition, what, __FILE__, __LINE__); \
  } while (false)
