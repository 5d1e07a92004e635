// Memory and file stores, and the sidecar file.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tools/nvtee-target/mem_store.hpp"
#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace st = spec::st;

struct Shape {
  bool file;
  std::uint8_t shift;
  Durability durability;
};

class AnyStore : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    const Shape& p = GetParam();
    uring_ = std::move(*Uring::create(*loop_.reactor, 8));  // small: waiting for room is exercised too
    if (p.file)
      store_ = std::move(*FileStore::open(*uring_, {dir_ / "a", kSize, p.shift, p.durability}));
    else
      store_ = std::move(*MemStore::create(kSize >> p.shift, p.shift));
    run_ = std::make_unique<StoreRunner>(loop_, *store_);
    block_ = std::size_t{1} << p.shift;
  }
  static constexpr std::uint64_t kSize = 8 << 20;
  Loop loop_;
  TempDir dir_;
  std::unique_ptr<Uring> uring_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreRunner> run_;
  std::size_t block_ = 0;
};

TEST_P(AnyStore, ReadsWhatWasWritten) {
  EXPECT_TRUE(run_->read(0, 4) == std::vector<std::byte>(4 * block_));
  const auto a = pattern(5 * block_, 1), b = pattern(block_, 2);
  EXPECT_EQ(run_->write(3, a), st::kOk);
  EXPECT_EQ(run_->write(store_->blocks() - 1, b, true), st::kOk);
  EXPECT_TRUE(run_->read(3, 5) == a);
  EXPECT_TRUE(run_->read(store_->blocks() - 1, 1) == b);
  EXPECT_EQ(run_->plain(StoreAction::kFlush), st::kOk);
}

TEST_P(AnyStore, ZeroAndDeallocateHitExactlyTheirRange) {
  for (const StoreAction action : {StoreAction::kZero, StoreAction::kDeallocate}) {
    for (const std::uint32_t n : {1u, 3u, 200u}) {
      const auto data = pattern((n + 2) * block_, n);
      ASSERT_EQ(run_->write(1, data), st::kOk);
      ASSERT_EQ(run_->plain(action, 2, n, n == 3), st::kOk);
      auto want = data;
      std::fill(want.begin() + static_cast<long>(block_), want.end() - static_cast<long>(block_),
                std::byte{0});
      EXPECT_TRUE(run_->read(1, n + 2) == want) << n;
    }
  }
  ASSERT_EQ(run_->plain(StoreAction::kZero, 0, static_cast<std::uint32_t>(store_->blocks())), st::kOk);
  EXPECT_TRUE(run_->read(0, 64) == std::vector<std::byte>(64 * block_));
}

// More operations than the ring or the task pool holds.
TEST_P(AnyStore, ManyAtOnce) {
  struct Client final : StoreClient {
    unsigned done = 0;
    void on_store_done(StoreOp&, spec::Status s) override {
      ++done;
      EXPECT_EQ(s, st::kOk);
    }
  } client;
  constexpr unsigned kOps = 1500;
  const auto data = pattern(block_, 5);
  std::vector<StoreOp> ops(kOps);
  for (unsigned i = 0; i < kOps; ++i) {
    ops[i].action = StoreAction::kWrite;
    ops[i].lba = i;
    ops[i].blocks = 1;
    ops[i].data = const_cast<std::byte*>(data.data());
    ops[i].client = &client;
    if (const auto s = store_->start(ops[i])) client.on_store_done(ops[i], *s);
  }
  EXPECT_TRUE(loop_.until([&] { return client.done == kOps; }));
  EXPECT_TRUE(run_->read(kOps - 1, 1) == data);
}

INSTANTIATE_TEST_SUITE_P(Stores, AnyStore,
                         testing::Values(Shape{false, 12, {}}, Shape{false, 9, {}},
                                         Shape{true, 12, Durability::kPower},
                                         Shape{true, 9, Durability::kFlush},
                                         Shape{true, 12, Durability::kProcess}),
                         [](const auto& p) {
                           return std::string(p.param.file ? "file" : "mem") +
                                  std::to_string(1u << p.param.shift) + "d" +
                                  std::to_string(static_cast<int>(p.param.durability));
                         });

class Files : public testing::Test {
 protected:
  void SetUp() override { uring_ = std::move(*Uring::create(*loop_.reactor, 64)); }
  std::string refusal(const FileOptions& o) {
    auto s = FileStore::open(*uring_, o);
    EXPECT_FALSE(s);
    return s ? "" : s.error().text();
  }
  Loop loop_;
  TempDir dir_;
  std::unique_ptr<Uring> uring_;
};

