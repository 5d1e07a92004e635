#include "runtime/store/sqlite_store.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"

namespace nvtee::store {
namespace {

constexpr const char* kSchema =
    "CREATE TABLE record (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT "
    "ROWID";
constexpr const char* kRestore = "restore it from a copy, or move it away to start with an empty store";

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;
struct Finalize {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::unexpected<Error> sql_error(const std::string& what, sqlite3* db) {
  return fail(fmt::format("{}: {} (SQLite {})", what, sqlite3_errmsg(db), sqlite3_extended_errcode(db)), {},
              sqlite3_system_errno(db));
}

Status0 execute(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return sql_error(sql, db);
}

Result<Statement> prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* s = nullptr;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr) != SQLITE_OK)
    return sql_error(sql, db);
  return Statement(s);
}

// First column of the first row; empty when there is none.
Result<std::string> first_text(sqlite3* db, const char* sql) {
  auto s = prepare(db, sql);
  if (!s) return std::unexpected(s.error());
  const int rc = sqlite3_step(s->get());
  if (rc == SQLITE_DONE) return std::string();
  if (rc != SQLITE_ROW) return sql_error(sql, db);
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s->get(), 0));
  return std::string(text != nullptr ? text : "");
}

Bytes column_blob(sqlite3_stmt* s, int i) {
  const void* p = sqlite3_column_blob(s, i);
  const auto n = static_cast<std::size_t>(sqlite3_column_bytes(s, i));
  return p == nullptr ? Bytes() : Bytes(static_cast<const char*>(p), n);
}

void bind_blob(sqlite3_stmt* s, int i, const Bytes& b) {
  sqlite3_bind_blob64(s, i, b.data(), b.size(), SQLITE_STATIC);
}

std::uint32_t row_crc(const Bytes& key, const Bytes& value) {
  return crc32c(crc32c(0, key.data(), key.size()), value.data(), value.size());
}

std::string directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

Status0 sync_directory(const std::string& path) {
  const Fd dir(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) return fail_errno("fsync of the directory of " + path, errno);
  return {};
}

// ---- before SQLite touches the file -------------------------------------------------------------
// -------------------------------------------------------------------------- Reads the file's own header, so
// that a file which is not ours is refused without being opened for writing.
Status0 check_header(const std::string& path, int fd) {
  std::array<unsigned char, 100> h{};
  const ssize_t n = ::pread(fd, h.data(), h.size(), 0);
  if (n < 0) return fail_errno("read " + path, errno);
  if (n == 0) return fail(path + " is empty", "an nvtee store is never empty: " + std::string(kRestore));
  if (static_cast<std::size_t>(n) < h.size() || std::memcmp(h.data(), "SQLite format 3", 16) != 0)
    return fail(path + " is not an nvtee metadata store (no SQLite header)", "name the right file");
  const auto be32 = [&h](std::size_t at) {
    return std::uint32_t{h[at]} << 24 | std::uint32_t{h[at + 1]} << 16 | std::uint32_t{h[at + 2]} << 8 |
           h[at + 3];
  };
  if (be32(68) != kApplicationId)
    return fail(fmt::format("{} is another program's SQLite file (application_id {:#010x})", path, be32(68)),
                "name the right file");
  if (be32(60) > kFormatVersion)
    return fail(
        fmt::format("{} has format version {}, this program knows {}", path, be32(60), kFormatVersion),
        "run the newer nvtee that wrote it");
  if (be32(60) == 0) return fail(path + " has no format version", kRestore);
  return {};
}

// The lock is flock() on the file itself: it is independent of SQLite's own fcntl() locks and dies with the
// process.
Result<Fd> lock_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno("open " + path, errno, "nvteed must own the file and its directory");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(path + " is in use by another process", "stop the other nvteed, or name another file",
                  EWOULDBLOCK);
    return fail_errno("lock " + path, errno);
  }
  return fd;
}

Result<Db> open_db(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_FULLMUTEX, watched_vfs());
  Db db(raw);
  if (rc != SQLITE_OK) return sql_error("open " + path, raw);
  sqlite3_extended_result_codes(raw, 1);
  // Until the file is accepted nothing may be written, not even by closing it.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return db;
}

