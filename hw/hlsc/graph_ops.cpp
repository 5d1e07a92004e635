// The operators of the graph, with what they simplify.
#include <algorithm>
#include <cassert>

#include "hw/hlsc/graph.hpp"

namespace hlsc {

using llvm::APInt;

namespace {
Val one_piece(const Piece& p) {
  Val v;
  v.push(p);
  return v;
}
bool constant_piece(const Piece& p) {
  return p.n->op == Op::kConst;
}
}  // namespace

// ---- bitwise --------------------------------------------------------------------------------------------
Val Graph::lnot(const Val& a) {
  Val r;
  for (const Piece& p : a.pieces()) {
    if (p.n->op == Op::kConst) {
      r.push(constant(~p.n->k.extractBits(p.w, p.lo)));
    } else if (p.n->op == Op::kUndef) {
      r.push(p);
    } else if (p.n->op == Op::kNot) {
      r.push(slice(p.n->in[0], p.lo, p.w));
    } else {
      r.push(make(Op::kNot, p.w, {one_piece(p)}));
    }
  }
  return tidy(r);
}

// x | (!x & y) and its like: what is inside a condition and follows from the rest is left out.
bool Graph::absorbed(Op op, const Val& a, const Val& b, Val& to) {
  const bool is_or = op == Op::kOr;
  const auto both = [&](Bdd::Id p, Bdd::Id q) {
    return is_or ? bdd_.try_ite(p, Bdd::kTrue, q, 200) : bdd_.try_ite(p, q, Bdd::kFalse, 200);
  };
  const Bdd::Id whole = both(bdd_of(a), bdd_of(b));
  if (whole == Bdd::kTooMuch) return false;
  for (const bool swap : {false, true}) {
    const Val &x = swap ? b : a, &y = swap ? a : b;
    const Node* n = y.whole();
    if (n == nullptr || (n->op != Op::kAnd && n->op != Op::kOr)) continue;
    for (size_t i = 0; i < 2; ++i) {
      const Val rest = n->in[i];
      if (both(bdd_of(x), bdd_of(rest)) != whole) continue;
      to = bitwise(op, x, rest);
      return true;
    }
  }
  return false;
}

Val Graph::bitwise_segment(Op op, const Val& a, const Val& b) {
  const unsigned w = a.width();
  if (a == b) return op == Op::kXor ? zero(w) : a;
  if (is_undef(a) || is_undef(b)) {
    const Val& other = is_undef(a) ? b : a;
    return op == Op::kXor ? undef(w) : op == Op::kAnd ? zero(w) : other;
  }
  if (is_zero(a) || is_zero(b)) {
    const Val& other = is_zero(a) ? b : a;
    return op == Op::kAnd ? zero(w) : other;
  }
  if (is_ones(a) || is_ones(b)) {
    const Val& other = is_ones(a) ? b : a;
    return op == Op::kAnd ? other : op == Op::kOr ? constant(APInt::getAllOnes(w)) : lnot(other);
  }
  Node *na = a.whole(), *nb = b.whole();
  if ((na && na->op == Op::kNot && na->in[0] == b) || (nb && nb->op == Op::kNot && nb->in[0] == a))
    return op == Op::kAnd ? zero(w) : constant(APInt::getAllOnes(w));
  Val simpler;
  if (w == 1 && op != Op::kXor && absorbed(op, a, b, simpler)) return simpler;
  const bool swap = a.pieces()[0].n->id > b.pieces()[0].n->id ||
                    (a.pieces()[0].n == b.pieces()[0].n && a.pieces()[0].lo > b.pieces()[0].lo);
  return swap ? make(op, w, {b, a}) : make(op, w, {a, b});
}

Val Graph::bitwise(Op op, const Val& a, const Val& b) {
  assert(a.width() == b.width());
  if (is_const(a) && is_const(b)) {
    const APInt x = value(a), y = value(b);
    return constant(op == Op::kAnd ? x & y : op == Op::kOr ? x | y : x ^ y);
  }
  Val r;
  for (const Segment& s : align(a, b)) {
    const bool ka = constant_piece(s.a), kb = constant_piece(s.b);
    if (!ka && !kb) {
      r.push(bitwise_segment(op, one_piece(s.a), one_piece(s.b)));
      continue;
    }
    // A constant is taken run by run of equal bits.
    const Piece& kp = ka ? s.a : s.b;
    const Piece& xp = ka ? s.b : s.a;
    const APInt k = kp.n->k.extractBits(kp.w, kp.lo);
    for (unsigned at = 0; at < kp.w;) {
      const APInt rest = k.lshr(at);
      const unsigned run = std::min(kp.w - at, rest[0] ? rest.countr_one() : rest.countr_zero());
      const Val x = constant_piece(xp) ? constant(xp.n->k.extractBits(run, xp.lo + at))
                                       : one_piece({xp.n, xp.n->op == Op::kUndef ? 0 : xp.lo + at, run});
      const Val kk = constant(k.extractBits(run, at));
      r.push(is_const(x) ? bitwise(op, x, kk) : bitwise_segment(op, x, kk));
      at += run;
    }
  }
  return tidy(r);
}

// ---- mux ------------------------------------------------------------------------------------------------
Val Graph::mux_bit(const Val& c, const Val& a, const Val& b) {
  if (is_ones(a)) return is_zero(b) ? c : lor(c, b);
  if (is_zero(a)) return is_ones(b) ? lnot(c) : land(lnot(c), b);
  if (is_ones(b)) return lor(lnot(c), a);
  if (is_zero(b)) return land(c, a);
  if (a == c) return lor(c, b);
  if (b == c) return land(c, a);
  return make(Op::kMux, 1, {c, a, b});
}

Val Graph::mux_segment(const Val& c, const Val& a, const Val& b) {
  if (a == b || is_undef(b)) return a;
  if (is_undef(a)) return b;
  Val x = a, y = b;
  // What the condition has decided already.
  for (Node* n = x.whole(); n && n->op == Op::kMux && n->in[0] == c; n = x.whole()) x = n->in[1];
  for (Node* n = y.whole(); n && n->op == Op::kMux && n->in[0] == c; n = y.whole()) y = n->in[2];
  if (!(x == a) || !(y == b)) return mux(c, x, y);
  if (a.width() == 1) return mux_bit(c, a, b);
  return make(Op::kMux, a.width(), {c, a, b});
}

Val Graph::mux(const Val& c, const Val& a, const Val& b) {
  if (is_const(c)) return is_zero(c) ? b : a;
  assert(c.width() == 1 && a.width() == b.width());
  if (is_undef(c) || a == b) return a;
  if (Node* n = c.whole(); n && n->op == Op::kNot) return mux(n->in[0], b, a);
  Val r;
  for (const Segment& s : align(a, b)) {
    Val x = one_piece(s.a), y = one_piece(s.b);
    if (constant_piece(s.a)) x = constant(s.a.n->k.extractBits(s.a.w, s.a.lo));
    if (constant_piece(s.b)) y = constant(s.b.n->k.extractBits(s.b.w, s.b.lo));
    r.push(mux_segment(c, x, y));
  }
  return tidy(r);
}

Val Graph::pick(const std::vector<Val>& of, const Val& index) {
  std::vector<Val> level = of;
  const unsigned w = of[0].width();
  for (unsigned i = 0; level.size() > 1; ++i) {
    const Val c = i < index.width() ? slice(index, i, 1) : bit(false);
    std::vector<Val> next;
    for (size_t k = 0; k < level.size(); k += 2)
      next.push_back(mux(c, k + 1 < level.size() ? level[k + 1] : undef(w), level[k]));
    level = std::move(next);
  }
  return level[0];
}

// ---- arithmetic -----------------------------------------------------------------------------------------
Val Graph::add(const Val& a, const Val& b) {
  const unsigned w = a.width();
  if (is_const(a) && is_const(b)) return constant(value(a) + value(b));
  if (is_zero(a)) return b;
  if (is_zero(b)) return a;
  if (w == 1) return lxor(a, b);
  if (const unsigned low = std::min(w, std::max(low_zeros(a), low_zeros(b))); low != 0) {
    if (low == w) return lor(a, b);
    Val r = lor(slice(a, 0, low), slice(b, 0, low));
    const Val high = add(slice(a, low, w - low), slice(b, low, w - low));
    return replace(zext(r, w), low, high);
  }
  const unsigned needed = std::max(significant(a), significant(b)) + 1;
  if (needed < w) return zext(add(slice(a, 0, needed), slice(b, 0, needed)), w);
  const bool swap = is_const(a) || (!is_const(b) && a.pieces()[0].n->id > b.pieces()[0].n->id);
  return swap ? make(Op::kAdd, w, {b, a}) : make(Op::kAdd, w, {a, b});
}

Val Graph::sub(const Val& a, const Val& b) {
  const unsigned w = a.width();
  if (is_const(a) && is_const(b)) return constant(value(a) - value(b));
  if (is_zero(b)) return a;
  if (a == b) return zero(w);
  if (w == 1) return lxor(a, b);
  if (const unsigned low = low_zeros(b); low != 0) {
    const Val high = sub(slice(a, low, w - low), slice(b, low, w - low));
    return replace(zext(slice(a, 0, low), w), low, high);
  }
  // (x + k) - x
  if (const Node* n = a.pieces()[0].n; n->op == Op::kAdd && a.pieces()[0].lo == 0 && is_const(n->in[1]) &&
                                       significant(a) <= n->w && std::min(n->w, w) == a.pieces()[0].w) {
    const unsigned grown = std::max(significant(n->in[0]), significant(n->in[1]));
    if (grown < n->w && zext(n->in[0], std::max(w, n->w)) == zext(b, std::max(w, n->w)))
      return resize(n->in[1], w);
  }
  return make(Op::kSub, w, {a, b});
}

// a times a constant, as shifted sums and differences (non-adjacent form), summed as a tree.
Val Graph::sum_of_products(const Val& a, const APInt& k) {
  const unsigned w = a.width();
  std::vector<Val> plus, minus;
  APInt rest = k.zext(w + 2);
  for (unsigned i = 0; i < w && !rest.isZero(); ++i) {
    if (rest[0]) {
      const bool take_back = rest[1];
      Val term = i == 0 ? a : replace(zero(w), i, slice(a, 0, w - i));
      (take_back ? minus : plus).push_back(term);
      rest = take_back ? rest + 1 : rest - 1;
    }
    rest = rest.lshr(1);
  }
  const auto sum = [&](std::vector<Val> terms) {
    while (terms.size() > 1) {
      std::vector<Val> next;
      for (size_t i = 0; i < terms.size(); i += 2)
        next.push_back(i + 1 < terms.size() ? add(terms[i], terms[i + 1]) : terms[i]);
      terms = std::move(next);
    }
    return terms.empty() ? zero(w) : terms[0];
  };
  return minus.empty() ? sum(plus) : sub(sum(plus), sum(minus));
}

Val Graph::mul(const Val& a, const Val& b) {
  const unsigned w = a.width();
  if (is_const(a) && is_const(b)) return constant(value(a) * value(b));
  if (is_const(a)) return mul(b, a);
  const unsigned needed = significant(a) + significant(b);
  if (needed < w) return zext(mul(slice(a, 0, std::max(1u, needed)), slice(b, 0, std::max(1u, needed))), w);
  if (is_const(b)) return sum_of_products(a, value(b));
  return a.pieces()[0].n->id > b.pieces()[0].n->id ? make(Op::kMul, w, {b, a}) : make(Op::kMul, w, {a, b});
}

// ---- comparisons ----------------------------------------------------------------------------------------
bool Graph::const_tree(const Val& v, int& budget) const {
  if (is_const(v)) return true;
  const Node* n = v.whole();
  if (n == nullptr || n->op != Op::kMux || --budget < 0) return false;
  return const_tree(n->in[1], budget) && const_tree(n->in[2], budget);
}

Val Graph::eq_tree(const Val& v, const Val& k) {
  if (is_const(v)) return bit(value(v) == value(k));
  const Node* n = v.whole();
  return mux(n->in[0], eq_tree(n->in[1], k), eq_tree(n->in[2], k));
}

Val Graph::eq(const Val& a, const Val& b) {
  Val x, y;
  for (const Segment& s : align(a, b)) {
    if (s.a == s.b || s.a.n->op == Op::kUndef || s.b.n->op == Op::kUndef) continue;
    const bool ka = constant_piece(s.a), kb = constant_piece(s.b);
    if (ka && kb) {
      if (s.a.n->k.extractBits(s.a.w, s.a.lo) != s.b.n->k.extractBits(s.b.w, s.b.lo)) return bit(false);
      continue;
    }
    x.push(ka ? s.b : s.a);
    y.push(ka ? s.a : s.b);
  }
  const unsigned w = x.width();
  if (w == 0) return bit(true);
  x = tidy(x);
  y = tidy(y);
  if (w == 1) return lnot(lxor(x, y));
  int budget = 24;
  if (is_const(y) && const_tree(x, budget)) return eq_tree(x, y);
  if (!is_const(y) && x.pieces()[0].n->id > y.pieces()[0].n->id) std::swap(x, y);
  return make(Op::kEq, 1, {x, y});
}

Val Graph::ult(const Val& a, const Val& b) {
  if (is_const(a) && is_const(b)) return bit(value(a).ult(value(b)));
  if (a == b || is_zero(b) || is_ones(a)) return bit(false);
  const unsigned w = std::max(significant(a), significant(b));
  if (w < a.width()) return ult(slice(a, 0, w), slice(b, 0, w));
  if (w == 1) return land(lnot(a), b);
  if (is_zero(a)) return any(b);
  if (is_const(b) && value(b).isPowerOf2()) {
    const unsigned k = value(b).logBase2();
    return eq(slice(a, k, w - k), zero(w - k));
  }
  if (is_const(a) && (value(a) + 1).isPowerOf2()) {
    const unsigned k = (value(a) + 1).logBase2();
    return any(slice(b, k, w - k));
  }
  if (is_ones(b)) return lnot(eq(a, b));
  // Equal bits at the top decide nothing.
  const std::vector<Segment> s = align(a, b);
  if (s.back().a == s.back().b) return ult(slice(a, 0, w - s.back().a.w), slice(b, 0, w - s.back().a.w));
  return make(Op::kUlt, 1, {a, b});
}

Val Graph::slt(const Val& a, const Val& b) {
  const unsigned w = a.width();
  if (w == 1) return land(a, lnot(b));
  const auto flip = [&](const Val& v) { return replace(v, w - 1, lnot(slice(v, w - 1, 1))); };
  const Val sa = slice(a, w - 1, 1), sb = slice(b, w - 1, 1);
  if (sa == sb) return ult(slice(a, 0, w - 1), slice(b, 0, w - 1));
  if (is_zero(sb) && is_zero(b)) return sa;
  return ult(flip(a), flip(b));
}

// ---- shifts ---------------------------------------------------------------------------------------------
Val Graph::shift(Op op, const Val& a, const Val& amount) {
  const unsigned w = a.width();
  if (is_const(a) && is_zero(a)) return a;
  if (is_const(amount)) {
    const uint64_t n = value(amount).getLimitedValue(w);
    const auto k = static_cast<unsigned>(n);
    if (k == 0) return a;
    if (op == Op::kAshr) return sext(slice(a, std::min(k, w - 1), w - std::min(k, w - 1)), w);
    if (k >= w) return zero(w);
    return op == Op::kShl ? replace(zero(w), k, slice(a, 0, w - k)) : zext(slice(a, k, w - k), w);
  }
  const unsigned bits = significant(amount);
  return make(op, w, {a, slice(amount, 0, bits)});
}

// ---- bit counting ---------------------------------------------------------------------------------------
Val Graph::parity(const Val& a) {
  Val x;
  bool odd = false;
  for (const Piece& p : a.pieces()) {
    if (p.n->op == Op::kConst) {
      odd ^= (p.n->k.extractBits(p.w, p.lo).popcount() & 1) != 0;
    } else if (p.n->op != Op::kUndef) {
      x.push(p);
    }
  }
  if (x.width() == 0) return bit(odd);
  const Val r = x.width() == 1 ? x : make(Op::kParity, 1, {x});
  return odd ? lnot(r) : r;
}

Val Graph::popcount(const Val& a, unsigned w) {
  if (is_const(a)) return constant(value(a).popcount(), w);
  std::vector<Val> terms;
  for (unsigned i = 0; i < a.width(); ++i) terms.push_back(zext(slice(a, i, 1), w));
  while (terms.size() > 1) {
    std::vector<Val> next;
    for (size_t i = 0; i < terms.size(); i += 2)
      next.push_back(i + 1 < terms.size() ? add(terms[i], terms[i + 1]) : terms[i]);
    terms = std::move(next);
  }
  return terms[0];
}

Val Graph::leading_zeros(const Val& a, unsigned w) {
  Val reversed;
  for (unsigned i = a.width(); i-- > 0;) reversed.push(slice(a, i, 1));
  return trailing_zeros(tidy(reversed), w);
}

Val Graph::trailing_zeros(const Val& a, unsigned w) {
  struct Part {
    Val found, at;
  };
  std::vector<Part> parts;
  for (unsigned i = 0; i < a.width(); ++i) parts.push_back({slice(a, i, 1), constant(i, w)});
  while (parts.size() > 1) {
    std::vector<Part> next;
    for (size_t i = 0; i + 1 < parts.size(); i += 2)
      next.push_back(
          {lor(parts[i].found, parts[i + 1].found), mux(parts[i].found, parts[i].at, parts[i + 1].at)});
    if (parts.size() % 2 != 0) next.push_back(parts.back());
    parts = std::move(next);
  }
  return mux(parts[0].found, parts[0].at, constant(a.width(), w));
}

Val Graph::rom(int ref, const Val& index, unsigned w, const std::string& name) {
  return make(Op::kRom, w, {index}, ref, name);
}

}  // namespace hlsc
