// Get Log Page (admin opcode 02h) of one controller: pages, what is cut out of them, and what reading them
// changes.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "runtime/nvmf/front/admin_types.hpp"
#include "runtime/nvmf/front/events.hpp"
#include "runtime/nvmf/front/features.hpp"

namespace nvtee::nvmf {

// The last errors, newest first (LID 01h).
class ErrorLog {
 public:
  void record(const ErrorRecord& record);
  std::uint64_t count() const { return count_; }
  std::vector<std::byte> page() const;

 private:
  struct Kept {
    std::uint64_t number = 0;
    ErrorRecord record;
  };
  std::vector<Kept> kept_;  // ring by number
  std::uint64_t count_ = 0;
};

// NSIDs that changed since the host last read LID 04h.
class ChangedNamespaces {
 public:
  void add(std::uint32_t nsid);
  void clear();
  std::vector<std::byte> page() const;

 private:
  std::set<std::uint32_t> nsids_;
  bool overflow_ = false;
};

class LogPages {
 public:
  LogPages(ControllerKind kind, SubsystemView& view, const ControllerInfo& info, const Features& features,
           EventQueue& events)
      : kind_(kind), view_(view), info_(info), features_(features), events_(events) {}

  // `most` bytes may be asked for at once (MDTS).
  AdminReply get(const Sqe& sqe, std::uint64_t most);

  ErrorLog& errors() { return errors_; }
  ChangedNamespaces& changed() { return changed_; }
  void reset() { changed_.clear(); }

 private:
  // The whole page, or why there is none.
  AdminReply page(const Sqe& sqe);
  AdminReply smart(const Sqe& sqe);
  std::vector<std::byte> supported_pages() const;
  std::vector<std::byte> feature_effects() const;
  AdminReply ana(const Sqe& sqe) const;

  ControllerKind kind_;
  SubsystemView& view_;
  const ControllerInfo& info_;
  const Features& features_;
  EventQueue& events_;
  ErrorLog errors_;
  ChangedNamespaces changed_;
};

}  // namespace nvtee::nvmf
