#include "hw/hlsc/verilog.hpp"

#include <llvm/ADT/SmallString.h>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace hlsc {

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

namespace {

// Reserved by Verilog and SystemVerilog; st to stall are the module's own.
const char* const kWords =
    "always and assign automatic begin buf case cell config default disable edge else end endcase "
    "event for force fork function if initial inout input instance integer join large library "
    "localparam medium module nand negedge nor not or output parameter posedge primitive pull0 pull1 "
    "real reg release repeat signed small specify strong0 strong1 supply0 supply1 table task time "
    "tri use unsigned wait wand weak0 weak1 while wire wor xnor xor bit byte int logic longint "
    "shortint struct union enum typedef void final do return break continue interface packed class "
    "new this st ap_clk ap_rst_n idle commit stall start checker program property sequence type var "
    "static const local extends import export package rand alias assert assume cover expect global "
    "context priority unique tagged matches with within before bind bins cross design endmodule "
    "generate genvar highz0 highz1 rcmos rtran scalared vectored tran ref super string virtual solve "
    "first_match intersect throughout timeunit chandle iff accept_on always_comb always_ff "
    "always_latch binsof bufif0 bufif1 casex casez clocking cmos constraint covergroup coverpoint "
    "deassign defparam dist endchecker endclass endclocking endconfig endfunction endgenerate "
    "endgroup endinterface endpackage endprimitive endprogram endproperty endsequence endspecify "
    "endtable endtask eventually extern foreach forever forkjoin ifnone ignore_bins illegal_bins "
    "implements implies incdir include inside interconnect join_any join_none let liblist "
    "macromodule modport nettype nexttime nmos noshowcancelled notif0 notif1 null pmos protected "
    "pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure randc randcase randsequence "
    "realtime reject_on restrict rnmos rpmos rtranif0 rtranif1 s_always s_eventually s_nexttime "
    "s_until s_until_with shortreal showcancelled soft specparam strong sync_accept_on "
    "sync_reject_on timeprecision tranif0 tranif1 tri0 tri1 triand trior trireg unique0 until "
    "until_with untyped uwire wait_order weak wildcard ";

}  // namespace

Names::Names() {
  std::istringstream words(kWords);
  for (std::string w; words >> w;) used_.insert(w);
}

std::string Names::take(const std::string& wanted) {
  const std::string s = sane(wanted);
  if (used_.insert(s).second) return s;
  for (int& i = next_[s];;) {
    const std::string t = s + "_" + std::to_string(++i);
    if (used_.insert(t).second) return t;
  }
}

}  // namespace hlsc
