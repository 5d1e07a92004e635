// The volatile cache: reads see it, a power failure drops it, flushed data survives. Over a base that the
// test completes when and how it likes.
#include "tools/nvtee-target/overlay_store.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "tools/nvtee-target/mem_store.hpp"
#include "tools/nvtee-target/range_lock.hpp"
#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace st = spec::st;
constexpr std::uint64_t kCapacity = std::uint64_t{4} << 20;

class Overlay : public testing::Test, protected StoreClient {
 protected:
  void make(std::uint64_t blocks, bool immediate, std::optional<std::uint64_t> chaos = {}) {
    base_ = std::make_unique<SlowStore>(blocks);
    base_->immediate = immediate;
    overlay_ = std::move(*OverlayStore::create(*base_, {kCapacity, chaos}));
  }
  // Starts an operation; its status appears in done_.
  StoreOp& start(StoreAction action, std::uint64_t lba, std::uint32_t blocks, std::uint8_t fill = 0,
                 bool fua = false) {
    auto& item = ops_.emplace_back(std::make_unique<Item>());
    item->data.assign(std::size_t{blocks} * 4096, static_cast<std::byte>(fill));
    StoreOp& op = item->op;
    op.action = action;
    op.lba = lba;
    op.blocks = blocks;
    op.fua = fua;
    op.data = item->data.data();
    op.client = this;
    if (const auto s = overlay_->start(op)) done_[&op] = *s;
    return op;
  }
  void on_store_done(StoreOp& op, spec::Status s) override {
    EXPECT_FALSE(done_.contains(&op)) << "finished twice";
    done_[&op] = s;
  }
  bool done(const StoreOp& op) const { return done_.contains(&op); }
  spec::Status status(const StoreOp& op) const { return done_.at(&op); }
  std::uint8_t on_base(std::uint64_t lba) { return std::to_integer<std::uint8_t>(base_->block(lba)[0]); }

  struct Item {
    StoreOp op;
    std::vector<std::byte> data;
  };
  std::unique_ptr<SlowStore> base_;
  std::unique_ptr<OverlayStore> overlay_;
  std::vector<std::unique_ptr<Item>> ops_;
  std::map<const StoreOp*, spec::Status> done_;
};

TEST_F(Overlay, UnflushedWritesAreSeenAndLost) {
  make(1024, true);
  EXPECT_TRUE(done(start(StoreAction::kWrite, 10, 4, 7)));
  EXPECT_EQ(on_base(10), 0);
  const StoreOp& r = start(StoreAction::kRead, 9, 6);
  ASSERT_TRUE(done(r));
  const std::uint8_t want[6] = {0, 7, 7, 7, 7, 0};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(std::to_integer<int>(r.data[i * 4096]), want[i]);
  overlay_->lose_power();
  EXPECT_EQ(overlay_->lost_blocks(), 4u);
  const StoreOp& again = start(StoreAction::kRead, 10, 1);
  EXPECT_EQ(again.data[0], std::byte{0});
}

TEST_F(Overlay, FlushMakesStable) {
  make(1024, false);
  start(StoreAction::kWrite, 10, 4, 7);
  const StoreOp& f = start(StoreAction::kFlush, 0, 0);
  EXPECT_FALSE(done(f));
  base_->complete(0);  // the write-back
  EXPECT_FALSE(done(f));
  EXPECT_EQ(on_base(13), 7);
  base_->complete(0);  // the base's own flush
  EXPECT_EQ(status(f), st::kOk);
  EXPECT_EQ(overlay_->held_blocks(), 0u);
  overlay_->lose_power();
  EXPECT_EQ(overlay_->lost_blocks(), 0u);
}

TEST_F(Overlay, AFlushWaitsForAWriteBackThatAnotherOneBegan) {
  make(1024, false);
  start(StoreAction::kWrite, 10, 4, 7);
  start(StoreAction::kFlush, 0, 0);
  ASSERT_EQ(base_->waiting.size(), 1u);  // its write-back
  const StoreOp& second = start(StoreAction::kFlush, 0, 0);
  EXPECT_EQ(base_->waiting.size(), 1u) << "the base was flushed before the data was there";
  base_->complete_all();
  EXPECT_EQ(status(second), st::kOk);
}

