#include "runtime/nvmf/front/properties.hpp"

#include <algorithm>

namespace nvtee::nvmf {
namespace {

namespace prop = spec::prop;

constexpr std::uint32_t kCcUsed = 0x00fffff1;  // EN, CSS, MPS, AMS, SHN, IOSQES, IOCQES

struct Known {
  std::uint32_t offset;
  bool eight_bytes;
  bool writable;
};
constexpr Known kKnown[] = {{prop::kCap, true, false},
                            {prop::kVs, false, false},
                            {prop::kCc, false, true},
                            {prop::kCsts, false, false},
                            {prop::kCrto, false, false}};

bool known(std::uint32_t offset, bool eight_bytes, bool write) {
  return std::ranges::any_of(kKnown, [&](const Known& k) {
    return k.offset == offset && k.eight_bytes == eight_bytes && (k.writable || !write);
  });
}

}  // namespace

std::uint64_t Properties::cap() const {
  std::uint64_t v = static_cast<std::uint64_t>(max_entries_ - 1);  // MQES
  v |= 1u << 16;                                                   // CQR
  v |= std::uint64_t{kReadyTimeoutHalfSeconds} << 24;              // TO
  v |= std::uint64_t{1} << 37;                                     // CSS: NVM command set
  v |= std::uint64_t{1} << 59;  // CRMS: ready with media (mandatory since 2.0)
  return v;                     // MPSMIN = MPSMAX = 4 KiB, no NSSR, no doorbells
}

std::uint32_t Properties::csts() const {
  return (ready_ ? prop::kCstsReady : 0) | (fatal_ ? prop::kCstsFatal : 0) |
         (static_cast<std::uint32_t>(shutdown_) << 2);
}

AdminReply Properties::get(std::uint32_t offset, bool eight_bytes) const {
  if (!known(offset, eight_bytes, false)) return refusal(spec::st::kInvalidField);
  switch (offset) {
    case prop::kCap:
      return done(cap());
    case prop::kVs:
      return done(kControllerVersion);
    case prop::kCc:
      return done(cc_);
    case prop::kCsts:
      return done(csts());
    default:
      return done(kReadyTimeoutHalfSeconds);  // CRTO.CRWMT
  }
}

Properties::Change Properties::set(std::uint32_t offset, bool eight_bytes, std::uint64_t value) {
  if (!known(offset, eight_bytes, true)) return {.reply = refusal(spec::st::kInvalidField)};
  const std::uint32_t old = cc_;
  cc_ = static_cast<std::uint32_t>(value) & kCcUsed;
  Change change{.reply = done()};
  const bool was_on = old & prop::kCcEnable, on = cc_ & prop::kCcEnable;
  if (was_on && !on) {
    resetting_ = true;
    change.quiesce = change.reset = true;
  } else if (!was_on && on && !resetting_) {
    start();
    change.enabled = ready_;
  }
  if ((cc_ & prop::kCcShnMask) != 0 && shutdown_ == 0) {
    shutdown_ = 1;
    change.quiesce = true;
  }
  return change;
}

void Properties::start() {
  const std::uint32_t css = (cc_ >> 4) & 7, mps = (cc_ >> 7) & 15, ams = (cc_ >> 11) & 7,
                      iosqes = (cc_ >> 16) & 15, iocqes = (cc_ >> 20) & 15;
  const bool entries_ok = kind_ == ControllerKind::kDiscovery || (iosqes == 6 && iocqes == 4);
  if (css != 0 || mps != 0 || ams != 0 || !entries_ok) {
    fatal_ = true;
    return;
  }
  shutdown_ = 0;
  ready_ = true;
}

void Properties::quiesced() {
  if (shutdown_ == 1) shutdown_ = 2;
  if (!resetting_) return;
  resetting_ = false;
  ready_ = fatal_ = false;
  shutdown_ = (cc_ & prop::kCcShnMask) ? 2 : 0;  // both asked for at once: the host waits for SHST
  if (cc_ & prop::kCcEnable) start();            // the host did not wait for RDY 0
}

}  // namespace nvtee::nvmf
