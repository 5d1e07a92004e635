// The properties of a fabrics controller (Base §3.1.4): CAP, VS, CC, CSTS, CRTO, and the life cycle that CC
// and CSTS are.
//
// CC.EN  0→1            RDY at once (CFS when CC asks for what CAP does not offer)
// CC.EN  1→0            quiesce; then RDY 0, SHST 0
// CC.SHN 0→normal|abrupt  SHST 1, quiesce; then SHST 2
#pragma once

#include <cstdint>

#include "runtime/nvmf/front/admin_types.hpp"

namespace nvtee::nvmf {

// The version that controllers report. 2.1 is the first with dispersed namespaces, MNAN-style limits and CQT,
// and what it makes mandatory over 1.x is implemented: CNTRLTYPE, CNS 08h, CAP.CRMS with CRTO, LIDs 00h, 05h
// and 12h.
inline constexpr std::uint32_t kControllerVersion = spec::kVersion21;
inline constexpr std::uint32_t kReadyTimeoutHalfSeconds =
    60;  // CAP.TO: quiescing waits for legs, at most T_hold

class Properties {
 public:
  Properties(ControllerKind kind, std::uint16_t max_entries) : kind_(kind), max_entries_(max_entries) {}

  AdminReply get(std::uint32_t offset, bool eight_bytes) const;

  struct Change {
    AdminReply reply;
    bool quiesce = false;  // I/O queues have to go; call quiesced() when no command can touch media
    bool reset = false;    // a controller level reset: features go back to their defaults
    bool enabled = false;  // RDY has just become 1
  };
  Change set(std::uint32_t offset, bool eight_bytes, std::uint64_t value);

  void quiesced();
  void fail() { fatal_ = true; }
  bool ready() const { return ready_ && !resetting_ && !fatal_; }
  bool takes_io_queues() const { return ready() && shutdown_ == 0; }
  std::uint32_t csts() const;

 private:
  void start();
  std::uint64_t cap() const;

  ControllerKind kind_;
  std::uint16_t max_entries_;
  std::uint32_t cc_ = 0;
  std::uint8_t shutdown_ = 0;  // CSTS.SHST
  bool ready_ = false;
  bool fatal_ = false;
  bool resetting_ = false;  // EN went 0, media not quiet yet
};

}  // namespace nvtee::nvmf
