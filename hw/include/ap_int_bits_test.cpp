// Bits, ranges, concatenation, reductions and text of ap_int, against strings of '0' and '1'.
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "reference.hpp"

namespace {

using reference::samples;
using reference::shape;

template <int W>
using u = ap_uint<W>;
template <int W>
using s = ap_int<W>;

// The bits of x, the highest first.
template <int W, bool S>
std::string bits(const ap_int_base<W, S>& x) {
  std::string r;
  for (int i = W - 1; i >= 0; --i) r += x.get_bit(i) ? '1' : '0';
  return r;
}
template <class T>
T from_string(const std::string& text) {
  T r;
  const int n = static_cast<int>(text.size());
  for (int i = 0; i < n; ++i) r.set_bit(i, text[static_cast<size_t>(n - 1 - i)] == '1');
  return r;
}
std::string zero_extended(const std::string& text, int width) {
  return std::string(static_cast<size_t>(width) - text.size(), '0') + text;
}
// Bits hi..lo of a string of bits; reversed when hi < lo.
std::string part(const std::string& text, int hi, int lo) {
  if (hi < lo) {
    std::string r = part(text, lo, hi);
    std::reverse(r.begin(), r.end());
    return r;
  }
  return text.substr(text.size() - 1 - static_cast<size_t>(hi), static_cast<size_t>(hi - lo + 1));
}

const int kBounds[] = {0, 1, 7, 8, 12, 31, 32, 62, 63, 64, 65, 100, 126, 127, 200, 500, 511};

template <class T>
[[gnu::noinline]] void check_range_read(const T& x, int hi, int lo) {
  constexpr int w = shape<T>::width;
  SCOPED_TRACE(testing::Message() << w << " bits, " << hi << ".." << lo);
  const std::string want = zero_extended(part(bits(x), hi, lo), w);
  T variable = x;
  EXPECT_EQ(bits(u<w>(x.range(hi, lo))), want) << "of a constant";
  EXPECT_EQ(bits(u<w>(variable.range(hi, lo))), want) << "of a variable";
  EXPECT_EQ(bits(u<w>(variable(hi, lo))), want);
  EXPECT_EQ(bits(u<w>(x(u<10>(hi), s<11>(lo)))), want) << "bounds of our own types";
  EXPECT_EQ(bits(variable.range(hi, lo).get()), want);
  EXPECT_EQ(variable.range(hi, lo).length(), std::abs(hi - lo) + 1);
  EXPECT_EQ(x.range(hi, lo).length(), std::abs(hi - lo) + 1);
  EXPECT_EQ(x.range(hi, lo).to_uint64(), u<w>(x.range(hi, lo)).to_uint64());
}

template <class T>
[[gnu::noinline]] void check_range_write(const T& x, const T& y, int hi, int lo) {
  constexpr int w = shape<T>::width;
  std::string want = bits(x);
  const std::string put = part(bits(y), hi - lo, 0);
  want.replace(want.size() - 1 - static_cast<size_t>(hi), put.size(), put);
  T r = x;
  r.range(hi, lo) = y;
  EXPECT_EQ(bits(r), want) << w << " bits, " << hi << ".." << lo;
  r = x;
  r(hi, lo) = y.range(hi - lo, 0);
  EXPECT_EQ(bits(r), want) << "from a range of a constant";
  T z = y;
  r = x;
  r(hi, lo) = z(hi - lo, 0);
  EXPECT_EQ(bits(r), want) << "from a range of a variable of the same type";
}

template <class T>
[[gnu::noinline]] void check_ranges() {
  const auto some = samples<T>(3);
  for (size_t i = 0; i < some.size(); ++i) {
    const T& other = some[(i * 5 + 3) % some.size()];
    for (int hi : kBounds) {
      for (int lo : kBounds) {
        if (hi >= shape<T>::width || lo >= shape<T>::width) continue;
        check_range_read(some[i], hi, lo);
        if (hi >= lo) check_range_write(some[i], other, hi, lo);
      }
    }
  }
}
TEST(ApIntRange, ReadAndWriteAnyBounds) {
  check_ranges<u<1>>();
  check_ranges<s<8>>();
  check_ranges<u<13>>();
  check_ranges<u<33>>();
  check_ranges<s<64>>();
  check_ranges<u<65>>();
  check_ranges<s<127>>();
  check_ranges<u<128>>();
  check_ranges<u<512>>();
}

// Constant bounds take another path than variable ones in wide values.
TEST(ApIntRange, ConstantBoundsAgreeWithVariableOnes) {
  u<512> x = from_string<u<512>>(std::string(128, '1') + "01101" + std::string(200, '0') + "11101");
  volatile int lo = 70, hi = 133;
  EXPECT_EQ(x.range(133, 70), x.range(int(hi), int(lo)));
  u<512> y = x, z = x;
  y.range(133, 70) = 0x123456789abcdefULL;
  z.range(int(hi), int(lo)) = 0x123456789abcdefULL;
  EXPECT_EQ(bits(y), bits(z));
  static_assert(u<512>("0xabcd00000000000000000000000000000000").range(143, 128) == 0xabcd);
}

// A range computes with the width of what it is a range of, unsigned.
TEST(ApIntRange, AsOperand) {
  u<8> x = 0xf5;
  s<8> n = -1;
  static_assert(std::is_same_v<decltype(x.range(3, 0) + u<4>()), u<9>>);
  static_assert(std::is_same_v<decltype(n.range(3, 0) + n.range(3, 0)), u<9>>);
  static_assert(std::is_same_v<decltype(x.range(3, 0) - 1), s<33>>);
  EXPECT_EQ(x.range(3, 0) + 1, 6);
  EXPECT_EQ(n.range(3, 0) + n.range(7, 4), 30);
  EXPECT_EQ(1 + x.range(7, 4), 16);
  EXPECT_EQ(x.range(7, 4) << 1, 30);
  EXPECT_TRUE(x.range(7, 4) == 15 && 15 == x.range(7, 4) && x.range(3, 0) < x.range(7, 4) &&
              n.range(1, 0) > 2);
  EXPECT_EQ(~u<4>(x.range(3, 0)), 10);
  const unsigned long long wide = u<512>(7).range(63, 0);
  EXPECT_EQ(wide, 7u);
  int table[16] = {};
  table[x.range(3, 0)] = 4;
  EXPECT_EQ(table[5], 4);
  x.range(3, 0) = x.range(3, 0) + 11;  // cut to the range
  EXPECT_EQ(x, 0xf0);
  x.range(7, 4) = -1;
  x.range() = 3;
  EXPECT_EQ(x, 3);
}

TEST(ApIntBit, ReadAndWrite) {
  for (const auto& x : samples<u<65>>(3)) {
    u<65> y = x;
    for (int i = 0; i < 65; ++i) {
      const bool was = x[i];
      EXPECT_EQ(was, bits(x)[static_cast<size_t>(64 - i)] == '1');
      EXPECT_EQ(bool(y[i]), was);
      EXPECT_EQ(y[u<7>(i)], was);
      EXPECT_EQ(~y[i], !was);
      y[i] = !was;
      EXPECT_EQ(y.test(i), !was);
      y.invert(i);
      y.set(i);
      EXPECT_TRUE(y.bit(i));
      y.clear(i);
      EXPECT_FALSE(y.bit(i));
      y.set(i, was);
      EXPECT_EQ(bits(y), bits(x));
    }
  }
}

TEST(ApIntBit, AsOperand) {
  u<8> x = 5, y = 2;
  static_assert(std::is_same_v<decltype(x + x[0]), u<9>>);
  static_assert(std::is_same_v<decltype(x[0] ^ x[1]), int>);  // two bools, by the language
  EXPECT_EQ(x + x[0], 6);
  EXPECT_EQ(x[0] ^ x[1], 1);
  EXPECT_EQ(x[2] & x[0], 1);
  EXPECT_TRUE(x[0] == 1 && x[1] == y[0] && x[0] != x[1] && x[0] == u<1>(1));
  y[7] = x[0];
  x[1] = x[0];
  x[3] = u<8>(4);  // any non-zero value of our types sets the bit
  x[4] = y.range(7, 7);
  EXPECT_EQ(y, 0x82);
  EXPECT_EQ(x, 0x1f);
  x[0] = 0;
  EXPECT_EQ(x, 0x1e);
}

TEST(ApIntJoin, JoinsPatterns) {
  u<3> a = 5;
  s<7> b = -3;
  const u<65> c("0x1ffffffff00000001");
  static_assert(std::is_same_v<decltype((a, b).get()), u<10>>);
  EXPECT_EQ(bits((a, b).get()), bits(a) + bits(b));
  EXPECT_EQ(bits((a, b, c).get()), bits(a) + bits(b) + bits(c));
  EXPECT_EQ(bits((c, (b, a)).get()), bits(c) + bits(b) + bits(a));
  EXPECT_EQ(bits(b.concat(a).get()), bits(b) + bits(a));
  EXPECT_EQ(bits((a[2], b, true).get()), "1" + bits(b) + "1");
  EXPECT_EQ(bits((a + 0, u<1>(1)).get()), bits(a + 0) + "1");
  const bool high = false;
  EXPECT_EQ(bits((high, a).get()), "0" + bits(a));
  EXPECT_TRUE((a, u<1>(0)) == 10);
  EXPECT_EQ((a, b).length(), 10);
  const unsigned long long native = (a, b);
  EXPECT_EQ(native, (a, b).to_uint64());
}

// The documented example of the vendor, by its numbers.
TEST(ApIntJoin, DocumentedExample) {
  u<10> result;
  s<3> first = -3;
  s<7> second = 54;
  result = (second, first);
  EXPECT_EQ(result, 0x1b5);
  result = first.concat(second);
  EXPECT_EQ(result, 0x2b6);
  (first, second) = 0xab;
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 43);
}

