// The admin queue's connection: collects the data of each command (in-capsule or by R2T), hands the command
// on, sends what comes back.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/nvmf/front/admin_core.hpp"
#include "runtime/nvmf/front/transfer.hpp"
#include "runtime/nvmf/pdu/controller_connection.hpp"

namespace nvtee::nvmf {

class AdminQueue final : public QueueHandler {
 public:
  class Owner {
   public:
    // Executes a command. The queue sends outcome.reply, if any, and then asks for events.
    virtual AdminCore::Outcome admin_command(std::uint16_t cntlid, const Sqe& sqe,
                                             std::span<const std::byte> data) = 0;
    // The outcome's reply has been sent: now for what it asks for.
    virtual void admin_answered(std::uint16_t cntlid, const AdminCore::Outcome& outcome) = 0;
    virtual void admin_closed(std::uint16_t cntlid, const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };

  AdminQueue(Owner& owner, AdminCore& core, ControllerConnection& connection)
      : owner_(owner), core_(core), connection_(connection), cntlid_(core.info().cntlid) {}

  // Sends what the core has to report.
  void report_events();

  DataSink on_command(const Sqe& sqe, std::uint32_t in_capsule) override;
  void on_command_data(const ReceivedData& data) override;
  DataSink on_h2c_header(const DataPdu& pdu) override;
  void on_h2c_data(const DataPdu& pdu, const ReceivedData& data) override;
  void on_sent(std::uint64_t token) override;
  void on_closed(const std::string& why) override;

 private:
  struct Transfer {
    Sqe sqe;
    std::vector<std::byte> data;
    std::uint32_t expected = 0;  // data offset of the next H2CData
    bool damaged = false;        // a data digest was wrong
  };

  bool cid_in_use(std::uint16_t cid) const;
  void request_data(std::uint32_t length);
  void execute(const Sqe& sqe, std::span<const std::byte> data);
  void answer(const Sqe& sqe, const AdminReply& reply);

  Owner& owner_;
  AdminCore& core_;
  ControllerConnection& connection_;
  std::uint16_t cntlid_;
  bool closed_ = false;
  Sqe sqe_{};                     // between on_command and on_command_data
  std::uint32_t in_capsule_ = 0;  // bytes
  std::array<std::byte, spec::kMaxAdminInCapsule> capsule_;
  std::map<std::uint16_t, Transfer> transfers_;  // by TTAG
  std::uint16_t next_ttag_ = 1;
};

}  // namespace nvtee::nvmf
