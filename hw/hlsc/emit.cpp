#include "hw/hlsc/emit.hpp"

#include <llvm/ADT/SmallString.h>

#include <algorithm>
#include <cctype>

namespace hlsc {

namespace {

std::string num(long n) {
  return std::to_string(n);
}

std::string range(unsigned w) {
  return w == 1 ? "" : "[" + num(static_cast<long>(w) - 1) + ":0] ";
}

std::string literal(const llvm::APInt& k) {
  llvm::SmallString<32> s;
  k.toStringUnsigned(s, 16);
  std::string hex = s.str().str();
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (k.getBitWidth() == 1) return k.isZero() ? "1'b0" : "1'b1";
  return num(k.getBitWidth()) + "'h" + hex;
}

std::string sane(const std::string& s) {
  std::string r;
  for (char c : s) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      r += c;
    } else if (c == ']') {
      continue;
    } else if (!r.empty() && r.back() != '_') {
      r += '_';
    }
  }
  while (!r.empty() && r.back() == '_') r.pop_back();
  if (r.empty() || std::isdigit(static_cast<unsigned char>(r[0]))) r = "v_" + r;
  return r;
}

}  // namespace

// ---- names ----------------------------------------------------------------------------------------------
Names::Names() {
  static const char* const kWords[] = {"always",
                                       "and",
                                       "assign",
                                       "automatic",
                                       "begin",
                                       "buf",
                                       "case",
                                       "cell",
                                       "config",
                                       "default",
                                       "disable",
                                       "edge",
                                       "else",
                                       "end",
                                       "endcase",
                                       "event",
                                       "for",
                                       "force",
                                       "fork",
                                       "function",
                                       "if",
                                       "initial",
                                       "inout",
                                       "input",
                                       "instance",
                                       "integer",
                                       "join",
                                       "large",
                                       "library",
                                       "localparam",
                                       "medium",
                                       "module",
                                       "nand",
                                       "negedge",
                                       "nor",
                                       "not",
                                       "or",
                                       "output",
                                       "parameter",
                                       "posedge",
                                       "primitive",
                                       "pull0",
                                       "pull1",
                                       "real",
                                       "reg",
                                       "release",
                                       "repeat",
                                       "signed",
                                       "small",
                                       "specify",
                                       "strong0",
                                       "strong1",
                                       "supply0",
                                       "supply1",
                                       "table",
                                       "task",
                                       "time",
                                       "tri",
                                       "use",
                                       "unsigned",
                                       "wait",
                                       "wand",
                                       "weak0",
                                       "weak1",
                                       "while",
                                       "wire",
                                       "wor",
                                       "xnor",
                                       "xor",
                                       "bit",
                                       "byte",
                                       "int",
                                       "logic",
                                       "longint",
                                       "shortint",
                                       "struct",
                                       "union",
                                       "enum",
                                       "typedef",
                                       "void",
                                       "final",
                                       "do",
                                       "return",
                                       "break",
                                       "continue",
                                       "interface",
                                       "packed",
                                       "class",
                                       "new",
                                       "this",
                                       "st",
                                       "ap_clk",
                                       "ap_rst_n",
                                       "idle",
                                       "commit",
                                       "stall",
                                       "start",
                                       "checker",
                                       "program",
                                       "property",
                                       "sequence",
                                       "type",
                                       "var",
                                       "static",
                                       "const",
                                       "local",
                                       "extends",
                                       "import",
                                       "export",
                                       "package",
                                       "rand",
                                       "alias",
                                       "assert",
                                       "assume",
                                       "cover",
                                       "expect",
                                       "global",
                                       "context",
                                       "priority",
                                       "unique",
                                       "tagged",
                                       "matches",
                                       "with",
                                       "within",
                                       "before",
                                       "bind",
                                       "bins",
                                       "cross",
                                       "design",
                                       "endmodule",
                                       "generate",
                                       "genvar",
                                       "highz0",
                                       "highz1",
                                       "rcmos",
                                       "rtran",
                                       "scalared",
                                       "vectored",
                                       "tran",
                                       "ref",
                                       "super",
                                       "string",
                                       "virtual",
                                       "solve",
                                       "first_match",
                                       "intersect",
                                       "throughout",
                                       "timeunit",
                                       "chandle",
                                       "iff",
                                       "accept_on",
                                       "always_comb",
                                       "always_ff",
                                       "always_latch",
                                       "binsof",
                                       "bufif0",
                                       "bufif1",
                                       "casex",
                                       "casez",
                                       "clocking",
                                       "cmos",
                                       "constraint",
                                       "covergroup",
                                       "coverpoint",
                                       "deassign",
                                       "defparam",
                                       "dist",
                                       "endchecker",
                                       "endclass",
                                       "endclocking",
                                       "endconfig",
                                       "endfunction",
                                       "endgenerate",
                                       "endgroup",
                                       "endinterface",
                                       "endpackage",
                                       "endprimitive",
                                       "endprogram",
                                       "endproperty",
                                       "endsequence",
                                       "endspecify",
                                       "endtable",
                                       "endtask",
                                       "eventually",
                                       "extern",
                                       "foreach",
                                       "forever",
                                       "forkjoin",
                                       "ifnone",
                                       "ignore_bins",
                                       "illegal_bins",
                                       "implements",
                                       "implies",
                                       "incdir",
                                       "include",
                                       "inside",
                                       "interconnect",
                                       "join_any",
                                       "join_none",
                                       "let",
                                       "liblist",
                                       "macromodule",
                                       "modport",
                                       "nettype",
                                       "nexttime",
                                       "nmos",
                                       "noshowcancelled",
                                       "notif0",
                                       "notif1",
                                       "null",
                                       "pmos",
                                       "protected",
                                       "pulldown",
                                       "pullup",
                                       "pulsestyle_ondetect",
                                       "pulsestyle_onevent",
                                       "pure",
                                       "randc",
                                       "randcase",
                                       "randsequence",
                                       "realtime",
                                       "reject_on",
                                       "restrict",
                                       "rnmos",
                                       "rpmos",
                                       "rtranif0",
                                       "rtranif1",
                                       "s_always",
                                       "s_eventually",
                                       "s_nexttime",
                                       "s_until",
                                       "s_until_with",
                                       "shortreal",
                                       "showcancelled",
                                       "soft",
                                       "specparam",
                                       "strong",
                                       "sync_accept_on",
                                       "sync_reject_on",
                                       "timeprecision",
                                       "tranif0",
                                       "tranif1",
                                       "tri0",
                                       "tri1",
                                       "triand",
                                       "trior",
                                       "trireg",
                                       "unique0",
                                       "until",
                                       "until_with",
                                       "untyped",
                                       "uwire",
                                       "wait_order",
                                       "weak",
                                       "wildcard"};
  for (const char* w : kWords) used_.insert(w);
}

