// Parameters and static objects of a kernel: ports, registers, memories.
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfo.h>

#include <algorithm>

#include "hw/hlsc/exec.hpp"

namespace hlsc {

using namespace llvm;  // NOLINT

const char* name_of(Storage s) {
  return s == Storage::kLut ? "lutram" : s == Storage::kBlock ? "block" : "ultra";
}

namespace {

unsigned bits_for(uint64_t count) {
  unsigned n = 1;
  while ((uint64_t{1} << n) < count) ++n;
  return n;
}

bool has_stream(const Type* t) {
  if (t->kind == Type::kStream) return true;
  if (t->kind == Type::kArray) return has_stream(t->element);
  if (t->kind != Type::kStruct) return false;
  return std::any_of(t->fields.begin(), t->fields.end(),
                     [](const Type::Field& f) { return has_stream(f.type); });
}

std::vector<const DILocalVariable*> arguments_of(Function& f) {
  std::vector<const DILocalVariable*> r(f.arg_size(), nullptr);
  const DISubprogram* sp = f.getSubprogram();
  const auto take = [&](const DILocalVariable* v) {
    if (v->getArg() != 0 && v->getArg() <= r.size() && v->getScope()->getSubprogram() == sp)
      r[v->getArg() - 1] = v;
  };
  for (const auto* n : sp->getRetainedNodes())
    if (const auto* v = dyn_cast<DILocalVariable>(n)) take(v);
  for (BasicBlock& b : f)
    for (Instruction& i : b)
      for (DbgVariableRecord& d : filterDbgVars(i.getDbgRecordRange())) take(d.getVariable());
  return r;
}

}  // namespace

int Exec::new_object(Object o) {
  objects_.push_back(std::move(o));
  return static_cast<int>(objects_.size()) - 1;
}

int Exec::new_slot(const std::string& name, const Val& first) {
  Object o;
  o.kind = Object::kSlot;
  o.name = name;
  auto c = std::make_shared<Content>();
  c->bits = first;
  o.first = c;
  return new_object(std::move(o));
}

// ---- parameters -----------------------------------------------------------------------------------------
void Exec::make_scalar(Argument& a, const Type* t, const std::string& name) {
  if (t->kind != Type::kLeaf || !a.getType()->isIntegerTy() || t->bits > a.getType()->getIntegerBitWidth())
    no("parameter '" + name + "' is neither a stream nor a scalar of at most 64 bits",
       "pass hls::stream<T>& or ap_uint<W>, W <= 64; keep tables in the kernel's static state");
  ScalarPort p;
  p.name = name;
  p.bits = t->bits;
  p.param = static_cast<int>(a.getArgNo());
  const int ref = static_cast<int>(kernel_.scalars.size());
  kernel_.scalars.push_back(p);
  Sym s;
  s.kind = Sym::kInt;
  s.v = g().zext(g().source(Op::kScalar, ref, t->bits, name), a.getType()->getIntegerBitWidth());
  values_[&a] = s;
}

void Exec::make_params() {
  const DISubprogram* sp = f_.getSubprogram();
  if (sp == nullptr) no("the function has no debug information", "translate with clang 19");
  if (!f_.getReturnType()->isVoidTy())
    no("the function returns something", "return void, and write what it makes to a stream");
  const DITypeRefArray types = sp->getType()->getTypeArray();
  if (types.size() != f_.arg_size() + 1)
    no("a parameter is passed in several pieces or by a hidden copy",
       "pass hls::stream<T>& or ap_uint<W>, W <= 64, and return void");
  const std::vector<const DILocalVariable*> names = arguments_of(f_);
  for (Argument& a : f_.args()) {
    const std::string name =
        names[a.getArgNo()] ? names[a.getArgNo()]->getName().str() : "arg" + std::to_string(a.getArgNo());
    const Type* t = types_.of(types[a.getArgNo() + 1]);
    if (t->kind != Type::kPointer) {
      make_scalar(a, t, name);
      continue;
    }
    if (t->element == nullptr || !has_stream(t->element))
      no("parameter '" + name + "' is a pointer or reference to something that is no stream",
         "pass hls::stream<T>& (memory behind m_axi: nvtee::hw::AxiMaster&)");
    Object o;
    o.kind = Object::kParam;
    o.param = static_cast<int>(a.getArgNo());
    o.name = name;
    o.type = t->element;
    o.bytes = t->element->bytes;
    o.loc = at_;
    auto c = std::make_shared<Content>();
    o.first = c;
    Sym s;
    s.kind = Sym::kPointer;
    Address to;
    to.object = new_object(o);
    s.p.choices.push_back({{}, to});
    values_[&a] = s;
    if (kernels_ == nullptr) find_ports(a, to);
  }
}

Exec::StreamId Exec::stream_at(int object, int64_t offset, const Loc& loc) const {
  const Object& o = objects_[static_cast<size_t>(object)];
  StreamId id{o.name, o.name, o.type};
  int64_t rest = offset;
  while (id.type != nullptr && id.type->kind != Type::kStream) {
    if (id.type->kind == Type::kArray && id.type->element->bytes != 0) {
      const int64_t i = rest / static_cast<int64_t>(id.type->element->bytes);
      rest %= static_cast<int64_t>(id.type->element->bytes);
      id.name += "_" + std::to_string(i);
      id.cpp += "[" + std::to_string(i) + "]";
      id.type = id.type->element;
      continue;
    }
    const Type* next = nullptr;
    if (id.type->kind == Type::kStruct) {
      for (const Type::Field& f : id.type->fields) {
        const auto at = static_cast<int64_t>(f.offset);
        if (rest < at || rest >= at + static_cast<int64_t>(f.type->bytes)) continue;
        if (!f.name.empty()) {
          id.name += "_" + f.name;
          id.cpp += "." + f.name;
        }
        rest -= at;
        next = f.type;
        break;
      }
    }
    id.type = next;
  }
  if (id.type == nullptr)
    refuse(loc, "this is no stream", "read and write parameters of type hls::stream<T>&");
  return id;
}

// ---- statics --------------------------------------------------------------------------------------------
void Exec::write_constant(const Constant& c, uint64_t byte, APInt& to) const {
  const auto put = [&](const APInt& k) {
    const unsigned w =
        static_cast<unsigned>(std::min<uint64_t>(k.getBitWidth(), to.getBitWidth() - byte * 8));
    to.insertBits(k.trunc(w), static_cast<unsigned>(byte * 8));
  };
  if (c.isNullValue() || isa<UndefValue>(c)) return;
  if (const auto* number = dyn_cast<ConstantInt>(&c)) {
    put(number->getValue());
  } else if (const auto* s = dyn_cast<ConstantStruct>(&c)) {
    const StructLayout* l = layout_.getStructLayout(s->getType());
    for (unsigned i = 0; i < s->getNumOperands(); ++i)
      write_constant(*s->getOperand(i), byte + l->getElementOffset(i), to);
  } else if (const auto* a = dyn_cast<ConstantArray>(&c)) {
    const uint64_t size = layout_.getTypeAllocSize(a->getType()->getElementType());
    for (unsigned i = 0; i < a->getNumOperands(); ++i) write_constant(*a->getOperand(i), byte + i * size, to);
  } else if (const auto* d = dyn_cast<ConstantDataSequential>(&c)) {
    const uint64_t size = d->getElementByteSize();
    for (unsigned i = 0; i < d->getNumElements(); ++i) {
      if (!d->getElementType()->isIntegerTy()) no("a floating-point constant", "use ap_int");
      to.insertBits(d->getElementAsAPInt(i), static_cast<unsigned>((byte + i * size) * 8));
    }
  } else {
    no("a constant that is neither a number nor made of numbers", "initialise with integers");
  }
}

APInt Exec::initial_bits(const Constant& c, uint64_t bytes) const {
  APInt r(static_cast<unsigned>(bytes * 8), 0);
  write_constant(c, 0, r);
  return r;
}

const Pragma* Exec::variable_pragma(const std::string& kind, const std::string& path) const {
  const auto fits = [&](std::string v) {
    for (size_t i; (i = v.find("->")) != std::string::npos;) v.replace(i, 2, ".");
    const auto tail = [&](const std::string& t) {
      return path == t || (path.size() > t.size() && path.compare(path.size() - t.size(), t.size(), t) == 0 &&
                           path[path.size() - t.size() - 1] == '.');
    };
    if (v.empty()) return false;
    if (tail(v)) return true;
    const size_t dot = v.find('.');  // "s.table" in a step function that is given the state as s
    return dot != std::string::npos && tail(v.substr(dot + 1));
  };
  const Pragma* found = nullptr;
  for (const Pragma& p : program_.pragmas()) {
    if (p.kind != kind || !fits(p.get("variable"))) continue;
    const bool own = std::find(own_pragmas_.begin(), own_pragmas_.end(), &p) != own_pragmas_.end();
    if (own) fitting_.insert(&p);
    if (own) return &p;
    if (found == nullptr && !program_.is_private(p)) found = &p;
  }
  return found;
}

// What names nothing is a slip of the pen, and the table would quietly be another than was meant.
void Exec::warn_of_pragmas_without_effect() {
  for (const Pragma* p : own_pragmas_) {
    const std::string at = "#pragma HLS " + p->kind + ": ";
    if ((p->kind == "BIND_STORAGE" || p->kind == "ARRAY_PARTITION") && fitting_.count(p) == 0)
      warnings_.add(
          program_.loc(p->loc),
          at + "'" + p->get("variable") + "' is no array that this kernel keeps and uses; it has no effect");
    if (p->kind == "STREAM" && kernels_ == nullptr)
      warnings_.add(program_.loc(p->loc), at + "a kernel has no streams of its own; it has no effect");
    if (p->kind != "INTERFACE" || p->get("port") == "return") continue;
    const auto named = [&](const Argument& a) {
      const auto& names = arguments_of(f_);
      const DILocalVariable* v = names[a.getArgNo()];
      return v != nullptr && v->getName() == p->get("port");
    };
    if (std::none_of(f_.arg_begin(), f_.arg_end(), named))
      warnings_.add(program_.loc(p->loc),
                    at + "there is no parameter '" + p->get("port") + "'; it has no effect");
  }
}

int Exec::object_of(const GlobalVariable& v) {
  const auto it = globals_.find(&v);
  if (it != globals_.end()) return it->second;
  Object o;
  o.name = v.getName().str();
  o.ir = v.getValueType();
  o.bytes = layout_.getTypeAllocSize(v.getValueType());
  SmallVector<DIGlobalVariableExpression*, 1> infos;
  v.getDebugInfo(infos);
  if (!infos.empty()) {
    const DIGlobalVariable* d = infos[0]->getVariable();
    o.name = d->getName().str();
    o.type = types_.of(d->getType());
    o.loc = program_.loc(d);
  }
  if (!v.hasInitializer())
    no("'" + o.name + "' is defined elsewhere", "define it in this file or its headers");
  auto c = std::make_shared<Content>();
  if (v.isConstant()) {
    o.kind = Object::kConstant;
    c->bits = g().constant(initial_bits(*v.getInitializer(), o.bytes));
    o.first = c;
    return globals_[&v] = new_object(o);
  }
  if (o.type == nullptr || StringRef(o.name).starts_with("_ZGV"))
    no("a static with an initialiser that is no constant", "initialise statics by constants");
  o.kind = Object::kStatic;
  if (has_stream(o.type)) {
    o.first = c;
    return globals_[&v] = new_object(o);
  }
  const int id = new_object(o);
  globals_[&v] = id;
  std::optional<APInt> init;
  if (!v.getInitializer()->isNullValue()) init = initial_bits(*v.getInitializer(), o.bytes);
  Val bits;
  lay_out_static(id, o.type, 0, o.name, init ? &*init : nullptr, bits);
  if (bits.width() < o.bytes * 8) bits.push(g().undef(static_cast<unsigned>(o.bytes * 8) - bits.width()));
  c->bits = bits;
  objects_[static_cast<size_t>(id)].first = c;
  return id;
}

void Exec::lay_out_static(int object, const Type* t, uint64_t offset, const std::string& path,
                          const APInt* init, Val& bits) {
  const Loc loc = objects_[static_cast<size_t>(object)].loc;  // objects_ grows
  const auto pad = [&](uint64_t to) {
    if (bits.width() < to * 8) bits.push(g().undef(static_cast<unsigned>(to * 8) - bits.width()));
  };
  switch (t->kind) {
    case Type::kLeaf: {
      pad(offset);
      Register r;
      r.name = path;
      r.bits = t->bits;
      r.init = init ? init->extractBits(t->bits, static_cast<unsigned>(offset * 8)) : APInt(t->bits, 0);
      r.loc = loc;
      const int ref = static_cast<int>(kernel_.registers.size());
      kernel_.registers.push_back(r);
      registers_at_.push_back({object, offset * 8, ref});
      g().at(loc);
      const Val v = g().zext(g().source(Op::kReg, ref, t->bits, path), static_cast<unsigned>(t->bytes * 8));
      bits.push(v);
      return;
    }
    case Type::kStruct:
      for (const Type::Field& f : t->fields)
        lay_out_static(object, f.type, offset + f.offset, f.name.empty() ? path : path + "." + f.name, init,
                       bits);
      return;
    case Type::kArray:
      pad(offset);
      if (lay_out_array(object, t, offset, path, init)) {
        bits.push(g().undef(static_cast<unsigned>(t->bytes * 8)));
        return;
      }
      for (uint64_t i = 0; i < t->count; ++i)
        lay_out_static(object, t->element, offset + i * t->element->bytes,
                       path + "[" + std::to_string(i) + "]", init, bits);
      return;
    default:
      refuse(loc, "static '" + path + "' of type " + t->name + " has no hardware form",
             "statics hold ap_(u)int, C++ integers, bool, enumerations, and arrays and structs of them");
  }
}

// True: the array is memory; false: registers.
bool Exec::lay_out_array(int object, const Type* t, uint64_t offset, const std::string& path,
                         const APInt* init) {
  const Pragma* partition = variable_pragma("ARRAY_PARTITION", path);
  const Pragma* bind = variable_pragma("BIND_STORAGE", path);
  const bool nested = t->element->kind == Type::kArray;
  bool split_outer = false;
  if (partition != nullptr) {
    const Loc where = program_.loc(partition->loc);
    const std::string type = partition->get("type");
    if (!partition->has("complete") && type != "complete") {
      warnings_.add(where, "only complete ARRAY_PARTITION is known; '" + path + "' is kept whole");
    } else {
      const long dim = partition->number("dim", 1);
      if (dim == 0 || !nested) return false;
      split_outer = dim == 1;
      if (!split_outer)
        warnings_.add(where, "ARRAY_PARTITION dim=" + std::to_string(dim) + " has no effect here");
    }
  } else if (bind == nullptr && (t->count <= 8 || options_.as_registers.count(path) != 0)) {
    return false;
  }
  Region r;
  r.object = object;
  r.start = offset;
  r.bytes = t->bytes;
  r.name = path;
  r.banks = split_outer ? static_cast<unsigned>(t->count) : 1;
  r.bank_bytes = split_outer ? t->element->bytes : 0;
  const Type* row = split_outer ? t->element : t;
  uint64_t depth = 1;
  while (row->kind == Type::kArray) {
    depth *= row->count;
    row = row->element;
  }
  r.depth = depth;
  r.row_bytes = row->bytes;
  r.first_memory = static_cast<int>(kernel_.memories.size());
  const Loc where_to = objects_[static_cast<size_t>(object)].loc;
  for (unsigned b = 0; b < r.banks; ++b) {
    const std::string name = split_outer ? path + "[" + std::to_string(b) + "]" : path;
    std::optional<APInt> bank_init;
    const uint64_t bytes = r.row_bytes * depth;
    if (init != nullptr)
      bank_init = init->extractBits(static_cast<unsigned>(bytes * 8),
                                    static_cast<unsigned>((offset + b * r.bank_bytes) * 8));
    g().at(where_to);
    make_memory(r, row, name, bank_init && !bank_init->isZero() ? &*bank_init : nullptr);
    Memory& m = kernel_.memories.back();
    m.loc = where_to;
    if (bind != nullptr) {
      const std::string impl = bind->get("impl", bind->get("type"));
      const bool lut = impl == "lutram" || impl == "LUTRAM", ultra = impl == "uram" || impl == "URAM";
      const bool block = impl == "bram" || impl == "BRAM";
      if (!lut && !ultra && !block)
        refuse(program_.loc(bind->loc), "BIND_STORAGE impl=" + impl, "impl is lutram, bram or uram");
      m.storage = lut ? Storage::kLut : ultra ? Storage::kUltra : Storage::kBlock;
    } else if (m.depth <= 64) {
      m.storage = Storage::kLut;
    } else {
      m.storage = m.depth >= 4096 && m.depth * m.bits >= 500000 ? Storage::kUltra : Storage::kBlock;
    }
  }
  regions_.push_back(r);
  return true;
}

void Exec::make_memory(Region& r, const Type* row, const std::string& name, const APInt* init) {
  Memory m;
  m.name = name;
  m.leaves = Types::leaves(row, objects_[static_cast<size_t>(r.object)].loc);
  if (m.leaves.empty()) no("array '" + name + "' has elements without bits", "remove it");
  m.bits = m.leaves.back().lo + m.leaves.back().type->bits;
  m.depth = r.depth;
  m.address_bits = bits_for(r.depth);
  if (init != nullptr) {
    for (uint64_t i = 0; i < m.depth; ++i) {
      APInt value(m.bits, 0);
      for (const Leaf& l : m.leaves)
        value.insertBits(
            init->extractBits(l.type->bits, static_cast<unsigned>((i * r.row_bytes + l.offset) * 8)), l.lo);
      m.init.push_back(value);
    }
  }
  for (unsigned p = 0; p < kMaxPorts; ++p) {
    Val first = g().zero(1);
    first.push(g().undef(m.address_bits));
    r.read_slots.push_back(new_slot(name, first));
  }
  Val first = g().zero(1);
  first.push(g().undef(m.address_bits));
  for (const Leaf& l : m.leaves) {
    first.push(g().zero(1));
    first.push(g().undef(l.type->bits));
  }
  r.write_slots.push_back(new_slot(name, first));
  kernel_.memories.push_back(m);
}

}  // namespace hlsc