TEST_F(Overlay, FuaMakesItsOwnBlocksStable) {
  make(1024, false);
  start(StoreAction::kWrite, 1, 1, 5);
  const StoreOp& w = start(StoreAction::kWrite, 10, 2, 9, true);
  EXPECT_FALSE(done(w));
  base_->complete_all();
  EXPECT_EQ(status(w), st::kOk);
  EXPECT_EQ(base_->flushes, 1u);
  EXPECT_EQ(on_base(11), 9);
  EXPECT_EQ(on_base(1), 0);  // not asked for
}

TEST_F(Overlay, AFlushCoversABlockThatIsOverwrittenMeanwhile) {
  make(1024, false);
  start(StoreAction::kWrite, 10, 1, 1);
  start(StoreAction::kWrite, 10, 1, 2);
  const StoreOp& f = start(StoreAction::kFlush, 0, 0);  // write-back of 2 is under way
  start(StoreAction::kWrite, 10, 1, 3);
  base_->complete_all();
  EXPECT_EQ(status(f), st::kOk);
  EXPECT_EQ(on_base(10), 2);
  EXPECT_EQ(overlay_->dirty_blocks(), 1u);
  const StoreOp& r = start(StoreAction::kRead, 10, 1);
  EXPECT_EQ(r.data[0], std::byte{3});
  overlay_->lose_power();
  EXPECT_EQ(on_base(10), 2);  // the flushed one
}

TEST_F(Overlay, AReadOverBothSeesTheCacheEvenIfItIsWrittenBackMeanwhile) {
  make(1024, false);
  start(StoreAction::kWrite, 10, 1, 1);
  const StoreOp& r = start(StoreAction::kRead, 9, 3);  // the base read waits
  ASSERT_EQ(base_->waiting.size(), 1u);
  start(StoreAction::kFlush, 0, 0);
  ASSERT_EQ(base_->waiting.size(), 2u);
  base_->complete(1);  // write-back first: the entry must outlive it
  base_->complete_all();
  EXPECT_EQ(status(r), st::kOk);
  EXPECT_EQ(r.data[4096], std::byte{1});
  EXPECT_EQ(overlay_->held_blocks(), 0u);
}

TEST_F(Overlay, FullCacheWritesBackTheOldestAndWaits) {
  make(8192, false);
  const std::uint32_t capacity = kCapacity / 4096;
  for (std::uint32_t i = 0; i < capacity; i += 32) {
    start(StoreAction::kWrite, i, 32, 1);
  }
  EXPECT_EQ(overlay_->held_blocks(), capacity);
  const StoreOp& w = start(StoreAction::kWrite, 4000, 32, 2);
  EXPECT_FALSE(done(w));
  const StoreOp& small = start(StoreAction::kWrite, 5000, 1, 3);
  EXPECT_FALSE(done(small)) << "room is given in order";
  while (!done(w) && !base_->waiting.empty()) base_->complete(0);
  EXPECT_EQ(status(w), st::kOk);
  EXPECT_EQ(on_base(0), 1);
  base_->complete_all();
  EXPECT_TRUE(done(small));
  EXPECT_LE(overlay_->held_blocks(), capacity);
  const StoreOp& f = start(StoreAction::kFlush, 0, 0);
  base_->complete_all();
  EXPECT_EQ(status(f), st::kOk);
  for (std::uint64_t lba : {std::uint64_t{0}, std::uint64_t{capacity} - 1}) EXPECT_EQ(on_base(lba), 1);
  EXPECT_EQ(on_base(4031), 2);
  EXPECT_EQ(on_base(5000), 3);
}

