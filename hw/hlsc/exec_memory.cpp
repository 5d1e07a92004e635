// Loads and stores: locals and registers bit by bit, tables by rows.
#include <algorithm>

#include "hw/hlsc/exec.hpp"

namespace hlsc {

using namespace llvm;  // NOLINT

const Content& Exec::content(const State& s, int object) const {
  const auto i = static_cast<size_t>(object);
  if (i < s.memory.size() && s.memory[i]) return *s.memory[i];
  return *objects_[i].first;
}

Content& Exec::change(State& s, int object) {
  const auto i = static_cast<size_t>(object);
  if (s.memory.size() <= i) s.memory.resize(i + 1);
  auto fresh = std::make_shared<Content>(s.memory[i] ? *s.memory[i] : *objects_[i].first);
  s.memory[i] = fresh;
  return *fresh;
}

// ---- typed access ---------------------------------------------------------------------------------------
Sym Exec::load_sym(llvm::Type* t, const Pointer& p, State& s) {
  Sym r;
  if (t->isPointerTy()) {
    r.kind = Sym::kPointer;
    r.p = load_pointer(p, s);
  } else if (t->isIntegerTy()) {
    r.kind = Sym::kInt;
    const unsigned w = t->getIntegerBitWidth();
    r.v = g().slice(load(p, layout_.getTypeStoreSizeInBits(t), s), 0, w);
  } else if (t->isStructTy() || t->isArrayTy()) {
    r.kind = Sym::kParts;
    const unsigned n =
        t->isStructTy() ? t->getStructNumElements() : static_cast<unsigned>(t->getArrayNumElements());
    for (unsigned i = 0; i < n; ++i) {
      llvm::Type* e = t->isStructTy() ? t->getStructElementType(i) : t->getArrayElementType();
      const uint64_t at = t->isStructTy()
                              ? layout_.getStructLayout(cast_or_null<StructType>(t))->getElementOffset(i)
                              : i * layout_.getTypeAllocSize(e);
      Pointer q = p;
      for (Pointer::Choice& k : q.choices) k.to.offset += static_cast<int64_t>(at);
      r.parts.push_back(load_sym(e, q, s));
    }
  } else {
    no("floating point or vectors in memory", "use ap_int");
  }
  return r;
}

void Exec::store_sym(const Sym& v, llvm::Type* t, const Pointer& p, State& s) {
  if (v.kind == Sym::kParts) {
    for (unsigned i = 0; i < v.parts.size(); ++i) {
      llvm::Type* e = t->isStructTy() ? t->getStructElementType(i) : t->getArrayElementType();
      const uint64_t at = t->isStructTy()
                              ? layout_.getStructLayout(cast_or_null<StructType>(t))->getElementOffset(i)
                              : i * layout_.getTypeAllocSize(e);
      Pointer q = p;
      for (Pointer::Choice& k : q.choices) k.to.offset += static_cast<int64_t>(at);
      store_sym(v.parts[i], e, q, s);
    }
    return;
  }
  if (v.kind == Sym::kPointer) {
    if (p.choices.size() != 1 || !p.choices[0].to.terms.empty() || p.choices[0].to.object < 0)
      no("an address is stored at a place that depends on data", "keep no pointers in arrays");
    const Address& a = p.choices[0].to;
    if (objects_[static_cast<size_t>(a.object)].kind != Object::kLocal)
      no("an address is kept in the state", "keep an index instead");
    change(s, a.object).pointers[static_cast<uint64_t>(a.offset)] = v.p;
    return;
  }
  store(p, g().zext(v.v, static_cast<unsigned>(layout_.getTypeStoreSizeInBits(t))), s);
}

Pointer Exec::load_pointer(const Pointer& p, State& s) {
  if (p.choices.size() != 1 || !p.choices[0].to.terms.empty() || p.choices[0].to.object < 0)
    no("an address is loaded from a place that depends on data", "keep no pointers in arrays");
  const Address& a = p.choices[0].to;
  const Content& c = content(s, a.object);
  const auto it = c.pointers.find(static_cast<uint64_t>(a.offset));
  if (it == c.pointers.end()) {
    Pointer null;
    null.choices.push_back({{}, {}});
    return null;
  }
  return it->second;
}

void Exec::copy(const Pointer& to, const Pointer& from, uint64_t bytes, State& s) {
  if (bytes == 0) return;
  const Val v = load(from, bytes * 8, s);
  std::map<uint64_t, Pointer> carried;
  if (from.choices.size() == 1 && from.choices[0].to.terms.empty()) {
    const Address& a = from.choices[0].to;
    for (const auto& [at, p] : content(s, a.object).pointers)
      if (at >= static_cast<uint64_t>(a.offset) && at < static_cast<uint64_t>(a.offset) + bytes)
        carried[at - static_cast<uint64_t>(a.offset)] = p;
  }
  store(to, v, s);
  for (const auto& [at, p] : carried) {
    const Address& a = to.choices[0].to;
    if (to.choices.size() != 1 || !a.terms.empty() ||
        objects_[static_cast<size_t>(a.object)].kind != Object::kLocal)
      no("an address is kept in the state or copied to a place that depends on data",
         "keep an index instead");
    change(s, a.object).pointers[static_cast<uint64_t>(a.offset) + at] = p;
  }
}

// ---- bits -----------------------------------------------------------------------------------------------
Val Exec::load(const Pointer& p, uint64_t width, State& s) {
  Val r;
  for (size_t i = p.choices.size(); i-- > 0;) {
    const Pointer::Choice& k = p.choices[i];
    const Val when = i + 1 == p.choices.size() ? g().bit(true) : under(k.when, s);
    if (Graph::is_zero(when)) continue;
    const Val v = load_at(k.to, width, s);
    r = r.width() == 0 || Graph::is_const(when) ? v : g().mux(when, v, r);
  }
  return r;
}

void Exec::store(const Pointer& p, const Val& v, State& s) {
  if (p.choices.size() == 1) return store_at(p.choices[0].to, v, s);
  // One way for each place.
  for (const Pointer::Choice& k : p.choices) {
    const Val when = &k == &p.choices.back() ? g().bit(true) : under(k.when, s);
    if (Graph::is_zero(when)) continue;
    if (Graph::is_const(when)) return store_at(k.to, v, s);
    Edge here, there;
    here.state = s;
    there.state = s;
    if (!feasible(here.state, when)) continue;
    assume(here.state, when);
    assume(there.state, g().lnot(when));
    store_at(k.to, v, here.state);
    Pointer rest;
    rest.choices.assign(&k + 1, p.choices.data() + p.choices.size());
    store(rest, v, there.state);
    s = merge_two(here, there).state;
    return;
  }
}

Exec::Region* Exec::region_of(const Address& a) {
  for (Region& r : regions_) {
    const auto from = static_cast<int64_t>(r.start), to = static_cast<int64_t>(r.start + r.bytes);
    if (r.object == a.object && a.offset >= from && a.offset < to) return &r;
  }
  return nullptr;
}

Exec::Stride Exec::array_around(llvm::Type* ir, uint64_t from, uint64_t to, uint64_t offset,
                                uint64_t scale) const {
  uint64_t base = 0;
  while (ir != nullptr) {
    if (auto* st = dyn_cast<StructType>(ir)) {
      const StructLayout* l = layout_.getStructLayout(st);
      if (st->getNumElements() == 0 || offset - base >= l->getSizeInBytes()) break;
      const unsigned i = l->getElementContainingOffset(offset - base);
      base += l->getElementOffset(i);
      ir = st->getElementType(i);
    } else if (auto* at = dyn_cast<ArrayType>(ir)) {
      const uint64_t size = layout_.getTypeAllocSize(at->getElementType());
      if (size == scale) return {base, at->getNumElements()};
      if (size < scale || size == 0) break;
      base += (offset - base) / size * size;
      ir = at->getElementType();
    } else {
      break;
    }
  }
  const uint64_t start = from + (offset - from) % scale;
  return {start, (to - start + scale - 1) / scale};
}

// An index may be negative where an address points into the middle of an array: then it counts from the
// array's begin instead. `a` gets the address of the element that index 0 means; returned is its place.
uint64_t Exec::from_begin(Address& a, size_t term, const Stride& st) {
  Address::Term& t = a.terms[term];
  const auto scale = static_cast<uint64_t>(t.scale);
  const uint64_t base = (static_cast<uint64_t>(a.offset) - st.start) / scale;
  if (base == 0 || base >= st.count || g().significant(t.index) < t.index.width()) return base;
  t.index = g().add(t.index, g().constant(base, t.index.width()));
  a.offset -= static_cast<int64_t>(base * scale);
  return 0;
}

Val Exec::load_window(const Val& all, Address a, size_t term, uint64_t width, uint64_t from, uint64_t to,
                      llvm::Type* ir) {
  const auto offset = static_cast<uint64_t>(a.offset);
  if (term == a.terms.size()) {
    if (a.offset < 0 || offset * 8 + width > all.width()) return g().undef(static_cast<unsigned>(width));
    return g().slice(all, static_cast<unsigned>(offset * 8), static_cast<unsigned>(width));
  }
  const auto scale = static_cast<uint64_t>(a.terms[term].scale);
  const Stride st = array_around(ir, from, to, offset, scale);
  const uint64_t base = from_begin(a, term, st);
  const Val& index = a.terms[term].index;
  const unsigned known = g().significant(index);
  std::vector<Val> elements;
  for (uint64_t k = 0; base + k < st.count && (known >= 32 || k < (uint64_t{1} << known)); ++k) {
    Address sub = a;
    sub.offset += static_cast<int64_t>(k * scale);
    const uint64_t at = st.start + (base + k) * scale;
    elements.push_back(load_window(all, sub, term + 1, width, at, at + scale, ir));
  }
  if (elements.empty()) no("an index is out of bounds", "check the bounds of the array");
  const bool fixed =
      std::all_of(elements.begin(), elements.end(), [](const Val& v) { return Graph::is_const(v); });
  if (!fixed || elements.size() <= 8) return g().pick(elements, index);
  std::vector<APInt> rows;
  for (const Val& v : elements) rows.push_back(g().value(v));
  unsigned bits = 1;
  while ((size_t{1} << bits) < rows.size()) ++bits;
  const std::string& name = objects_[static_cast<size_t>(a.object)].name;
  for (size_t i = 0; i < kernel_.roms.size(); ++i)
    if (kernel_.roms[i].rows == rows)
      return g().rom(static_cast<int>(i), g().slice(index, 0, bits), static_cast<unsigned>(width), name);
  kernel_.roms.push_back({name, static_cast<unsigned>(width), rows, at_});
  return g().rom(static_cast<int>(kernel_.roms.size()) - 1, g().slice(index, 0, bits),
                 static_cast<unsigned>(width), name);
}

void Exec::store_window(Val& all, Address a, size_t term, const Val& v, const Val& when, uint64_t from,
                        uint64_t to, llvm::Type* ir) {
  const auto offset = static_cast<uint64_t>(a.offset);
  if (term == a.terms.size()) {
    if (a.offset < 0 || offset * 8 + v.width() > all.width()) return;
    const auto lo = static_cast<unsigned>(offset * 8);
    all = g().replace(all, lo, g().mux(when, v, g().slice(all, lo, v.width())));
    return;
  }
  const auto scale = static_cast<uint64_t>(a.terms[term].scale);
  const Stride st = array_around(ir, from, to, offset, scale);
  const uint64_t base = from_begin(a, term, st);
  const Val& index = a.terms[term].index;
  const unsigned known = g().significant(index);
  unsigned bits = 1;
  while ((uint64_t{1} << bits) < st.count - base) ++bits;
  for (uint64_t k = 0; base + k < st.count && (known >= 32 || k < (uint64_t{1} << known)); ++k) {
    Address sub = a;
    sub.offset += static_cast<int64_t>(k * scale);
    const uint64_t at = st.start + (base + k) * scale;
    const Val hit = g().eq(g().slice(index, 0, bits), g().constant(k, bits));
    store_window(all, sub, term + 1, v, g().land(when, hit), at, at + scale, ir);
  }
}

namespace {
Address by_scale(Address a) {
  std::sort(a.terms.begin(), a.terms.end(),
            [](const Address::Term& x, const Address::Term& y) { return x.scale > y.scale; });
  return a;
}
}  // namespace

Val Exec::load_at(const Address& a, uint64_t width, State& s) {
  if (a.object < 0)
    no("a load through a null pointer, or one that cannot be followed", "use references to objects");
  const Object& o = objects_[static_cast<size_t>(a.object)];
  if (o.kind == Object::kParam) no("a parameter's memory is read", "only its streams can be used");
  if (Region* r = region_of(a)) return load_row(*r, a, width, s);
  const Content& c = content(s, a.object);
  return load_window(c.bits, by_scale(a), 0, width, 0, o.bytes, o.ir);
}

void Exec::store_at(const Address& a, const Val& v, State& s) {
  if (a.object < 0)
    no("a store through a null pointer, or one that cannot be followed", "use references to objects");
  const Object& o = objects_[static_cast<size_t>(a.object)];
  if (o.kind == Object::kParam) no("a parameter's memory is written", "only its streams can be used");
  if (o.kind == Object::kConstant) no("a constant is written", "make it a variable");
  if (Region* r = region_of(a)) return store_row(*r, a, v, s);
  const Val before = content(s, a.object).bits;
  Val after = before;
  store_window(after, by_scale(a), 0, v, g().bit(true), 0, o.bytes, o.ir);
  if (o.kind == Object::kStatic && !(after == before)) effect(s);
  Content& c = change(s, a.object);
  c.bits = after;
  if (a.terms.empty()) {
    const auto from = static_cast<uint64_t>(a.offset);
    c.pointers.erase(c.pointers.lower_bound(from), c.pointers.lower_bound(from + v.width() / 8));
  }
}

// ---- rows of tables -------------------------------------------------------------------------------------
Exec::RowAddress Exec::row_address(const Region& r, const Address& a) {
  RowAddress x;
  const auto rel = static_cast<uint64_t>(a.offset) - r.start;
  const Memory& m = kernel_.memories[static_cast<size_t>(r.first_memory)];
  const unsigned w = 64;
  Val index = g().constant((r.bank_bytes ? rel % r.bank_bytes : rel) / r.row_bytes, w);
  Val bank = g().constant(r.bank_bytes ? rel / r.bank_bytes : 0, w);
  x.inner.object = a.object;
  x.inner.offset = static_cast<int64_t>(rel % r.row_bytes);
  for (const Address::Term& t : a.terms) {
    const auto scale = static_cast<uint64_t>(t.scale);
    const auto times = [&](uint64_t k) { return k == 1 ? t.index : g().mul(t.index, g().constant(k, w)); };
    if (r.bank_bytes && scale % r.bank_bytes == 0) {
      bank = g().add(bank, times(scale / r.bank_bytes));
    } else if (scale % r.row_bytes == 0) {
      index = g().add(index, times(scale / r.row_bytes));
    } else {
      x.inner.terms.push_back(t);
    }
  }
  x.index = g().slice(index, 0, m.address_bits);
  if (r.bank_bytes) x.bank = bank;
  return x;
}

Val Exec::row_image(const Memory& m, const std::vector<Val>& leaves) const {
  Val row;
  Graph& graph = *kernel_.graph;
  for (size_t i = 0; i < m.leaves.size(); ++i) {
    const Leaf& l = m.leaves[i];
    const auto at = static_cast<unsigned>(l.offset * 8), w = static_cast<unsigned>(l.type->bytes * 8);
    if (row.width() < at) row.push(graph.undef(at - row.width()));
    row.push(leaves[i].width() == 0 ? graph.undef(w) : graph.zext(leaves[i], w));
  }
  return row;
}

// The whole row as it lies in memory, of which bytes from..to are wanted.
Val Exec::read_bank(Region& r, unsigned bank, const Val& index, uint64_t from, uint64_t to, State& s) {
  const auto memory = static_cast<size_t>(r.first_memory) + bank;
  std::vector<Val> leaves(kernel_.memories[memory].leaves.size());
  for (unsigned i = 0; i < leaves.size(); ++i) {
    const Leaf& l = kernel_.memories[memory].leaves[i];
    if (l.offset < to && l.offset + l.type->bytes > from) leaves[i] = memory_leaf(r, bank, index, i, s);
  }
  Val row = row_image(kernel_.memories[memory], leaves);
  if (row.width() < r.row_bytes * 8)
    row.push(g().undef(static_cast<unsigned>(r.row_bytes * 8) - row.width()));
  return row;
}

Val Exec::leaf_source(int memory, unsigned port, unsigned leaf) {
  const Memory& m = kernel_.memories[static_cast<size_t>(memory)];
  const Leaf& l = m.leaves[leaf];
  const std::string name = l.path.empty() ? m.name : m.name + "." + l.path;
  g().at(m.loc);
  const Val v =
      g().source(Op::kMemRead, memory, l.type->bits, name, static_cast<int>(port * kMaxLeaves + leaf));
  g().at(at_);
  return v;
}

Val Exec::memory_leaf(Region& r, unsigned bank, const Val& index, unsigned leaf, State& s) {
  const int memory = r.first_memory + static_cast<int>(bank);
  const Memory& m = kernel_.memories[static_cast<size_t>(memory)];
  const Leaf& l = m.leaves[leaf];
  // What this call wrote already.
  const Val& written = content(s, r.write_slots[bank]).bits;
  const Val we = under(g().slice(written, 1 + m.address_bits + l.lo + leaf, 1), s);
  const bool maybe = !impossible(we, s);
  Val hit = g().bit(false), data;
  if (maybe) {
    const Val at = under(g().slice(written, 1, m.address_bits), s);
    data = g().slice(written, 2 + m.address_bits + l.lo + leaf, l.type->bits);
    hit = g().land(we, g().eq(at, index));
    if (Graph::is_ones(hit)) return data;
  }
  for (unsigned p = 0; p < kMaxPorts; ++p) {
    const int slot = r.read_slots[bank * kMaxPorts + p];
    const Val bits = content(s, slot).bits;
    const Val used = under(g().slice(bits, 0, 1), s), at = under(g().slice(bits, 1, m.address_bits), s);
    if (!impossible(used, s) && !(at == index)) continue;
    if (!Graph::is_ones(used) || !(at == index)) {
      Val fresh = g().bit(true);
      fresh.push(index);
      change(s, slot).bits = g().tidy(fresh);
    }
    return g().mux(hit, data, leaf_source(memory, p, leaf));
  }
  no("array '" + m.name + "' is read at more than " + std::to_string(kMaxPorts) + " addresses on one way",
     "read one row a call, or #pragma HLS ARRAY_PARTITION variable=" + r.name + " complete");
}

Val Exec::load_row(Region& r, const Address& a, uint64_t width, State& s) {
  RowAddress x = row_address(r, a);
  x.index = under(x.index, s);
  r.used = true;
  if (!Graph::is_const(x.index) || (x.bank.width() != 0 && !Graph::is_const(x.bank))) r.variable_index = true;
  const auto offset = static_cast<uint64_t>(x.inner.offset);
  if (x.inner.terms.empty() && offset + width / 8 > r.row_bytes)
    no("more than one row of '" + r.name + "' is read at once",
       "read one row a call, or partition the array");
  const uint64_t from = x.inner.terms.empty() ? offset : 0;
  const uint64_t to = x.inner.terms.empty() ? offset + (width + 7) / 8 : r.row_bytes;
  const auto cut = [&](const Val& row) {
    return load_window(row, by_scale(x.inner), 0, width, 0, r.row_bytes, nullptr);
  };
  if (x.bank.width() == 0) return cut(read_bank(r, 0, x.index, from, to, s));
  if (Graph::is_const(x.bank))
    return cut(read_bank(r, static_cast<unsigned>(g().value(x.bank).getZExtValue() % r.banks), x.index, from,
                         to, s));
  std::vector<Val> rows;
  for (unsigned b = 0; b < r.banks; ++b) {
    const Val here = g().eq(x.bank, g().constant(b, x.bank.width()));
    Edge yes, other;
    yes.state = s;
    other.state = s;
    if (!feasible(s, here)) {
      rows.push_back(g().undef(static_cast<unsigned>(r.row_bytes * 8)));
      continue;
    }
    assume(yes.state, here);
    rows.push_back(read_bank(r, b, x.index, from, to, yes.state));
    if (feasible(s, g().lnot(here))) {
      assume(other.state, g().lnot(here));
      s = merge_two(yes, other).state;
    } else {
      s = yes.state;
    }
  }
  return cut(g().pick(rows, x.bank));
}

// Stores the bits of a value that lie in the row from `byte` on.
void Exec::write_bank(Region& r, unsigned bank, const Val& index, uint64_t byte, const Val& v, State& s) {
  const int memory = r.first_memory + static_cast<int>(bank);
  const Memory& m = kernel_.memories[static_cast<size_t>(memory)];
  const uint64_t end = byte + v.width() / 8;
  for (unsigned i = 0; i < m.leaves.size(); ++i) {
    const Leaf& l = m.leaves[i];
    if (l.offset + l.type->bytes <= byte || l.offset >= end) continue;
    Val data;
    if (l.offset >= byte && l.offset + l.type->bytes <= end) {
      data = g().slice(v, static_cast<unsigned>((l.offset - byte) * 8), l.type->bits);
    } else {  // a part of the leaf
      const auto w = static_cast<unsigned>(l.type->bytes * 8);
      Val whole = g().zext(memory_leaf(r, bank, index, i, s), w);
      const uint64_t from = std::max<uint64_t>(byte, l.offset),
                     to = std::min<uint64_t>(end, l.offset + l.type->bytes);
      const Val part =
          g().slice(v, static_cast<unsigned>((from - byte) * 8), static_cast<unsigned>((to - from) * 8));
      data =
          g().slice(g().replace(whole, static_cast<unsigned>((from - l.offset) * 8), part), 0, l.type->bits);
    }
    if (Graph::is_undef(data)) continue;
    const int slot = r.write_slots[bank];
    const Val bits = content(s, slot).bits;
    const unsigned at_we = 1 + m.address_bits + l.lo + i;
    const Val any = g().slice(bits, 0, 1), before = under(g().slice(bits, at_we, 1), s);
    const Val address = under(g().slice(bits, 1, m.address_bits), s);
    const bool first_row = impossible(any, s);
    if (!first_row && !(address == index))
      no("array '" + m.name + "' is written at two addresses on one way",
         "write one row a call, or split the work in two calls");
    Val enable = g().bit(true);
    if (impossible(before, s)) {
      // What is only written back needs no write.
      for (unsigned p = 0; p < kMaxPorts; ++p) {
        const Val port = content(s, r.read_slots[bank * kMaxPorts + p]).bits;
        if (!(under(g().slice(port, 1, m.address_bits), s) == index)) continue;
        const Graph::Change c = g().change(data, leaf_source(memory, p, i));
        enable = under(g().lnot(c.keep), s);
        data = c.data;
        if (!Graph::is_ones(enable)) break;
      }
    } else if (data == g().slice(bits, at_we + 1, l.type->bits)) {
      continue;
    }
    if (Graph::is_zero(enable)) continue;
    effect(s);
    Val after = g().replace(bits, 0, g().bit(true));
    after = g().replace(after, 1, index);
    after = g().replace(after, at_we, enable);
    change(s, slot).bits = g().replace(after, at_we + 1, data);
  }
}

void Exec::store_row(Region& r, const Address& a, const Val& v, State& s) {
  RowAddress x = row_address(r, a);
  x.index = under(x.index, s);
  r.used = true;
  if (!Graph::is_const(x.index) || (x.bank.width() != 0 && !Graph::is_const(x.bank))) r.variable_index = true;
  const auto offset = static_cast<uint64_t>(x.inner.offset);
  if (x.inner.terms.empty() && offset + v.width() / 8 > r.row_bytes)
    no("more than one row of '" + r.name + "' is written at once",
       "write one row a call, or partition the array");
  const auto put = [&](unsigned bank, State& to) {
    if (x.inner.terms.empty()) return write_bank(r, bank, x.index, offset, v, to);
    Val row = read_bank(r, bank, x.index, 0, r.row_bytes, to);
    store_window(row, by_scale(x.inner), 0, v, g().bit(true), 0, r.row_bytes, nullptr);
    write_bank(r, bank, x.index, 0, row, to);
  };
  if (x.bank.width() == 0) return put(0, s);
  if (Graph::is_const(x.bank))
    return put(static_cast<unsigned>(g().value(x.bank).getZExtValue() % r.banks), s);
  for (unsigned b = 0; b < r.banks; ++b) {
    const Val here = g().eq(x.bank, g().constant(b, x.bank.width()));
    if (!feasible(s, here)) continue;
    Edge yes, other;
    yes.state = s;
    other.state = s;
    assume(yes.state, here);
    put(b, yes.state);
    if (feasible(s, g().lnot(here))) {
      assume(other.state, g().lnot(here));
      s = merge_two(yes, other).state;
    } else {
      s = yes.state;
    }
  }
}

}  // namespace hlsc