std::string Names::take(const std::string& wanted) {
  const std::string s = sane(wanted);
  if (used_.insert(s).second) return s;
  for (int& i = next_[s];;) {
    const std::string t = s + "_" + std::to_string(++i);
    if (used_.insert(t).second) return t;
  }
}

// ---- what is used ---------------------------------------------------------------------------------------
Emitter::Emitter(const Kernel& k, const Schedule& s, const EmitOptions& o) : k_(k), s_(s), o_(o) {
  for (const StreamPort& p : k_.streams) {
    stream_names_.push_back(names_.take(p.name));
    for (const char* suffix : {"_dout", "_empty_n", "_read", "_din", "_full_n", "_write", "_resv"})
      names_.take(stream_names_.back() + suffix);
  }
  for (const ScalarPort& p : k_.scalars) scalar_names_.push_back(names_.take(p.name));
  for (const Register& r : k_.registers) register_names_.push_back(names_.take(r.name));
  for (const Rom& r : k_.roms) rom_names_.push_back(names_.take(r.name));
  for (const StreamPort& p : k_.streams) {
    mark(p.request);
    mark(p.data);
  }
  for (const Register& r : k_.registers) {
    mark(r.enable);
    if (!Graph::is_zero(r.enable)) mark(r.next);
  }
  mark(s_.stall());
  mark(s_.start());
  // A table's contents are needed where its reads are.
  for (size_t before = ~size_t{0}; before != used_.size();) {
    before = used_.size();
    for (size_t i = 0; i < k_.memories.size(); ++i) {
      const Memory& m = k_.memories[i];
      const auto read = [&](unsigned leaf) {
        return std::any_of(used_.begin(), used_.end(), [&](const Node* n) {
          return n->op == Op::kMemRead && n->ref == static_cast<int>(i) &&
                 n->port % static_cast<int>(kMaxLeaves) == static_cast<int>(leaf);
        });
      };
      bool any = false;
      for (unsigned l = 0; l < m.leaves.size(); ++l) {
        if (!read(l)) continue;
        any = true;
        mark(m.writes[l].enable);
        if (!Graph::is_zero(m.writes[l].enable)) {
          mark(m.writes[l].data);
          mark(m.write_address);
        }
      }
      if (any)
        for (const Memory::ReadPort& p : m.reads) mark(p.address);
    }
  }
  make_groups();
}