TEST_F(Overlay, ZeroesAndDeallocationSupersedeTheCache) {
  make(4096, true);
  start(StoreAction::kWrite, 0, 200, 1);
  start(StoreAction::kZero, 5, 2);  // small: a write like another
  EXPECT_EQ(on_base(5), 0);
  start(StoreAction::kDeallocate, 100, 50);
  start(StoreAction::kZero, 150, 50);
  const StoreOp& r = start(StoreAction::kRead, 0, 200);
  ASSERT_EQ(status(r), st::kOk);
  for (unsigned i = 0; i < 200; ++i)
    EXPECT_EQ(std::to_integer<int>(r.data[i * 4096]), i == 5 || i == 6 || i >= 100 ? 0 : 1) << i;
  overlay_->lose_power();
  EXPECT_EQ(on_base(100), 0);
}

TEST_F(Overlay, AFailedWriteBackFailsTheFlushAndKeepsTheData) {
  for (const bool immediate : {true, false}) {
    make(1024, immediate);
    start(StoreAction::kWrite, 10, 1, 1);
    base_->write_status = st::kWriteFault;
    const StoreOp& f = start(StoreAction::kFlush, 0, 0);
    base_->complete_all();
    EXPECT_EQ(status(f), st::kWriteFault);
    const StoreOp& fua = start(StoreAction::kWrite, 20, 1, 2, true);
    base_->complete_all();
    EXPECT_EQ(status(fua), st::kWriteFault);
    EXPECT_EQ(overlay_->dirty_blocks(), 2u);
    base_->write_status = st::kOk;
    const StoreOp& g = start(StoreAction::kFlush, 0, 0);
    base_->complete_all();
    EXPECT_EQ(status(g), st::kOk);
    EXPECT_EQ(on_base(10), 1);
    done_.clear();
    ops_.clear();
  }
}

TEST_F(Overlay, FullAndFailingBaseFailsWritersInsteadOfSpinning) {
  make(8192, true);
  base_->write_status = st::kWriteFault;
  const std::uint32_t capacity = kCapacity / 4096;
  for (std::uint32_t i = 0; i < capacity; i += 32) start(StoreAction::kWrite, i, 32, 1);
  const StoreOp& w = start(StoreAction::kWrite, 4000, 32, 2);
  ASSERT_TRUE(done(w));
  EXPECT_EQ(status(w), st::kWriteFault);
}

TEST_F(Overlay, PowerLossEndsWaiters) {
  make(1024, false);
  start(StoreAction::kWrite, 10, 1, 1);
  const StoreOp& f = start(StoreAction::kFlush, 0, 0);
  overlay_->lose_power();
  EXPECT_EQ(status(f), st::kPowerLossAbort);
  base_->complete_all();  // what was on its way arrives
  EXPECT_EQ(on_base(10), 1);
  EXPECT_EQ(overlay_->held_blocks(), 0u);
}

TEST_F(Overlay, ChaosIsEarlyAndDeterministic) {
  std::vector<bool> first;
  for (int round = 0; round < 2; ++round) {
    make(1024, true, 42);
    for (std::uint64_t lba = 0; lba < 256; ++lba) start(StoreAction::kWrite, lba, 1, 1);
    std::vector<bool> early;
    for (std::uint64_t lba = 0; lba < 256; ++lba) early.push_back(on_base(lba) == 1);
    EXPECT_NE(std::ranges::count(early, true), 0);
    EXPECT_NE(std::ranges::count(early, false), 0);
    if (round == 0) first = early;
    EXPECT_EQ(early, first);
  }
}

TEST_F(Overlay, TooSmallIsRefused) {
  SlowStore base(1024);
  EXPECT_FALSE(OverlayStore::create(base, {1 << 20, {}}));
}

// Random operations under the range lock's rule, random completion order, random power failures. Each block's
// content after a failure is one it had at, or after, the last completed flush that covers it (P1, P2).
class Random : public Overlay, public testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Random, testing::Range(1u, 13u));

