#include "runtime/store/sqlite_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/store/records.hpp"

namespace nvtee::store {
namespace {

namespace fs = std::filesystem;

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() {
    char name[] = "/tmp/nvtee-store-XXXXXX";
    dir_ = ::mkdtemp(name);
    path_ = dir_ + "/meta.db";
  }
  ~SqliteStoreTest() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  std::unique_ptr<MetaStore> open() {
    auto s = open_sqlite(path_);
    EXPECT_TRUE(s) << s.error().text();
    return s ? std::move(*s) : nullptr;
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream s;
    s << in.rdbuf();
    return s.str();
  }
  // Refused for this reason, and not a byte of it is changed.
  void expect_refused(const std::string& reason) {
    const std::string before = content(path_), log = content(path_ + "-wal");
    const auto s = open_sqlite(path_);
    ASSERT_FALSE(s);
    EXPECT_NE(s.error().what.find(reason), std::string::npos) << s.error().text();
    EXPECT_FALSE(s.error().remedy.empty()) << s.error().text();
    EXPECT_EQ(content(path_), before);
    EXPECT_EQ(content(path_ + "-wal"), log);
  }
  void fill() {
    auto s = open();
    Transaction t;
    for (int i = 0; i < 500; ++i)
      t.puts.push_back({"k" + std::to_string(i), std::string(100, static_cast<char>(i))});
    ASSERT_EQ(*s->commit(t), Outcome::kCommitted);
  }
  void poke(std::size_t at, const std::string& bytes) {
    std::fstream f(path_, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(static_cast<std::streamoff>(at));
    f << bytes;
  }
  std::string dir_, path_;
};

TEST_F(SqliteStoreTest, KeepsWhatWasCommitted) {
  {
    auto s = open();
    Transaction t;
    t.puts = {{"b", Bytes("\0\1", 2)}, {"a", "1"}, {"ab", ""}};
    ASSERT_EQ(*s->commit(t), Outcome::kCommitted);
    t = {};
    t.puts = {{"a", "2"}};
    t.deletes = {"b"};
    ASSERT_EQ(*s->commit(t), Outcome::kCommitted);
  }
  auto s = open();
  const auto all = s->list("a");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].key, "a");
  EXPECT_EQ((*all)[0].value, "2");
  EXPECT_EQ((*all)[1].key, "ab");
  EXPECT_EQ(s->list("b")->size(), 0u);
  EXPECT_EQ(s->list("")->size(), 2u);
}

TEST_F(SqliteStoreTest, FailedConditionChangesNothing) {
  auto s = open();
  Transaction t;
  t.conditions = {{"e", std::nullopt}};
  t.puts = {{"e", "1"}};
  ASSERT_EQ(*s->commit(t), Outcome::kCommitted);
  EXPECT_EQ(*s->commit(t), Outcome::kConditionFailed);
  t.conditions = {{"e", "1"}};
  t.puts = {{"e", "2"}, {"x", "y"}};
  ASSERT_EQ(*s->commit(t), Outcome::kCommitted);
  t.puts = {{"x", "z"}};
  EXPECT_EQ(*s->commit(t), Outcome::kConditionFailed);
  EXPECT_EQ((*s->list("x"))[0].value, "y");
}

TEST_F(SqliteStoreTest, EveryCommitIsOneFsync) {
  auto watch = std::make_shared<SyncWatch>();
  auto s = open_sqlite(path_, watch);
  ASSERT_TRUE(s) << s.error().text();
  for (int i = 0; i < 10; ++i) {
    const auto before = watch->syncs.load();
    Transaction t;
    t.puts = {{"k", std::to_string(i)}};
    ASSERT_EQ(*(*s)->commit(t), Outcome::kCommitted);
    if (i == 0)
      EXPECT_GE(watch->syncs, before + 1);  // the log's header as well
    else
      EXPECT_EQ(watch->syncs, before + 1);
  }
}

