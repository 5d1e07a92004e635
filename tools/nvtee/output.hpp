// How the nvtee command writes: aligned tables, progress, and nothing that a peer could use to confuse a
// terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nvtee::cli {

// Control characters (as in a hostile peer's serial number) become '?'.
std::string clean(const std::string& text);
std::string clean_lines(const std::string& text);  // the same, newlines stay

// Columns as wide as their widest cell, two spaces between; trailing spaces are not written.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row);
  std::string text(std::size_t indent = 0) const;
  bool empty() const { return rows_.size() == 1; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "[#######>      ]  51 %": rounded down, so that 100 % is said at the end only.
std::string progress_bar(std::uint64_t done, std::uint64_t total, unsigned width = 30);
unsigned percent(std::uint64_t done, std::uint64_t total);

bool is_terminal(int fd);

// Lines that are drawn over each other on a terminal, and written one after the other (only when they
// changed) elsewhere.
class LiveLines {
 public:
  LiveLines();
  void show(const std::vector<std::string>& lines);

 private:
  bool terminal_;
  std::size_t drawn_ = 0;
  std::vector<std::string> last_;
};

}  // namespace nvtee::cli
