// The association with one leg's peer: attempts, back-off, flapping. Knows nothing of what the leg is used
// for.
#pragma once

#include <array>

#include "runtime/core/context.hpp"
#include "runtime/core/transition.hpp"

namespace nvtee::core {

class LegLink {
 public:
  enum class State : std::uint8_t { kOff, kBackoff, kConnecting, kUp, kOperator };
  enum class In : std::uint8_t {
    kEnable,    // the leg is configured
    kDue,       // back-off is over
    kUp,        // associated, and the facts are acceptable
    kRefused,   // associated, but the facts are not acceptable
    kDown,      // the association ended, or could not be made
    kBreak,     // we end it: the leg is at fault
    kFlapping,  // as kBreak, once too often
    kOnline,    // operator: try now
    kDisable,   // the leg is removed, or the daemon stops
  };

  explicit LegLink(unsigned leg = 0) : leg_(leg) {}

  void enable(Context& ctx, const LegSpec& spec);
  void disable(Context& ctx);
  void online(Context& ctx);
  // What the engine reports. False: it is about an older association.
  bool ours(std::uint8_t gen) const {
    return gen == gen_ && (state_ == State::kConnecting || state_ == State::kUp);
  }
  void up();
  void refused(Context& ctx, std::string why);
  void down(Context& ctx, std::string why, bool transient);
  void failed(Context& ctx, std::string why);  // associated, but not usable this time
  // `may_give_up`: false for the last leg, which is tried for ever.
  void fault(Context& ctx, std::string why, bool may_give_up);
  void settled() { attempts_ = 0; }  // the leg is in use again
  void tick(Context& ctx);

  State state() const { return state_; }
  bool is_up() const { return state_ == State::kUp; }
  std::uint8_t gen() const { return gen_; }
  Time next_attempt() const { return state_ == State::kBackoff ? next_ : kNever; }
  bool needs_operator() const { return state_ == State::kOperator; }
  const std::string& reason() const { return reason_; }
  std::uint64_t faults() const { return faults_; }
  // Context::serial of the newest attempt: what the leg says on this association is newer.
  std::uint64_t attached_in() const { return attached_in_; }

  static std::string table();
  static std::string never_taken();

 private:
  void go(In in);
  void connect(Context& ctx);
  void back_off(Context& ctx, bool longest);
  bool flapping(const Context& ctx) const;

  static constexpr unsigned kMaxFlaps = 16;
  unsigned leg_;
  LegSpec spec_;
  State state_ = State::kOff;
  std::uint8_t gen_ = 0;
  std::uint64_t attached_in_ = 0;
  unsigned attempts_ = 0;
  Time next_ = 0;
  std::string reason_;
  std::uint64_t faults_ = 0;
  std::array<Time, kMaxFlaps> fault_times_{};
  std::uint64_t flaps_from_ = 0;  // faults before the operator's last word do not count
};

}  // namespace nvtee::core
