// Makes random HLS programs for the lockstep test: fuzz_gen SEED COUNT DIR writes
//   kernels.hpp  types and kernels f0 .. fN-1
//   batch.v      all kernels in one module
//   tb.cpp       steps each module against its native kernel
//   tops.txt     names for hlsc
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : s_(seed * 0x9e3779b97f4a7c15ull + 0x1234567) {}
  uint64_t next() {
    s_ ^= s_ << 13;
    s_ ^= s_ >> 7;
    s_ ^= s_ << 17;
    return s_ * 0x2545f4914f6cdd1dull;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>((next() >> 33) % n); }
  unsigned from(unsigned a, unsigned b) { return a + below(b - a + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  uint64_t s_;
};

std::string num(uint64_t n) {
  return std::to_string(n);
}

struct Var {
  std::string name;
  unsigned width;
  bool sgn;
  std::string type() const { return (sgn ? "ap_int<" : "ap_uint<") + num(width) + ">"; }
};

struct Field {
  std::string name, type;  // type as in C++
  unsigned width;
  bool sgn, plain;  // plain: a C++ type
};

struct Record {
  std::string name;
  std::vector<Field> fields;
  unsigned bits() const {
    unsigned n = 0;
    for (const Field& f : fields) n += f.width;
    return n;
  }
};

class Program {
 public:
  Program(Random& r, unsigned index) : r_(r), n_(num(index)) {}

  std::string text;
  std::string name() const { return "f" + n_; }
  std::vector<Record> in, out;
  bool scalar = false;

  void make() {
    const unsigned ins = r_.from(1, 2), outs = r_.from(1, 2);
    for (unsigned i = 0; i < ins; ++i) in.push_back(record("In" + num(i)));
    for (unsigned i = 0; i < outs; ++i) out.push_back(record("Out" + num(i)));
    scalar = r_.chance(50);
    statics();
    text += "extern \"C\" void " + name() + "(";
    for (unsigned i = 0; i < ins; ++i) text += (i ? ", " : "") + stream(in[i]) + " in" + num(i);
    for (unsigned i = 0; i < outs; ++i) text += ", " + stream(out[i]) + " out" + num(i);
    if (scalar) text += ", ap_uint<24> now";
    text += ") {\n#pragma HLS PIPELINE II = " + num(r_.from(1, 4)) + "\n" + pragmas_;
    text += "  static State" + n_ + " state;\n";
    if (scalar) vars_.push_back({"now", 24, false});
    body();
    text += "}\n\n";
  }

 private:
  std::string stream(const Record& x) const { return "hls::stream<" + x.name + ">&"; }

  Record record(const std::string& base) {
    Record x;
    x.name = base + "_" + n_;
    const unsigned n = r_.from(1, 4);
    text += "struct " + x.name + " {\n";
    for (unsigned i = 0; i < n; ++i) {
      Field f;
      f.name = std::string(1, static_cast<char>('a' + i));
      f.plain = r_.chance(20);
      if (f.plain) {
        static const char* const kTypes[] = {"bool", "uint8_t", "int16_t", "uint32_t"};
        static const unsigned kWidths[] = {1, 8, 16, 32};
        const unsigned k = r_.below(4);
        f.type = kTypes[k];
        f.width = kWidths[k];
        f.sgn = k == 2;
      } else {
        f.width = width();
        f.sgn = r_.chance(30);
        f.type = (f.sgn ? "ap_int<" : "ap_uint<") + num(f.width) + ">";
      }
      text += "  " + f.type + " " + f.name + ";\n";
      x.fields.push_back(f);
    }
    text += "};\n";
    return x;
  }

  unsigned width() {
    static const unsigned kWidths[] = {1,  2,  3,  5,  7,  8,  9,  13, 16,  17,
                                       24, 31, 32, 33, 48, 63, 64, 65, 100, 128};
    return kWidths[r_.below(r_.chance(85) ? 14 : 20)];
  }

  struct Table {
    std::string name;
    unsigned log2;
    std::vector<Field> fields;
  };

  void statics() {
    text += "struct Row" + n_ + " {\n  ap_uint<" + num(row_a_ = width()) + "> p;\n  ap_int<" +
            num(row_b_ = width()) + "> q;\n};\nstruct State" + n_ + " {\n";
    const unsigned n = r_.from(1, 4);
    for (unsigned i = 0; i < n; ++i) {
      Var v{"state.r" + num(i), width(), r_.chance(30)};
      text += "  " + v.type() + " r" + num(i) + ";\n";
      vars_.push_back(v);
      state_.push_back(v);
    }
    text += "  ap_uint<12> small[4];\n";
    table_log2_ = r_.from(2, 8);
    table_ = r_.chance(70);
    rows_ = r_.chance(50);
    if (table_)
      text += "  ap_uint<" + num(table_width_ = width()) + "> table[" + num(1u << table_log2_) + "];\n";
    rows_log2_ = r_.from(2, 6);
    if (rows_) text += "  Row" + n_ + " rows[" + num(1u << rows_log2_) + "];\n";
    text += "};\n";
    static const char* const kKinds[] = {"lutram", "bram", "uram"};
    if (table_ && r_.chance(60))
      pragmas_ += "#pragma HLS BIND_STORAGE variable = state.table type = ram_s2p impl = " +
                  std::string(kKinds[r_.below(3)]) + "\n";
    if (rows_ && r_.chance(60))
      pragmas_ += "#pragma HLS BIND_STORAGE variable = state.rows type = ram_s2p impl = " +
                  std::string(kKinds[r_.below(2)]) + "\n";
    if (table_ && r_.chance(15) && table_log2_ <= 4)
      pragmas_ = "#pragma HLS ARRAY_PARTITION variable = state.table complete\n";
  }

  // ---- expressions: always an ap type of a stated width
  std::string cast(const std::string& e, unsigned w, bool sgn) {
    return (sgn ? "ap_int<" : "ap_uint<") + num(w) + ">(" + e + ")";
  }
  const Var& any() { return vars_[r_.below(static_cast<unsigned>(vars_.size()))]; }

  std::string constant(unsigned w, bool sgn) {
    static const uint64_t kLikely[] = {0, 1, 2, 3, 5, 8, 15, 16, 127, 128, 255};
    uint64_t v = r_.chance(60) ? kLikely[r_.below(11)] : r_.next();
    if (w < 64) v &= (uint64_t{1} << w) - 1;
    return cast(num(v) + "ull", w, sgn);
  }

  std::string leaf(unsigned w, bool sgn) {
    if (r_.chance(20)) return constant(w, sgn);
    const Var& v = any();
    if (v.width > 3 && r_.chance(25)) {
      const unsigned lo = r_.below(v.width - 1), hi = r_.from(lo, v.width - 1);
      return cast("ap_uint<" + num(hi - lo + 1) + ">(" + v.name + ".range(" + num(hi) + ", " + num(lo) + "))",
                  w, sgn);
    }
    return cast(v.name, w, sgn);
  }

  std::string expr(unsigned w, bool sgn, unsigned depth) {
    if (depth == 0) return leaf(w, sgn);
    const unsigned w1 = r_.chance(50) ? w : width(), w2 = r_.chance(50) ? w : width();
    const bool s1 = r_.chance(30), s2 = r_.chance(30);
    const auto sub = [&](unsigned x, bool s) { return expr(x, s, depth - 1); };
    switch (r_.below(16)) {
      case 0:
        return cast(sub(w1, s1) + " + " + sub(w2, s2), w, sgn);
      case 1:
        return cast(sub(w1, s1) + " - " + sub(w2, s2), w, sgn);
      case 2:
        return cast(sub(w1, s1) + " & " + sub(w2, s2), w, sgn);
      case 3:
        return cast(sub(w1, s1) + " | " + sub(w2, s2), w, sgn);
      case 4:
        return cast(sub(w1, s1) + " ^ " + sub(w2, s2), w, sgn);
      case 5:
        return cast("~" + sub(w1, s1), w, sgn);
      case 6:
        return "(" + condition(depth - 1) + " ? " + sub(w, sgn) + " : " + sub(w, sgn) + ")";
      case 7:
        return cast(sub(w1, s1) + " << " + sub(r_.from(1, 4), false), w, sgn);
      case 8:
        return cast(sub(w1, s1) + " >> " + sub(r_.from(1, 4), false), w, sgn);
      case 9: {
        const unsigned a = r_.from(1, 20), b = r_.from(1, 20);
        return cast("ap_uint<" + num(a + b) + ">((" + sub(a, s1) + ", " + sub(b, s2) + "))", w, sgn);
      }
      case 10:
        return cast("-" + sub(w1, s1), w, sgn);
      case 11:
        return cast(sub(w1 > 20 ? 20 : w1, s1) + " * " +
                        (r_.chance(50) ? constant(r_.from(1, 12), s2) : sub(r_.from(1, 8), s2)),
                    w, sgn);
      case 12: {
        const unsigned k = r_.from(1, 5);
        const Var v = wide_variable(1u << k);
        if (v.width == 0) return leaf(w, sgn);
        return cast("ap_uint<1>(" + v.name + "[" + sub(k, false) + "])", w, sgn);
      }
      case 13: {
        static const char* const kReduce[] = {"and_reduce", "or_reduce", "xor_reduce"};
        return cast("ap_uint<1>(" + cast(sub(w1, s1), w1, s1) + "." + kReduce[r_.below(3)] + "())", w, sgn);
      }
      case 14: {
        const Var v = wide_variable(8);
        if (v.width == 0) return leaf(w, sgn);
        const std::string at = sub(v.width > 11 ? 3 : 2, false);
        return cast("ap_uint<4>(" + v.name + ".range(" + cast(at, 3, false) + " + 3, " + at + "))", w, sgn);
      }
      default:
        return cast("ap_uint<1>(" + condition(depth - 1) + ")", w, sgn);
    }
  }

  Var wide_variable(unsigned at_least) {
    std::vector<Var> fit;
    for (const Var& v : vars_)
      if (v.width >= at_least) fit.push_back(v);
    return fit.empty() ? Var{"", 0, false} : fit[r_.below(static_cast<unsigned>(fit.size()))];
  }

  std::string condition(unsigned depth) {
    if (depth > 0 && r_.chance(25)) {
      return "(" + condition(depth - 1) + (r_.chance(50) ? " && " : " || ") + condition(depth - 1) + ")";
    }
    static const char* const kCompare[] = {"==", "!=", "<", ">", "<=", ">="};
    const unsigned w = r_.chance(70) ? r_.from(2, 9) : width();
    const bool s = r_.chance(25);
    return "(" + expr(w, s, depth > 0 ? depth - 1 : 0) + " " + kCompare[r_.below(6)] + " " +
           (r_.chance(50) ? constant(w, s) : expr(r_.chance(60) ? w : width(), s, 0)) + ")";
  }

  // ---- statements
  std::string pad() const { return std::string(2 * indent_, ' '); }
  void say(const std::string& s) { text += pad() + s + "\n"; }

  void declare() {
    Var v{"v" + num(count_++), width(), r_.chance(30)};
    say(v.type() + " " + v.name + " = " + expr(v.width, v.sgn, r_.from(1, 3)) + ";");
    vars_.push_back(v);
    locals_.push_back(v);
  }

  void assign() {
    std::vector<Var> to = state_;
    to.insert(to.end(), locals_.begin(), locals_.end());
    const Var v = to[r_.below(static_cast<unsigned>(to.size()))];
    if (v.width > 2 && r_.chance(25)) {
      const unsigned lo = r_.below(v.width - 1), hi = r_.from(lo, v.width - 1);
      say(v.name + ".range(" + num(hi) + ", " + num(lo) + ") = " + expr(hi - lo + 1, false, 2) + ";");
    } else if (v.width >= 8 && r_.chance(15)) {
      say(v.name + "[" + expr(3, false, 1) + "] = " + condition(1) + ";");
    } else if (r_.chance(15)) {
      static const char* const kOps[] = {"+=", "-=", "^=", "|="};
      say(v.name + " " + kOps[r_.below(4)] + " " + expr(v.width, v.sgn, 1) + ";");
    } else {
      say(v.name + " = " + expr(v.width, v.sgn, r_.from(1, 3)) + ";");
    }
  }

  void block(unsigned depth) {
    ++indent_;
    const size_t vars = vars_.size(), locals = locals_.size();
    const unsigned n = r_.from(1, 3);
    for (unsigned i = 0; i < n; ++i) statement(depth);
    vars_.resize(vars);
    locals_.resize(locals);
    --indent_;
  }

  void statement(unsigned depth) {
    const unsigned k = r_.below(depth > 0 ? 12 : 6);
    if (k < 2) return declare();
    if (k < 6) return assign();
    if (k < 9) {
      say("if " + condition(2) + " {");
      block(depth - 1);
      if (r_.chance(50)) {
        say("} else {");
        block(depth - 1);
      }
      return say("}");
    }
    if (k < 10) {
      say("switch (" + expr(2, false, 1) + ".to_uint()) {");
      for (unsigned i = 0; i < r_.from(1, 3); ++i) {
        say("  case " + num(i) + ": {");
        ++indent_;
        block(depth - 1);
        --indent_;
        say(r_.chance(85) ? "  } break;" : "  } [[fallthrough]];");
      }
      say("  default: break;");
      return say("}");
    }
    const std::string i = "i" + num(count_++);
    if (k == 10) {  // a local array
      const std::string a = "a" + num(count_++);
      say("ap_uint<9> " + a + "[4];");
      say("for (unsigned " + i + " = 0; " + i + " < 4; ++" + i + ") " + a + "[" + i +
          "] = " + expr(9, false, 1) + " + ap_uint<9>(" + i + ");");
      if (r_.chance(50)) say(a + "[" + expr(2, false, 1) + ".to_uint()] = " + expr(9, false, 1) + ";");
      Var v{"v" + num(count_++), 9, false};
      say("ap_uint<9> " + v.name + " = " + a + "[" + expr(2, false, 1) + ".to_uint()];");
      vars_.push_back(v);
      locals_.push_back(v);
      return;
    }
    const Var x = wide_variable(8);
    if (x.width == 0) return assign();
    Var v{"v" + num(count_++), 6, false};
    say("ap_uint<6> " + v.name + " = 0;");
    say("for (unsigned " + i + " = 0; " + i + " < 8; ++" + i + ") {");
    say("  if (" + x.name + "[" + i + "]" + (r_.chance(50) ? "" : " && " + condition(1)) + ") " +
        (r_.chance(50) ? "break;" : v.name + " = " + v.name + " + 1;"));
    if (r_.chance(60)) say("  " + v.name + " = " + v.name + " + ap_uint<6>(" + i + ");");
    say("}");
    vars_.push_back(v);
    locals_.push_back(v);
  }

  // ---- the call
  void take(unsigned i, const std::string& how) {
    const std::string x = "x" + num(i);
    if (how.empty()) {
      say("const " + in[i].name + " " + x + " = in" + num(i) + ".read();");
    } else {
      say(in[i].name + " " + x + " = " + in[i].name + "();");
      say("if (" + how + ") " + x + " = in" + num(i) + ".read();");
    }
    for (const Field& f : in[i].fields) {
      Var v{"c" + num(i) + f.name, f.width, f.sgn};
      say("const " + v.type() + " " + v.name + " = " + x + "." + f.name + ";");
      vars_.push_back(v);
    }
  }

  void give(unsigned o) {
    const std::string y = "y" + num(o) + "_" + num(count_++);
    say(out[o].name + " " + y + ";");
    for (const Field& f : out[o].fields) {
      if (f.plain) {
        say(y + "." + f.name + " = static_cast<" + f.type + ">(" + expr(f.width, f.sgn, 2) + ");");
      } else {
        say(y + "." + f.name + " = " + expr(f.width, f.sgn, r_.from(1, 3)) + ";");
      }
    }
    say("out" + num(o) + ".write(" + y + ");");
  }

  void use_tables() {
    if (table_) {
      say("const unsigned at" + n_ + " = " + expr(table_log2_, false, 1) + ".to_uint();");
      Var v{"entry", table_width_, false};
      say(v.type() + " entry = state.table[at" + n_ + "];");
      vars_.push_back(v);
      locals_.push_back(v);
    }
    if (rows_) {
      say("const unsigned row_at = " + expr(rows_log2_, false, 1) + ".to_uint();");
      say("Row" + n_ + " row = state.rows[row_at];");
      for (const Var& v : {Var{"row.p", row_a_, false}, Var{"row.q", row_b_, true}}) {
        vars_.push_back(v);
        locals_.push_back(v);
      }
    }
    if (r_.chance(50)) {
      Var v{"few", 12, false};
      say("ap_uint<12> few = state.small[" + expr(2, false, 1) + ".to_uint()];");
      vars_.push_back(v);
      locals_.push_back(v);
    }
  }

  void put_tables() {
    if (table_) say((r_.chance(40) ? "if " + condition(1) + " " : "") + "state.table[at" + n_ + "] = entry;");
    if (rows_) {
      if (r_.chance(50)) {
        say((r_.chance(40) ? "if " + condition(1) + " " : "") + "state.rows[row_at] = row;");
      } else {
        say("if " + condition(1) + " state.rows[row_at].p = row.p;");
        say("state.rows[row_at].q = row.q;");
      }
    }
    if (r_.chance(50)) say("state.small[" + expr(2, false, 1) + ".to_uint()] = " + expr(12, false, 1) + ";");
  }

  void outputs() {
    for (unsigned o = 0; o < out.size(); ++o) {
      if (r_.chance(50)) {
        say("{");
        ++indent_;
        give(o);
        --indent_;
        say("}");
        continue;
      }
      // The first stream is written now and then whatever the condition is: what is never written is not
      // compared.
      say("if (" + condition(2) + (o == 0 ? " || ap_uint<1>(c0a[0]) != 0" : "") + ") {");
      ++indent_;
      give(o);
      --indent_;
      if (r_.chance(40)) {
        say("} else {");
        ++indent_;
        give(o);
        --indent_;
      }
      say("}");
    }
  }

  // Not in each call: a condition that always holds would leave nothing to compare.
  void leave() { say("if (" + condition(2) + " && ap_uint<1>(c0a[0]) != 0) return;"); }

  void body() {
    indent_ = 1;
    const unsigned style = r_.below(4);
    const bool two = in.size() == 2;
    std::string full;
    for (unsigned o = 0; o < out.size(); ++o) full += (o ? " || out" : "out") + num(o) + ".full()";
    // So that each stream has a port even when no way leads to its use.
    if (two) say("if (in1.empty()) {}");
    for (unsigned o = 0; o < out.size(); ++o) say("if (out" + num(o) + ".full()) {}");
    if (style == 0) {  // checked, all inputs
      say("if (in0.empty()" + std::string(two ? " || in1.empty()" : "") + " || " + full + ") return;");
      for (unsigned i = 0; i < in.size(); ++i) take(i, "");
    } else if (style == 1) {  // blocking
      if (r_.chance(50)) say("if (in0.empty()) return;");
      take(0, "");
      if (two) take(1, condition(1));
    } else if (style == 2) {  // one of the inputs
      say("if (in0.empty()" + std::string(two ? " && in1.empty()" : "") + ") return;");
      say("if (" + full + ") return;");
      if (two) {
        say("const bool second = in0.empty();");
        take(0, "!second");
        take(1, "second");
      } else {
        take(0, "");
      }
    } else {  // may go on by itself
      take(0, "!in0.empty()");
      if (two) take(1, "!in1.empty() && " + condition(1));
      say("if (" + full + ") return;");
      if (r_.chance(60)) leave();
      // Reading, then not acting, is legal.
    }
    use_tables();
    const unsigned n = r_.from(2, 6);
    for (unsigned i = 0; i < n; ++i) statement(2);
    if (r_.chance(20)) leave();
    if (r_.chance(50)) {
      put_tables();
      outputs();
    } else {
      outputs();
      put_tables();
    }
  }

  Random& r_;
  std::string n_, pragmas_;
  std::vector<Var> vars_, state_, locals_;
  unsigned row_a_ = 1, row_b_ = 1, table_log2_ = 2, table_width_ = 1, rows_log2_ = 2;
  bool table_ = false, rows_ = false;
  unsigned count_ = 0, indent_ = 1;
};

std::string range(unsigned w) {
  return w == 1 ? "" : "[" + num(w - 1) + ":0] ";
}

// A module with the ports of all kernels.
std::string batch(const std::vector<Program>& all) {
  std::string ports = "  input wire ap_clk,\n  input wire ap_rst_n", body;
  for (const Program& p : all) {
    const std::string n = p.name() + "_x_";
    std::string connect = "  " + p.name() + " u_" + p.name() + " (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n)";
    const auto port = [&](const std::string& dir, unsigned w, const std::string& name) {
      ports += ",\n  " + dir + " wire " + range(w) + n + name;
      connect += ", ." + name + "(" + n + name + ")";
    };
    for (unsigned i = 0; i < p.in.size(); ++i) {
      const std::string s = "in" + num(i);
      port("input", p.in[i].bits(), s + "_dout");
      port("input", 1, s + "_empty_n");
      port("output", 1, s + "_read");
      port("output", 1, "ap_vis_" + s);
    }
    for (unsigned i = 0; i < p.out.size(); ++i) {
      const std::string s = "out" + num(i);
      port("output", p.out[i].bits(), s + "_din");
      port("input", 1, s + "_full_n");
      port("output", 1, s + "_resv");
      port("output", 1, s + "_write");
      port("output", 1, "ap_vis_" + s);
    }
    if (p.scalar) {
      port("input", 24, "now");
      port("output", 24, "ap_vis_now");
    }
    port("output", 1, "ap_fire");
    port("output", 1, "ap_idle");
    body += connect + ");\n";
  }
  return "module batch (\n" + ports + "\n);\n" + body + "endmodule\n";
}

std::string testbench(const std::vector<Program>& all) {
  std::string r = "#include \"hw/hlsc/tests/fuzz_tb.hpp\"\n#include \"kernels.hpp\"\n";
  for (const Program& p : all) r += "#include \"" + p.name() + "_ports.hpp\"\n";
  r += "#include \"Vbatch.h\"\n\n";
  std::string list;
  for (const Program& p : all) {
    const std::string n = p.name() + "_x_";
    r += "struct T" + p.name() + " : Bench {\n";
    std::string args, drive, sample, flags, after, finish;
    for (unsigned i = 0; i < p.in.size(); ++i) {
      const std::string s = "in" + num(i);
      r += "  In<" + p.name() + "_ports::" + s + "> " + s + ";\n";
      args += (i ? ", " : "") + s + ".native";
      drive += "    " + s + ".drive(random, t." + n + s + "_dout, t." + n + s + "_empty_n);\n";
      flags += "      " + s + ".show(t." + n + "ap_vis_" + s + ");\n";
      after += "      " + s + ".check(*this, t." + n + s + "_read, fire);\n";
      sample += "    if (t." + n + s + "_read) " + s + ".pop();\n";
    }
    for (unsigned i = 0; i < p.out.size(); ++i) {
      const std::string s = "out" + num(i);
      r += "  Out<" + p.name() + "_ports::" + s + "> " + s + ";\n";
      args += ", " + s + ".native";
      drive += "    " + s + ".drive(random, t." + n + s + "_full_n);\n";
      flags += "      " + s + ".show(t." + n + "ap_vis_" + s + ");\n";
      after += "      " + s + ".check(*this, fire);\n";
      sample += "    " + s + ".sample(*this, t." + n + s + "_resv, t." + n + s + "_write, t." + n + s +
                "_din, t." + n + s + "_full_n);\n";
      finish += "    " + s + ".finish(*this);\n";
    }
    if (p.scalar) {
      args += ", ap_uint<24>(t." + n + "ap_vis_now)";
      drive +=
          "    if (random.chance(30)) t." + n + "now = static_cast<uint32_t>(random.next()) & 0xffffff;\n";
    }
    r += "  T" + p.name() + "() : Bench(\"" + p.name() + "\") {}\n";
    r += "  void drive(Vbatch& t) override {\n" + drive + "  }\n";
    r += "  void sample(Vbatch& t) override {\n    const bool fire = t." + n + "ap_fire, idle = t." + n +
         "ap_idle;\n    if (fire || idle) {\n" + flags + "      " + p.name() + "(" + args + ");\n" + after +
         "      ++calls;\n    }\n" + sample + "  }\n";
    r += "  void finish() override {\n" + finish + "  }\n};\n\n";
    r += "static T" + p.name() + " the_" + p.name() + ";\n\n";
    list += std::string(list.empty() ? "" : ", ") + "&the_" + p.name();
  }
  r += "int main(int argc, char** argv) {\n  return run_benches(argc, argv, {" + list + "});\n}\n";
  return r;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: fuzz_gen SEED COUNT DIR\n");
    return 2;
  }
  Random random(std::strtoull(argv[1], nullptr, 10));
  const unsigned count = static_cast<unsigned>(std::atoi(argv[2]));
  const std::string dir = argv[3];
  std::vector<Program> all;
  std::string kernels = "#pragma once\n#include <ap_int.h>\n#include <hls_stream.h>\n#include <stdint.h>\n\n",
              tops;
  for (unsigned i = 0; i < count; ++i) {
    all.emplace_back(random, i);
    all.back().make();
    kernels += all.back().text;
    tops += all.back().name() + "\n";
  }
  std::ofstream(dir + "/kernels.hpp") << kernels;
  std::ofstream(dir + "/batch.v") << batch(all);
  std::ofstream(dir + "/tb.cpp") << testbench(all);
  std::ofstream(dir + "/tops.txt") << tops;
  return 0;
}
