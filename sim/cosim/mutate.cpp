// Plants bugs in RTL, each behind a new input `mutant` (0: none), so that one model holds them all.
//
// mutate IN.v OUT.v LIST N            a kernel: at most N sites of each rule, spread over the file
// mutate --engine DIR OUT LIST ROOT N      engine_top: at most N sites in each kernel, every one by another
// rule mutate --engine DIR OUT LIST ROOT WANTED the same for the sites that the file WANTED names: kernel,
// rule, C++
//                                          source, which of those there; one that is not found is an error.
//                                          The source is a file and the text of a line of it (below ROOT), so
//                                          that a site stays found when lines move
//
// LIST: number, rule, line, C++ source; of the engine: number, kernel, rule, C++ source, which, line.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace {

struct Rule {
  const char* name;
  std::regex at;
  // What the line becomes; @ is the condition "this mutant is on", $n the groups.
  const char* to;
  bool listed = false;  // only where WANTED names it: surveys are as they were without it
};

// A line that fits no rule, or a rule without sites in this kernel, is left out: the list says what was
// planted.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"a record is not written", std::regex(R"(^  assign (\w+)_write = (.*);(.*)$)"),
       "  assign $1_write = ($2) && !@;$3"},
      {"a record is read twice", std::regex(R"(^  assign (\w+)_read = (.*);(.*)$)"),
       "  assign $1_read = ($2) && !@;$3"},
      {"a table is not written",
       std::regex(R"(^  (always @\(posedge ap_clk\) if \(commit[^)]*)\) (\w+)\[(\w+)\] <= (.*);(.*)$)"),
       "  $1 && !@) $2[$3] <= $4;$5"},
      {"a table is written at the neighbour",
       std::regex(R"(^  (always @\(posedge ap_clk\) if \(commit.*) (\w+)\[(\w+_wa)\] <= (.*);(.*)$)"),
       "  $1 $2[$3 ^ @] <= $4;$5"},
      {"a table is read at the neighbour",
       std::regex(R"(^  (always @\(posedge ap_clk\).*) (\w+_q\d+) <= (\w+)\[(\w+)\];(.*)$)"),
       "  $1 $2 <= $3[$4 ^ @];$5"},
      {"a constant with a wrong bit", std::regex(R"(^  assign (\w+) = (.*) == (\d+)'h([0-9a-f]+);(.*)$)"),
       "  assign $1 = $2 == ($3'h$4 ^ @);$5"},
      {"a comparison always holds", std::regex(R"(^  assign (\w+) = (.*) == (.*);(.*)$)"),
       "  assign $1 = ($2 == $3) | @;$4"},
      {"bytes in the wrong lane", std::regex(R"(^  assign (\w+) = (.*) (<<|>>) ([^;]*);(.*)$)"),
       "  assign $1 = $2 $3 ($4 + (@ ? 8 : 0));$5"},
      {"a sum off by one", std::regex(R"(^  assign (\w+) = ([^?]*) \+ ([^?;]*);(.*)$)"),
       "  assign $1 = $2 + $3 + @;$4"},
      {"a stage keeps the wrong bit",
       std::regex(R"(^  (always @\(posedge ap_clk\).*) (\w+_s\d+) <= (.*);(.*)$)"),
       "  $1 $2 <= ($3) ^ (@ << #);$4"},
      {"arms of a choice swapped", std::regex(R"(^  assign (\w+) = ([^?]*) \? ([^:]*) : ([^:;]*);(.*)$)"),
       "  assign $1 = (($2) ^ @) ? $3 : $4;$5"},
      {"a condition is forgotten", std::regex(R"(^  assign (\w+) = (\w+) & (\w+);(.*)$)"),
       "  assign $1 = $2 & ($3 | @);$4"},
      {"a register is not updated", std::regex(R"(^      if \((commit && .*)\) (\w+) <= (.*);(.*)$)"),
       "      if ($1 && !@) $2 <= $3;$4"},
      {"a bound always holds", std::regex(R"(^  assign (\w+) = ([^?<]*) < ([^?;]*);(.*)$)"),
       "  assign $1 = ($2 < $3) | @;$4", true},
  };
  return all;
}