void Emitter::mark(const Val& v) {
  for (const Piece& p : v.pieces()) {
    if (!used_.insert(p.n).second) continue;
    for (const Val& in : p.n->in) mark(in);
    if (p.n->op == Op::kMemRead)
      mark(k_.memories[static_cast<size_t>(p.n->ref)]
               .reads[static_cast<size_t>(p.n->port) / kMaxLeaves]
               .address);
  }
}

void Emitter::make_groups() {
  groups_.resize(k_.memories.size());
  group_of_.resize(k_.memories.size());
  for (size_t i = 0; i < k_.memories.size(); ++i) {
    const Memory& m = k_.memories[i];
    std::set<unsigned> read;
    for (const Node* n : used_)
      if (n->op == Op::kMemRead && n->ref == static_cast<int>(i))
        read.insert(static_cast<unsigned>(n->port) % kMaxLeaves);
    group_of_[i].assign(m.leaves.size(), -1);
    for (unsigned l : read) {
      const Val& enable = m.writes[l].enable;
      size_t g = 0;
      while (g < groups_[i].size() && !(groups_[i][g].enable == enable)) ++g;
      if (g == groups_[i].size()) {
        groups_[i].push_back({});
        groups_[i][g].enable = enable;
        groups_[i][g].written = !Graph::is_zero(enable);
      }
      group_of_[i][l] = static_cast<int>(g);
      groups_[i][g].leaves.push_back(l);
      groups_[i][g].bits += m.leaves[l].type->bits;
    }
    for (size_t g = 0; g < groups_[i].size(); ++g) {
      const std::string suffix =
          groups_[i].size() == 1 ? "" : "_" + sane(m.leaves[groups_[i][g].leaves[0]].path);
      group_names_[{i, g}] = names_.take(m.name + suffix);
    }
  }
}

// ---- expressions ----------------------------------------------------------------------------------------
// Does not change before the call's last phase.
bool Emitter::stable(const Node* n) const {
  return n->op == Op::kReg || n->op == Op::kHead;
}

// -1: as computed; else the number of the copy that is valid in this stage.
int Emitter::copy_index(const Node* n, int stage) const {
  const int made = s_.at(n).stage, ii = s_.ii();
  if (n->op == Op::kMemRead && k_.memories[static_cast<size_t>(n->ref)].storage != Storage::kLut) {
    // Read in stage made-1, held for II clocks.
    return stage <= made - 1 + ii ? -1 : (stage - made - ii) / ii;
  }
  const int last = stable(n) ? ii - 1 : made;  // the last stage in which it can be taken
  return stage <= last ? -1 : (stage - last - 1) / ii;
}

const Emitter::Base& Emitter::base(const Node* n, int stage) {
  const int copy = copy_index(n, stage);
  if (copy < 0) {
    define(n);
    return bases_.at(n);
  }
  const auto key = std::make_pair(n->id, copy);
  const auto it = copies_.find(key);
  if (it != copies_.end()) return it->second;
  declare_copy(n, copy);
  return copies_.at(key);
}

void Emitter::declare_copy(const Node* n, int index) {
  const int made = s_.at(n).stage, ii = s_.ii();
  const bool block =
      n->op == Op::kMemRead && k_.memories[static_cast<size_t>(n->ref)].storage != Storage::kLut;
  const int first = block ? made - 1 + ii : stable(n) ? ii - 1 : made;
  const int taken = first + index * ii;  // the stage at whose end it is taken
  const std::string from = piece({const_cast<Node*>(n), 0, n->w}, taken);
  define(n);
  Base b;
  std::string plain = n->name.empty() ? bases_.at(n).name : n->name;
  b.name = names_.take(plain + "_s" + num(taken + 1));
  b.width = n->w;
  copies_[{n->id, index}] = b;
  declarations_ += "  reg " + range(n->w) + b.name + ";\n";
  const std::string when = s_.ii() == 1 ? "" : "if (" + in_stage(taken) + ") ";
  if (s_.ii() != 1) strobes_ = std::max(strobes_, taken);
  line("always @(posedge ap_clk) " + when + b.name + " <= " + from + ";");
}

