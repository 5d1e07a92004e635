// Tables and constant tables: their declarations, contents, reads and writes.
#include <algorithm>

#include "hw/hlsc/emit.hpp"
#include "hw/hlsc/verilog.hpp"

namespace hlsc {

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

// The read of a table, and of all its leaves that this port reads.
void Emitter::define_read(const Node* n) {
  Base b;
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

}  // namespace hlsc
