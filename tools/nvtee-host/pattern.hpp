// What a checked block carries: its own address and writer, in every 64-byte cell, so that a block that is
// lost, torn, stale or in the wrong place can be named as such. Every byte follows from the tag: a single
// wrong one shows.
//
// Cell (8 little-endian words): 0 magic | cell number << 32; 1 LBA; 2 sequence; 3 session; 4 NSID | check <<
// 32; 5..7 filled from a mix of all of them. The check is the upper half of that mix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nvtee::host {

constexpr std::uint32_t kCellBytes = 64;

struct BlockTag {
  std::uint64_t lba = 0;
  std::uint64_t sequence = 0;  // of the write command
  std::uint64_t session = 0;   // of the writer: random, kept in its state file
  std::uint32_t nsid = 0;
  bool operator==(const BlockTag&) const = default;
};

// block.size(): a multiple of 64.
void fill_block(std::span<std::byte> block, const BlockTag& tag);
bool block_is(std::span<const std::byte> block, const BlockTag& tag);
bool is_all(std::span<const std::byte> block, std::byte value);

enum class Content : std::uint8_t {
  kPattern,  // one tag all through
  kZeroes,
  kOnes,
  kTorn,   // pieces of several blocks or writes (a piece may be zeroes)
  kOther,  // nothing known, or one pattern with damage
};

struct BlockContent {
  Content content = Content::kOther;
  bool has_tag = false;  // `tag` is set: of the first piece that carries one
  BlockTag tag;
  bool has_second = false;  // kTorn: of the first piece with another tag
  BlockTag second;
  std::uint32_t changes_at = 0;  // kTorn: byte offset of the first change; damaged kOther: of the damage
};
BlockContent inspect_block(std::span<const std::byte> block);

}  // namespace nvtee::host