std::string Emitter::in_stage(int stage) const {
  return stage == 0 ? "idle" : "st[" + num(stage) + "]";
}

std::string Emitter::strobe(int stage) {
  if (stage > 0) strobes_ = std::max(strobes_, stage);
  const bool stalls = !Graph::is_zero(s_.stall()) && s_.stall_stage() == stage;
  if (stage == 0 && s_.ii() == 1) return stalls ? "!stall" : "1'b1";
  return in_stage(stage) + (stalls ? " && !stall" : "");
}

std::string Emitter::piece(const Piece& p, int stage) {
  if (p.n->op == Op::kConst) return literal(p.n->k.extractBits(p.w, p.lo));
  if (p.n->op == Op::kUndef) return literal(llvm::APInt(p.w, 0));
  const Base& b = base(p.n, stage);
  if (b.width == 1) return b.name;
  const unsigned lo = b.lo + p.lo;
  if (lo == 0 && p.w == b.width) return b.name;
  if (p.w == 1) return b.name + "[" + num(lo) + "]";
  return b.name + "[" + num(lo + p.w - 1) + ":" + num(lo) + "]";
}

std::string Emitter::expr(const Val& v, int stage) {
  if (v.pieces().size() == 1) return piece(v.pieces()[0], stage);
  std::string r = "{";
  for (size_t i = v.pieces().size(); i-- > 0;) r += piece(v.pieces()[i], stage) + (i ? ", " : "}");
  return r;
}

std::string Emitter::operation(const Node* n, int stage) {
  const auto in = [&](size_t i) { return expr(n->in[i], stage); };
  switch (n->op) {
    case Op::kNot:
      return "~" + in(0);
    case Op::kAnd:
      return in(0) + " & " + in(1);
    case Op::kOr:
      return in(0) + " | " + in(1);
    case Op::kXor:
      return in(0) + " ^ " + in(1);
    case Op::kMux:
      return in(0) + " ? " + in(1) + " : " + in(2);
    case Op::kAdd:
      return in(0) + " + " + in(1);
    case Op::kSub:
      return in(0) + " - " + in(1);
    case Op::kMul:
      return in(0) + " * " + in(1);
    case Op::kEq:
      if (Graph::is_zero(n->in[1])) return "~|" + in(0);
      return in(0) + " == " + in(1);
    case Op::kUlt:
      return in(0) + " < " + in(1);
    case Op::kShl:
      return in(0) + " << " + in(1);
    case Op::kLshr:
      return in(0) + " >> " + in(1);
    case Op::kAshr:
      return "$signed(" + in(0) + ") >>> " + in(1);
    case Op::kParity:
      return "^" + in(0);
    case Op::kRepeat:
      return "{" + num(n->w) + "{" + in(0) + "}}";
    case Op::kRom:
      return rom_names_[static_cast<size_t>(n->ref)] + "[" + in(0) + "]";
    default:
      return "?";
  }
}

void Emitter::line(const std::string& text, const Loc& loc) {
  body_ += "  " + text + (loc.known() ? "  // " + loc.text() : "") + "\n";
}

