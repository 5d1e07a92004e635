// nvtee_gate FILES.f DIR FIFO.v: the Verilog of a netlist for simulation, in DIR, where each kernel, with the
// buffers that it reads, has a clock of its own that stands still while an edge of it would change nothing
// that anybody looks at. Verilator passes over logic whose clocks and inputs did not move, so a kernel that
// waits costs next to nothing. Registers, tables and wires stay as hlsc wrote them.
//
// A kernel asks for an edge
// - with calls of several clocks: when one starts, and until it has left its last stage (`idle`, `st`);
// - with calls of one clock: when the call reads, reserves, writes a table or changes a register, and then
// for
//   as many edges as there are stages behind it.
// What it samples otherwise is looked at by nobody. A buffer asks when a record is reserved, written or read,
// for one edge more (`room` follows `count`), and while records come from its block RAM. In reset all clocks
// run. A shape of line that is not known here is refused: then hlsc writes something new, which must be
// thought of.
//
// The clocks are chosen at the falling edge: inputs of the netlist must not change after it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

using Lines = std::vector<std::string>;
const std::string kEdge = "  always @(posedge ap_clk) ";

[[noreturn]] void die(const std::string& what) {
  std::cerr << "nvtee_gate: " << what << "\n";
  std::exit(1);
}

Lines lines_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) die("cannot read " + path);
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Unchanged files keep their time. True when it changed.
bool write(const std::string& path, const Lines& lines) {
  if (std::filesystem::exists(path) && lines_of(path) == lines) return false;
  std::ofstream out(path);
  for (const std::string& line : lines) out << line << '\n';
  out.close();
  if (!out) die("cannot write " + path);
  return true;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) die("no '" + from + "' in: " + text);
  text.replace(at, from.size(), to);
}

// Long statements go on in the next line.
Lines statements(const Lines& lines) {
  Lines all;
  std::string one;
  for (const std::string& line : lines) {
    std::string text = line.substr(0, line.find("  //"));
    const std::size_t end = text.find_last_not_of(' ');
    text.resize(end == std::string::npos ? 0 : end + 1);
    one += text;
    const bool goes_on = (one.starts_with("  assign ") || one.find(" <= ") != std::string::npos) &&
                         one.back() != ';' && !one.ends_with("begin");
    if (goes_on) continue;
    all.push_back(one);
    one.clear();
  }
  return all;
}

// ---- kernels ----------------------------------------------------------------------------------------------
// Stages are numbered in names: _s3.
unsigned last_stage(const Lines& lines) {
  static const std::regex stage(R"(_s(\d+)\b)");
  unsigned last = 0;
  for (const std::string& line : lines)
    for (std::sregex_iterator i(line.begin(), line.end(), stage), end; i != end; ++i)
      last = std::max(last, static_cast<unsigned>(std::strtoul((*i)[1].str().c_str(), nullptr, 10)));
  return last;
}

// Of calls of several clocks: `idle` and `st` say all.
std::string want_of_long(const std::string& kernel, const Lines& lines) {
  static const std::regex stages(R"(^  reg \[(\d+):1\] st;$)");
  static const std::regex known(R"(^(if \(((idle|st\[\d+\])\)|commit\b).*|begin|st <= .*|idle <= .*)$)");
  unsigned st = 0;
  for (const std::string& s : statements(lines)) {
    std::smatch m;
    if (std::regex_match(s, m, stages))
      st = static_cast<unsigned>(std::strtoul(m[1].str().c_str(), nullptr, 10));
    if (s.starts_with(kEdge) && !std::regex_match(s.substr(kEdge.size()), known)) die(kernel + ": " + s);
  }
  if (st < last_stage(lines)) die(kernel + ": stages that `st` does not count");
  return std::string("start || !idle") + (st ? " || |st" : "");
}

