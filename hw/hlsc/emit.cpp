#include "hw/hlsc/emit.hpp"

#include <algorithm>

#include "hw/hlsc/verilog.hpp"

namespace hlsc {

// ---- what is used ---------------------------------------------------------------------------------------
Emitter::Emitter(const Kernel& k, const Schedule& s, const EmitOptions& o) : k_(k), s_(s), o_(o) {
  for (const StreamPort& p : k_.streams) {
    stream_names_.push_back(names_.take(p.name));
    head_used_.emplace_back(p.bits);
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
    if (p.n->op == Op::kHead) {
      std::vector<bool>& bits = head_used_[static_cast<size_t>(p.n->ref)];
      std::fill(bits.begin() + p.lo, bits.begin() + p.lo + p.w, true);
    }
    if (!used_.insert(p.n).second) continue;
    for (const Val& in : p.n->in) mark(in);
    if (p.n->op == Op::kMemRead)
      mark(k_.memories[static_cast<size_t>(p.n->ref)]
               .reads[static_cast<size_t>(p.n->port) / kMaxLeaves]
               .address);
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
    case Op::kMemRead:
      define_read(n);
      return;
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

}  // namespace hlsc