TEST_F(Files, ContentsSurviveReopening) {
  const auto data = pattern(4096, 7);
  {
    auto s = std::move(*FileStore::open(*uring_, {dir_ / "a", 1 << 20, 12, Durability::kProcess}));
    EXPECT_FALSE(s->volatile_cache());
    EXPECT_EQ(StoreRunner(loop_, *s).write(9, data), st::kOk);
  }
  auto s = std::move(*FileStore::open(*uring_, {dir_ / "a", 0, 12, Durability::kFlush}));  // size as it is
  EXPECT_EQ(s->bytes(), 1u << 20);
  EXPECT_TRUE(s->volatile_cache());
  EXPECT_TRUE(StoreRunner(loop_, *s).read(9, 1) == data);
}

// A killed process's io_uring keeps its files open for a while: who starts in its place must not be refused.
TEST_F(Files, WaitsForALockThatIsAboutToGo) {
  ASSERT_TRUE(FileStore::open(*uring_, {dir_ / "a", 1 << 20, 12, Durability::kProcess}));
  net::Fd holder(::open((dir_ / "a").c_str(), O_RDWR));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  ASSERT_EQ(::fcntl(holder.get(), F_OFD_SETLK, &lock), 0);
  std::thread going([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));  // no event tells that somebody waits
    holder = net::Fd();
  });
  EXPECT_TRUE(FileStore::open(*uring_, {dir_ / "a", 0, 12, Durability::kProcess}));
  going.join();
}

TEST_F(Files, DeallocateGivesSpaceBack) {
  auto s = std::move(*FileStore::open(*uring_, {dir_ / "a", 4 << 20, 12, Durability::kFlush}));
  StoreRunner run(loop_, *s);
  ASSERT_EQ(run.write(0, pattern(1 << 20, 1)), st::kOk);
  ASSERT_EQ(run.plain(StoreAction::kFlush), st::kOk);
  struct stat before{}, after{};
  ::stat((dir_ / "a").c_str(), &before);
  ASSERT_EQ(run.plain(StoreAction::kDeallocate, 0, 256), st::kOk);
  ASSERT_EQ(run.plain(StoreAction::kFlush), st::kOk);
  ::stat((dir_ / "a").c_str(), &after);
  EXPECT_LT(after.st_blocks, before.st_blocks);
  EXPECT_EQ(after.st_size, 4 << 20);
}

