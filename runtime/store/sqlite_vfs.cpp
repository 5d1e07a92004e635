#include "runtime/store/sqlite_vfs.hpp"

#include <sqlite3.h>

#include <cstring>
#include <mutex>

#include "runtime/base/check.hpp"

namespace nvtee::store {
namespace {

thread_local SyncWatch* current_watch = nullptr;

// Our file object, followed in memory by that of the layer below.
struct File {
  sqlite3_file base;
  SyncWatch* watch;
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* self(sqlite3_file* f) {
  return reinterpret_cast<File*>(f);
}
sqlite3_file* below(sqlite3_file* f) {
  return self(f)->below();
}
sqlite3_vfs* below(sqlite3_vfs* v) {
  return static_cast<sqlite3_vfs*>(v->pAppData);
}

int x_close(sqlite3_file* f) {
  return below(f)->pMethods->xClose(below(f));
}
int x_read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return below(f)->pMethods->xRead(below(f), to, n, at);
}
int x_write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  SyncWatch* watch = self(f)->watch;
  if (watch != nullptr && watch->failed) return SQLITE_IOERR_WRITE;
  if (watch != nullptr && watch->fail_write && watch->fail_write()) return SQLITE_FULL;
  return below(f)->pMethods->xWrite(below(f), from, n, at);
}
int x_truncate(sqlite3_file* f, sqlite3_int64 size) {
  SyncWatch* watch = self(f)->watch;
  if (watch != nullptr && watch->failed) return SQLITE_IOERR_TRUNCATE;
  return below(f)->pMethods->xTruncate(below(f), size);
}
int x_sync(sqlite3_file* f, int flags) {
  SyncWatch* watch = self(f)->watch;
  if (watch == nullptr) return below(f)->pMethods->xSync(below(f), flags);
  if (watch->failed) return SQLITE_IOERR_FSYNC;
  const bool injected = watch->fail_sync && watch->fail_sync();
  const int rc = injected ? SQLITE_IOERR_FSYNC : below(f)->pMethods->xSync(below(f), flags);
  if (rc == SQLITE_OK)
    ++watch->syncs;
  else
    watch->failed = true;
  return rc;
}
int x_size(sqlite3_file* f, sqlite3_int64* size) {
  return below(f)->pMethods->xFileSize(below(f), size);
}
int x_lock(sqlite3_file* f, int kind) {
  return below(f)->pMethods->xLock(below(f), kind);
}
int x_unlock(sqlite3_file* f, int kind) {
  return below(f)->pMethods->xUnlock(below(f), kind);
}
int x_reserved(sqlite3_file* f, int* out) {
  return below(f)->pMethods->xCheckReservedLock(below(f), out);
}
int x_control(sqlite3_file* f, int op, void* arg) {
  return below(f)->pMethods->xFileControl(below(f), op, arg);
}
int x_sector(sqlite3_file* f) {
  return below(f)->pMethods->xSectorSize(below(f));
}
int x_device(sqlite3_file* f) {
  return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

// Version 1: without shared memory. WAL then needs locking_mode=EXCLUSIVE, which the store uses anyway.
sqlite3_io_methods make_methods() {
  sqlite3_io_methods m{};
  m.iVersion = 1;
  m.xClose = x_close;
  m.xRead = x_read;
  m.xWrite = x_write;
  m.xTruncate = x_truncate;
  m.xSync = x_sync;
  m.xFileSize = x_size;
  m.xLock = x_lock;
  m.xUnlock = x_unlock;
  m.xCheckReservedLock = x_reserved;
  m.xFileControl = x_control;
  m.xSectorSize = x_sector;
  m.xDeviceCharacteristics = x_device;
  return m;
}
const sqlite3_io_methods kMethods = make_methods();

int v_open(sqlite3_vfs* v, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  File* file = self(f);
  std::memset(file, 0, sizeof(File));
  file->watch = current_watch;
  const int rc = below(v)->xOpen(below(v), name, file->below(), flags, out_flags);
  file->base.pMethods = file->below()->pMethods != nullptr ? &kMethods : nullptr;
  return rc;
}
int v_delete(sqlite3_vfs* v, const char* name, int sync) {
  return below(v)->xDelete(below(v), name, sync);
}
int v_access(sqlite3_vfs* v, const char* name, int flags, int* out) {
  return below(v)->xAccess(below(v), name, flags, out);
}
int v_path(sqlite3_vfs* v, const char* name, int n, char* out) {
  return below(v)->xFullPathname(below(v), name, n, out);
}
int v_random(sqlite3_vfs* v, int n, char* out) {
  return below(v)->xRandomness(below(v), n, out);
}
int v_sleep(sqlite3_vfs* v, int us) {
  return below(v)->xSleep(below(v), us);
}
int v_time(sqlite3_vfs* v, double* out) {
  return below(v)->xCurrentTime(below(v), out);
}
int v_error(sqlite3_vfs* v, int n, char* out) {
  return below(v)->xGetLastError(below(v), n, out);
}
int v_time64(sqlite3_vfs* v, sqlite3_int64* out) {
  return below(v)->xCurrentTimeInt64(below(v), out);
}

void register_vfs() {
  static sqlite3_vfs vfs;
  sqlite3_vfs* os = sqlite3_vfs_find(nullptr);
  NVTEE_CHECK(os != nullptr, "SQLite has a default VFS");
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(sizeof(File)) + os->szOsFile;
  vfs.mxPathname = os->mxPathname;
  vfs.zName = "nvtee-watched";
  vfs.pAppData = os;
  vfs.xOpen = v_open;
  vfs.xDelete = v_delete;
  vfs.xAccess = v_access;
  vfs.xFullPathname = v_path;
  vfs.xRandomness = v_random;
  vfs.xSleep = v_sleep;
  vfs.xCurrentTime = v_time;
  vfs.xGetLastError = v_error;
  vfs.xCurrentTimeInt64 = v_time64;
  NVTEE_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK, "the watching VFS registers");
}

}  // namespace

const char* watched_vfs() {
  static std::once_flag once;
  std::call_once(once, register_vfs);
  return "nvtee-watched";
}

SyncScope::SyncScope(SyncWatch& watch) {
  current_watch = &watch;
}
SyncScope::~SyncScope() {
  current_watch = nullptr;
}

}  // namespace nvtee::store