// A range counts with its own bits, though its type has the width of the whole.
TEST(ApIntJoin, Ranges) {
  u<8> a = 0xa5, b = 0x3c;
  const u<16> c = (a.range(3, 0), b.range(7, 4), u<4>(9));
  EXPECT_EQ(c, 0x539);
  EXPECT_EQ((a.range(3, 0), b.range(7, 4)).length(), 8);
}

TEST(ApIntJoin, Assignment) {
  u<8> a, b;
  u<4> c;
  (a, b, c) = 0x12345;
  EXPECT_TRUE(a == 0x12 && b == 0x34 && c == 5);
  (a, b) = (b, a);
  EXPECT_TRUE(a == 0x34 && b == 0x12);
  (a.range(3, 0), c[0], b) = u<13>(0x1eff);
  EXPECT_TRUE(a == 0x3f && c == 4 && b == 0xff);
  u<65> w;
  (w, c) = s<80>(-1);
  EXPECT_TRUE(w == ~u<65>() && c == 15);
}

template <class T>
void check_whole(const T& x) {
  constexpr int w = shape<T>::width;
  const std::string text = bits(x);
  const auto ones = std::count(text.begin(), text.end(), '1');
  EXPECT_EQ(x.and_reduce(), ones == w);
  EXPECT_EQ(x.nand_reduce(), ones != w);
  EXPECT_EQ(x.or_reduce(), ones != 0);
  EXPECT_EQ(x.nor_reduce(), ones == 0);
  EXPECT_EQ(x.xor_reduce(), ones % 2 == 1);
  EXPECT_EQ(x.xnor_reduce(), ones % 2 == 0);
  EXPECT_EQ(x.countLeadingZeros(), static_cast<int>(std::min(text.find('1'), text.size())));
  EXPECT_EQ(x.length(), w);
  T r = x;
  EXPECT_EQ(bits(r.reverse()), std::string(text.rbegin(), text.rend()));
  for (int n : {0, 1, w / 2, w - 1}) {
    const auto cut = static_cast<size_t>(n);
    if (n >= w) continue;
    r = x;
    EXPECT_EQ(bits(r.lrotate(n)), text.substr(cut) + text.substr(0, cut));
    EXPECT_EQ(bits(r.rrotate(n)), text);
  }
  r.b_not();
  EXPECT_EQ(bits(r), bits(~x));
  EXPECT_EQ(x.to_string(2), "0b" + text);
  EXPECT_EQ(bits(T(x.to_string(16, false).c_str())), text);
  EXPECT_EQ(bits(T(x.to_string(8, false).c_str())), text);
  EXPECT_EQ(bits(T(x.to_string(10).c_str())), text);
  EXPECT_EQ(x.to_string(10), reference::value(x).str());
}
TEST(ApInt, WholeValue) {
  for (const auto& x : samples<u<1>>(4)) check_whole(x);
  for (const auto& x : samples<s<8>>(4)) check_whole(x);
  for (const auto& x : samples<u<33>>(4)) check_whole(x);
  for (const auto& x : samples<s<64>>(4)) check_whole(x);
  for (const auto& x : samples<u<65>>(4)) check_whole(x);
  for (const auto& x : samples<u<512>>(4)) check_whole(x);
}

