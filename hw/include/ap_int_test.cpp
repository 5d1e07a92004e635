// The arithmetic of ap_int against integers without a width, and the widths and signs of results against a
// table worked out by hand from the vendor's rules.
#include <ap_int.h>
#include <gtest/gtest.h>

#include <tuple>

#include "reference.hpp"

namespace {

using reference::big;
using reference::exact;
using reference::exact_logic;
using reference::make;
using reference::samples;
using reference::shape;
using reference::value;
using reference::wrap;

// ---- the table: operand types, then the result of + - * / % & ----
template <class A, class B, class Sum, class Difference, class Product, class Quotient, class Remainder,
          class Logic>
struct Rule {
  static_assert(std::is_same_v<decltype(std::declval<A>() + std::declval<B>()), Sum>);
  static_assert(std::is_same_v<decltype(std::declval<A>() - std::declval<B>()), Difference>);
  static_assert(std::is_same_v<decltype(std::declval<A>() * std::declval<B>()), Product>);
  static_assert(std::is_same_v<decltype(std::declval<A>() / std::declval<B>()), Quotient>);
  static_assert(std::is_same_v<decltype(std::declval<A>() % std::declval<B>()), Remainder>);
  static_assert(std::is_same_v<decltype(std::declval<A>() & std::declval<B>()), Logic>);
  static_assert(std::is_same_v<decltype(std::declval<A>() | std::declval<B>()), Logic>);
  static_assert(std::is_same_v<decltype(std::declval<A>() ^ std::declval<B>()), Logic>);
  static constexpr bool holds = true;
};
template <int W>
using u = ap_uint<W>;
template <int W>
using s = ap_int<W>;
// clang-format off
//                 a        b                   +       -       *        /       %       & | ^
static_assert(Rule<u<8>,    u<8>,               u<9>,   s<9>,   u<16>,   u<8>,   u<8>,   u<8>>::holds);
static_assert(Rule<u<8>,    u<5>,               u<9>,   s<9>,   u<13>,   u<8>,   u<5>,   u<8>>::holds);
static_assert(Rule<u<5>,    u<8>,               u<9>,   s<9>,   u<13>,   u<5>,   u<5>,   u<8>>::holds);
static_assert(Rule<s<8>,    s<8>,               s<9>,   s<9>,   s<16>,   s<9>,   s<8>,   s<8>>::holds);
static_assert(Rule<s<8>,    s<5>,               s<9>,   s<9>,   s<13>,   s<9>,   s<5>,   s<8>>::holds);
static_assert(Rule<u<8>,    s<8>,               s<10>,  s<10>,  s<16>,   s<9>,   u<8>,   s<9>>::holds);
static_assert(Rule<s<8>,    u<8>,               s<10>,  s<10>,  s<16>,   s<8>,   s<8>,   s<9>>::holds);
static_assert(Rule<u<8>,    s<5>,               s<10>,  s<10>,  s<13>,   s<9>,   u<5>,   s<9>>::holds);
static_assert(Rule<u<5>,    s<8>,               s<9>,   s<9>,   s<13>,   s<6>,   u<5>,   s<8>>::holds);
static_assert(Rule<s<8>,    u<5>,               s<9>,   s<9>,   s<13>,   s<8>,   s<6>,   s<8>>::holds);
static_assert(Rule<s<5>,    u<8>,               s<10>,  s<10>,  s<13>,   s<5>,   s<5>,   s<9>>::holds);
static_assert(Rule<u<1>,    u<1>,               u<2>,   s<2>,   u<2>,    u<1>,   u<1>,   u<1>>::holds);
static_assert(Rule<s<1>,    s<1>,               s<2>,   s<2>,   s<2>,    s<2>,   s<1>,   s<1>>::holds);
static_assert(Rule<u<1>,    s<1>,               s<3>,   s<3>,   s<2>,    s<2>,   u<1>,   s<2>>::holds);
static_assert(Rule<u<64>,   u<64>,              u<65>,  s<65>,  u<128>,  u<64>,  u<64>,  u<64>>::holds);
static_assert(Rule<u<512>,  s<512>,             s<514>, s<514>, s<1024>, s<513>, u<512>, s<513>>::holds);
// C++ integers stand with their own width and sign.
static_assert(Rule<u<8>,    int,                s<33>,  s<33>,  s<40>,   s<9>,   u<8>,   s<32>>::holds);
static_assert(Rule<int,     u<8>,               s<33>,  s<33>,  s<40>,   s<32>,  s<9>,   s<32>>::holds);
static_assert(Rule<u<32>,   int,                s<34>,  s<34>,  s<64>,   s<33>,  u<32>,  s<33>>::holds);
static_assert(Rule<u<8>,    unsigned,           u<33>,  s<33>,  u<40>,   u<8>,   u<8>,   u<32>>::holds);
static_assert(Rule<s<8>,    unsigned,           s<34>,  s<34>,  s<40>,   s<8>,   s<8>,   s<33>>::holds);
static_assert(Rule<u<8>,    bool,               u<9>,   s<9>,   u<9>,    u<8>,   u<1>,   u<8>>::holds);
static_assert(Rule<bool,    s<8>,               s<9>,   s<9>,   s<9>,    s<2>,   u<1>,   s<8>>::holds);
static_assert(Rule<u<8>,    signed char,        s<10>,  s<10>,  s<16>,   s<9>,   u<8>,   s<9>>::holds);
static_assert(Rule<s<8>,    unsigned short,     s<18>,  s<18>,  s<24>,   s<8>,   s<8>,   s<17>>::holds);
static_assert(Rule<u<65>,   long long,          s<67>,  s<67>,  s<129>,  s<66>,  u<64>,  s<66>>::holds);
static_assert(Rule<unsigned long, u<33>,        u<65>,  s<65>,  u<97>,   u<64>,  u<33>,  u<64>>::holds);
// clang-format on

template <class A, class B>
concept shifts_like_left = std::is_same_v<decltype(std::declval<A>() << std::declval<B>()), A> &&
                           std::is_same_v<decltype(std::declval<A>() >> std::declval<B>()), A>;
static_assert(shifts_like_left<u<8>, u<16>> && shifts_like_left<s<8>, int> && shifts_like_left<u<65>, s<3>>);
static_assert(std::is_same_v<decltype(1 << u<5>()), int>);  // the language's own
static_assert(std::is_same_v<decltype(~u<8>()), u<8>> && std::is_same_v<decltype(~s<8>()), s<8>>);
static_assert(std::is_same_v<decltype(+u<8>()), u<8>> && std::is_same_v<decltype(+s<1>()), s<1>>);
static_assert(std::is_same_v<decltype(-u<8>()), s<9>> && std::is_same_v<decltype(-s<8>()), s<9>>);
static_assert(std::is_same_v<decltype(-u<1>()), s<2>> && std::is_same_v<decltype(-s<1>()), s<3>>);
static_assert(std::is_same_v<decltype(!u<8>()), bool>);
static_assert(std::is_same_v<decltype(std::declval<u<8>&>()++), u<8>>);

// ---- run time ----
// Thousands of pairs of types come here, so the part that knows the types only computes and notes; the
// judging below is compiled once.
struct Notes {
  std::vector<big> values;
  int answers = 0;
  int next = 0;
};

template <class T>
[[gnu::noinline]] void note(Notes& notes, const T& x) {
  notes.values.push_back(value(x));
}

template <class A, class B>
[[gnu::noinline]] void compute(const A& a, const B& b, bool divide, Notes& notes) {
  note(notes, a + b);
  note(notes, a - b);
  note(notes, a * b);
  note(notes, a & b);
  note(notes, a | b);
  note(notes, a ^ b);
  if (divide) {
    note(notes, a / b);
    note(notes, a % b);
  }
  notes.answers = (a == b) | (a != b) << 1 | (a < b) << 2 | (a > b) << 3 | (a <= b) << 4 | (a >= b) << 5;
}

template <class A, class B>
[[gnu::noinline]] void compound(const A& a, const B& b, Notes& notes) {
  A r = a;
  note(notes, r += b);
  r = a;
  note(notes, r -= b);
  r = a;
  note(notes, r *= b);
  r = a;
  note(notes, r &= b);
  r = a;
  note(notes, r |= b);
  r = a;
  note(notes, r ^= b);
  r = b;
  note(notes, r);
  note(notes, A(b));
}

template <class A, class B>
[[gnu::noinline]] void compound_division(const A& a, const B& b, Notes& notes) {
  A r = a;
  note(notes, r /= b);
  r = a;
  note(notes, r %= b);
}

struct Shape {
  int width;
  bool sign;
};
template <class T>
constexpr Shape shape_of{shape<T>::width, shape<T>::sign};

void expect_next(Notes& notes, char op, const big& x, const big& y, const big& want) {
  EXPECT_EQ(notes.values.at(static_cast<size_t>(notes.next++)), want) << x << " " << op << " " << y;
}

big exact_any(char op, const big& x, const big& y, int both) {
  const bool is_logic = op == '&' || op == '|' || op == '^';
  return is_logic ? exact_logic(op, x, y, both) : exact(op, x, y);
}

// No result may be cut: each is compared with the exact one.
void judge(Notes& notes, const big& x, const big& y, Shape a, Shape b) {
  const int both = 1 + std::max(a.width, b.width);
  for (char op : {'+', '-', '*', '&', '|', '^', '/', '%'}) {
    if ((op == '/' || op == '%') && y.is_zero()) continue;
    expect_next(notes, op, x, y, exact_any(op, x, y, both));
  }
  const int want = (x == y) | (x != y) << 1 | (x < y) << 2 | (x > y) << 3 | (x <= y) << 4 | (x >= y) << 5;
  EXPECT_EQ(notes.answers, want) << x << " compared with " << y;
}

// These are cut to the left operand.
void judge_compound(Notes& notes, const big& x, const big& y, Shape a, Shape b) {
  const int both = 1 + std::max(a.width, b.width);
  for (char op : {'+', '-', '*', '&', '|', '^'}) {
    expect_next(notes, op, x, y, wrap(exact_any(op, x, y, both), a.width, a.sign));
  }
  expect_next(notes, '=', x, y, wrap(y, a.width, a.sign));
  expect_next(notes, '=', x, y, wrap(y, a.width, a.sign));
}

template <class A, class B>
[[gnu::noinline]] void check_pair() {
  SCOPED_TRACE(testing::Message() << (shape<A>::sign ? "signed " : "unsigned ") << shape<A>::width << " with "
                                  << (shape<B>::sign ? "signed " : "unsigned ") << shape<B>::width);
  for (const A& a : samples<A>(4)) {
    for (const B& b : samples<B>(4)) {
      const big x = value(a), y = value(b);
      Notes notes;
      compute(a, b, !y.is_zero(), notes);
      judge(notes, x, y, shape_of<A>, shape_of<B>);
      if constexpr (!std::is_integral_v<A>) {
        compound(a, b, notes);
        judge_compound(notes, x, y, shape_of<A>, shape_of<B>);
      }
    }
    if (testing::Test::HasFailure()) return;
  }
}

template <class A, class B>
void check_compound_division() {
  for (const A& a : samples<A>(4)) {
    for (const B& b : samples<B>(4)) {
      const big x = value(a), y = value(b);
      if (y.is_zero()) continue;
      Notes notes;
      compound_division(a, b, notes);
      expect_next(notes, '/', x, y, wrap(exact('/', x, y), shape<A>::width, shape<A>::sign));
      expect_next(notes, '%', x, y, wrap(exact('%', x, y), shape<A>::width, shape<A>::sign));
    }
  }
}
TEST(ApInt, CompoundDivision) {
  check_compound_division<u<8>, s<8>>();
  check_compound_division<s<8>, u<13>>();
  check_compound_division<s<64>, s<33>>();
  check_compound_division<u<65>, int>();
  check_compound_division<s<128>, u<127>>();
}

template <int V, int W>
void check_widths() {
  check_pair<u<V>, u<W>>();
  check_pair<u<V>, s<W>>();
  check_pair<s<V>, u<W>>();
  check_pair<s<V>, s<W>>();
}

// Every width meets itself, a near and a far one.
TEST(ApInt, NarrowWithNarrow) {
  check_widths<1, 1>();
  check_widths<1, 8>();
  check_widths<8, 8>();
  check_widths<8, 13>();
  check_widths<32, 13>();
  check_widths<13, 33>();
}
TEST(ApInt, AroundWords) {
  check_widths<32, 33>();
  check_widths<33, 33>();
  check_widths<63, 64>();
  check_widths<64, 64>();
  check_widths<65, 64>();
}
TEST(ApInt, AboveAWord) {
  check_widths<65, 65>();
  check_widths<63, 127>();
  check_widths<128, 127>();
  check_widths<128, 128>();
}
TEST(ApInt, Wide) {
  check_widths<512, 512>();
  check_widths<512, 13>();
  check_widths<65, 512>();
}

template <class A, class... Ints>
void check_with_each() {
  (check_pair<A, Ints>(), ...);
}
template <class Int, class... As>
void check_on_the_left() {
  (check_pair<Int, As>(), ...);
}
TEST(ApInt, WithNativeIntegers) {
  check_with_each<u<8>, bool, char, signed char, unsigned char, short, unsigned short, int, unsigned, long,
                  unsigned long, long long, unsigned long long>();
  check_with_each<s<33>, bool, char, int, unsigned, long, unsigned long>();
  check_with_each<u<65>, bool, int, unsigned, long long, unsigned long long>();
}
TEST(ApInt, NativeIntegerOnTheLeft) {
  check_on_the_left<bool, u<1>, s<8>, u<64>>();
  check_on_the_left<int, u<8>, s<33>, u<64>, u<65>>();
  check_on_the_left<unsigned char, u<8>, s<33>>();
  check_on_the_left<unsigned long long, u<8>, s<33>, u<64>, s<128>>();
}

TEST(ApInt, DefaultIsZero) {
  EXPECT_EQ(value(u<8>()), 0);
  EXPECT_EQ(value(s<512>()), 0);
}

TEST(ApInt, AllOfItWorksInConstants) {
  constexpr u<8> a = 200, b = 100;
  static_assert(a + b == 300 && a - b == 100 && b - a == -100 && a * b == 20000 && a / b == 2 && a % b == 0);
  static_assert((a & 0xf) == 8 && (a | 1) == 201 && (a << 1) == 144 && (a >> 3) == 25 && ~a == 55);
  static_assert(s<4>(-8) / s<4>(-1) == 8 && s<8>(-7) / 2 == -3 && s<8>(-7) % 2 == -1);
  static_assert(u<8>(-1) == 255 && s<3>(5) == -3 && s<1>(1) == -1);
  static_assert((u<512>(1) << 511) != 0 && (u<512>(1) << 512) == 0);
  SUCCEED();
}

TEST(ApIntDeathTest, DivisionByZero) {
  volatile int zero = 0;
  EXPECT_DEATH((void)(u<8>(1) / u<8>(int(zero))), "division by zero");
  EXPECT_DEATH((void)(s<512>(1) % int(zero)), "division by zero");
}

}  // namespace
