// Streams, and what a call leaves behind.
#include <algorithm>

#include "hw/hlsc/exec.hpp"

namespace hlsc {

// A port's slot: bit 0 read, bit 1 written, then the record written.
int Exec::port_of(const Pointer& p, const Loc& loc) {
  if (p.choices.size() != 1 || p.choices[0].to.object < 0 || !p.choices[0].to.terms.empty())
    refuse(loc, "which stream is meant depends on data",
           "use if or switch, and name the stream in each branch");
  const Address& a = p.choices[0].to;
  const auto key = std::make_pair(a.object, a.offset);
  const auto it = ports_.find(key);
  if (it != ports_.end()) return it->second;
  const Object& o = objects_[static_cast<size_t>(a.object)];
  if (kernels_ != nullptr) refuse(loc, "a dataflow function uses a stream itself", "it only calls kernels");
  if (o.kind != Object::kParam)
    refuse(loc, "stream '" + o.name + "' inside a kernel",
           "make it a parameter, joined in a DATAFLOW function");
  const StreamId id = stream_at(a.object, a.offset, loc);
  StreamPort s;
  s.name = id.name;
  s.cpp = id.cpp;
  s.payload = id.type->element;
  s.leaves = Types::leaves(s.payload, loc);
  s.bits = Types::packed_bits(s.payload, loc);
  s.loc = loc;
  s.param = o.param;
  s.offset = a.offset;
  if (s.bits == 0) refuse(loc, "records of stream '" + s.cpp + "' have no bits", "give the record a field");
  const int port = static_cast<int>(kernel_.streams.size());
  ports_[key] = port;
  Val first = g().zero(2);
  first.push(g().undef(s.bits));
  port_slots_.push_back(new_slot(s.name, first));
  kernel_.streams.push_back(s);
  return port;
}

// Ports that the code names, also where no call can reach it.
void Exec::find_ports(const llvm::Value& v, const Address& a) {
  for (const llvm::User* u : v.users()) {
    if (const auto* e = llvm::dyn_cast<llvm::GetElementPtrInst>(u)) {
      llvm::APInt offset(64, 0);
      if (!e->accumulateConstantOffset(layout_, offset)) continue;
      Address sub = a;
      sub.offset += offset.getSExtValue();
      find_ports(*e, sub);
      continue;
    }
    const auto* c = llvm::dyn_cast<llvm::CallInst>(u);
    const llvm::Function* f = c == nullptr ? nullptr : c->getCalledFunction();
    if (f == nullptr || !f->getName().starts_with("nvtee_hlsc_") || c->getArgOperand(0) != &v) continue;
    Pointer p;
    p.choices.push_back({{}, a});
    StreamPort& port = kernel_.streams[static_cast<size_t>(port_of(p, program_.loc(*c)))];
    if (f->getName() == "nvtee_hlsc_write") port.drives = true;
    if (f->getName() == "nvtee_hlsc_read") port.takes = true;
  }
}

namespace {
// What may not follow each other in one call.
const char* const kOnce =
    "a stream is read or written once on any way through a call; split the work in two calls";
}  // namespace

void Exec::stream_read(const Pointer& from, const Pointer& to, State& s) {
  const int port = port_of(from, at_);
  const int slot = port_slots_[static_cast<size_t>(port)];
  StreamPort& p = kernel_.streams[static_cast<size_t>(port)];
  if (p.written) no("stream '" + p.cpp + "' is both read and written", "use two streams");
  p.read = true;
  if (!impossible(g().slice(content(s, slot).bits, 0, 1), s))
    no("second read of stream '" + p.cpp + "' on one way", kOnce);
  const Val there = g().source(Op::kNotEmpty, port, 1, p.name + ".not_empty");
  if (!g().bdd().implies(s.bdd, g().bdd_of(there))) p.can_stall = true;
  effect(s);
  change(s, slot).bits = g().replace(content(s, slot).bits, 0, g().bit(true));
  const Val head = g().source(Op::kHead, port, p.bits, p.name);
  for (const Leaf& l : p.leaves) {
    Pointer at = to;
    for (Pointer::Choice& k : at.choices) k.to.offset += static_cast<int64_t>(l.offset);
    store(at, g().zext(g().slice(head, l.lo, l.type->bits), static_cast<unsigned>(l.type->bytes * 8)), s);
  }
}

void Exec::stream_write(const Pointer& to, const Pointer& from, State& s) {
  const int port = port_of(to, at_);
  const int slot = port_slots_[static_cast<size_t>(port)];
  const std::vector<Leaf> leaves = kernel_.streams[static_cast<size_t>(port)].leaves;
  Val data;
  for (const Leaf& l : leaves) {
    Pointer at = from;
    for (Pointer::Choice& k : at.choices) k.to.offset += static_cast<int64_t>(l.offset);
    const Val v = g().slice(load(at, l.type->bytes * 8, s), 0, l.type->bits);
    suggest_name(v, kernel_.streams[static_cast<size_t>(port)].name + "." + l.path);
    data.push(v);
  }
  StreamPort& p = kernel_.streams[static_cast<size_t>(port)];
  if (p.read) no("stream '" + p.cpp + "' is both read and written", "use two streams");
  p.written = true;
  if (!impossible(g().slice(content(s, slot).bits, 1, 1), s))
    no("second write of stream '" + p.cpp + "' on one way", kOnce);
  const Val room = g().source(Op::kNotFull, port, 1, p.name + ".not_full");
  if (!g().bdd().implies(s.bdd, g().bdd_of(room))) p.can_stall = true;
  effect(s);
  Val bits = g().constant(2, 2);
  bits.push(data);
  change(s, slot).bits = g().tidy(bits);
}

Val Exec::stream_empty(const Pointer& p, const State& s) {
  const int port = port_of(p, at_);
  StreamPort& x = kernel_.streams[static_cast<size_t>(port)];
  if (!impossible(g().slice(content(s, port_slots_[static_cast<size_t>(port)]).bits, 0, 1), s))
    no("empty() of stream '" + x.cpp + "' after its read", "ask before reading");
  x.asks_empty = true;
  return g().lnot(g().source(Op::kNotEmpty, port, 1, x.name + ".not_empty"));
}

Val Exec::stream_full(const Pointer& p, const State& s) {
  const int port = port_of(p, at_);
  StreamPort& x = kernel_.streams[static_cast<size_t>(port)];
  if (!impossible(g().slice(content(s, port_slots_[static_cast<size_t>(port)]).bits, 1, 1), s))
    no("full() of stream '" + x.cpp + "' after its write", "ask before writing");
  x.asks_full = true;
  return g().lnot(g().source(Op::kNotFull, port, 1, x.name + ".not_full"));
}

void Exec::effect(const State& s) {
  if (!kernel_.effects.empty() && kernel_.effects.back() == s.lits) return;
  if (std::find(kernel_.effects.begin(), kernel_.effects.end(), s.lits) == kernel_.effects.end())
    kernel_.effects.push_back(s.lits);
}

// Ports in order of the parameters.
void Exec::sort_ports() {
  std::vector<int> order;
  for (const auto& [key, port] : ports_) order.push_back(port);
  std::vector<int> place(order.size());
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<int>(i);
  std::vector<StreamPort> sorted;
  for (int p : order) sorted.push_back(std::move(kernel_.streams[static_cast<size_t>(p)]));
  kernel_.streams = std::move(sorted);
  g().renumber_ports(place);
}

void Exec::collect(State& end) {
  for (size_t i = 0; i < kernel_.streams.size(); ++i) {
    StreamPort& p = kernel_.streams[i];
    const Val bits = content(end, port_slots_[i]).bits;
    if (p.written) p.data = g().slice(bits, 2, p.bits);
    p.request = g().slice(bits, p.written ? 1 : 0, 1);
    if (!p.read && !p.written) {
      p.written = p.drives || (!p.takes && p.asks_full);
      p.read = !p.written;
    }
  }
  for (const RegisterAt& r : registers_at_) {
    Register& x = kernel_.registers[static_cast<size_t>(r.reg)];
    const Val self = g().source(Op::kReg, r.reg, x.bits, x.name);
    const Val now = g().slice(content(end, r.object).bits, static_cast<unsigned>(r.bit), x.bits);
    const Graph::Change c = g().change(now, self);
    x.enable = g().lnot(c.keep);
    x.next = c.data;
  }
  sort_ports();
  for (const Region& r : regions_) {
    for (unsigned b = 0; b < r.banks; ++b) {
      Memory& m = kernel_.memories[static_cast<size_t>(r.first_memory) + b];
      for (unsigned p = 0; p < kMaxPorts; ++p) {
        const Val bits = content(end, r.read_slots[b * kMaxPorts + p]).bits;
        const Val enable = g().slice(bits, 0, 1);
        if (Graph::is_zero(enable)) break;
        m.reads.push_back({enable, g().slice(bits, 1, m.address_bits), m.loc});
      }
      const Val bits = content(end, r.write_slots[b]).bits;
      m.write_address = g().slice(bits, 1, m.address_bits);
      for (size_t i = 0; i < m.leaves.size(); ++i) {
        const unsigned at = 1 + m.address_bits + m.leaves[i].lo + static_cast<unsigned>(i);
        m.writes.push_back({g().slice(bits, at, 1), g().slice(bits, at + 1, m.leaves[i].type->bits)});
      }
    }
  }
}

}  // namespace hlsc