[[noreturn]] void die(const std::string& what) {
  std::cerr << "mutate: " << what << "\n";
  std::exit(1);
}

bool of_the_trace(const std::string& line) {
  return line.find("ap_vis") != std::string::npos || line.find("ap_seen") != std::string::npos ||
         line.find("ap_fire") != std::string::npos || line.find("ap_idle") != std::string::npos ||
         line.find("initial") != std::string::npos;
}

// Of what is assigned: the lowest bit that another line looks at. A bit that nobody looks at may be wrong.
unsigned bit_of(const Rule& rule, const std::string& line, const std::vector<std::string>& lines) {
  std::smatch m;
  if (std::string(rule.to).find('#') == std::string::npos || !std::regex_match(line, m, rule.at)) return 0;
  const std::string name = m[2];
  unsigned lowest = ~0u;
  for (const std::string& other : lines) {
    if (&other == &line || other == line || other.starts_with("  reg ")) continue;
    for (std::size_t at = other.find(name); at != std::string::npos; at = other.find(name, at + 1)) {
      const std::size_t end = at + name.size();
      const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
      if ((at != 0 && word(other[at - 1])) || (end < other.size() && word(other[end]))) continue;
      unsigned lo = 0;
      if (end < other.size() && other[end] == '[') {
        const std::size_t close = other.find(']', end), colon = other.find(':', end);
        lo = static_cast<unsigned>(
            std::strtoul(other.c_str() + (colon < close ? colon : end) + 1, nullptr, 10));
      }
      lowest = std::min(lowest, lo);
    }
  }
  return lowest == ~0u ? 0 : lowest;
}

std::string replaced(const std::string& line, const Rule& rule, unsigned id, unsigned bit) {
  std::string to = rule.to;
  if (const std::size_t at = to.find('#'); at != std::string::npos) to.replace(at, 1, std::to_string(bit));
  // Shifted, it has to be as wide as what it is shifted in.
  const std::string on = bit == 0 ? "(mutant == 16'd" + std::to_string(id) + ")"
                                  : "{1023'd0, mutant == 16'd" + std::to_string(id) + "}";
  for (std::size_t at; (at = to.find('@')) != std::string::npos;) to.replace(at, 1, on);
  return std::regex_replace(line, rule.at, to);
}

std::vector<std::string> outputs_of(const std::vector<std::string>& lines) {
  static const std::regex flag(R"(^  input wire (\w+_full_n),$)");
  std::vector<std::string> names;
  std::smatch m;
  for (const std::string& line : lines)
    if (std::regex_match(line, m, flag)) names.push_back(m[1]);
  return names;
}