TEST(ApInt, Text) {
  EXPECT_EQ(u<128>("0xffffffffffffffff0000000000000001").range(127, 64).to_uint64(), ~0ULL);
  EXPECT_EQ(u<8>("0b1010_0101"), 0xa5);
  EXPECT_EQ(u<9>("0o777"), 511);
  EXPECT_EQ(s<8>("-12"), -12);
  EXPECT_EQ(u<16>("0b1", 16), 0xb1) << "digits, not a prefix";
  EXPECT_EQ(u<16>("beef", 16), 0xbeef);
  EXPECT_EQ(s<8>(-3).to_string(16), "-0x03");
  std::ostringstream out;
  out << u<8>(200) << ' ' << s<8>(-1) << ' ' << std::hex << u<12>(0xabc);
  EXPECT_EQ(out.str(), "200 -1 0xabc");
}

enum Colour { kRed = 1, kGreen = 200 };
enum class Scoped { kOne = 1 };

TEST(ApInt, StandsWhereIntegersStand) {
  u<8> x = kGreen;
  EXPECT_TRUE(x == kGreen && kGreen == x && x != kRed && x > kRed);
  static_assert(std::is_same_v<decltype(u<8>() + kRed), decltype(u<8>() + 1)>);  // promoted to int
  switch (x) {
    case 200:
      break;
    default:
      FAIL();
  }
  if (x && !u<8>(0) && (x ? true : false)) x = 3;
  const int table[] = {1, 2, 3, 4};
  EXPECT_EQ(table[x], 4);
  int sum = 0;
  for (u<3> i = 0; i < 5; i++) sum += i;
  EXPECT_EQ(sum, 10);
  struct Pair {
    u<4> a;
    s<65> b;
    bool operator==(const Pair&) const = default;
  };
  EXPECT_TRUE((Pair{1, -2} == Pair{u<8>(17), s<9>(-2)}));
  static_assert(std::is_trivially_copyable_v<Pair> && sizeof(u<8>) == 1 && sizeof(u<512>) == 64);
}