TEST_F(SqliteStoreTest, NothingIsTrustedAfterAFailedFsync) {
  auto watch = std::make_shared<SyncWatch>();
  {
    auto s = open_sqlite(path_, watch);
    ASSERT_TRUE(s) << s.error().text();
    Transaction t;
    t.puts = {{"k", "1"}};
    ASSERT_TRUE((*s)->commit(t));
    bool fail = true;
    watch->fail_sync = [&fail] { return std::exchange(fail, false); };
    t.puts = {{"k", "2"}};
    EXPECT_FALSE((*s)->commit(t));
    t.puts = {{"k", "3"}};
    const auto again = (*s)->commit(t);  // the kernel would say yes now
    ASSERT_FALSE(again);
    EXPECT_FALSE(again.error().remedy.empty());
  }
  auto s = open();
  EXPECT_NE((*s->list("k"))[0].value, "3");
}

TEST_F(SqliteStoreTest, FullDiskIsAnErrorThatPasses) {
  auto watch = std::make_shared<SyncWatch>();
  auto s = open_sqlite(path_, watch);
  ASSERT_TRUE(s) << s.error().text();
  Transaction t;
  t.puts = {{"k", "1"}};
  ASSERT_TRUE((*s)->commit(t));
  watch->fail_write = [] { return true; };
  t.puts = {{"k", "2"}};
  EXPECT_FALSE((*s)->commit(t));
  watch->fail_write = nullptr;
  EXPECT_EQ((*(*s)->list("k"))[0].value, "1");
  t.puts = {{"k", "3"}};
  EXPECT_TRUE((*s)->commit(t));
  EXPECT_EQ((*(*s)->list("k"))[0].value, "3");
}

TEST_F(SqliteStoreTest, SecondOpenIsRefused) {
  auto s = open();
  const auto other = open_sqlite(path_);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().what.find("in use"), std::string::npos) << other.error().text();
  // In another process too, and the first one goes on.
  const pid_t child = ::fork();
  if (child == 0) ::_exit(open_sqlite(path_) ? 1 : 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  Transaction t;
  t.puts = {{"k", "1"}};
  EXPECT_TRUE(s->commit(t));
}

TEST_F(SqliteStoreTest, KilledProcessLeavesWhatItCommitted) {
  fill();
  const pid_t child = ::fork();
  if (child == 0) {
    auto s = open_sqlite(path_);
    Transaction t;
    t.puts = {{"k0", "after"}};
    const bool ok = s && (*s)->commit(t);
    ::_exit(ok ? 0 : 1);  // no destructor: the log stays
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_GT(content(path_ + "-wal").size(), 0u);
  auto s = open();
  EXPECT_EQ((*s->list("k0"))[0].value, "after");
}

TEST_F(SqliteStoreTest, ForeignFilesAreRefused) {
  std::ofstream(path_) << std::string(5000, 'x');
  expect_refused("not an nvtee metadata store");
  std::ofstream(path_, std::ios::trunc) << "";
  expect_refused("is empty");
  fs::remove(path_);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE t(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  expect_refused("another program's SQLite file");
}

TEST_F(SqliteStoreTest, NewerFormatIsRefused) {
  fill();
  poke(60, std::string("\0\0\0\2", 4));
  expect_refused("format version 2");
}

TEST_F(SqliteStoreTest, LogWithoutItsFileIsRefused) {
  std::ofstream(path_ + "-wal") << "x";
  const auto s = open_sqlite(path_);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("missing"), std::string::npos);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(SqliteStoreTest, DamageIsRefused) {
  fill();
  const std::string good = content(path_);
  ASSERT_GT(good.size(), 5u * 4096);
  unsigned refused = 0;
  for (std::size_t at = 4096 + 100; at < good.size(); at += 4096) {
    {
      std::ofstream f(path_, std::ios::binary | std::ios::trunc);
      f << good;
    }
    poke(at + 2000, std::string(8, '\x5a'));
    const std::string before = content(path_);
    const auto s = open_sqlite(path_);
    if (!s) ++refused;
    if (s) continue;  // a free page, or free space in one: no record is touched
    EXPECT_FALSE(s.error().remedy.empty());
    EXPECT_EQ(content(path_), before);
  }
  EXPECT_GE(refused, 3u);
}

TEST_F(SqliteStoreTest, OneFlippedBitOfAValueIsRefused) {
  fill();
  const std::string all = content(path_);
  const auto at = all.find(std::string(100, '\x61'));
  ASSERT_NE(at, std::string::npos);
  poke(at + 50, "\x60");
  expect_refused("checksum");
}

}  // namespace
}  // namespace nvtee::store