// Made under another name and renamed: a file of the final name is always complete.
Status0 create(const std::string& path) {
  struct stat unused{};
  if (::stat((path + "-wal").c_str(), &unused) == 0)
    return fail(path + " is missing, but its log " + path + "-wal is there",
                "put the file back, or remove the log");
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  {
    auto db = open_db(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!db) return std::unexpected(db.error());
    for (const std::string& sql :
         {std::string("PRAGMA locking_mode=EXCLUSIVE"), std::string("PRAGMA page_size=4096"),
          std::string("PRAGMA synchronous=FULL"), fmt::format("PRAGMA application_id={}", kApplicationId),
          fmt::format("PRAGMA user_version={}", kFormatVersion), std::string(kSchema)})
      if (const auto ok = execute(db->get(), sql); !ok) return ok;
    sqlite3_db_config(db->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    if (const auto ok = execute(db->get(), "PRAGMA journal_mode=WAL"); !ok) return ok;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("rename " + fresh, errno);
  return sync_directory(path);
}

Status0 check_pragma(sqlite3* db, const char* sql, const char* want) {
  const auto got = first_text(db, sql);
  if (!got) return std::unexpected(got.error());
  if (*got == want) return {};
  return fail(fmt::format("{} gives {}, not {}", sql, *got, want),
              "the file system does not offer what a store needs: use a local one");
}

Status0 configure(sqlite3* db) {
  for (const char* sql :
       {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=OFF",
        "PRAGMA cell_size_check=ON", "PRAGMA journal_size_limit=16777216"})
    if (const auto ok = execute(db, sql); !ok) return ok;
  if (const auto ok = check_pragma(db, "PRAGMA journal_mode", "wal"); !ok) return ok;
  return check_pragma(db, "PRAGMA synchronous", "2");
}

Result<Transaction::Put> checked_row(const std::string& path, sqlite3_stmt* s) {
  Transaction::Put put{column_blob(s, 0), column_blob(s, 1)};
  if (row_crc(put.key, put.value) != static_cast<std::uint32_t>(sqlite3_column_int64(s, 2)))
    return fail(path + " is damaged: a record does not match its checksum", kRestore);
  return put;
}

Status0 check_content(const std::string& path, sqlite3* db) {
  const auto schema = first_text(db, "SELECT sql FROM sqlite_master");
  if (!schema) return fail(path + " is damaged: " + schema.error().what, kRestore);
  if (*schema != kSchema) return fail(path + " is damaged: its table is not ours", kRestore);
  const auto whole = first_text(db, "PRAGMA integrity_check(1)");
  if (!whole) return fail(path + " is damaged: " + whole.error().what, kRestore);
  if (*whole != "ok") return fail(path + " is damaged: " + *whole, kRestore);
  auto rows = prepare(db, "SELECT key, value, crc FROM record");
  if (!rows) return fail(path + " is damaged: " + rows.error().what, kRestore);
  int rc = SQLITE_OK;
  while ((rc = sqlite3_step(rows->get())) == SQLITE_ROW)
    if (const auto row = checked_row(path, rows->get()); !row) return std::unexpected(row.error());
  if (rc != SQLITE_DONE) return fail(path + " is damaged: " + sqlite3_errmsg(db), kRestore);
  return {};
}

// ---- the store ----------------------------------------------------------------------------------
class SqliteStore final : public MetaStore {
 public:
  SqliteStore(std::string path, std::shared_ptr<SyncWatch> watch, Fd lock, Db db)
      : path_(std::move(path)), watch_(std::move(watch)), lock_(std::move(lock)), db_(std::move(db)) {}

  Status0 prepare_all() {
    const auto get = [this](Statement& to, const char* sql) -> Status0 {
      auto s = prepare(db_.get(), sql);
      if (!s) return std::unexpected(s.error());
      to = std::move(*s);
      return {};
    };
    if (auto ok = get(get_, "SELECT value FROM record WHERE key=?1"); !ok) return ok;
    if (auto ok = get(put_, "INSERT OR REPLACE INTO record(key,value,crc) VALUES(?1,?2,?3)"); !ok) return ok;
    if (auto ok = get(delete_, "DELETE FROM record WHERE key=?1"); !ok) return ok;
    return get(list_, "SELECT key, value, crc FROM record WHERE key>=?1 ORDER BY key");
  }

  Result<Outcome> commit(const Transaction& t) override {
    const std::lock_guard guard(mutex_);
    if (watch_->failed)
      return fail("an fsync of " + path_ + " failed, so nothing more is written",
                  "check the disk and the kernel log, then restart nvteed");
    if (const auto ok = execute(db_.get(), "BEGIN IMMEDIATE"); !ok) return std::unexpected(ok.error());
    Result<Outcome> outcome = apply(t);
    if (outcome && *outcome == Outcome::kCommitted) {
      if (const auto ok = execute(db_.get(), "COMMIT"); ok)
        return outcome;
      else
        outcome = std::unexpected(ok.error());
    }
    if (sqlite3_get_autocommit(db_.get()) == 0) (void)execute(db_.get(), "ROLLBACK");
    return outcome;
  }

  Result<std::vector<Transaction::Put>> list(const Bytes& prefix) override {
    const std::lock_guard guard(mutex_);
    const Reset reset{list_.get()};
    bind_blob(list_.get(), 1, prefix);
    std::vector<Transaction::Put> out;
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(list_.get())) == SQLITE_ROW) {
      auto row = checked_row(path_, list_.get());
      if (!row) return std::unexpected(row.error());
      if (!row->key.starts_with(prefix)) return out;
      out.push_back(std::move(*row));
    }
    if (rc != SQLITE_DONE) return sql_error("read " + path_, db_.get());
    return out;
  }

  std::string where() const override { return path_; }

 private:
  struct Reset {
    sqlite3_stmt* s;
    ~Reset() {
      sqlite3_reset(s);
      sqlite3_clear_bindings(s);
    }
  };

  Result<bool> holds(const Transaction::Condition& c) {
    const Reset reset{get_.get()};
    bind_blob(get_.get(), 1, c.key);
    const int rc = sqlite3_step(get_.get());
    if (rc == SQLITE_DONE) return !c.expect.has_value();
    if (rc != SQLITE_ROW) return sql_error("read " + path_, db_.get());
    return c.expect.has_value() && column_blob(get_.get(), 0) == *c.expect;
  }

  Status0 run(sqlite3_stmt* s) {
    if (sqlite3_step(s) == SQLITE_DONE) return {};
    return sql_error("write " + path_, db_.get());
  }

  Result<Outcome> apply(const Transaction& t) {
    for (const auto& c : t.conditions) {
      const auto ok = holds(c);
      if (!ok) return std::unexpected(ok.error());
      if (!*ok) return Outcome::kConditionFailed;
    }
    for (const auto& key : t.deletes) {
      const Reset reset{delete_.get()};
      bind_blob(delete_.get(), 1, key);
      if (const auto ok = run(delete_.get()); !ok) return std::unexpected(ok.error());
    }
    for (const auto& p : t.puts) {
      const Reset reset{put_.get()};
      bind_blob(put_.get(), 1, p.key);
      bind_blob(put_.get(), 2, p.value);
      sqlite3_bind_int64(put_.get(), 3, row_crc(p.key, p.value));
      if (const auto ok = run(put_.get()); !ok) return std::unexpected(ok.error());
    }
    return Outcome::kCommitted;
  }

  std::string path_;
  std::shared_ptr<SyncWatch> watch_;
  Fd lock_;  // closed last: closing any descriptor of the file drops SQLite's own locks
  Db db_;
  std::mutex mutex_;
  Statement get_, put_, delete_, list_;  // before db_ closes
};

}  // namespace

Result<std::unique_ptr<MetaStore>> open_sqlite(const std::string& path, std::shared_ptr<SyncWatch> watch) {
  const SyncScope scope(*watch);
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return fail_errno("open " + path, errno);
    if (const auto ok = create(path); !ok) return std::unexpected(ok.error());
  }
  auto lock = lock_file(path);
  if (!lock) return std::unexpected(lock.error());
  if (const auto ok = check_header(path, lock->get()); !ok) return std::unexpected(ok.error());
  auto db = open_db(path, SQLITE_OPEN_READWRITE);
  if (!db) return std::unexpected(db.error());
  if (const auto ok = configure(db->get()); !ok) return std::unexpected(ok.error());
  if (const auto ok = check_content(path, db->get()); !ok) return std::unexpected(ok.error());
  sqlite3_db_config(db->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  auto store = std::make_unique<SqliteStore>(path, std::move(watch), std::move(*lock), std::move(*db));
  if (const auto ok = store->prepare_all(); !ok) return std::unexpected(ok.error());
  return store;
}

Result<std::unique_ptr<MetaStore>> open_sqlite(const std::string& path) {
  return open_sqlite(path, std::make_shared<SyncWatch>());
}

}  // namespace nvtee::store