// Of calls of one clock: what they do, as conditions.
std::string want_of_short(const std::string& kernel, const Lines& lines) {
  static const std::regex stream(R"(^  assign (\w+_(?:read|resv)) = .*;$)");
  static const std::regex table(R"(^if \((commit && .*)\) \w+\[.*\] <= .*;$)");
  static const std::regex reg(R"(^ {6}if \((commit(?: && .*)?)\) (\w+) <= ([^;]*);$)");
  std::set<std::string> sure;  // a change of a register under one of these needs no look
  std::vector<std::pair<std::string, std::string>> changes;
  for (const std::string& s : statements(lines)) {
    std::smatch m;
    if (std::regex_match(s, m, stream)) {
      sure.insert(m[1]);
    } else if (s.starts_with(kEdge + "if (")) {
      const std::string body = s.substr(kEdge.size());
      if (!std::regex_match(body, m, table)) die(kernel + ": " + s);
      sure.insert(m[1]);
    } else if (s.starts_with("      if (")) {
      if (!std::regex_match(s, m, reg)) die(kernel + ": " + s);
      changes.emplace_back(m[1], "(" + m[1].str() + ") && " + m[2].str() + " != (" + m[3].str() + ")");
    }
  }
  std::string want;
  for (const std::string& s : sure) want += " || (" + s + ")";
  for (const auto& [when, change] : changes)
    if (sure.count(when) == 0) want += " || (" + change + ")";
  return want.empty() ? "1'b0" : want.substr(4);
}

Lines gated_kernel(const std::string& name, const Lines& lines) {
  const bool long_calls = std::find(lines.begin(), lines.end(), "  wire start;") != lines.end();
  const unsigned stages = long_calls ? 0 : last_stage(lines);
  Lines out;
  for (const std::string& line : lines) {
    if (line == "endmodule") {
      out.push_back("  wire gate_does = " +
                    (long_calls ? want_of_long(name, lines) : want_of_short(name, lines)) + ";");
      if (stages) {
        out.emplace_back("  reg [5:0] gate_left;  // edges until the last call has left the last stage");
        out.push_back(kEdge + "gate_left <= !ap_rst_n || gate_does ? 6'd" + std::to_string(stages) +
                      " : gate_left == 6'd0 ? 6'd0 : gate_left - 6'd1;");
      }
      out.push_back(std::string("  assign gate_want = gate_does") +
                    (stages ? " || gate_left != 6'd0;" : ";"));
    }
    out.push_back(line);
    if (line.starts_with("module ")) out.emplace_back("  output wire gate_want,");
  }
  return out;
}

// ---- buffers ----------------------------------------------------------------------------------------------
Lines gated_fifo(const Lines& lines) {
  Lines out;
  unsigned done = 0;
  bool outer = false;
  for (const std::string& line : lines) {
    if (line == "module hlsc_fifo #(") outer = true;
    out.push_back(line);
    if (!outer) continue;
    if (line == ") (") out.emplace_back("    output wire gate_want,");
    if (line == ");") {
      ++done;
      for (const char* l :
           {"  wire gate_more;", "  reg gate_again;", "  wire gate_does = resv || write || read;",
            "  always @(posedge ap_clk) gate_again <= !ap_rst_n || gate_does;",
            "  assign gate_want = gate_does || gate_again || gate_more;"})
        out.emplace_back(l);
    }
    const bool small = line.ends_with("begin : g_one") || line.ends_with("begin : g_small");
    const bool large = line.ends_with("begin : g_large");
    if (small) out.emplace_back("      assign gate_more = 1'b0;");
    if (large) out.emplace_back("      assign gate_more = store.behind;");
    done += small || large ? 1 : 0;
    if (line == "endmodule") outer = false;
  }
  if (done != 4) die("hlsc_fifo.v is not as it was");
  return out;
}

