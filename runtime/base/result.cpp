#include "runtime/base/result.hpp"

#include <system_error>

namespace nvtee {

std::unexpected<Error> fail_errno(const std::string& what, int err, std::string remedy) {
  return fail(what + ": " + std::system_category().message(err), std::move(remedy), err);
}

}  // namespace nvtee