// ---- what must not compile ----
template <class A, class B>
concept addable = requires(A a, B b) { a + b; };
template <class A, class B>
concept shiftable = requires(A a, B b) { a << b; };
template <class A, class B>
concept joinable = requires(A a, B b) { (a, b).get(); };
template <class A, class B>
concept in_place = requires(A a, B b) { a |= b; };
template <class A>
concept reducible = requires(A a) { a.or_reduce(); };
template <class A, class B>
concept assignable = requires(A a, B b) { a = b; };

using Range = decltype(std::declval<u<8>&>().range(3, 0));
using Bit = decltype(std::declval<u<8>&>()[0]);
using Joined = decltype((std::declval<u<8>&>(), std::declval<u<8>&>()));

static_assert(!std::is_constructible_v<u<8>, double> && !std::is_constructible_v<s<8>, float>);
static_assert(!std::is_constructible_v<u<8>, Scoped> && !addable<u<8>, Scoped>);
static_assert(std::is_convertible_v<u<64>, unsigned long long> && std::is_convertible_v<s<64>, long long>);
static_assert(!std::is_convertible_v<u<65>, unsigned long long> && !std::is_constructible_v<bool, u<65>>);
static_assert(!std::is_constructible_v<int, s<512>>);
static_assert(addable<u<8>, u<8>> && addable<u<8>, int> && addable<u<8>, Range> && addable<u<8>, Bit>);
static_assert(!addable<Joined, u<8>> && !addable<u<8>, Joined> && !addable<Joined, int> &&
              !addable<Joined, Joined>);