void Emitter::define(const Node* n) {
  if (bases_.count(n)) return;
  Base b;
  b.width = n->w;
  switch (n->op) {
    case Op::kReg:
      b.name = register_names_[static_cast<size_t>(n->ref)];
      break;
    case Op::kHead:
      b.name = stream_names_[static_cast<size_t>(n->ref)] + "_dout";
      break;
    case Op::kNotEmpty:
      b.name = stream_names_[static_cast<size_t>(n->ref)] + "_empty_n";
      break;
    case Op::kNotFull:
      b.name = stream_names_[static_cast<size_t>(n->ref)] + "_full_n";
      break;
    case Op::kScalar:
      b.name = scalar_names_[static_cast<size_t>(n->ref)];
      break;
    case Op::kMemRead: {
      const auto m = static_cast<size_t>(n->ref);
      const unsigned port = static_cast<unsigned>(n->port) / kMaxLeaves,
                     leaf = static_cast<unsigned>(n->port) % kMaxLeaves;
      const auto g = static_cast<size_t>(group_of_[m][leaf]);
      const MemoryGroup& group = groups_[m][g];
      b.name = group_names_.at({m, g}) + "_q" + num(port);
      b.width = group.bits;
      for (unsigned l : group.leaves) {
        if (l == leaf) break;
        b.lo += k_.memories[m].leaves[l].type->bits;
      }
      bases_[n] = b;
      if (!reads_done_.insert({m, port}).second) return;
      const Memory& mem = k_.memories[m];
      const std::string a = names_.take(mem.name + "_ra" + num(port));
      const Val& address = mem.reads[port].address;
      const bool lut = mem.storage == Storage::kLut;
      const int stage = s_.at(n).stage - (lut ? 0 : 1);
      // Of LUT memory the address has the stage of the read itself, which may be one later than its own.
      const std::string e = expr(address, stage);
      declarations_ += "  wire " + range(mem.address_bits) + a + ";\n";
      line("assign " + a + " = " + e + ";", mem.reads[port].loc);
      for (size_t i = 0; i < groups_[m].size(); ++i) {
        const std::string& name = group_names_.at({m, i});
        const std::string q = name + "_q" + num(port);
        declarations_ += std::string(lut ? "  wire " : "  reg ") + range(groups_[m][i].bits) + q + ";\n";
        if (lut) {
          line("assign " + q + " = " + name + "[" + a + "];");
        } else {
          const std::string when = s_.ii() == 1 ? "" : "if (" + in_stage(stage) + ") ";
          if (s_.ii() != 1) strobes_ = std::max(strobes_, stage);
          line("always @(posedge ap_clk) " + when + q + " <= " + name + "[" + a + "];");
        }
      }
      return;
    }
    default: {
      const int stage = s_.at(n).stage;
      const std::string e = operation(n, stage);
      b.name = names_.take(n->name.empty() ? std::string("n_") + name_of(n->op) : n->name);
      declarations_ += "  wire " + range(n->w) + b.name + ";\n";
      line("assign " + b.name + " = " + e + ";", n->loc);
    }
  }
  bases_[n] = b;
}

// ---- parts of the module --------------------------------------------------------------------------------
void Emitter::ports(std::string& to) {
  to += "module " + k_.name + " (\n  input wire ap_clk,\n  input wire ap_rst_n";
  for (size_t i = 0; i < k_.streams.size(); ++i) {
    const StreamPort& p = k_.streams[i];
    const std::string& n = stream_names_[i];
    if (p.written) {
      to += ",\n  output wire " + range(p.bits) + n + "_din";
      to += ",\n  input wire " + n + "_full_n,\n  output wire " + n + "_resv,\n  output wire " + n + "_write";
    } else {
      to += ",\n  input wire " + range(p.bits) + n + "_dout";
      to += ",\n  input wire " + n + "_empty_n,\n  output wire " + n + "_read";
    }
  }
  for (size_t i = 0; i < k_.scalars.size(); ++i)
    to += ",\n  input wire " + range(k_.scalars[i].bits) + scalar_names_[i];
  if (o_.trace) {
    to += ",\n  output wire ap_fire,\n  output wire ap_idle";
    for (const std::string& n : stream_names_) to += ",\n  output wire ap_vis_" + n;
    for (size_t i = 0; i < k_.scalars.size(); ++i)
      to += ",\n  output wire " + range(k_.scalars[i].bits) + "ap_vis_" + scalar_names_[i];
  }
  to += "\n);\n";
}

void Emitter::registers() {
  std::string reset, next;
  const std::string commit = strobe(s_.ii() - 1);
  for (size_t i = 0; i < k_.registers.size(); ++i) {
    const Register& r = k_.registers[i];
    Node* self = nullptr;
    for (const Node* n : used_)
      if (n->op == Op::kReg && n->ref == static_cast<int>(i)) self = const_cast<Node*>(n);
    if (self == nullptr) continue;  // nobody looks at it
    const std::string& name = register_names_[i];
    declarations_ += "  reg " + range(r.bits) + name + ";  // " + r.loc.text() + "\n";
    reset += "      " + name + " <= " + literal(r.init) + ";\n";
    if (Graph::is_zero(r.enable)) continue;
    const std::string en = expr(r.enable, s_.ii() - 1), value = expr(r.next, s_.ii() - 1);
    next += "      if (" + (Graph::is_ones(r.enable) ? "commit" : "commit && " + en) + ") " + name +
            " <= " + value + ";\n";
  }
  line("assign commit = " + commit + ";");
  if (reset.empty()) return;
  body_ += "  always @(posedge ap_clk) begin\n    if (!ap_rst_n) begin\n" + reset + "    end else begin\n" +
           next + "    end\n  end\n";
}

