// The SQLite file of one node. WAL with synchronous=FULL: a commit is one fsync of the log. docs/FORMAT.md
// describes the file.
#pragma once

#include <memory>
#include <string>

#include "runtime/store/meta_store.hpp"
#include "runtime/store/sqlite_vfs.hpp"

namespace nvtee::store {

constexpr std::uint32_t kApplicationId = 0x6e767465;  // "nvte"
constexpr std::uint32_t kFormatVersion = 1;           // user_version

// As open_sqlite(), with a watch that the caller keeps (tests count and break fsyncs with it).
Result<std::unique_ptr<MetaStore>> open_sqlite(const std::string& path, std::shared_ptr<SyncWatch> watch);

}  // namespace nvtee::store
