// How deep logic is once it lies in LUTs of six inputs: bits as an and-inverter graph, and for each bit the
// fewest LUT levels by priority cuts. Wide ands are balanced by arrival. An estimate: the vendor's mapper, or
// Yosys and ABC, restructure more.
#ifndef NVTEE_HW_HLSC_LUTMAP_HPP
#define NVTEE_HW_HLSC_LUTMAP_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hlsc {

class LutMap {
 public:
  using Lit = uint32_t;  // 2 * node, +1: inverted
  using Bits = std::vector<Lit>;
  static constexpr Lit kFalse = 0, kTrue = 1;

  // balance: ands of ands are taken apart and put together by arrival.
  explicit LutMap(bool balance);
  Lit leaf(int depth);                  // arrives after so many levels
  Lit leaf(int depth, const Bits& of);  // of something that is not logic, such as a table's read
  Lit land(Lit a, Lit b);
  Lit lor(Lit a, Lit b) { return land(a ^ 1, b ^ 1) ^ 1; }
  Lit lxor(Lit a, Lit b);
  Lit mux(Lit c, Lit a, Lit b);
  int depth(Lit a) const { return nodes_[a >> 1].depth; }
  // By node: the depth of the deepest logic on the way from it to any of `used`.
  std::vector<int> reach(const Bits& used) const;

  Bits add(const Bits& a, const Bits& b, Lit carry);  // parallel prefix
  Lit carry_out(const Bits& a, const Bits& b, Lit carry);
  Lit all(Bits of);  // and
  Lit parity(Bits of);

 private:
  static constexpr int kInputs = 6, kCuts = 6;
  struct Cut {
    std::array<uint32_t, kInputs> leaf;
    int size = 0, depth = 0;
  };
  struct Node {
    Lit a = 0, b = 0;
    int depth = 0;
    int cuts = 0;
    std::array<Cut, kCuts> cut;
  };
  Lit and_two(Lit a, Lit b);
  void make_cuts(uint32_t id);
  static bool join(const Cut& a, const Cut& b, Cut& to);
  void gather(Lit a, Bits& to, int limit) const;
  void grow();
  void prefix(Bits& g, Bits& p);

  bool balance_;
  std::vector<Node> nodes_;
  std::vector<std::pair<uint32_t, uint32_t>> through_;  // (leaf, node that it comes of), in order of leaves
  std::vector<uint32_t> table_;
};

}  // namespace hlsc

#endif