void Emitter::memory(size_t index) {
  const Memory& m = k_.memories[index];
  const int last = s_.ii() - 1;
  std::string address;
  for (size_t g = 0; g < groups_[index].size(); ++g) {
    const MemoryGroup& group = groups_[index][g];
    const std::string& name = group_names_.at({index, g});
    const char* style = m.storage == Storage::kLut     ? "distributed"
                        : m.storage == Storage::kBlock ? "block"
                                                       : "ultra";
    declarations_ += "  (* ram_style = \"" + std::string(style) + "\" *) reg " + range(group.bits) + name +
                     " [0:" + num(static_cast<long>(m.depth) - 1) + "];  // " + m.loc.text() + "\n";
    // What it holds at the start.
    const std::string i = names_.take("i");
    declarations_ += "  integer " + i + ";\n";
    // (Without SYNTHESIS: zeros are what block RAM holds anyway, and large ones cost tools much.)
    const std::string only = m.init.empty() ? "`ifndef SYNTHESIS\n" : "",
                      end = m.init.empty() ? "`endif\n" : "";
    std::string start = only + "  initial begin\n    for (" + i + " = 0; " + i + " < " +
                        num(static_cast<long>(m.depth)) + "; " + i + " = " + i + " + 1) " + name + "[" + i +
                        "] = " + num(group.bits) + "'h0;\n";
    for (size_t row = 0; row < m.init.size(); ++row) {
      llvm::APInt v(group.bits, 0);
      unsigned at = 0;
      for (unsigned l : group.leaves) {
        v.insertBits(m.init[row].extractBits(m.leaves[l].type->bits, m.leaves[l].lo), at);
        at += m.leaves[l].type->bits;
      }
      if (!v.isZero())
        start += "    " + name + "[" + num(static_cast<long>(row)) + "] = " + literal(v) + ";\n";
    }
    body_ += start + "  end\n" + end;
    if (!group.written) continue;
    if (address.empty()) {
      const std::string e = expr(m.write_address, last);
      address = names_.take(m.name + "_wa");
      declarations_ += "  wire " + range(m.address_bits) + address + ";\n";
      line("assign " + address + " = " + e + ";", m.loc);
    }
    Val data;
    for (unsigned l : group.leaves) data.push(m.writes[l].data);
    const std::string en = expr(group.enable, last), value = expr(data, last);
    line("always @(posedge ap_clk) if (commit" + (Graph::is_ones(group.enable) ? "" : " && " + en) + ") " +
         name + "[" + address + "] <= " + value + ";");
  }
}

void Emitter::roms() {
  for (size_t r = 0; r < k_.roms.size(); ++r) {
    const Rom& rom = k_.roms[r];
    unsigned bits = 1;
    while ((size_t{1} << bits) < rom.rows.size()) ++bits;
    declarations_ += "  reg " + range(rom.bits) + rom_names_[r] + " [0:" + num((1L << bits) - 1) + "];  // " +
                     rom.loc.text() + "\n";
    body_ += "  initial begin\n";
    for (size_t i = 0; i < (size_t{1} << bits); ++i)
      body_ += "    " + rom_names_[r] + "[" + num(static_cast<long>(i)) +
               "] = " + literal(i < rom.rows.size() ? rom.rows[i] : llvm::APInt(rom.bits, 0)) + ";\n";
    body_ += "  end\n";
  }
}

