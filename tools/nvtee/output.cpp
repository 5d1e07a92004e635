#include "tools/nvtee/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace nvtee::cli {
namespace {

// Characters of UTF-8 text, near enough to columns.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string clean(const std::string& text) {
  std::string out = text;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    const bool c1 =
        c == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (c < ' ' || c == 0x7f) out[i] = '?';
    if (c1) out.replace(i, 2, "?");
  }
  return out;
}

std::string clean_lines(const std::string& text) {
  std::string out = text;
  for (char& c : out)
    if (c != '\n' && (static_cast<unsigned char>(c) < ' ' || c == 0x7f)) c = '?';
  return out;
}

void Table::add(std::vector<std::string> row) {
  row.resize(rows_.front().size());
  for (auto& cell : row) cell = clean(cell);
  rows_.push_back(std::move(row));
}

std::string Table::text(std::size_t indent) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

unsigned percent(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return 100;
  return static_cast<unsigned>(static_cast<double>(std::min(done, total)) / static_cast<double>(total) *
                               100.0);
}

std::string progress_bar(std::uint64_t done, std::uint64_t total, unsigned width) {
  const unsigned filled = percent(done, total) * width / 100;
  std::string bar(filled, '#');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return fmt::format("[{}] {:3} %", bar, percent(done, total));
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

LiveLines::LiveLines() : terminal_(is_terminal(STDOUT_FILENO)) {}

void LiveLines::show(const std::vector<std::string>& lines) {
  if (!terminal_) {
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (i >= last_.size() || last_[i] != lines[i]) std::puts(lines[i].c_str());
  } else {
    if (drawn_) std::printf("\x1b[%zuA", drawn_);
    for (const auto& line : lines) std::printf("\r%s\x1b[K\n", line.c_str());
    std::fputs("\x1b[J", stdout);
    drawn_ = lines.size();
  }
  last_ = lines;
  std::fflush(stdout);
}

}  // namespace nvtee::cli
