// mutate IN.v OUT.v LIST N: plants bugs in a kernel's RTL, each behind a new input `mutant` (0: none), so
// that one model holds them all. At most N sites of each rule, spread over the file. LIST: number, rule,
// line, C++ source.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
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
      {"a sum off by one", std::regex(R"(^  assign (\w+) = ([^?]*) \+ ([^?;]*);(.*)$)"),
       "  assign $1 = $2 + $3 + @;$4"},
      {"a stage keeps the wrong bit",
       std::regex(R"(^  (always @\(posedge ap_clk\).*) (\w+_s\d+) <= (.*);(.*)$)"), "  $1 $2 <= ($3) ^ @;$4"},
      {"arms of a choice swapped", std::regex(R"(^  assign (\w+) = ([^?]*) \? ([^:]*) : ([^:;]*);(.*)$)"),
       "  assign $1 = (($2) ^ @) ? $3 : $4;$5"},
      {"a condition is forgotten", std::regex(R"(^  assign (\w+) = (\w+) & (\w+);(.*)$)"),
       "  assign $1 = $2 & ($3 | @);$4"},
      {"a register is not updated", std::regex(R"(^      if \((commit && .*)\) (\w+) <= (.*);(.*)$)"),
       "      if ($1 && !@) $2 <= $3;$4"},
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

std::string replaced(const std::string& line, const Rule& rule, unsigned id) {
  std::string to = rule.to;
  const std::string on = "(mutant == 16'd" + std::to_string(id) + ")";
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) die("usage: mutate IN.v OUT.v LIST N");
  std::ifstream in(argv[1]);
  if (!in) die(std::string("cannot read ") + argv[1]);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const std::size_t wanted = std::strtoul(argv[4], nullptr, 10);

  unsigned id = 0;
  std::ofstream list(argv[3]);
  std::vector<bool> taken(lines.size());
  for (const Rule& rule : rules()) {
    std::vector<std::size_t> sites;
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (!taken[i] && !of_the_trace(lines[i]) && std::regex_match(lines[i], rule.at)) sites.push_back(i);
    const std::size_t n = std::min(wanted, sites.size());
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t i = sites[k * sites.size() / n];
      taken[i] = true;
      const std::string before = lines[i];
      lines[i] = replaced(before, rule, ++id);
      const std::size_t comment = before.rfind("// ");
      const std::size_t text = before.find_first_not_of(' ');
      list << id << '\t' << rule.name << '\t'
           << before.substr(text, std::min<std::size_t>(comment, 90) - text) << '\t'
           << (comment == std::string::npos ? "" : before.substr(comment + 3)) << '\n';
    }
  }
  // Room: every place that looks at the flag, or another one would make up for it.
  for (const std::string& port : outputs_of(lines)) {
    list << ++id << "\troom is not asked for\t" << port << "\t\n";
    ignore_flag(lines, port, id);
  }
  std::ofstream out(argv[2]);
  bool ported = false;
  for (const std::string& line : lines) {
    out << line << '\n';
    if (!ported && line == "  input wire ap_clk,") {
      out << "  input wire [15:0] mutant,\n";
      ported = true;
    }
  }
  if (!ported) die("no module with ap_clk");
  return out && list ? 0 : 1;
}
