// One I/O command inside the target, from "its data is in" to "answer it". Preallocated by its owner.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/time.hpp"
#include "runtime/nvmf/pdu/wire.hpp"
#include "tools/nvtee-target/inject.hpp"
#include "tools/nvtee-target/range_lock.hpp"
#include "tools/nvtee-target/reservation.hpp"
#include "tools/nvtee-target/store.hpp"

namespace nvtee::target {

struct Namespace;
class Engine;
struct Command;

// Whose commands they are: one controller.
struct Session {
  std::uint16_t cntlid = 0;
  HostId host{};
  std::string host_nqn;
};

class CommandOwner {
 public:
  // The command is finished: status, dnr, and on success of a command with data for the host, `data`.
  // May be called inside Engine::submit(). Not called for a command that discard() took back.
  virtual void on_command_done(Command& command) = 0;

 protected:
  ~CommandOwner() = default;
};

struct Command : private StoreClient {
  enum class Phase : std::uint8_t {
    kIdle,       // the owner's
    kStalled,    // held by fault injection
    kDelayed,    // waits for its time, by fault injection
    kLocked,     // waits for its range
    kQueued,     // a reservation command behind others
    kReserving,  // the reservation command at work
    kMedia,      // at the store
  };

  virtual ~Command() = default;

  // Set by the owner before submit().
  CommandOwner* owner = nullptr;
  const Session* session = nullptr;
  std::byte* data = nullptr;     // max_transfer bytes
  std::byte* scratch = nullptr;  // max_transfer bytes: Compare reads into it
  nvmf::Sqe sqe{};
  Namespace* ns = nullptr;
  std::uint32_t length = 0;  // bytes of data, either direction
  bool has_range = false;
  // The answer.
  spec::Status status = spec::st::kOk;
  bool dnr = false;

  // The engine's own.
  Engine* engine = nullptr;
  Phase phase = Phase::kIdle;
  bool executed = false;  // the media part is over
  bool abort = false;     // preempted while at the store
  bool awaited = false;   // a preempt-and-abort waits for it
  bool orphan = false;    // discarded while at work: finish silently, but tell the owner
  bool doomed = false;    // the owner is about to discard it: it must not start any more
  Verdict verdict{};
  RangeHold hold{};
  StoreOp op{};
  std::uint64_t lba = 0;  // of the present range
  std::uint32_t blocks = 0;
  std::uint32_t range_index = 0;  // DSM
  Time due = 0;
  Command* prev = nullptr;  // in the namespace's list of pending commands
  Command* next = nullptr;
  bool pending = false;

 private:
  friend class Engine;
  void on_store_done(StoreOp& op, spec::Status status) override;
};

}  // namespace nvtee::target
