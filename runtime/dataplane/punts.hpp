// Commands that the fast path hands over (DESIGN §4, Punted): Dataset Management, run range by range as Write
// Zeroes with DEAC so that every leg ends with the same bytes, and Compare where legs do not offer it: hold,
// read one leg, compare here.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/limits.hpp"
#include "runtime/dataplane/data_plane.hpp"

namespace nvtee::dataplane {

// What a punt needs to know of the namespace that it names.
struct PuntNamespace {
  unsigned index = 0;
  std::uint64_t blocks = 0;
  unsigned block_shift = 12;
  unsigned in_sync_mask = 0;  // legs that serve reads
  bool reconciling = false;   // regions of the open set may differ between legs: reads wait for their copy
};

class Punts {
 public:
  static constexpr std::uint16_t kTagBase = 0x8000;  // tags of our holds; namespace machines use lower ones
  static constexpr unsigned kMaxCommands =
      limits::kPuntCommands;                         // internal commands in flight, all jobs together
  static constexpr unsigned kMaxBytes = 128 * 1024;  // per internal command

  // `lookup(nsid)` answers nullopt for a namespace that is gone.
  Punts(PuntPlane& plane, std::function<std::optional<PuntNamespace>(std::uint32_t)> lookup)
      : plane_(plane), lookup_(std::move(lookup)) {}

  void start(unsigned slot);                                 // event kPunt
  void on_response(std::uint16_t cid, spec::Status status);  // an internal command was answered
  bool on_event(const tee::Event& event);                    // kHeld, kHoldRefused, kIssueDone of ours: true

 private:
  struct Range {
    std::uint64_t lba = 0, blocks = 0;
  };
  struct Job {
    unsigned slot = 0;  // of the punted command
    PuntNamespace ns;
    std::uint32_t nsid = 0;
    std::vector<Range> todo;  // DSM: what is left, last first
    unsigned in_flight = 0;
    spec::Status status = spec::st::kOk;
    int held = -1;       // Compare: the held slot
    unsigned tried = 0;  // Compare: legs that failed to read
    std::uint16_t tag = 0;
  };

  void start_dsm(std::unique_ptr<Job> job);
  void start_compare(std::unique_ptr<Job> job);
  void read_for_compare(Job& job);
  void pump();
  void finish(unsigned slot, spec::Status status);
  void drop_compare(std::uint16_t tag, spec::Status status);

  PuntPlane& plane_;
  std::function<std::optional<PuntNamespace>(std::uint32_t)> lookup_;
  std::deque<std::unique_ptr<Job>> dsm_;        // jobs with ranges left or commands in flight
  std::array<Job*, kMaxCommands> owner_{};      // of internal command CID = index
  std::vector<std::unique_ptr<Job>> compares_;  // by tag - kTagBase; bounded by slots
};

}  // namespace nvtee::dataplane
