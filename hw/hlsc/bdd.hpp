// A small package of reduced ordered binary decision diagrams. The translator keeps one for every one-bit
// value, so that it sees which paths exclude each other and which conditions are the same.
//
// The work of one operation is bounded: beyond the bound the result is a fresh variable, which is sound,
// since nothing can be concluded from it.
#ifndef NVTEE_HW_HLSC_BDD_HPP
#define NVTEE_HW_HLSC_BDD_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hlsc {

class Bdd {
 public:
  using Id = int;
  static constexpr Id kFalse = 0, kTrue = 1;

  Bdd();
  Id variable() { return node(variables_++, kFalse, kTrue); }
  Id ite(Id f, Id g, Id h);  // little work, else a fresh variable
  static constexpr Id kTooMuch = -1;
  Id try_ite(Id f, Id g, Id h, int work = 2000);  // kTooMuch when it is more work
  Id land(Id a, Id b) { return ite(a, b, kFalse); }
  Id lor(Id a, Id b) { return ite(a, kTrue, b); }
  Id lnot(Id a) { return ite(a, kFalse, kTrue); }
  // False also when it is too much work to know.
  bool disjoint(Id a, Id b) { return try_ite(a, b, kFalse) == kFalse; }
  bool implies(Id a, Id b) { return try_ite(a, b, kTrue) == kTrue; }

 private:
  struct Node {
    int var;
    Id lo, hi;
  };
  struct Entry {
    Id f, g, h, result;
  };
  static uint32_t hash(int a, int b, int c) {
    uint64_t h = static_cast<uint32_t>(a) * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 29) ^ static_cast<uint32_t>(b)) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 32) ^ static_cast<uint32_t>(c)) * 0x94d049bb133111ebull;
    return static_cast<uint32_t>(h >> 32);
  }

  Id node(int var, Id lo, Id hi);
  void grow();
  Id walk(Id f, Id g, Id h, int& budget);
  Id cofactor(Id f, int var, bool high) const;

  int variables_ = 0;
  std::vector<Node> nodes_;
  std::vector<Id> table_;     // of nodes, by hash; open addressing, 0 = free
  std::vector<Entry> cache_;  // of results; newer ones drive out older ones
};

}  // namespace hlsc

#endif
