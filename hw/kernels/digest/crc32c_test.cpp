// The trees against ISA-L.
#include "hw/kernels/digest/crc32c.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "runtime/base/crc32c.hpp"

namespace nvtee::card {
namespace {

using Message = std::vector<std::uint8_t>;

Message message(std::size_t size, std::mt19937& rng) {
  Message m(size);
  for (auto& b : m) b = static_cast<std::uint8_t>(rng());
  return m;
}

template <int W>
ap_uint<W> bits_of(const Message& m, std::size_t from, std::size_t count) {
  ap_uint<W> x = 0;
  for (std::size_t i = 0; i < count; ++i)
    x.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i)) = m[from + i];
  return x;
}

TEST(Crc32c, KnownValue) {
  const std::string text = "123456789";
  const Message m(text.begin(), text.end());
  EXPECT_EQ(crc_tail(kCrcInit, bits_of<512>(m, 0, 9), 9), 0xe3069283u);
}

TEST(Crc32c, MessagesOfEveryLength) {
  std::mt19937 rng(7);
  for (std::size_t size = 1; size <= 200; ++size) {
    const Message m = message(size, rng);
    std::uint32_t sum = kCrcInit;
    std::size_t at = 0;
    for (; size - at > 64; at += 64) sum = crc_beat(sum, bits_of<512>(m, at, 64));
    // What lies beyond the end of a last beat must not matter.
    Message tail = message(64, rng);
    std::copy(m.begin() + static_cast<std::ptrdiff_t>(at), m.end(), tail.begin());
    EXPECT_EQ(crc_tail(sum, bits_of<512>(tail, 0, 64), static_cast<unsigned>(size - at)),
              crc32c(0, m.data(), size))
        << size;
  }
}

TEST(Crc32c, Headers) {
  std::mt19937 rng(8);
  for (int i = 0; i < 200; ++i) {
    Message m = message(72, rng);
    const ap_uint<576> head = bits_of<576>(m, 0, 72);
    EXPECT_EQ(crc_head72(head), crc32c(0, m.data(), 72));
    EXPECT_EQ(crc_head24(head), crc32c(0, m.data(), 24));
    // What the card sends.
    HeadBits sent = bits_of<352>(m, 0, 24);
    EXPECT_EQ(crc_heads(sent).of24, crc32c(0, m.data(), 24));
    sent.range(351, 192) = bits_of<160>(m, 40, 20);
    std::fill(m.begin() + 24, m.begin() + 40, 0);
    std::fill(m.begin() + 60, m.end(), 0);
    EXPECT_EQ(crc_heads(sent).of72, crc32c(0, m.data(), 72));
  }
}

bool head_right(const ap_uint<608>& head, bool of72) {
  return crc_head_right(crc_fold(head.range(511, 0)), head.range(607, 512), of72);
}
// A right digest is one; any other is none, whichever bit of header or digest is wrong.
TEST(Crc32c, HeadersWithTheirDigest) {
  std::mt19937 rng(9);
  for (const unsigned size : {72u, 24u}) {
    const bool of72 = size == 72;
    Message m = message(size, rng);
    const uint32_t digest = crc32c(0, m.data(), size);
    for (unsigned i = 0; i < 4; ++i) m.push_back(static_cast<uint8_t>(digest >> (8 * i)));
    const ap_uint<608> right = bits_of<608>(m, 0, size + 4);
    EXPECT_TRUE(head_right(right, of72));
    EXPECT_FALSE(head_right(right, !of72));
    for (unsigned i = 0; i < 8 * (size + 4); ++i) {
      ap_uint<608> wrong = right;
      wrong[static_cast<int>(i)] = !wrong[static_cast<int>(i)];
      EXPECT_FALSE(head_right(wrong, of72)) << i;
    }
  }
}

}  // namespace
}  // namespace nvtee::card
