// Checking what was read against the shadow, and naming what is wrong with it.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/base/check.hpp"
#include "tools/nvtee-host/shadow.hpp"

namespace nvtee::host {

const char* fault_name(Fault fault) {
  switch (fault) {
    case Fault::kLost:
      return "lost";
    case Fault::kStale:
      return "stale";
    case Fault::kTorn:
      return "torn";
    case Fault::kMisdirected:
      return "misdirected";
    case Fault::kForeign:
      return "foreign";
    case Fault::kCorrupt:
      return "corrupt";
    case Fault::kUnwritten:
      return "unwritten";
    case Fault::kMiscompare:
      return "miscompare";
  }
  return "?";
}

// ---- the rules -------------------------------------------------------------------------------------------

bool Shadow::could_be(const Candidate& c, const BlockContent& content, std::uint64_t lba) const {
  switch (c.value) {
    case Value::kAnything:
      return true;
    case Value::kUntouched:  // whatever was there before us, but nothing that we wrote
      return !(content.has_tag && content.tag.session == identity_.session) &&
             !(content.has_second && content.second.session == identity_.session);
    case Value::kZeroes:
      return content.content == Content::kZeroes;
    case Value::kOnes:
      return content.content == Content::kOnes;
    case Value::kPattern:
      return content.content == Content::kPattern &&
             content.tag == BlockTag{lba, c.sequence, identity_.session, identity_.nsid};
  }
  return false;
}

// The read returned one of the values that match its content, M. What that says of another value c:
// - c was settled before the read began, or before M was begun at all: then c came before M, if ever, so it
// was gone
//   as soon as M had surely taken effect;
// - in the first case, and M was settled before c was begun: then c never took effect.
bool Shadow::check_list(Entry& e, std::uint64_t lba, const BlockContent& content, const Operation& read) {
  const auto first = static_cast<std::uint32_t>(e.number());
  const Tick now = tick_ - 1;
  unsigned matches = 0;
  std::uint32_t match = kNone;
  Tick oldest_begin = kNever, in_effect = 0, in_order = 0;
  for (std::uint32_t at = first; at != kNone; at = candidates_[at].next) {
    const Candidate& c = candidates_[at];
    if (c.dead <= read.begun || !could_be(c, content, lba)) continue;
    ++matches;
    match = at;
    oldest_begin = std::min(oldest_begin, c.begun);
    in_effect = std::max(in_effect, settled_for_sure(c));
    in_order = std::max(in_order, settled(c));
  }
  if (matches == 0) return false;
  for (std::uint32_t at = first; at != kNone; at = candidates_[at].next) {
    Candidate& c = candidates_[at];
    if (could_be(c, content, lba)) continue;
    const bool before_read = settled_for_sure(c) < read.begun;
    if (!before_read && settled(c) >= oldest_begin) continue;
    const bool never = before_read && in_order < c.begun;
    c.dead = std::min({c.dead, now, never ? 0 : in_effect});
  }
  // A loss of power has chosen one value, which is the durable one: those that it did not choose are gone for
  // good.
  if (matches == 1 && candidates_[match].ended <= power_lost_at_)
    for (std::uint32_t at = first; at != kNone; at = candidates_[at].next)
      candidates_[at].replaced_for_good |= at != match && candidates_[at].dead != kNever &&
                                           candidates_[at].fate == Fate::kAcked &&
                                           candidates_[at].ended <= power_lost_at_;
  if (matches == 1) candidates_[match].seen = std::min(candidates_[match].seen, now);
  return true;
}

bool Shadow::check_block(Entry& e, std::uint64_t lba, std::span<const std::byte> block, const Operation& read,
                         Violation& out) {
  switch (e.kind()) {
    case Kind::kAnything:
      return true;
    case Kind::kPattern:
      if (!block_is(block, {lba, e.number(), identity_.session, identity_.nsid})) break;
      e = Entry::make(Kind::kPattern, true, e.number());
      return true;
    case Kind::kZeroes:
      if (!is_all(block, std::byte{0})) break;
      e = Entry::make(Kind::kZeroes, true, e.number());
      return true;
    case Kind::kUntouched:
      if (could_be(Candidate{}, inspect_block(block), lba)) return true;
      break;
    case Kind::kList:
      if (check_list(e, lba, inspect_block(block), read)) return true;
      break;
  }
  out = name(e, lba, inspect_block(block));
  return false;
}

// The block was found wrong: anything is accepted until a write begun after now is acknowledged.
void Shadow::disown(Entry& e, Tick now) {
  if (e.kind() != Kind::kList) {
    e = Entry::make(Kind::kAnything, false, 0);
    return;
  }
  for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next)
    if (candidates_[at].fate != Fate::kInFlight) candidates_[at].dead = 0;  // never comes back
  Candidate c;
  c.value = Value::kAnything;
  c.begun = c.ended = now;
  push(e, c);
  tidy(e, kNever);
}

