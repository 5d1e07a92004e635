// A thin layer under SQLite that watches fsync. After a failed fsync the kernel may have dropped the data and
// call the pages clean, so that a later fsync would succeed without them: from then on this file fails every
// write, until it is reopened.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace nvtee::store {

struct SyncWatch {
  std::atomic<std::uint64_t> syncs{0};  // fsyncs that succeeded
  std::atomic<bool> failed{false};      // latched
  std::function<bool()> fail_sync;      // tests: true makes the next fsync fail
  std::function<bool()> fail_write;     // tests: true makes the next write fail (as a full disk)
};

// Registers the layer (once a process) and gives its name. Files opened by this thread through it while a
// `Scope` lives report to its watch, which must outlive them.
const char* watched_vfs();
class SyncScope {
 public:
  explicit SyncScope(SyncWatch& watch);
  ~SyncScope();
  SyncScope(const SyncScope&) = delete;
  SyncScope& operator=(const SyncScope&) = delete;
};

}  // namespace nvtee::store
