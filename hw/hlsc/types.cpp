#include "hw/hlsc/types.hpp"

#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/Constants.h>

namespace hlsc {

using namespace llvm;  // NOLINT

namespace {

std::string scope_prefix(const DIScope* s) {
  std::string r;
  for (; s != nullptr; s = s->getScope()) {
    if (const auto* n = dyn_cast<DINamespace>(s)) {
      if (!n->getName().empty()) r = n->getName().str() + "::" + r;
    } else if (const auto* c = dyn_cast<DICompositeType>(s)) {
      r = c->getName().str() + "::" + r;
    }
  }
  return r;
}

const DITemplateValueParameter* value_parameter(const DICompositeType* c, unsigned index) {
  unsigned i = 0;
  for (const auto* p : c->getTemplateParams())
    if (const auto* v = dyn_cast<DITemplateValueParameter>(p))
      if (i++ == index) return v;
  return nullptr;
}

int64_t value_of(const DITemplateValueParameter* p) {
  if (p == nullptr) return 0;
  if (const auto* m = dyn_cast_or_null<ConstantAsMetadata>(p->getValue()))
    if (const auto* k = dyn_cast<ConstantInt>(m->getValue())) return k->getSExtValue();
  return 0;
}

bool in_namespace(const DICompositeType* c, StringRef name) {
  const auto* n = dyn_cast_or_null<DINamespace>(c->getScope());
  return n != nullptr && n->getName() == name;
}

const DIType* strip(const DIType* t) {
  while (const auto* d = dyn_cast_or_null<DIDerivedType>(t)) {
    switch (d->getTag()) {
      case dwarf::DW_TAG_typedef:
      case dwarf::DW_TAG_template_alias:
      case dwarf::DW_TAG_const_type:
      case dwarf::DW_TAG_volatile_type:
      case dwarf::DW_TAG_restrict_type:
        t = d->getBaseType();
        continue;
      default:
        return t;
    }
  }
  return t;
}

}  // namespace

std::string qualified_name(const DIType* t) {
  t = strip(t);
  if (t == nullptr) return "void";
  return scope_prefix(t->getScope()) + t->getName().str();
}

std::string qualified_name(const DISubprogram* s) {
  return scope_prefix(s->getScope()) + s->getName().str();
}

const Type* Types::of(const DIType* t) {
  t = strip(t);
  const auto it = known_.find(t);
  if (it != known_.end()) return it->second;
  return make(t);
}

void Types::fill_record(Type& r, const DICompositeType* c) {
  r.kind = Type::kStruct;
  for (const auto* e : c->getElements()) {
    const auto* d = dyn_cast<DIDerivedType>(e);
    if (d == nullptr || d->isStaticMember()) continue;
    if (d->getTag() == dwarf::DW_TAG_inheritance) {
      r.fields.push_back({"", d->getOffsetInBits() / 8, of(d->getBaseType())});
    } else if (d->getTag() == dwarf::DW_TAG_member) {
      const Type* of_field = of(d->getBaseType());
      if (d->isBitField()) {
        Type bits = *of_field;
        bits.kind = Type::kOther;
        bits.name = "a bit field";
        all_.push_back(std::make_unique<Type>(bits));
        of_field = all_.back().get();
      }
      r.fields.push_back({d->getName().str(), d->getOffsetInBits() / 8, of_field});
    }
  }
}

const Type* Types::make(const DIType* t) {
  all_.push_back(std::make_unique<Type>());
  Type& r = *all_.back();
  known_[t] = &r;
  if (t == nullptr) return &r;
  r.name = qualified_name(t);
  r.bytes = t->getSizeInBits() / 8;
  if (const auto* b = dyn_cast<DIBasicType>(t)) {
    const unsigned e = b->getEncoding();
    if (e == dwarf::DW_ATE_float) return &r;
    r.kind = Type::kLeaf;
    r.is_bool = e == dwarf::DW_ATE_boolean;
    r.bits = r.is_bool ? 1 : static_cast<unsigned>(t->getSizeInBits());
    return &r;
  }
  if (const auto* d = dyn_cast<DIDerivedType>(t)) {
    r.kind = Type::kPointer;
    r.bytes = 8;
    if (d->getTag() == dwarf::DW_TAG_pointer_type || d->getTag() == dwarf::DW_TAG_reference_type ||
        d->getTag() == dwarf::DW_TAG_rvalue_reference_type)
      r.element = of(d->getBaseType());
    return &r;
  }
  const auto* c = dyn_cast<DICompositeType>(t);
  if (c == nullptr) return &r;
  const StringRef name = c->getName();
  if (c->getTag() == dwarf::DW_TAG_enumeration_type) {
    r.kind = Type::kLeaf;
    r.is_enum = true;
    r.bits = static_cast<unsigned>(t->getSizeInBits());
  } else if (c->getTag() == dwarf::DW_TAG_array_type) {
    r.kind = Type::kArray;
    r.element = of(c->getBaseType());
    // A type of several dimensions is an array of arrays.
    std::vector<uint64_t> counts;
    for (const auto* e : c->getElements())
      if (const auto* s = dyn_cast<DISubrange>(e))
        if (auto* k = dyn_cast_if_present<ConstantInt*>(s->getCount())) counts.push_back(k->getZExtValue());
    if (counts.empty()) counts.push_back(0);
    for (size_t i = counts.size(); i-- > 1;) {
      all_.push_back(std::make_unique<Type>());
      Type& inner = *all_.back();
      inner.kind = Type::kArray;
      inner.element = r.element;
      inner.count = counts[i];
      inner.bytes = inner.element->bytes * inner.count;
      r.element = &inner;
    }
    r.count = counts[0];
    r.bytes = r.element->bytes * r.count;
  } else if (name.starts_with("stream<") && in_namespace(c, "hls")) {
    r.kind = Type::kStream;
    for (const auto* p : c->getTemplateParams())
      if (const auto* tp = dyn_cast<DITemplateTypeParameter>(p)) r.element = of(tp->getType());
    r.depth = static_cast<int>(value_of(value_parameter(c, 0)));
  } else if (name.starts_with("ap_uint<") || name.starts_with("ap_int<") ||
             name.starts_with("ap_int_base<")) {
    r.kind = Type::kLeaf;
    r.is_ap = true;
    r.bits = static_cast<unsigned>(value_of(value_parameter(c, 0)));
  } else if (c->getTag() != dwarf::DW_TAG_union_type) {
    if (name.starts_with("axis<") && in_namespace(c, "hls")) {
      r.axis = name.str();
      r.axis_user = value_of(value_parameter(c, 0));
      r.axis_id = value_of(value_parameter(c, 1));
      r.axis_dest = value_of(value_parameter(c, 2));
    }
    fill_record(r, c);
  }
  return &r;
}

namespace {
void walk(const Type* t, const std::string& path, uint64_t offset, const Loc& loc, std::vector<Leaf>& to) {
  switch (t->kind) {
    case Type::kLeaf: {
      Leaf l;
      l.path = path;
      l.offset = offset;
      l.type = t;
      l.lo = to.empty() ? 0 : to.back().lo + to.back().type->bits;
      to.push_back(l);
      return;
    }
    case Type::kStruct:
      for (const Type::Field& f : t->fields) {
        const std::string sub = f.name.empty() ? path : path.empty() ? f.name : path + "." + f.name;
        walk(f.type, sub, offset + f.offset, loc, to);
      }
      return;
    case Type::kArray:
      for (uint64_t i = 0; i < t->count; ++i)
        walk(t->element, path + "[" + std::to_string(i) + "]", offset + i * t->element->bytes, loc, to);
      return;
    default:
      refuse(loc,
             "'" + path + "' of type " + (t->name.empty() ? "(unknown)" : t->name) + " has no fixed bits",
             "records hold ap_(u)int, C++ integers, bool, enumerations, and arrays and structs of them");
  }
}
}  // namespace

std::vector<Leaf> Types::leaves(const Type* t, const Loc& loc) {
  std::vector<Leaf> r;
  walk(t, "", 0, loc, r);
  return r;
}

unsigned Types::packed_bits(const Type* t, const Loc& loc) {
  const std::vector<Leaf> l = leaves(t, loc);
  return l.empty() ? 0 : l.back().lo + l.back().type->bits;
}

}  // namespace hlsc
