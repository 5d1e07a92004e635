// A small package of reduced ordered binary decision diagrams. The translator keeps one for every one-bit
// value, so that it sees which paths exclude each other and which conditions are the same.
//
// The work of one operation is bounded: beyond the bound the result is a fresh variable, which is sound,
// since nothing can be concluded from it.
#ifndef NVTEE_HW_HLSC_BDD_HPP
#define NVTEE_HW_HLSC_BDD_HPP

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace hlsc {

class Bdd {
 public:
  using Id = int;
  static constexpr Id kFalse = 0, kTrue = 1;

  Bdd();
  Id variable() { return node(variables_++, kFalse, kTrue); }
  Id ite(Id f, Id g, Id h);
  Id land(Id a, Id b) { return ite(a, b, kFalse); }
  Id lor(Id a, Id b) { return ite(a, kTrue, b); }
  Id lnot(Id a) { return ite(a, kFalse, kTrue); }
  bool disjoint(Id a, Id b) { return land(a, b) == kFalse; }
  bool implies(Id a, Id b) { return land(a, lnot(b)) == kFalse; }

 private:
  struct Node {
    int var;
    Id lo, hi;
  };
  struct Key {
    int a, b, c;
    bool operator==(const Key& k) const { return a == k.a && b == k.b && c == k.c; }
  };
  struct Hash {
    std::size_t operator()(const Key& k) const {
      uint64_t h = static_cast<uint32_t>(k.a) * 0x9e3779b97f4a7c15ull;
      h = (h ^ (h >> 29) ^ static_cast<uint32_t>(k.b)) * 0xbf58476d1ce4e5b9ull;
      h = (h ^ (h >> 32) ^ static_cast<uint32_t>(k.c)) * 0x94d049bb133111ebull;
      return static_cast<std::size_t>(h ^ (h >> 31));
    }
  };
  struct TooMuch {};

  Id node(int var, Id lo, Id hi);
  Id walk(Id f, Id g, Id h, int& budget);
  Id cofactor(Id f, int var, bool high) const;

  int variables_ = 0;
  std::vector<Node> nodes_;
  std::unordered_map<Key, Id, Hash> unique_, cache_;
};

}  // namespace hlsc

#endif