void ignore_flag(std::vector<std::string>& lines, const std::string& flag, unsigned id) {
  const std::regex use("\\b" + flag + "\\b");
  bool body = false;
  for (std::string& line : lines) {
    if (body && !of_the_trace(line)) line = std::regex_replace(line, use, flag + "_seen");
    if (!body && line.starts_with(");")) {
      body = true;
      line += "\n  wire " + flag + "_seen = " + flag + " | (mutant == 16'd" + std::to_string(id) + ");";
    }
  }
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) die("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The module has a new input.
void write(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream out(path);
  bool ported = false;
  for (const std::string& line : lines) {
    out << line << '\n';
    if (!ported && line == "  input wire ap_clk,") {
      out << "  input wire [15:0] mutant,\n";
      ported = true;
    }
  }
  if (!ported) die(path + ": no module with ap_clk");
  if (!out) die("cannot write " + path);
}

// Where it comes from: the C++ source, else what is assigned (ports, registers and tables have their C++
// names).
std::string source_of(const std::string& line) {
  const std::size_t at = line.rfind("// ");
  if (at != std::string::npos) return line.substr(at + 3);
  static const std::regex target(R"(^.*?(?:assign |\) )(\w+)(?:\[\w+\])? <?= .*$)");
  std::smatch m;
  return std::regex_match(line, m, target) ? m[1].str() : "";
}
// The same with the line's text for its number.
std::string place_of(const std::string& line, const std::string& root) {
  static const std::regex numbered(R"(^(\S+):(\d+)$)");
  static std::map<std::string, std::vector<std::string>> files;
  const std::string source = source_of(line);
  std::smatch m;
  if (!std::regex_match(source, m, numbered)) return source;
  const std::string path = m[1];
  if (files.count(path) == 0) files[path] = lines_of(root + "/" + path);
  const std::size_t n = std::strtoul(m[2].str().c_str(), nullptr, 10);
  if (n == 0 || n > files[path].size()) return source;
  const std::string& text = files[path][n - 1];
  const std::size_t from = text.find_first_not_of(' ');
  return path + ": " + (from == std::string::npos ? "" : text.substr(from));
}
std::string text_of(const std::string& line) {
  const std::size_t text = line.find_first_not_of(' '), comment = line.rfind("// ");
  return line.substr(text, std::min<std::size_t>(comment, 90) - text);
}

std::vector<std::size_t> sites_of(const Rule& rule, const std::vector<std::string>& lines) {
  std::vector<std::size_t> sites;
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!of_the_trace(lines[i]) && std::regex_match(lines[i], rule.at)) sites.push_back(i);
  return sites;
}

// ---- one kernel -------------------------------------------------------------------------------------------
void mutate_kernel(const std::string& from, const std::string& to, std::ofstream& list, std::size_t wanted) {
  std::vector<std::string> lines = lines_of(from);
  unsigned id = 0;
  std::vector<bool> taken(lines.size());
  for (const Rule& rule : rules()) {
    if (rule.listed) continue;
    std::vector<std::size_t> sites = sites_of(rule, lines);
    std::erase_if(sites, [&](std::size_t i) { return taken[i]; });
    const std::size_t n = std::min(wanted, sites.size());
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t i = sites[k * sites.size() / n];
      taken[i] = true;
      const std::string before = lines[i];
      lines[i] = replaced(before, rule, ++id, bit_of(rule, before, lines));
      list << id << '\t' << rule.name << '\t' << text_of(before) << '\t' << source_of(before) << '\n';
    }
  }
  // Room: every place that looks at the flag, or another one would make up for it.
  for (const std::string& port : outputs_of(lines)) {
    list << ++id << "\troom is not asked for\t" << port << "\t\n";
    ignore_flag(lines, port, id);
  }
  write(to, lines);
}

// ---- the engine -------------------------------------------------------------------------------------------
// A site that stays the same when the Verilog around it changes: kernel, rule, C++ source, which of those.
struct Site {
  std::string kernel, rule, source;
  std::size_t which = 0;
  auto operator<=>(const Site&) const = default;
};

class EngineMutator {
 public:
  EngineMutator(std::string from, std::string to, std::string root, std::ofstream& list)
      : from_(std::move(from)), to_(std::move(to)), root_(std::move(root)), list_(list) {}

  // `choice`: a number, or the name of a file.
  void run(const std::string& choice) {
    const bool all = choice.find_first_not_of("0123456789") == std::string::npos;
    if (all) {
      most_ = std::strtoul(choice.c_str(), nullptr, 10);
    } else {
      read_wanted(choice);
    }
    std::ofstream files(to_ + "/engine_top.f");
    for (const std::string& file : lines_of(from_ + "/engine_top.f")) {
      files << to_ << '/' << file << '\n';
      std::vector<std::string> lines = lines_of(from_ + "/" + file);
      const std::string kernel = file.substr(0, file.rfind('.'));
      if (kernel == "engine_top" || kernel == "tee_core_top") {
        connect(lines);
      } else if (all) {
        spread(kernel, lines);
      } else {
        plant_wanted(kernel, lines);
      }
      write(to_ + "/" + file, lines);
    }
    for (const Site& s : wanted_)
      die("no such place (engine/mutants.txt): " + s.kernel + " | " + s.rule + " | " + s.source);
  }