static_assert(!shiftable<Joined, int> && !shiftable<u<8>, Joined>);
static_assert(joinable<u<8>, u<8>> && joinable<u<8>, bool> && joinable<bool, Range> && joinable<Bit, Joined>);
static_assert(!joinable<u<8>, int> && !joinable<int, u<8>> && !joinable<Range, unsigned>);
static_assert(in_place<u<8>&, u<8>> && !in_place<Range, u<8>> && !in_place<Bit, u<8>> &&
              !in_place<Bit, bool>);
static_assert(reducible<u<8>> && !reducible<Range>);
static_assert(assignable<Range, int> && assignable<Bit, bool> && assignable<Joined, int>);
static_assert(!assignable<decltype(std::declval<const u<8>&>().range(3, 0)), int>);

// ---- what ends the program: values that only the run time knows ----
volatile int g_zero = 0;
int at(int i) {
  return i + g_zero;
}

TEST(ApIntDeathTest, OutOfBounds) {
  u<8> x = 1;
  u<512> w = 1;
  EXPECT_DEATH((void)bool(x[at(8)]), "index out of range");
  EXPECT_DEATH((void)bool(w[at(-1)]), "index out of range");
  EXPECT_DEATH(x.set(at(8)), "index out of range");
  EXPECT_DEATH((void)x.range(at(8), 0).to_uint(), "index out of range");
  EXPECT_DEATH((void)w.range(u<10>(at(512)), 0).to_uint(), "index out of range");
  EXPECT_DEATH(w.range(at(3), -1) = 1, "index out of range");
  EXPECT_DEATH(x.lrotate(at(8)), "lrotate");
}
TEST(ApIntDeathTest, BrokenRules) {
  u<8> x = 1;
  u<512> w = 1;
  EXPECT_DEATH(x[0] = at(2), "assigned 0 or 1");
  EXPECT_DEATH(x.range(at(0), 3) = 1, "from high to low");
  EXPECT_DEATH((void)static_cast<unsigned long long>(w.range(at(64), 0)), "more than 64 bits");
  EXPECT_DEATH((void)u<8>(std::string(static_cast<size_t>(at(1)), 'z').c_str()), "not a digit");
  EXPECT_DEATH((void)x.to_string(at(7)), "radix");
}

TEST(ApAxi, Beat) {
  ap_axiu<512, 3, 0, 5> beat;
  static_assert(std::is_same_v<decltype(beat.data), u<512>> && std::is_same_v<decltype(beat.keep), u<64>>);
  static_assert(std::is_same_v<decltype(beat.user), u<3>> && std::is_same_v<decltype(beat.dest), u<5>>);
  static_assert(std::is_same_v<decltype(ap_axis<12>().data), s<12>> &&
                decltype(ap_axis<12>().strb)::width == 2);
  static_assert(decltype(hls::axis<int>().keep)::width == 4);
  EXPECT_TRUE(beat.data == 0 && beat.keep == 0 && beat.last == 0);
  beat.keep_all();
  beat.set_last(1);
  beat.set_data(9);
  EXPECT_TRUE(beat.keep == ~0ULL && beat.get_last() == 1 && beat.get_data() == 9);
}

}  // namespace
