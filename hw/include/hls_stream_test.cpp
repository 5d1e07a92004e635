// The native streams: order, bounds, refusals.
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <gtest/gtest.h>
#include <hls_stream.h>

#include <deque>
#include <random>

namespace {

struct Record {
  ap_uint<9> tag;
  ap_uint<512> data;
};

template <int DEPTH>
void check_against_queue() {
  hls::stream<int, DEPTH> stream("checked");
  std::deque<int> queue;
  std::mt19937 rng(DEPTH);
  const size_t bound = DEPTH;
  for (int i = 0; i < 20000; ++i) {
    ASSERT_EQ(stream.size(), queue.size());
    ASSERT_EQ(stream.empty(), queue.empty());
    ASSERT_EQ(stream.full(), queue.size() == bound);
    if (rng() % 2 != 0) {
      ASSERT_EQ(stream.write_nb(i), queue.size() < bound);
      if (queue.size() < bound) queue.push_back(i);
    } else {
      int got = -1;
      const bool any = !queue.empty();
      ASSERT_EQ(stream.read_nb(got), any);
      ASSERT_EQ(got, any ? queue.front() : -1) << "an empty stream leaves the variable alone";
      if (any) queue.pop_front();
    }
  }
}
TEST(HlsStream, BehavesAsABoundedQueue) {
  check_against_queue<1>();
  check_against_queue<2>();
  check_against_queue<3>();
  check_against_queue<16>();
  check_against_queue<100>();
}

TEST(HlsStream, DefaultDepthIsTwo) {
  hls::stream<Record> stream;
  EXPECT_EQ(stream.capacity(), 2u);
  stream.write({1, 2});
  EXPECT_FALSE(stream.full());
  stream << Record{3, 4};
  EXPECT_TRUE(stream.full());
  EXPECT_FALSE(stream.write_nb({5, 6}));
  EXPECT_EQ(stream.read().tag, 1);
  Record got;
  stream >> got;
  EXPECT_EQ(got.data, 4);
  EXPECT_TRUE(stream.empty());
}

void produce(hls::stream<ap_uint<8>>& out) {
  for (ap_uint<8> i = 0; !out.full(); ++i) out.write(i);
}
TEST(HlsStream, FunctionsTakeAnyDepth) {
  hls::stream<ap_uint<8>> two;
  hls::stream<ap_uint<8>, 5> five("five");
  produce(two);
  produce(five);
  EXPECT_EQ(two.size(), 2u);
  EXPECT_EQ(five.size(), 5u);
  EXPECT_EQ(five.capacity(), 5u);
  ap_uint<8> x;
  five.read(x);
  five.read(x);
  EXPECT_EQ(x, 1);
}

TEST(HlsStream, ManyRoundsWithADepthThatIsNoPowerOfTwo) {
  hls::stream<unsigned, 3> stream;
  stream.write(0);
  unsigned bad = 0;
  for (unsigned i = 1; i != 100000; ++i) {
    stream.write(i);
    bad += stream.read() != i - 1;
  }
  EXPECT_EQ(bad, 0u);
}

// State of a kernel: no code runs before main for it.
constinit hls::stream<ap_axiu<64>, 4> g_stream("static");
TEST(HlsStream, StaticStreamIsAConstant) {
  ap_axiu<64> beat;
  beat.data = 5;
  g_stream.write(beat);
  EXPECT_EQ(g_stream.read().data, 5);
  static_assert([] {
    hls::stream<int, 4> s;
    s.write(1);
    s.write(2);
    return s.read() + s.read() == 3 && s.empty();
  }());
}

static_assert(!std::is_copy_constructible_v<hls::stream<int>> &&
              !std::is_copy_assignable_v<hls::stream<int, 4>>);
static_assert(!std::is_move_constructible_v<hls::stream<int, 4>>);

TEST(HlsStreamDeathTest, Misuse) {
  hls::stream<int, 1> one("one");
  EXPECT_DEATH((void)one.read(), "read of an empty stream: one");
  one.write(1);
  EXPECT_DEATH(one.write(2), "write to a full stream: one");
  hls::stream<int> nameless;
  EXPECT_DEATH((void)nameless.read(), "read of an empty stream");
}

}  // namespace