 private:
  static void connect(std::vector<std::string>& lines) {
    static const std::regex instance(R"(^  (\w+_top) (u_\w+) \(\.ap_clk(.*)$)");
    for (std::string& line : lines)
      line = std::regex_replace(line, instance, "  $1 $2 (.mutant(mutant), .ap_clk$3");
  }
  void read_wanted(const std::string& path) {
    for (const std::string& line : lines_of(path)) {
      if (line.empty() || line[0] == '#') continue;
      std::vector<std::string> f;
      for (std::size_t at = 0; at <= line.size();) {
        const std::size_t end = std::min(line.find('\t', at), line.size());
        f.push_back(line.substr(at, end - at));
        at = end + 1;
      }
      if (f.size() < 4) die(path + ": " + line);
      wanted_.push_back({f[0], f[1], f[2], std::strtoul(f[3].c_str(), nullptr, 10)});
    }
  }
  void plant(const std::string& kernel, const Rule& rule, std::size_t which, std::string& line) {
    const std::string before = line;
    line = replaced(before, rule, ++id_, 0);
    list_ << id_ << '\t' << kernel << '\t' << rule.name << '\t' << place_of(before, root_) << '\t' << which
          << '\t' << text_of(before) << '\n';
  }
  // Which of the lines with this source a site is.
  std::size_t rank(const std::vector<std::string>& lines, const std::vector<std::size_t>& sites,
                   std::size_t at) const {
    const std::string place = place_of(lines[at], root_);
    std::size_t n = 0;
    for (const std::size_t i : sites) n += i < at && place_of(lines[i], root_) == place ? 1 : 0;
    return n;
  }
  void spread(const std::string& kernel, std::vector<std::string>& lines) {
    const std::vector<std::string> before = lines;
    std::size_t planted = 0;
    std::vector<bool> taken(lines.size());
    for (std::size_t k = 0; k < 3 * rules().size() && planted < most_; ++k) {
      const Rule& rule = rules()[(turn_ + 5 * k) % rules().size()];
      const std::vector<std::size_t> sites = sites_of(rule, before);
      if (rule.listed || sites.empty()) continue;
      const std::size_t i = sites[(turn_ * 7919 + k * 104729) % sites.size()];
      if (taken[i]) continue;
      taken[i] = true;
      plant(kernel, rule, rank(before, sites, i), lines[i]);
      ++planted;
    }
    ++turn_;
  }
  void plant_wanted(const std::string& kernel, std::vector<std::string>& lines) {
    const std::vector<std::string> before = lines;
    for (const Rule& rule : rules()) {
      const auto wanted = [&](const Site& s) { return s.kernel == kernel && s.rule == rule.name; };
      if (std::none_of(wanted_.begin(), wanted_.end(), wanted)) continue;
      const std::vector<std::size_t> sites = sites_of(rule, before);
      for (const std::size_t i : sites) {
        const Site s{kernel, rule.name, place_of(before[i], root_), rank(before, sites, i)};
        const auto it = std::find(wanted_.begin(), wanted_.end(), s);
        if (it == wanted_.end() || lines[i] != before[i]) continue;
        wanted_.erase(it);
        plant(kernel, rule, s.which, lines[i]);
      }
    }
  }

  std::string from_, to_, root_;
  std::ofstream& list_;
  unsigned id_ = 0;
  std::size_t most_ = 0, turn_ = 0;
  std::vector<Site> wanted_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5) {
    std::ofstream list(argv[3]);
    mutate_kernel(argv[1], argv[2], list, std::strtoul(argv[4], nullptr, 10));
    return list ? 0 : 1;
  }
  if (argc != 7 || std::string(argv[1]) != "--engine") die("usage: see the head of mutate.cpp");
  std::error_code error;
  std::filesystem::create_directories(argv[3], error);
  std::ofstream list(argv[4]);
  EngineMutator(argv[2], argv[3], argv[5], list).run(argv[6]);
  return list ? 0 : 1;
}
