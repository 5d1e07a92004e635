// One namespace: its store, its lock, its reservation and who waits for what.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tools/nvtee-target/command.hpp"
#include "tools/nvtee-target/overlay_store.hpp"
#include "tools/nvtee-target/range_lock.hpp"
#include "tools/nvtee-target/reservation.hpp"
#include "tools/nvtee-target/sidecar.hpp"
#include "tools/nvtee-target/store.hpp"

namespace nvtee::target {

struct NamespaceCounters {
  std::uint64_t reads = 0, writes = 0, flushes = 0, compares = 0, zeroes = 0, dsm = 0, reservations = 0;
  std::uint64_t read_blocks = 0, written_blocks = 0;
  std::uint64_t errors = 0, conflicts = 0, injected = 0;
};

struct Namespace {
  std::uint32_t nsid = 0;
  std::string backing;                    // "mem" or the path, for people
  std::unique_ptr<Store> base;            // memory or file
  std::unique_ptr<OverlayStore> overlay;  // --volatile-cache; sits on `base`
  Store* store = nullptr;                 // what commands go to
  std::unique_ptr<Sidecar> sidecar;       // may be absent: nothing persists
  std::array<std::uint8_t, 16> nguid{}, uuid{};

  bool reservations = true;  // offered
  RangeLock lock;
  ReservationState reservation;
  std::uint8_t notice_mask = 0;  // FID 82h, CDW11 bits 1-3
  std::deque<Command*> reservation_queue;
  bool reservation_busy = false;
  unsigned awaited = 0;          // commands that the preempt-and-abort at work waits for
  Command* preemptor = nullptr;  // that waits for them
  Command* pending_first = nullptr;
  Command* pending_last = nullptr;
  bool granting = false;  // inside the loop that hands out ranges
  NamespaceCounters counters;
};

}  // namespace nvtee::target
