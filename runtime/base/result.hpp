// Operating errors as values.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace nvtee {

// What went wrong (with the system's reason), and what the user can do about it (may be empty).
struct Error {
  std::string what;
  std::string remedy;
  int code = 0;  // errno where there is one

  std::string text() const { return remedy.empty() ? what : what + "; " + remedy; }
};

template <class T>
using Result = std::expected<T, Error>;
using Status0 = Result<void>;

inline std::unexpected<Error> fail(std::string what, std::string remedy = {}, int code = 0) {
  return std::unexpected(Error{std::move(what), std::move(remedy), code});
}
// Adds strerror(err) to `what`.
std::unexpected<Error> fail_errno(const std::string& what, int err, std::string remedy = {});

}  // namespace nvtee