// ---- netlists ---------------------------------------------------------------------------------------------
class GatedNetlist {
 public:
  GatedNetlist(const Lines& lines, const std::set<std::string>& netlists)
      : lines_(lines), netlists_(netlists) {
    find_readers();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      std::smatch m;
      if (std::regex_search(lines_[i], m, kFifo)) {
        const auto reader = readers_.find(m[1]);
        gate(lines_[i], m[1].str() + "_fifo",
             reader == readers_.end() ? m[1].str() + "_fifo" : reader->second);
      } else if (std::regex_search(lines_[i], m, kUnit) && !netlists_.count(m[1])) {
        gate(lines_[i], m[2], m[2]);
      }
    }
  }
  Lines text() const {
    Lines out;
    bool body = false;
    for (const std::string& line : lines_) {
      if (line == "endmodule")
        for (const auto& [clock, wants] : wants_) {
          std::string when = "!ap_rst_n";
          for (const std::string& w : wants) when += " || " + w;
          out.push_back("  always @(negedge ap_clk) gate_on_" + clock + " <= " + when + ";");
        }
      out.push_back(line);
      if (body || line != ");") continue;
      body = true;
      for (const auto& [clock, wants] : wants_) {
        out.push_back("  reg gate_on_" + clock + ";");
        out.push_back("  wire gate_" + clock + " = ap_clk & gate_on_" + clock + ";");
        for (const std::string& w : wants) out.push_back("  wire " + w + ";");
      }
    }
    return out;
  }

 private:
  // Which instance reads a stream.
  void find_readers() {
    static const std::regex read(R"(\.\w+_read\((\w+)_read\))");
    std::string unit;
    for (const std::string& line : lines_) {
      std::smatch m;
      if (std::regex_search(line, m, kFifo)) continue;
      if (std::regex_search(line, m, kUnit)) unit = netlists_.count(m[1]) ? "" : m[2].str();
      if (unit.empty()) continue;
      for (std::sregex_iterator i(line.begin(), line.end(), read), end; i != end; ++i)
        readers_[(*i)[1]] = unit;
      if (line.find(");") != std::string::npos) unit.clear();
    }
  }
  void gate(std::string& line, const std::string& name, const std::string& clock) {
    const std::string want = "gate_want_" + name;
    replace(line, ".ap_clk(ap_clk)", ".ap_clk(gate_" + clock + "), .gate_want(" + want + ")");
    wants_[clock].push_back(want);
  }

  static inline const std::regex kFifo{R"(^  hlsc_fifo #\(.*\) (\w+)_fifo \()"};
  static inline const std::regex kUnit{R"(^  (\w+) (u_\w+) \(.*\.ap_clk\(ap_clk\))"};
  Lines lines_;
  const std::set<std::string>& netlists_;
  std::map<std::string, std::string> readers_;
  std::map<std::string, Lines> wants_;  // of a clock
};

}  // namespace

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 4) die("usage: see the head of gate.cpp");
  const fs::path from = argv[1], to = argv[2];
  std::error_code error;
  fs::create_directories(to, error);
  std::map<std::string, Lines> modules;  // by name, which is the file's
  std::set<std::string> netlists;
  Lines files;
  for (const std::string& file : lines_of(from)) {
    const fs::path path = fs::path(file).is_absolute() ? fs::path(file) : from.parent_path() / file;
    const std::string name = path.stem();
    const Lines lines = lines_of(path);
    if (std::any_of(lines.begin(), lines.end(),
                    [](const std::string& l) { return l.starts_with("  hlsc_fifo #("); }))
      netlists.insert(name);
    modules[name] = lines;
    files.push_back((to / path.filename()).string());
  }
  bool changed = false;
  for (const auto& [name, lines] : modules)
    changed |= write(to / (name + ".v"),
                     netlists.count(name) ? GatedNetlist(lines, netlists).text() : gated_kernel(name, lines));
  files.push_back((to / "hlsc_fifo.v").string());
  changed |= write(to / "hlsc_fifo.v", gated_fifo(lines_of(argv[3])));
  if (changed) fs::remove(to / "gated.f", error);  // its time says when anything changed
  write(to / "gated.f", files);
}
