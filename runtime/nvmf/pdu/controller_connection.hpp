// The controller's side of one queue's connection: ICReq/ICResp, the Connect capsule, then capsules and data
// of one queue handed to a QueueHandler. Used by the front and by nvtee-target.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "runtime/base/limits.hpp"
#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

class ControllerConnection;

// What the listener offers to every host, since ICResp precedes Connect (DESIGN §4, Fixed front profile).
struct FrontProfile {
  std::uint32_t max_h2c_data = limits::kTransfer;  // MAXH2CDATA, bytes, multiple of 4, >= 4096
  std::uint32_t in_capsule = limits::kInCapsule;   // most in-capsule data bytes on I/O queues (IOCCSZ)
  std::uint8_t cpda = 0;
  bool allow_header_digest = true;
  bool allow_data_digest = true;
};

// The commands of one queue (admin or I/O). Calls come in the order of arrival.
// Inside any call the handler may use, close or destroy the connection (see PduConnection); a sink returned
// from a call that closed it is not used.
class QueueHandler {
 public:
  // A command capsule's header arrived. in_capsule = data bytes that follow in the capsule (0: none).
  // Returns where they go (nullptr = drop). on_command_data follows exactly once, at once when in_capsule ==
  // 0. A returned Fatal ends the connection (then on_command_data does not come).
  virtual DataSink on_command(const Sqe& sqe, std::uint32_t in_capsule) = 0;
  virtual void on_command_data(const ReceivedData& data) = 0;
  // H2CData: header first (check TTAG, CCCID, range; where the data goes), then when its bytes are in.
  virtual DataSink on_h2c_header(const DataPdu& pdu) = 0;
  virtual void on_h2c_data(const DataPdu& pdu, const ReceivedData& data) = 0;
  // Memory given to send_data with this token may be reused. Tokens are not 0 and not kReservedToken.
  virtual void on_sent(std::uint64_t token) = 0;
  // The connection is gone. The handler must not use it any more. Called exactly once.
  virtual void on_closed(const std::string& why) = 0;

 protected:
  ~QueueHandler() = default;
};

constexpr std::uint64_t kReservedToken = ~std::uint64_t{0};

// Decides on Connect commands. May answer later and on another reactor (see ControllerConnection::take_over).
class ConnectHandler {
 public:
  // `sqe` + 1024 bytes of Connect data (struct nvmf_connect_data). The connection's rx is paused until
  // accept()/refuse().
  virtual void on_connect(ControllerConnection& connection, const Sqe& sqe,
                          std::span<const std::byte, 1024> data) = 0;
  // The connection ended before a queue handler was attached. The handler may destroy it (later or now).
  virtual void on_early_close(ControllerConnection& connection, const std::string& why) = 0;

 protected:
  ~ConnectHandler() = default;
};

class ControllerConnection final : private PduDelegate {
 public:
  ControllerConnection(net::Reactor& reactor, net::Fd socket, const FrontProfile& profile,
                       ConnectHandler* handler);
  ~ControllerConnection();

  // Answers the Connect: success with CNTLID and AUTHREQ 0, SQHD FFFFh when SQ flow control is off. Attaches
  // the handler and resumes reading. `sq_size` = number of entries (SQSIZE + 1): bounds outstanding commands.
  void accept(QueueHandler* handler, std::uint16_t cntlid, std::uint16_t qid, std::uint32_t sq_size,
              bool flow_control_off);
  // Refuses it: `result` is the CQE's DW0 (IPO/IATTR for 1/82h). The connection closes once the answer has
  // left (the host closes first, or 1 s later); on_early_close tells.
  void refuse(spec::Status status, std::uint32_t result, bool dnr);

  // Sends a CapsuleResp for the command (SQHD is kept here). Each command gets exactly one: a host that has
  // more than sq_size - 1 commands without an answer that left is ended (FES 2), which bounds what can queue
  // up here.
  void send_response(std::uint16_t cid, spec::Status status, bool dnr = false, std::uint64_t result = 0);
  void send_r2t(std::uint16_t cid, std::uint16_t ttag, std::uint32_t offset, std::uint32_t length);
  // Sends read data as C2HData PDUs (LAST on the last one). Memory stays valid until on_sent(token); token 0
  // = copy.
  void send_data(std::uint16_t cid, std::span<const std::byte> data, std::uint64_t token,
                 std::optional<std::uint32_t> ddgst = {});
  // The same for one part of it (`offset` into the command's data; in order; `last` on the last part).
  // `success` on the last part stands for the CapsuleResp (status 0): only when SQ flow control is off.
  void send_data_part(std::uint16_t cid, std::uint32_t offset, std::span<const std::byte> data, bool last,
                      bool success, std::uint64_t token, std::optional<std::uint32_t> ddgst = {});
  bool may_use_success() const { return flow_control_off_; }
  void terminate(Fatal fatal, const void* offending, std::size_t size, const std::string& why);
  void close(const std::string& why);

  // Moves to another reactor's thread: release() here (inside on_connect or outside any call of ours), then
  // adopt() there. Between the two nothing is called.
  void release() { pdu_.detach(); }
  void adopt(net::Reactor& reactor) { pdu_.attach(reactor); }

  // Who hears of an early close from now on. Called while the Connect is undecided: the subsystem that
  // decides takes over from the listener, perhaps on another reactor.
  void set_connect_handler(ConnectHandler* handler) { connect_handler_ = handler; }

  bool open() const { return pdu_.open(); }
  std::uint32_t outstanding() const { return outstanding_; }  // commands without an answer that has left
  std::uint16_t qid() const { return qid_; }
  bool header_digest() const { return pdu_.terms().header_digest; }
  bool data_digest() const { return pdu_.terms().data_digest; }
  PduConnection& pdu() { return pdu_; }

 private:
  DataSink on_data_header(const PduAny& pdu, std::uint32_t length) override;
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) override;
  void on_sent(std::uint64_t token) override;
  void on_close(const std::string& why) override;

  std::optional<Fatal> on_ic(const PduAny& pdu);
  std::optional<Fatal> on_first_capsule(const ReceivedData& data);
  std::optional<Fatal> on_live(const PduAny& pdu, const ReceivedData& data);
  DataSink begin_command(const Sqe& sqe, std::uint32_t length);
  std::uint16_t next_sqhd();
  void respond(std::uint16_t cid, std::uint16_t status, std::uint64_t result, std::uint16_t sqhd,
               std::uint64_t token);

  enum class Phase : std::uint8_t { kIc, kConnect, kDeciding, kLive, kRefused };
  FrontProfile profile_;
  ConnectHandler* connect_handler_;
  QueueHandler* handler_ = nullptr;
  Phase phase_ = Phase::kIc;
  bool flow_control_off_ = false;
  std::uint16_t qid_ = 0;
  std::uint32_t sq_size_ = 0;
  std::uint32_t sq_head_ = 0;
  std::uint32_t outstanding_ = 0;
  bool* gone_ = nullptr;  // set to true by the destructor while a handler runs inside us
  Sqe connect_sqe_{};
  std::array<std::byte, 1024> connect_data_{};
  PduConnection pdu_;  // last: it uses the rest
};

}  // namespace nvtee::nvmf
