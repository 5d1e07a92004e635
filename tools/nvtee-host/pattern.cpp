#include "tools/nvtee-host/pattern.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "runtime/base/check.hpp"

namespace nvtee::host {
namespace {

constexpr std::uint32_t kMagic = 0x6574766eu;  // "nvte"
using Cell = std::array<std::uint64_t, 8>;
static_assert(sizeof(Cell) == kCellBytes);

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0x9fb21c651e98df25ull;
  x ^= x >> 29;
  x *= 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

// The part of the mix that all cells of a block share.
std::uint64_t block_mix(const BlockTag& t) {
  return mix(mix(mix(t.lba + 0x2545f4914f6cdd1dull) ^ t.sequence) ^ t.session) + t.nsid;
}

Cell make_cell(const BlockTag& t, std::uint64_t base, std::uint32_t number) {
  const std::uint64_t m = mix(base + number * 0x9e3779b97f4a7c15ull);
  return {kMagic | std::uint64_t{number} << 32,
          t.lba,
          t.sequence,
          t.session,
          t.nsid | (m & 0xffffffff00000000ull),
          m,
          m * 0xd1342543de82ef95ull,
          ~m ^ base};
}

Cell load_cell(const std::byte* p) {
  Cell c;
  std::memcpy(c.data(), p, sizeof c);
  return c;
}

// The tag of an undamaged cell in its own place.
std::optional<BlockTag> cell_tag(const Cell& c, std::uint32_t number) {
  if (c[0] != (kMagic | std::uint64_t{number} << 32)) return {};
  const BlockTag t{c[1], c[2], c[3], static_cast<std::uint32_t>(c[4])};
  if (make_cell(t, block_mix(t), number) != c) return {};
  return t;
}

}  // namespace

void fill_block(std::span<std::byte> block, const BlockTag& tag) {
  NVTEE_CHECK(block.size() % kCellBytes == 0, "blocks are whole cells");
  const std::uint64_t base = block_mix(tag);
  for (std::uint32_t i = 0; i < block.size() / kCellBytes; ++i) {
    const Cell c = make_cell(tag, base, i);
    std::memcpy(block.data() + std::size_t{i} * kCellBytes, c.data(), kCellBytes);
  }
}

bool block_is(std::span<const std::byte> block, const BlockTag& tag) {
  const std::uint64_t base = block_mix(tag);
  bool same = true;
  for (std::uint32_t i = 0; i < block.size() / kCellBytes && same; ++i)
    same = load_cell(block.data() + std::size_t{i} * kCellBytes) == make_cell(tag, base, i);
  return same;
}

bool is_all(std::span<const std::byte> block, std::byte value) {
  return block.empty() ||
         (block[0] == value && std::memcmp(block.data(), block.data() + 1, block.size() - 1) == 0);
}

BlockContent inspect_block(std::span<const std::byte> block) {
  BlockContent out;
  if (is_all(block, std::byte{0})) {
    out.content = Content::kZeroes;
    return out;
  }
  if (is_all(block, std::byte{0xff})) {
    out.content = Content::kOnes;
    return out;
  }
  // Runs of cells with one tag, of zeroes, and of damage. A damaged cell between two runs is part of the
  // tear.
  unsigned runs = 0;
  bool damaged = false;
  std::optional<BlockTag> previous;
  enum class Run { kNone, kTag, kZero } run = Run::kNone;
  for (std::uint32_t i = 0; i < block.size() / kCellBytes; ++i) {
    const auto bytes = block.subspan(std::size_t{i} * kCellBytes, kCellBytes);
    const auto tag = cell_tag(load_cell(bytes.data()), i);
    const bool zero = !tag && is_all(bytes, std::byte{0});
    if (!tag && !zero) {
      if (!damaged && runs <= 1) out.changes_at = i * kCellBytes;
      damaged = true;
      continue;
    }
    const bool same = (tag && run == Run::kTag && previous == tag) || (zero && run == Run::kZero);
    if (!same) {
      if (++runs == 2) out.changes_at = i * kCellBytes;
      if (tag && !out.has_tag) {
        out.has_tag = true;
        out.tag = *tag;
      } else if (tag && !out.has_second && *tag != out.tag) {
        out.has_second = true;
        out.second = *tag;
      }
    }
    run = tag ? Run::kTag : Run::kZero;
    if (tag) previous = tag;
  }
  if (!out.has_tag) return out;  // nothing of ours in it
  if (runs == 1 && !damaged) out.content = Content::kPattern;
  if (runs > 1) out.content = Content::kTorn;
  return out;
}

}  // namespace nvtee::host