TEST_F(Files, WithoutZeroRangeZeroesAreWritten) {
  if (::access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no tmpfs here";
  // tmpfs knows no ZERO_RANGE.
  char name[] = "/dev/shm/nvtee-target-test-XXXXXX";
  const int fd = ::mkstemp(name);
  ASSERT_GE(fd, 0);
  ::close(fd);
  {
    auto s = std::move(*FileStore::open(*uring_, {name, 4 << 20, 12, Durability::kPower}));
    StoreRunner run(loop_, *s);
    ASSERT_EQ(run.write(0, pattern(2 << 20, 1)), st::kOk);
    ASSERT_EQ(run.plain(StoreAction::kZero, 1, 510, true), st::kOk);
    EXPECT_TRUE(run.read(1, 510) == std::vector<std::byte>(510 * 4096));
    EXPECT_TRUE(run.read(511, 1) != std::vector<std::byte>(4096));
  }
  ::unlink(name);
}

TEST_F(Files, RefusesWhatItCannotServe) {
  EXPECT_NE(refusal({dir_ / "none", 0, 12, {}}).find("size="), std::string::npos);
  EXPECT_NE(refusal({dir_.path, 0, 12, {}}), "");
  EXPECT_NE(refusal({"/dev/null", 0, 12, {}}).find("neither"), std::string::npos);
  std::ofstream(dir_ / "odd") << "12345";
  EXPECT_NE(refusal({dir_ / "odd", 0, 12, {}}).find("multiple"), std::string::npos);
  std::ofstream(dir_ / "small") << std::string(8192, 'x');
  EXPECT_NE(refusal({dir_ / "small", 4096, 12, {}}).find("8192"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(dir_ / "small"), 8192u);
  std::ofstream(dir_ / "empty").flush();
  EXPECT_NE(refusal({dir_ / "empty", 0, 12, {}}).find("empty"), std::string::npos);
}

TEST_F(Files, WhatMustBeStableIsWrittenSo) {
  StoreOp plain, fua;
  fua.fua = true;
  for (const auto& [durability, of_plain] :
       {std::pair{Durability::kPower, RWF_DSYNC}, {Durability::kFlush, 0}, {Durability::kProcess, 0}}) {
    auto s = std::move(*FileStore::open(*uring_, {dir_ / "a", 1 << 20, 12, durability}));
    EXPECT_EQ(s->write_flags(plain), of_plain);
    EXPECT_EQ(s->write_flags(fua), RWF_DSYNC);
  }
}

TEST_F(Files, OneUserAtATime) {
  auto s = FileStore::open(*uring_, {dir_ / "a", 1 << 20, 12, {}});
  ASSERT_TRUE(s);
  EXPECT_NE(refusal({dir_ / "a", 0, 12, {}}).find("in use"), std::string::npos);
  s->reset();
  EXPECT_TRUE(FileStore::open(*uring_, {dir_ / "a", 0, 12, {}}));
}

TEST_F(Files, AFileCutShortIsAReadError) {
  auto s = std::move(*FileStore::open(*uring_, {dir_ / "a", 1 << 20, 12, {}}));
  std::filesystem::resize_file(dir_ / "a", 4096);
  std::vector<std::byte> data(8192);
  StoreOp op;
  op.action = StoreAction::kRead;
  op.blocks = 2;
  op.data = data.data();
  EXPECT_EQ(StoreRunner(loop_, *s).run(op), st::kReadError);
}

// ---- sidecar
// -------------------------------------------------------------------------------------------------

class Sidecars : public Files {
 protected:
  static SidecarContents fresh() {
    SidecarContents c;
    c.nguid.fill(1);
    c.uuid.fill(2);
    c.blocks = 100;
    c.block_shift = 12;
    return c;
  }
  static ReservationState some(bool ptpl) {
    ReservationState r;
    r.ptpl = ptpl;
    r.generation = 77;
    r.type = 3;
    r.registrants = {{TestHost::host_id(1), 10}, {TestHost::host_id(2), 20}};
    r.holder = TestHost::host_id(1);
    return r;
  }
  std::string path() const { return dir_ / "s"; }
  Result<std::unique_ptr<Sidecar>> open() { return Sidecar::open(*uring_, path(), fresh()); }
  Status0 save(Sidecar& s, const ReservationState& r) {
    bool done = false;
    Status0 result;
    s.save(r, [&](const Status0& saved) {
      result = saved;
      done = true;
    });
    EXPECT_FALSE(done);
    EXPECT_TRUE(loop_.until([&] { return done; }));
    return result;
  }
  std::string bytes() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(Sidecars, RemembersWhatPersists) {
  {
    auto s = std::move(*open());
    EXPECT_TRUE(s->contents().reservation == ReservationState{});
    EXPECT_TRUE(save(*s, some(true)));
  }
  auto again = std::move(*open());
  EXPECT_TRUE(again->contents().reservation == some(true));
  EXPECT_EQ(again->contents().nguid, fresh().nguid);
  // Without PTPL nothing of it survives.
  EXPECT_TRUE(save(*again, some(false)));
  EXPECT_TRUE((*open())->contents().reservation == ReservationState{});
  EXPECT_TRUE(again->save_now(some(true)));
  EXPECT_TRUE((*open())->contents().reservation == some(true));
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
}

TEST_F(Sidecars, EveryDamagedByteIsNoticedAndLeftAlone) {
  {
    auto s = std::move(*open());
    ASSERT_TRUE(save(*s, some(true)));
  }
  const std::string good = bytes();
  const auto check = [&](const std::string& bad) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bad;
    const auto s = open();
    ASSERT_FALSE(s);
    EXPECT_NE(s.error().what.find("damaged"), std::string::npos);
    EXPECT_EQ(bytes(), bad);
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    check(bad);
  }
  for (std::size_t n = 0; n < good.size(); ++n) check(good.substr(0, n));
  check(good + "x");
}

TEST_F(Sidecars, AnotherGeometryIsRefused) {
  ASSERT_TRUE(open());
  SidecarContents other = fresh();
  other.blocks = 101;
  const auto s = Sidecar::open(*uring_, path(), other);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("belongs to a namespace of 100 blocks"), std::string::npos);
}

TEST_F(Sidecars, AFailedSaveIsToldAndKeepsTheOldOne) {
  auto s = std::move(*open());
  ASSERT_TRUE(save(*s, some(true)));
  const std::string before = bytes();
  std::filesystem::create_directory(path() + ".new");  // in the way
  EXPECT_FALSE(save(*s, ReservationState{}));
  EXPECT_EQ(bytes(), before);
  EXPECT_TRUE(s->contents().reservation == some(true));
  std::filesystem::remove(path() + ".new");
  EXPECT_TRUE(save(*s, ReservationState{}));
}

}  // namespace
}  // namespace nvtee::target