void Shadow::end_read(Op read, std::span<const std::byte> data, std::vector<Violation>& out) {
  const Operation o = operations_[read];
  NVTEE_CHECK(o.busy && !o.write, "a read ends once");
  NVTEE_CHECK(data.size() == std::size_t{o.blocks} * identity_.block_size, "all that was read is checked");
  const Tick now = tick_++;
  release(read);
  const Tick oldest_read = horizon(o.lba, o.blocks);
  const std::size_t before = out.size();
  for (std::uint32_t i = 0; i < o.blocks; ++i) {
    const std::uint64_t lba = o.lba + i;
    const auto block = data.subspan(std::size_t{i} * identity_.block_size, identity_.block_size);
    if (!pages_[lba / kPageBlocks]) {
      Entry none;
      Violation v;
      if (!check_block(none, lba, block, o, v)) {
        disown(entry(lba), now);
        out.push_back(std::move(v));
      }
      continue;
    }
    Entry& e = entry(lba);
    Violation v;
    if (check_block(e, lba, block, o, v)) {
      tidy(e, oldest_read);
    } else {
      disown(e, now);
      out.push_back(std::move(v));
    }
  }
  if (out.size() != before) mark_partial_writes(o, data, out, before);
}

// ---- Compare ---------------------------------------------------------------------------------------------

// Whether the block could hold nothing but this during the whole read.
bool Shadow::only_value(Entry e, std::uint64_t lba, std::span<const std::byte> block, Tick read_begun) const {
  if (e.kind() == Kind::kPattern)
    return block_is(block, {lba, e.number(), identity_.session, identity_.nsid});
  if (e.kind() == Kind::kZeroes) return is_all(block, std::byte{0});
  if (e.kind() != Kind::kList) return false;
  const BlockContent content = inspect_block(block);
  for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next) {
    const Candidate& c = candidates_[at];
    if (c.dead != kNever && c.dead <= read_begun) continue;
    if (c.value == Value::kUntouched || c.value == Value::kAnything || !could_be(c, content, lba))
      return false;
  }
  return true;
}

void Shadow::end_compare(Op read, std::span<const std::byte> data, bool equal, std::vector<Violation>& out) {
  if (equal) return end_read(read, data, out);
  const Operation o = operations_[read];
  bool certain = true;
  for (std::uint32_t i = 0; i < o.blocks && certain; ++i)
    certain = only_value(entry_or_none(o.lba + i), o.lba + i,
                         data.subspan(std::size_t{i} * identity_.block_size, identity_.block_size), o.begun);
  drop_read(read);
  if (!certain) return;
  Violation v;
  v.fault = Fault::kMiscompare;
  v.lba = o.lba;
  v.text = fmt::format("Compare of blocks {}..{} failed, though each of them can hold only what was compared",
                       o.lba, o.lba + o.blocks - 1);
  out.push_back(std::move(v));
}

// ---- naming ----------------------------------------------------------------------------------------------

