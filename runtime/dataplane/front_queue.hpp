// One I/O queue of a host: turns capsules and data PDUs into the core's records and answers into PDUs.
#pragma once

#include <bitset>
#include <cstdint>

#include "runtime/dataplane/data_plane.hpp"

namespace nvtee::dataplane {

class FrontQueue;

class FrontQueueOwner {
 public:
  // Puts a kCommand or kDataHeader through the core's front; its placement.
  virtual tee::Placement place(const tee::HostIn& in) = 0;
  // kDataDone, kSent.
  virtual void put(const tee::HostIn& in) = 0;
  virtual void started(unsigned slot, const nvmf::Sqe& sqe) = 0;
  virtual void payload_digest(unsigned slot, const nvmf::ReceivedData& data, bool whole) = 0;
  virtual std::byte* slot_buffer(unsigned slot) = 0;
  virtual void queue_closed(FrontQueue& queue) = 0;

 protected:
  ~FrontQueueOwner() = default;
};

class FrontQueue final : public nvmf::QueueHandler {
 public:
  FrontQueue(FrontQueueOwner* owner, unsigned queue, std::uint16_t cntlid,
             nvmf::ControllerConnection* connection)
      : owner_(owner), queue_(queue), cntlid_(cntlid), connection_(connection) {}

  unsigned queue() const { return queue_; }
  std::uint16_t cntlid() const { return cntlid_; }
  bool open() const { return connection_ != nullptr; }
  nvmf::ControllerConnection* connection() { return connection_; }

  void send(const tee::HostOut& out, std::byte* buffer);
  // The host owes data of an R2T and has been silent for longer than `deadline`: its connection is closed
  // (P12).
  void check_host_data(Time now, Duration deadline);

  nvmf::DataSink on_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule) override;
  void on_command_data(const nvmf::ReceivedData& data) override;
  nvmf::DataSink on_h2c_header(const nvmf::DataPdu& pdu) override;
  void on_h2c_data(const nvmf::DataPdu& pdu, const nvmf::ReceivedData& data) override;
  void on_sent(std::uint64_t token) override;
  void on_closed(const std::string& why) override;

 private:
  static constexpr unsigned kDepth = 128;
  tee::HostIn record(tee::HostIn::Kind kind) const;
  void say_sent(unsigned slot);

  FrontQueueOwner* owner_;
  unsigned queue_;
  std::uint16_t cntlid_;
  nvmf::ControllerConnection* connection_;
  int capsule_slot_ = -1;  // slot of the capsule whose data is arriving
  std::uint32_t capsule_length_ = 0;
  std::bitset<kDepth> sending_;  // slots whose buffer the connection still refers to
  std::bitset<kDepth> owed_;     // slots that wait for host data
  Time owed_since_ = 0;
};

}  // namespace nvtee::dataplane
