// One I/O queue of a host: takes commands and their data, hands them to the engine, sends answers.
// A slot for each command that can be outstanding, with its buffer: nothing is allocated while it runs.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/nvmf/pdu/controller_connection.hpp"
#include "tools/nvtee-target/engine.hpp"

namespace nvtee::target {

struct QueueOptions {
  std::uint32_t max_transfer = 128 * 1024;  // bytes (MDTS)
  std::uint32_t r2t_bytes = 0;              // most bytes asked for by one R2T; 0: all of the command's
  std::uint32_t c2h_bytes = 0;              // most data bytes in one C2HData; 0: all of the command's
  bool c2h_success = true;                  // use SUCCESS instead of an answer where the host allows it
};

class Queue;

class QueueOwner {
 public:
  // Its connection is gone and nothing of it is at work any more. Destroy it later, not inside the call.
  virtual void on_queue_over(Queue& queue) = 0;

 protected:
  ~QueueOwner() = default;
};

class Queue final : public nvmf::QueueHandler, private CommandOwner {
 public:
  static Result<std::unique_ptr<Queue>> create(Engine& engine, std::shared_ptr<const Session> session,
                                               std::uint16_t qid, std::uint32_t entries,
                                               const QueueOptions& options,
                                               nvmf::ControllerConnection& connection, QueueOwner* owner);
  ~Queue();

  const Session& session() const { return *session_; }
  std::uint16_t qid() const { return qid_; }
  std::uint32_t entries() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool closed() const { return !connection_; }
  bool over() const { return closed() && at_work_ == 0; }
  unsigned outstanding() const { return outstanding_; }
  void drop(const std::string& why);  // closes the connection
  // Takes no more commands: what has begun goes on to its answer.
  void drain();
  bool drained() const;  // nothing begun is left, and every answer has gone to the socket

 private:
  enum class State : std::uint8_t { kFree, kArriving, kReceiving, kEngine, kSending };
  struct Slot final : Command {
    State state = State::kFree;
    bool digest_bad = false;
    bool owns_cid = false;
    CommandPlan plan;
    std::uint16_t index = 0;
    std::uint32_t received = 0;  // bytes
    std::uint32_t r2t_end = 0;   // where the present R2T ends
    Slot* next_free = nullptr;
  };

  Queue(Engine& engine, std::shared_ptr<const Session> session, std::uint16_t qid, std::uint32_t entries,
        const QueueOptions& options, nvmf::ControllerConnection& connection, QueueOwner* owner,
        std::byte* memory);

  nvmf::DataSink on_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule) override;
  void on_command_data(const nvmf::ReceivedData& data) override;
  nvmf::DataSink on_h2c_header(const nvmf::DataPdu& pdu) override;
  void on_h2c_data(const nvmf::DataPdu& pdu, const nvmf::ReceivedData& data) override;
  void on_sent(std::uint64_t token) override;
  void on_closed(const std::string& why) override;
  void on_command_done(Command& command) override;

  void plan(Slot& slot, std::uint32_t in_capsule);
  void ask_for_data(Slot& slot);
  void lent_data_complete(Slot& s, const nvmf::ReceivedData& data);
  void data_complete(Slot& slot);
  void send_answer(Slot& slot);
  void send_data(Slot& slot, bool success);
  void refuse(Slot& slot, spec::Status status, bool dnr);
  void fabrics(Slot& slot);
  Slot* receiving(const nvmf::DataPdu& pdu);
  void free_slot(Slot& slot);
  void stop_taking();
  std::size_t memory_bytes() const { return slots_.size() * 2 * std::size_t{options_.max_transfer}; }

  Engine& engine_;
  std::shared_ptr<const Session> session_;
  std::uint16_t qid_;
  QueueOptions options_;
  nvmf::ControllerConnection* connection_;
  QueueOwner* owner_;
  std::byte* memory_;
  std::vector<Slot> slots_;
  Slot* free_ = nullptr;
  Slot* current_ = nullptr;   // between on_command and on_command_data
  unsigned outstanding_ = 0;  // slots in use
  unsigned receiving_ = 0;    // slots in kReceiving
  unsigned parked_ = 0;       // draining: commands that were not begun
  bool draining_ = false;
  unsigned at_work_ = 0;     // closed: slots that the engine still works on
  std::bitset<65536> cids_;  // in use
};

}  // namespace nvtee::target