std::string Shadow::describe_expected(Entry e, std::uint64_t* newest, bool* newest_seen) const {
  const auto one = [](Value v, std::uint64_t sequence) -> std::string {
    switch (v) {
      case Value::kPattern:
        return fmt::format("write #{}", sequence);
      case Value::kZeroes:
        return fmt::format("zeroes (#{})", sequence);
      case Value::kOnes:
        return fmt::format("ones (#{})", sequence);
      case Value::kUntouched:
        return "what was there before this session";
      case Value::kAnything:
        return "anything";
    }
    return "?";
  };
  *newest = 0;
  *newest_seen = false;
  if (e.kind() != Kind::kList) {
    *newest = e.number();
    *newest_seen = e.seen();
    return one(e.kind() == Kind::kPattern    ? Value::kPattern
               : e.kind() == Kind::kZeroes   ? Value::kZeroes
               : e.kind() == Kind::kAnything ? Value::kAnything
                                             : Value::kUntouched,
               e.number());
  }
  std::string text;
  unsigned n = 0;
  for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next) {
    const Candidate& c = candidates_[at];
    if (c.dead != kNever) continue;
    if (c.fate == Fate::kAcked && c.sequence >= *newest) {
      *newest = c.sequence;
      *newest_seen = c.seen != kNever;
    }
    if (++n <= 4) {
      text += (text.empty() ? "" : " or ") + one(c.value, c.sequence);
      if (c.fate == Fate::kInFlight) text += " (in flight)";
      if (c.fate == Fate::kFailed) text += " (failed)";
      if (c.fate == Fate::kLost) text += " (unanswered)";
    }
  }
  if (n > 4) text += fmt::format(" or {} more", n - 4);
  return text;
}

Violation Shadow::name(Entry e, std::uint64_t lba, const BlockContent& content) const {
  Violation v;
  v.lba = lba;
  bool seen = false;
  const std::string expected = describe_expected(e, &v.expected, &seen);
  const BlockTag& t = content.tag;
  std::string found;
  const auto tag_text = [this](const BlockTag& x) {
    return x.session != identity_.session
               ? fmt::format("block {} of another session ({:016x})", x.lba, x.session)
               : fmt::format("write #{} of block {}", x.sequence, x.lba);
  };
  switch (content.content) {
    case Content::kZeroes:
    case Content::kOnes:
      v.fault = seen ? Fault::kStale : Fault::kLost;
      found = content.content == Content::kZeroes ? "zeroes" : "ones";
      break;
    case Content::kTorn:
      v.fault = Fault::kTorn;
      found = fmt::format("a mixture: {}, from byte {} on {}", tag_text(t), content.changes_at,
                          content.has_second ? tag_text(content.second) : "zeroes or the reverse");
      break;
    case Content::kOther:
      v.fault = Fault::kCorrupt;
      found = content.has_tag ? fmt::format("{} with damage at byte {}", tag_text(t), content.changes_at)
                              : "data that this program did not write";
      break;
    case Content::kPattern:
      found = tag_text(t);
      if (t.session != identity_.session) {
        v.fault = Fault::kForeign;
      } else if (t.nsid != identity_.nsid || t.lba != lba) {
        v.fault = Fault::kMisdirected;
        if (t.nsid != identity_.nsid) found += fmt::format(" of namespace {}", t.nsid);
      } else if (e.kind() == Kind::kUntouched || t.sequence > sequence_ || t.sequence > v.expected) {
        // Newer than all that is acknowledged, and not among the legal values: a value already replaced, if
        // it was ever written here.
        v.fault = e.kind() == Kind::kUntouched || t.sequence > sequence_ ? Fault::kUnwritten : Fault::kStale;
      } else {
        v.fault = seen ? Fault::kStale : Fault::kLost;
      }
      break;
  }
  v.text = fmt::format("block {}: {}: holds {}, must hold {}", lba, fault_name(v.fault), found, expected);
  if (v.fault == Fault::kLost) v.text += ", which was acknowledged and never seen";
  if (v.fault == Fault::kStale && seen) v.text += ", which was read before";
  return v;
}

// A write that is lost in some blocks and present in others of the same read was torn.
void Shadow::mark_partial_writes(const Operation& read, std::span<const std::byte> data,
                                 std::vector<Violation>& out, std::size_t from) const {
  for (std::size_t n = from; n < out.size(); ++n) {
    Violation& v = out[n];
    if (v.fault != Fault::kLost || v.expected == 0) continue;
    for (std::uint32_t i = 0; i < read.blocks; ++i) {
      const auto block = data.subspan(std::size_t{i} * identity_.block_size, identity_.block_size);
      if (!block_is(block, {read.lba + i, v.expected, identity_.session, identity_.nsid})) continue;
      v.fault = Fault::kTorn;
      v.text += fmt::format("; torn: block {} has it", read.lba + i);
      break;
    }
  }
}

}  // namespace nvtee::host
