// The reservation that keeps everybody else off a leg: Exclusive Access, persistent through power loss, held
// by this association alone (docs/PROTOCOL.md, "Fencing"). Runs when a leg is connected and before it may be
// used; level-triggered: it reads the leg's registrations and does the one thing that is missing, until none
// is.
//
// Every association has a Host Identifier of its own, so that commands of a former one are a stranger's:
// aborted when its registration is preempted, refused when they come later.
#pragma once

#include "runtime/core/context.hpp"
#include "runtime/core/transition.hpp"

namespace nvtee::core {

// The 64 bits of a registration's key (docs/FORMAT.md):
//   63..40 tag of the namespace | 39..8 fence number | 7..1 association | 0 in doubt
struct FenceKey {
  std::uint32_t tag = 0;     // 24 bits, never 0
  std::uint32_t number = 0;  // epoch + starts: goes up with every change of epoch and every start
  std::uint8_t gen = 0;      // 7 bits: tells associations of one number apart
  bool doubt = false;        // commands of somebody before may still execute: see LegFence::proven()
  bool operator==(const FenceKey&) const = default;

  std::uint64_t packed() const {
    return std::uint64_t{tag & 0xffffff} << 40 | std::uint64_t{number} << 8 |
           std::uint64_t{gen & 0x7fu} << 1 | (doubt ? 1 : 0);
  }
  static FenceKey of(std::uint64_t key) {
    return {static_cast<std::uint32_t>(key >> 40), static_cast<std::uint32_t>(key >> 8),
            static_cast<std::uint8_t>(key >> 1 & 0x7f), (key & 1) != 0};
  }
};
// Of the namespace's NGUID and UUID.
std::uint32_t fence_tag(const NamespaceSpec& spec);

// What the metadata say.
struct FenceTruth {
  std::uint32_t tag = 0;
  std::uint64_t number = 0;    // durable now; 0 while this start is not durable yet
  std::uint64_t accepted = 0;  // durable when this process read the store: others' keys are not above it
};

class LegFence {
 public:
  enum class State : std::uint8_t {
    kOff,       // no association, or no reservations
    kWaiting,   // for its first look; then until this start is durable
    kAsking,    // the leg's registrations are being read
    kChanging,  // the one thing that is missing is being done
    kSettling,  // everything is right but the key
    kHeld,
    kRekeying,  // the fence number went up
    kLeaving,   // unregister: the leg is removed, or the namespace deleted
    kLeft,
  };
  enum class In : std::uint8_t {
    kBegin,    // associated; the leg has reservations
    kReady,    // the first look; then: this start is durable
    kSeen,     // nobody's but ours, as far as the first look says
    kMissing,  // one thing is to be done
    kDone,     // it is done: look again
    kKey,      // only the key is to be replaced
    kRight,    // nothing is missing
    kRekey,
    kLeave,
    kEnd,  // the association ended, or the leg is refused
  };
  enum class Verdict : std::uint8_t {
    kWait,
    kHeld,       // from here on the leg may be used
    kRefused,    // in somebody else's hands
    kStale,      // its key is newer than the store was: the store is an old copy, or another node writes
    kFailed,     // error status, or something that does not settle: the association is given up
    kPreempted,  // it was ours and is not any more
    kLeft,
  };

  void begin(unsigned leg, std::uint8_t gen, Duration in_doubt);
  void end();
  // Sends what is due. `in_doubt`: for so long commands of former associations may still execute here.
  void advance(Context& ctx, const FenceTruth& truth, Duration in_doubt);
  Verdict on_answer(Context& ctx, const FenceTruth& truth, const Reserved& answer);
  // When held: gives the leg back. Call until left().
  void leave(Context& ctx);

  State state() const { return state_; }
  bool used() const { return state_ != State::kOff; }
  bool judged() const { return judged_; }  // the first look found nobody else's key
  bool busy() const {
    return state_ == State::kAsking || state_ == State::kChanging || state_ == State::kSettling ||
           state_ == State::kRekeying || state_ == State::kLeaving;
  }
  bool held() const { return state_ == State::kHeld || state_ == State::kRekeying; }
  bool left() const { return state_ == State::kLeft || state_ == State::kOff; }
  // Nothing that was sent to the leg before this association can execute any more: its former holder was
  // preempted, its commands aborted and waited for, and it had known the same of those before it.
  bool proven() const { return held() && proven_; }
  // The leg carries the number of the durable record.
  bool current(const FenceTruth& truth) const { return held() && key_.number == truth.number; }
  std::uint64_t key() const { return held() ? key_.packed() : 0; }
  const std::string& why() const { return why_; }

  static std::string table();
  static std::string never_taken();

 private:
  void go(In in);
  void send(Context& ctx, Reserve::Op op, std::uint64_t current, std::uint64_t other);
  void ask(Context& ctx);
  FenceKey wanted(const FenceTruth& truth) const;
  Verdict judge(const FenceTruth& truth, const Reserved& seen);
  Verdict look(Context& ctx, const FenceTruth& truth, const Reserved& seen);
  Verdict replaced(const Reserved& answer);
  Verdict failed(std::string why);

  // Steps until everything is right: a register, an acquire, and one preempt for each key of former nodes.
  static constexpr unsigned kMaxRounds = 40;
  State state_ = State::kOff;
  unsigned leg_ = 0;
  std::uint8_t gen_ = 0;
  unsigned rounds_ = 0;
  FenceKey key_;  // as the leg has it
  FenceKey next_;
  bool judged_ = false, first_look_ = true, had_holder_ = false, doubt_seen_ = false;
  bool proven_ = false;
  Duration in_doubt_ = 0;
  std::string why_;
};

}  // namespace nvtee::core
