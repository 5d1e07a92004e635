// The module around the logic: ports, registers, streams, and what says which call is in which stage.
#include <algorithm>

#include "hw/hlsc/emit.hpp"
#include "hw/hlsc/verilog.hpp"

namespace hlsc {

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
