// Shifts, operators of one operand, and conversions of ap_int, against integers without a width.
#include <ap_int.h>
#include <gtest/gtest.h>

#include "reference.hpp"

namespace {

using reference::big;
using reference::samples;
using reference::shape;
using reference::value;
using reference::wrap;

template <int W>
using u = ap_uint<W>;
template <int W>
using s = ap_int<W>;

// ---- shifts: by any amount, both ways ----
big shifted(const big& x, int width, bool sign, bool left, long long by) {
  if (by < 0) return shifted(x, width, sign, !left, -by);
  if (left) return by >= width ? big(0) : wrap(x << static_cast<unsigned>(by), width, sign);
  if (by >= width) return x < 0 ? -1 : 0;
  return x >> static_cast<unsigned>(by);  // rounds towards minus infinity
}

struct Shifted {
  big left, right, left_assigned, right_assigned;
};

template <class A, class B>
[[gnu::noinline]] Shifted shift_four_ways(const A& a, const B& by) {
  A l = a, r = a;
  l <<= by;
  r >>= by;
  return {value(a << by), value(a >> by), value(l), value(r)};
}

void judge_shift(const Shifted& got, const big& x, int width, bool sign, long long by) {
  const big left = shifted(x, width, sign, true, by), right = shifted(x, width, sign, false, by);
  EXPECT_EQ(got.left, left) << x << " << " << by;
  EXPECT_EQ(got.right, right) << x << " >> " << by;
  EXPECT_EQ(got.left_assigned, left) << x << " <<= " << by;
  EXPECT_EQ(got.right_assigned, right) << x << " >>= " << by;
}

template <class A, class B>
[[gnu::noinline]] void check_shift_by(const A& a, const B& by) {
  judge_shift(shift_four_ways(a, by), value(a), shape<A>::width, shape<A>::sign,
              static_cast<long long>(value(by)));
}

template <class A>
[[gnu::noinline]] void check_huge_amounts(const A& a) {
  const big everything_out = value(a) < 0 ? -1 : 0;
  EXPECT_EQ(value(a << ~u<100>()), 0) << "an amount beyond every C++ integer";
  EXPECT_EQ(value(a >> ~u<100>()), everything_out);
  EXPECT_EQ(value(a << -(s<100>(1) << 90)), everything_out);
  EXPECT_EQ(value(a >> -(s<100>(1) << 90)), 0);
  EXPECT_EQ(value(a << 0xffffffffffffffffULL), 0);
  EXPECT_EQ(value(a << (-0x7fffffffffffffffLL - 1)), everything_out);
}

template <class A>
[[gnu::noinline]] void check_shifts() {
  constexpr int w = shape<A>::width;
  SCOPED_TRACE(testing::Message() << (shape<A>::sign ? "ap_int<" : "ap_uint<") << w << ">");
  for (const A& a : samples<A>(4)) {
    for (int by :
         {0, 1, 7, w - 1, w, w + 1, 63, 64, 65, 2 * w, 1 << 20, -1, -w + 1, -w, -w - 1, -(1 << 20)}) {
      check_shift_by(a, by);
      check_shift_by(a, static_cast<long long>(by) * (1 << 20));
      check_shift_by(a, s<24>(by));
      if (by < 0) continue;
      check_shift_by(a, static_cast<unsigned>(by));
      check_shift_by(a, u<24>(by));
      check_shift_by(a, u<6>(by));
      check_shift_by(a, by != 0);
    }
    check_huge_amounts(a);
  }
}
TEST(ApInt, Shifts) {
  check_shifts<u<1>>();
  check_shifts<s<1>>();
  check_shifts<u<8>>();
  check_shifts<s<8>>();
  check_shifts<s<13>>();
  check_shifts<u<32>>();
  check_shifts<s<33>>();
  check_shifts<u<64>>();
  check_shifts<s<64>>();
  check_shifts<u<65>>();
  check_shifts<s<127>>();
  check_shifts<u<128>>();
  check_shifts<u<512>>();
  check_shifts<s<512>>();
}

// ---- one operand ----
template <class A>
void check_unary() {
  constexpr int w = shape<A>::width;
  constexpr bool sg = shape<A>::sign;
  for (const A& a : samples<A>(6)) {
    const big x = value(a);
    EXPECT_EQ(value(-a), -x);
    EXPECT_EQ(value(+a), x);
    EXPECT_EQ(value(~a), wrap(-x - 1, w, sg));
    EXPECT_EQ(!a, x == 0);
    A r = a;
    EXPECT_EQ(value(r++), x);
    EXPECT_EQ(value(r), wrap(x + 1, w, sg));
    EXPECT_EQ(value(--r), x);
    EXPECT_EQ(value(r--), x);
    EXPECT_EQ(value(++r), x);
    EXPECT_EQ(a.sign(), x < 0);
    EXPECT_EQ(a.is_zero(), x == 0);
    EXPECT_EQ(a.to_bool(), x != 0);
    EXPECT_EQ(a.to_schar(), static_cast<signed char>(wrap(x, 8, true)));
    EXPECT_EQ(a.to_ushort(), static_cast<unsigned short>(wrap(x, 16, false)));
    EXPECT_EQ(a.to_int(), static_cast<int>(wrap(x, 32, true)));
    EXPECT_EQ(a.to_uint(), static_cast<unsigned>(wrap(x, 32, false)));
    EXPECT_EQ(a.to_int64(), static_cast<long long>(wrap(x, 64, true)));
    EXPECT_EQ(a.to_uint64(), static_cast<unsigned long long>(wrap(x, 64, false)));
    if constexpr (w <= 64) {
      const std::conditional_t<sg, long long, unsigned long long> implicit = a;
      EXPECT_EQ(value(implicit), x);
    }
  }
}
TEST(ApInt, OneOperand) {
  check_unary<u<1>>();
  check_unary<s<1>>();
  check_unary<u<8>>();
  check_unary<s<13>>();
  check_unary<u<32>>();
  check_unary<s<33>>();
  check_unary<s<63>>();
  check_unary<u<64>>();
  check_unary<s<64>>();
  check_unary<u<65>>();
  check_unary<s<128>>();
  check_unary<u<512>>();
}

}  // namespace
