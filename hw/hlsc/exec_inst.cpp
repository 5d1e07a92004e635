// Instructions as values of the graph.
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Operator.h>

#include "hw/hlsc/exec.hpp"

namespace hlsc {

using namespace llvm;  // NOLINT

namespace {
Sym of_bits(const Val& v) {
  Sym s;
  s.kind = Sym::kInt;
  s.v = v;
  return s;
}
Sym of_pointer(const Pointer& p) {
  Sym s;
  s.kind = Sym::kPointer;
  s.p = p;
  return s;
}
}  // namespace

// ---- operands -------------------------------------------------------------------------------------------
Sym Exec::constant(const Constant& c) {
  if (const auto* i = dyn_cast<ConstantInt>(&c)) return of_bits(g().constant(i->getValue()));
  if (c.getType()->isIntegerTy()) {
    if (isa<UndefValue>(c)) return of_bits(g().undef(c.getType()->getIntegerBitWidth()));
    no("a constant made of an address", "do not compute with addresses");
  }
  if (c.getType()->isPointerTy()) {
    Address a;
    if (const auto* v = dyn_cast<GlobalVariable>(&c)) {
      a.object = object_of(*v);
    } else if (const auto* e = dyn_cast<GEPOperator>(&c)) {
      APInt offset(64, 0);
      const auto* base =
          dyn_cast<GlobalVariable>(e->stripAndAccumulateConstantOffsets(layout_, offset, true));
      if (base == nullptr) no("an address that cannot be followed", "index arrays directly");
      a.object = object_of(*base);
      a.offset = offset.getSExtValue();
    } else if (!isa<ConstantPointerNull>(c) && !isa<UndefValue>(c)) {
      no("a pointer to a function, or an address that cannot be followed", "call functions by name");
    }
    Pointer p;
    p.choices.push_back({{}, a});
    return of_pointer(p);
  }
  if (c.getType()->isFloatingPointTy()) no("floating point", "use ap_int, scaled");
  Sym s;
  s.kind = Sym::kParts;
  if (auto* st = dyn_cast<StructType>(c.getType())) {
    for (unsigned i = 0; i < st->getNumElements(); ++i)
      s.parts.push_back(constant(*c.getAggregateElement(i)));
  } else if (auto* at = dyn_cast<ArrayType>(c.getType())) {
    for (unsigned i = 0; i < at->getNumElements(); ++i)
      s.parts.push_back(constant(*c.getAggregateElement(i)));
  } else {
    no("a constant of a kind that hardware has no form for", "use integers");
  }
  return s;
}

Sym Exec::get(Value* v, const State&) {
  if (const auto* c = dyn_cast<Constant>(v)) return constant(*c);
  const auto it = values_.find(v);
  if (it == values_.end()) no("a value that was never computed", "tell the authors of hlsc");
  return it->second;
}

Val Exec::bits(Value* v, const State& s) {
  const Sym x = get(v, s);
  if (x.kind != Sym::kInt) no("an address is used as a number", "do not compute with addresses");
  return x.v;
}

Pointer Exec::pointer(Value* v, const State& s) {
  const Sym x = get(v, s);
  if (x.kind != Sym::kPointer) no("a number is used as an address", "do not compute with addresses");
  return x.p;
}

// ---- names ----------------------------------------------------------------------------------------------
void Exec::suggest_name(const Val& v, const std::string& name) {
  Node* n = v.whole();
  if (n == nullptr && v.pieces().size() == 2 && v.pieces()[1].n->op == Op::kConst && v.pieces()[0].lo == 0 &&
      v.pieces()[0].w == v.pieces()[0].n->w)
    n = v.pieces()[0].n;  // extended
  if (n != nullptr && n->name.empty() && n->op >= Op::kNot) n->name = name;
}

void Exec::name_values(Instruction& i) {
  for (DbgVariableRecord& d : filterDbgVars(i.getDbgRecordRange())) {
    if (d.getNumVariableLocationOps() != 1) continue;
    Value* v = d.getVariableLocationOp(0);
    const DILocalVariable* var = d.getVariable();
    if (v == nullptr || var->getName().empty() || is_stand_in(var->getFilename().str())) continue;
    const auto it = values_.find(v);
    if (it == values_.end() || it->second.kind != Sym::kInt) continue;
    std::string name = var->getName().str();
    if (const auto fragment = d.getExpression()->getFragmentInfo()) {
      // The field of the record that lies there.
      const Type* t = types_.of(var->getType());
      try {
        for (const Leaf& l : Types::leaves(t, at_))
          if (l.offset * 8 == fragment->OffsetInBits) name += "." + l.path;
      } catch (const Refusal&) {
        continue;
      }
    }
    suggest_name(it->second.v, name);
  }
}

// ---- instructions ---------------------------------------------------------------------------------------
Sym Exec::binary(BinaryOperator& b, const State& s) {
  const Val x = bits(b.getOperand(0), s), y = bits(b.getOperand(1), s);
  const unsigned w = x.width();
  switch (b.getOpcode()) {
    case Instruction::Add:
      return of_bits(g().add(x, y));
    case Instruction::Sub:
      return of_bits(g().sub(x, y));
    case Instruction::Mul:
      return of_bits(g().mul(x, y));
    case Instruction::And:
      return of_bits(g().land(x, y));
    case Instruction::Or:
      return of_bits(g().lor(x, y));
    case Instruction::Xor:
      return of_bits(g().lxor(x, y));
    case Instruction::Shl:
      return of_bits(g().shift(Op::kShl, x, y));
    case Instruction::LShr:
      return of_bits(g().shift(Op::kLshr, x, y));
    case Instruction::AShr:
      return of_bits(g().shift(Op::kAshr, x, y));
    case Instruction::UDiv:
    case Instruction::URem:
    case Instruction::SDiv:
    case Instruction::SRem: {
      const bool rem = b.getOpcode() == Instruction::URem || b.getOpcode() == Instruction::SRem;
      const bool sgn = b.getOpcode() == Instruction::SDiv || b.getOpcode() == Instruction::SRem;
      if (!Graph::is_const(y)) no("division by a variable", "divide by a constant power of two, or shift");
      const APInt k = g().value(y);
      if (k.isZero()) return of_bits(g().undef(w));
      if (Graph::is_const(x)) {
        const APInt v = g().value(x);
        return of_bits(g().constant(sgn ? (rem ? v.srem(k) : v.sdiv(k)) : (rem ? v.urem(k) : v.udiv(k))));
      }
      const bool positive = !sgn || Graph::is_zero(g().slice(x, w - 1, 1));
      if (!k.isPowerOf2() || !positive)
        no("division by a constant that is no power of two, or of a signed number",
           "divide an unsigned number by a power of two, or multiply by a reciprocal");
      const unsigned n = k.logBase2();
      if (rem) return of_bits(n == 0 ? g().zero(w) : g().zext(g().slice(x, 0, n), w));
      return of_bits(g().zext(g().slice(x, n, w - n), w));
    }
    default:
      no("floating point", "use ap_int, scaled");
  }
}

Sym Exec::compare(ICmpInst& c, const State& s) {
  const Sym a = get(c.getOperand(0), s), b = get(c.getOperand(1), s);
  if (a.kind == Sym::kPointer) {
    if (!c.isEquality() || a.p.choices.size() != 1 || b.p.choices.size() != 1)
      no("addresses are compared", "compare indices");
    const Address &x = a.p.choices[0].to, &y = b.p.choices[0].to;
    if (!x.terms.empty() || !y.terms.empty()) no("addresses are compared", "compare indices");
    const bool same = x == y;
    return of_bits(g().bit(same == (c.getPredicate() == CmpInst::ICMP_EQ)));
  }
  const Val x = a.v, y = b.v;
  switch (c.getPredicate()) {
    case CmpInst::ICMP_EQ:
      return of_bits(g().eq(x, y));
    case CmpInst::ICMP_NE:
      return of_bits(g().lnot(g().eq(x, y)));
    case CmpInst::ICMP_ULT:
      return of_bits(g().ult(x, y));
    case CmpInst::ICMP_UGE:
      return of_bits(g().lnot(g().ult(x, y)));
    case CmpInst::ICMP_UGT:
      return of_bits(g().ult(y, x));
    case CmpInst::ICMP_ULE:
      return of_bits(g().lnot(g().ult(y, x)));
    case CmpInst::ICMP_SLT:
      return of_bits(g().slt(x, y));
    case CmpInst::ICMP_SGE:
      return of_bits(g().lnot(g().slt(x, y)));
    case CmpInst::ICMP_SGT:
      return of_bits(g().slt(y, x));
    default:
      return of_bits(g().lnot(g().slt(y, x)));
  }
}

Sym Exec::cast(CastInst& c, const State& s) {
  if (c.getOpcode() == Instruction::IntToPtr || c.getOpcode() == Instruction::PtrToInt)
    no("an address is turned into a number or back", "index arrays directly");
  if (c.getType()->isPointerTy()) return get(c.getOperand(0), s);
  if (!c.getType()->isIntegerTy() || !c.getOperand(0)->getType()->isIntegerTy())
    no("floating point", "use ap_int, scaled");
  const Val x = bits(c.getOperand(0), s);
  const unsigned w = c.getType()->getIntegerBitWidth();
  switch (c.getOpcode()) {
    case Instruction::ZExt:
      return of_bits(g().zext(x, w));
    case Instruction::SExt:
      return of_bits(g().sext(x, w));
    case Instruction::Trunc:
      return of_bits(g().slice(x, 0, w));
    default:
      return of_bits(x);
  }
}

void Exec::instruction(Instruction& i, State& s) {
  Sym r;
  if (auto* b = dyn_cast<BinaryOperator>(&i)) {
    r = binary(*b, s);
  } else if (auto* c = dyn_cast<ICmpInst>(&i)) {
    r = compare(*c, s);
  } else if (auto* t = dyn_cast<CastInst>(&i)) {
    r = cast(*t, s);
  } else if (auto* sel = dyn_cast<SelectInst>(&i)) {
    const Val c2 = under(bits(sel->getCondition(), s), s);
    r = Graph::is_const(c2) ? get(Graph::is_zero(c2) ? sel->getFalseValue() : sel->getTrueValue(), s)
                            : merge_sym(c2, get(sel->getTrueValue(), s), get(sel->getFalseValue(), s));
  } else if (auto* l = dyn_cast<LoadInst>(&i)) {
    r = load_sym(l->getType(), pointer(l->getPointerOperand(), s), s);
  } else if (auto* st = dyn_cast<StoreInst>(&i)) {
    store_sym(get(st->getValueOperand(), s), st->getValueOperand()->getType(),
              pointer(st->getPointerOperand(), s), s);
    return;
  } else if (auto* gep = dyn_cast<GetElementPtrInst>(&i)) {
    r = get(gep->getPointerOperand(), s);
    MapVector<Value*, APInt> variable;
    APInt fixed(64, 0);
    if (r.kind != Sym::kPointer ||
        !cast_or_null<GEPOperator>(gep)->collectOffset(layout_, 64, variable, fixed))
      no("an address that cannot be followed", "index arrays directly");
    for (Pointer::Choice& k : r.p.choices) {
      k.to.offset += fixed.getSExtValue();
      for (const auto& [v, scale] : variable) {
        const Val index = g().sext(bits(v, s), std::max(64u, v->getType()->getIntegerBitWidth()));
        if (Graph::is_const(index)) {
          k.to.offset += g().value(index).sextOrTrunc(64).getSExtValue() * scale.getSExtValue();
        } else if (scale.isNegative()) {
          no("an index that runs backwards", "index upwards");
        } else if (!scale.isZero()) {
          k.to.terms.push_back({g().slice(index, 0, 64), scale.getSExtValue()});
        }
      }
    }
  } else if (auto* al = dyn_cast<AllocaInst>(&i)) {
    if (!al->isStaticAlloca()) no("an array whose size is not constant", "give it a constant size");
    Object o;
    o.kind = Object::kLocal;
    o.name = al->getName().str();
    o.ir = al->getAllocatedType();
    o.bytes = al->getAllocationSize(layout_)->getFixedValue();
    auto first = std::make_shared<Content>();
    first->bits = g().undef(static_cast<unsigned>(o.bytes * 8));
    o.first = first;
    if (kernels_ != nullptr) {  // a stream of a dataflow function, not declared static
      for (DbgVariableRecord* d : findDVRDeclares(al)) {
        o.name = d->getVariable()->getName().str();
        o.type = types_.of(d->getVariable()->getType());
        o.loc = program_.loc(d->getVariable());
      }
    }
    Pointer p;
    p.choices.push_back({{}, {new_object(o), 0, {}}});
    r = of_pointer(p);
  } else if (auto* e = dyn_cast<ExtractValueInst>(&i)) {
    r = get(e->getAggregateOperand(), s);
    for (unsigned k : e->indices()) {
      Sym part = r.parts[k];
      r = part;
    }
  } else if (auto* in = dyn_cast<InsertValueInst>(&i)) {
    r = get(in->getAggregateOperand(), s);
    Sym* at = &r;
    for (unsigned k : in->indices()) at = &at->parts[k];
    *at = get(in->getInsertedValueOperand(), s);
  } else if (isa<FreezeInst>(&i)) {
    r = get(i.getOperand(0), s);
  } else if (auto* call_inst = dyn_cast<CallInst>(&i)) {
    call(*call_inst, s);
    return;
  } else if (i.getType()->isFPOrFPVectorTy() ||
             (i.getNumOperands() > 0 && i.getOperand(0)->getType()->isFPOrFPVectorTy())) {
    no("floating point", "use ap_int, scaled");
  } else {
    no(std::string("'") + i.getOpcodeName() + "' has no hardware form", "stay within the documented subset");
  }
  values_[&i] = r;
}

// ---- calls ----------------------------------------------------------------------------------------------
bool Exec::intrinsic(CallInst& c, State& s) {
  const auto arg = [&](unsigned i) { return bits(c.getArgOperand(i), s); };
  const auto set = [&](const Val& v) { values_[&c] = of_bits(v); };
  const auto less = [&](bool sgn) { return sgn ? g().slt(arg(0), arg(1)) : g().ult(arg(0), arg(1)); };
  switch (c.getIntrinsicID()) {
    case Intrinsic::not_intrinsic:
      return false;
    case Intrinsic::lifetime_start:
    case Intrinsic::lifetime_end:
    case Intrinsic::assume:
    case Intrinsic::experimental_noalias_scope_decl:
    case Intrinsic::donothing:
    case Intrinsic::invariant_start:
      return true;
    case Intrinsic::expect:
    case Intrinsic::expect_with_probability:
      set(arg(0));
      return true;
    case Intrinsic::is_constant: {
      const Sym x = get(c.getArgOperand(0), s);
      set(g().bit(x.kind == Sym::kInt && Graph::is_const(x.v)));
      return true;
    }
    case Intrinsic::memcpy:
    case Intrinsic::memcpy_inline:
    case Intrinsic::memmove: {
      const Val n = arg(2);
      if (!Graph::is_const(n)) no("a copy of variable length", "copy a constant number of elements");
      copy(pointer(c.getArgOperand(0), s), pointer(c.getArgOperand(1), s), g().value(n).getZExtValue(), s);
      return true;
    }
    case Intrinsic::memset:
    case Intrinsic::memset_inline: {
      const Val n = arg(2), v = arg(1);
      if (!Graph::is_const(n)) no("a fill of variable length", "fill a constant number of elements");
      const auto bytes = static_cast<unsigned>(g().value(n).getZExtValue());
      if (bytes == 0) return true;
      Val all;
      for (unsigned i = 0; i < bytes && !Graph::is_const(v); ++i) all.push(v);
      if (Graph::is_const(v)) all = g().constant(APInt::getSplat(bytes * 8, g().value(v)));
      store(pointer(c.getArgOperand(0), s), all, s);
      return true;
    }
    case Intrinsic::ctpop:
      set(g().popcount(arg(0), arg(0).width()));
      return true;
    case Intrinsic::ctlz:
      set(g().leading_zeros(arg(0), arg(0).width()));
      return true;
    case Intrinsic::cttz:
      set(g().trailing_zeros(arg(0), arg(0).width()));
      return true;
    case Intrinsic::umin:
      set(g().mux(less(false), arg(0), arg(1)));
      return true;
    case Intrinsic::umax:
      set(g().mux(less(false), arg(1), arg(0)));
      return true;
    case Intrinsic::smin:
      set(g().mux(less(true), arg(0), arg(1)));
      return true;
    case Intrinsic::smax:
      set(g().mux(less(true), arg(1), arg(0)));
      return true;
    case Intrinsic::abs: {
      const Val x = arg(0);
      set(g().mux(g().slice(x, x.width() - 1, 1), g().sub(g().zero(x.width()), x), x));
      return true;
    }
    case Intrinsic::usub_sat:
      set(g().mux(less(false), g().zero(arg(0).width()), g().sub(arg(0), arg(1))));
      return true;
    case Intrinsic::bswap:
    case Intrinsic::bitreverse: {
      const Val x = arg(0);
      const unsigned step = c.getIntrinsicID() == Intrinsic::bswap ? 8 : 1;
      Val r;
      for (unsigned at = x.width(); at > 0; at -= step) r.push(g().slice(x, at - step, step));
      set(g().tidy(r));
      return true;
    }
    case Intrinsic::fshl:
    case Intrinsic::fshr: {
      const Val hi = arg(0), lo = arg(1), n = arg(2);
      const unsigned w = hi.width();
      const bool left = c.getIntrinsicID() == Intrinsic::fshl;
      if (!isPowerOf2_32(w)) no("a rotation of a width that is no power of two", "write it with two shifts");
      Val both = lo;
      both.push(hi);
      const Val amount = g().slice(n, 0, Log2_32(w));
      const Val turned = g().shift(left ? Op::kShl : Op::kLshr, g().tidy(both), amount);
      set(g().slice(turned, left ? w : 0, w));
      return true;
    }
    default:
      no("'" + c.getCalledFunction()->getName().str() + "' has no hardware form",
         "stay within the documented subset");
  }
}

void Exec::call(CallInst& c, State& s) {
  const Function* f = c.getCalledFunction();
  if (f == nullptr) no("a call through a pointer (or a virtual call)", "call functions by name");
  if (intrinsic(c, s)) return;
  const StringRef name = f->getName();
  if (name == "nvtee_hlsc_empty" || name == "nvtee_hlsc_full") {
    const Pointer p = pointer(c.getArgOperand(0), s);
    values_[&c] = of_bits(g().zext(name == "nvtee_hlsc_empty" ? stream_empty(p, s) : stream_full(p, s),
                                   c.getType()->getIntegerBitWidth()));
    return;
  }
  if (name == "nvtee_hlsc_read") {
    return stream_read(pointer(c.getArgOperand(0), s), pointer(c.getArgOperand(1), s), s);
  }
  if (name == "nvtee_hlsc_write") {
    return stream_write(pointer(c.getArgOperand(0), s), pointer(c.getArgOperand(1), s), s);
  }
  if (kernels_ != nullptr && kernels_->count(const_cast<Function*>(f)) != 0) {
    Instance in;
    in.kernel = const_cast<Function*>(f);
    in.loc = at_;
    if (!s.lits.empty())
      no("a kernel is called conditionally", "a dataflow function calls each of its kernels once");
    for (Value* v : c.args()) {
      Instance::Arg a;
      const Sym x = get(v, s);
      if (x.kind == Sym::kPointer) {
        if (x.p.choices.size() != 1 || !x.p.choices[0].to.terms.empty() || x.p.choices[0].to.object < 0)
          no("a stream that depends on data", "name the stream");
        a.object = x.p.choices[0].to.object;
        a.offset = x.p.choices[0].to.offset;
      } else if (Graph::is_const(x.v)) {
        a.constant = g().value(x.v);
      } else if (x.v.pieces()[0].n->op == Op::kScalar) {
        a.scalar = x.v.pieces()[0].n->name;
      } else {
        no("a dataflow function computes", "it only calls kernels, with streams and its own scalars");
      }
      in.args.push_back(a);
    }
    instances_.push_back(in);
    return;
  }
  if (!f->isDeclaration())
    no("a call of " + name.str() + " is left: it is recursive, or a kernel of its own",
       "use a loop with a constant bound; join kernels in a DATAFLOW function");
  if (name.contains("_Zn") || name == "malloc" || name == "free" || name.contains("_Zd"))
    no("memory is allocated", "use static arrays");
  no("a call of '" + name.str() + "', which has no body here", "define it in this file or its headers");
}

}  // namespace hlsc