TEST_P(Random, NothingFlushedIsLostAndNothingIsInvented) {
  constexpr std::uint64_t kBlocks = 2048;
  make(kBlocks, false, GetParam() % 2 != 0 ? std::optional<std::uint64_t>(GetParam()) : std::nullopt);
  std::mt19937 random(GetParam());
  struct Block {
    std::vector<std::uint8_t>
        written;  // versions, oldest first, that a crash may show; the last is the newest
    bool busy = false, writing = false;
  };
  std::vector<Block> blocks(kBlocks, Block{{0}, false, false});
  struct Running {
    StoreOp* op;
    std::uint8_t fill;
    std::vector<std::size_t> floor;  // flush: how many versions were there when it began
  };
  std::vector<Running> running;
  // Versions before `from` can no longer be seen; floors count from the first that can.
  const auto forget_before = [&](std::size_t b, std::size_t from) {
    from = std::min(from, blocks[b].written.size() - 1);
    blocks[b].written.erase(blocks[b].written.begin(), blocks[b].written.begin() + static_cast<long>(from));
    for (Running& x : running)
      if (!x.floor.empty()) x.floor[b] -= std::min(x.floor[b], from);
  };
  const auto reap = [&] {
    std::erase_if(running, [&](Running& x) {
      if (!done(*x.op)) return false;
      EXPECT_EQ(status(*x.op), st::kOk);
      StoreOp& op = *x.op;
      for (std::uint64_t b = op.lba; op.action != StoreAction::kFlush && b < op.lba + op.blocks; ++b) {
        blocks[b].busy = blocks[b].writing = false;
        if (op.action == StoreAction::kRead)
          EXPECT_EQ(std::to_integer<std::uint8_t>(op.data[(b - op.lba) * 4096]), blocks[b].written.back())
              << b;
        else if (op.fua)
          forget_before(b, blocks[b].written.size() - 1);
      }
      for (std::uint64_t b = 0; op.action == StoreAction::kFlush && b < kBlocks; ++b)
        forget_before(b, x.floor[b]);
      return true;
    });
  };
  for (int step = 0; step < 6000; ++step) {
    if (random() % 2 != 0 && !base_->waiting.empty()) base_->complete(random() % base_->waiting.size());
    reap();
    if (random() % 900 == 0) {  // power failure, once all is quiet enough to judge
      base_->complete_all();
      reap();
      ASSERT_TRUE(running.empty());
      overlay_->lose_power();
      for (std::uint64_t b = 0; b < kBlocks; ++b) {
        const std::uint8_t now = on_base(b);
        ASSERT_NE(std::ranges::find(blocks[b].written, now), blocks[b].written.end()) << b;
        blocks[b].written = {now};
      }
      continue;
    }
    const unsigned kind = random() % 100;
    const std::uint64_t lba = random() % kBlocks;
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(1 + random() % 64, kBlocks - lba));
    if (kind < 3) {
      Running x{&start(StoreAction::kFlush, 0, 0), 0, {}};
      // A write that is not answered yet is not covered.
      for (const Block& b : blocks) x.floor.push_back(b.written.size() - (b.writing ? 2 : 1));
      running.push_back(std::move(x));
      continue;
    }
    if (std::any_of(blocks.begin() + static_cast<long>(lba), blocks.begin() + static_cast<long>(lba + n),
                    [](const Block& b) { return b.busy; }))
      continue;
    const StoreAction action = kind < 50   ? StoreAction::kWrite
                               : kind < 90 ? StoreAction::kRead
                               : kind < 95 ? StoreAction::kZero
                                           : StoreAction::kDeallocate;
    const auto fill = static_cast<std::uint8_t>(action == StoreAction::kWrite ? 1 + random() % 255 : 0);
    for (std::uint64_t b = lba; b < lba + n; ++b) {
      blocks[b].busy = true;
      if (action == StoreAction::kRead) continue;
      blocks[b].writing = true;
      blocks[b].written.push_back(fill);
    }
    running.push_back(
        {&start(action, lba, n, fill, action == StoreAction::kWrite && random() % 10 == 0), fill, {}});
  }
  base_->complete_all();
  reap();
  EXPECT_TRUE(running.empty());
}

}  // namespace
}  // namespace nvtee::target