void Emitter::streams() {
  const int last = s_.ii() - 1;
  for (size_t i = 0; i < k_.streams.size(); ++i) {
    const StreamPort& p = k_.streams[i];
    const std::string& n = stream_names_[i];
    const bool used = p.request.width() != 0 && !Graph::is_zero(p.request);
    if (!p.written) {
      line("assign " + n + "_read = " + (used ? "commit && " + expr(p.request, last) : std::string("1'b0")) +
               ";",
           p.loc);
      continue;
    }
    if (!used) {
      line("assign " + n + "_din = " + num(p.bits) + "'h0;\n  assign " + n + "_resv = 1'b0;\n  assign " + n +
           "_write = 1'b0;");
      continue;
    }
    const int stage = s_.write_stage(p);
    line("assign " + n + "_din = " + expr(p.data, stage) + ";", p.loc);
    if (stage <= last) {
      const std::string when = strobe(stage);
      line("assign " + n + "_write = " + (when == "1'b1" ? "" : when + " && ") + expr(p.request, stage) +
           ";");
      line("assign " + n + "_resv = " + n + "_write;");
    } else {
      // The slot is taken when the call commits; the record follows.
      strobes_ = std::max(strobes_, stage);
      line("assign " + n + "_resv = commit && " + expr(p.request, last) + ";");
      line("assign " + n + "_write = st[" + num(stage) + "] && " + expr(p.request, stage) + ";");
    }
  }
}

void Emitter::control() {
  const int last = s_.ii() - 1;
  const bool stalls = !Graph::is_zero(s_.stall());
  const std::string stall = stalls ? expr(s_.stall(), s_.stall_stage()) : "";
  const std::string start = expr(s_.start(), 0);
  strobes_ = std::max(strobes_, last);
  std::string head = "  wire commit;\n";
  if (stalls) {
    head += "  wire stall;\n";
    line("assign stall = " + stall + ";");
  }
  if (last > 0) {
    head += "  wire start;\n  reg idle;  // phase 0: the next call is tried\n";
    line("assign start = " + start + ";");
  }
  if (strobes_ > 0) {
    head += "  reg [" + num(strobes_) + ":1] st;  // st[i]: a call is in stage i\n";
    std::string next;
    for (int i = strobes_; i >= 1; --i) {
      std::string from = i == 1 ? (last > 0 ? "idle && start" : "1'b1") : "st[" + num(i - 1) + "]";
      if (stalls && s_.stall_stage() == i - 1) from += " && !stall";
      next += from + (i > 1 ? ", " : "");
    }
    line("always @(posedge ap_clk) st <= ap_rst_n ? {" + next + "} : " + num(strobes_) + "'h0;");
  }
  if (last > 0) {
    std::string done = "commit";
    if (stalls && s_.stall_stage() == 0) {
      line("always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !(start && !stall) : commit);");
    } else if (stalls) {
      line("always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !start : commit || (st[" +
           num(s_.stall_stage()) + "] && stall));");
    } else {
      line("always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !start : commit);");
    }
  }
  declarations_ = head + declarations_;
}

void Emitter::trace() {
  if (!o_.trace) return;
  const int last = s_.ii() - 1;
  line("assign ap_fire = commit;");
  std::string idle = "1'b0";
  if (last > 0) {
    idle = "idle && !start";
    if (!Graph::is_zero(s_.stall()) && s_.stall_stage() == 0) idle = "idle && !(start && !stall)";
  }
  // A call that has to wait did not happen: it is neither.
  if (last > 0 && !Graph::is_zero(s_.stall()) && s_.stall_stage() == 0) idle = "idle && !start";
  line("assign ap_idle = " + idle + ";");
  const auto seen = [&](const std::string& name, unsigned w, const std::string& port) {
    if (last == 0) {
      line("assign ap_vis_" + name + " = " + port + ";");
      return;
    }
    const std::string held = names_.take("ap_seen_" + name);
    declarations_ += "  reg " + range(w) + held + ";\n";
    line("always @(posedge ap_clk) if (idle) " + held + " <= " + port + ";");
    line("assign ap_vis_" + name + " = idle ? " + port + " : " + held + ";");
  };
  for (size_t i = 0; i < k_.streams.size(); ++i)
    seen(stream_names_[i], 1, stream_names_[i] + (k_.streams[i].written ? "_full_n" : "_empty_n"));
  for (size_t i = 0; i < k_.scalars.size(); ++i) seen(scalar_names_[i], k_.scalars[i].bits, scalar_names_[i]);
}

std::string Emitter::text() {
  std::string r = "// Made by hlsc from " + k_.loc.text() + ". Do not edit.\n";
  ports(r);
  streams();
  registers();
  for (size_t i = 0; i < k_.memories.size(); ++i) memory(i);
  roms();
  trace();
  control();
  return r + declarations_ + "\n" + body_ + "endmodule\n";
}

}  // namespace hlsc
