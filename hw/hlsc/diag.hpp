// Where something stands in the source, and how the translator says no.
#ifndef NVTEE_HW_HLSC_DIAG_HPP
#define NVTEE_HW_HLSC_DIAG_HPP

#include <string>
#include <utility>
#include <vector>

namespace hlsc {

struct Loc {
  std::string file;
  unsigned line = 0;
  bool known() const { return line != 0; }
  std::string text() const { return known() ? file + ":" + std::to_string(line) : std::string("(no line)"); }
};

// Something the author must change: where, what, and the remedy.
struct Refusal {
  Loc loc;
  std::string what, remedy;
  std::string text() const {
    return loc.text() + ": error: " + what + (remedy.empty() ? "" : "\n  remedy: " + remedy);
  }
};

[[noreturn]] inline void refuse(const Loc& loc, std::string what, std::string remedy) {
  throw Refusal{loc, std::move(what), std::move(remedy)};
}

// Warnings are gathered and printed once each, in order.
class Warnings {
 public:
  void add(const Loc& loc, const std::string& what) { add_line(loc.text() + ": warning: " + what); }
  void add_line(const std::string& line) {
    for (const std::string& l : lines_)
      if (l == line) return;
    lines_.push_back(line);
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace hlsc

#endif
