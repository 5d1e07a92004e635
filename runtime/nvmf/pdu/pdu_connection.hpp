// One NVMe/TCP connection, either side: framing, digests, alignment, TermReq, scatter/gather in both directions.
// It knows PDUs, not commands. After on_close() no call is made to the delegate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/net/reactor.hpp"
#include "runtime/net/socket.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::nvmf {

// A received header: all PDU types fit.
union PduAny {
  PduHead head;
  IcReq icreq;
  IcResp icresp;
  CapsuleCmd cmd;
  CapsuleResp resp;
  DataPdu data;
  R2tPdu r2t;
  TermReq term;
};

// What a peer did wrong, as a TermReq says it (TCP 1.0 §3.6.2.4).
struct Fatal {
  std::uint16_t fes = 0;
  std::uint32_t fei = 0;
};

// Where the data of a PDU goes.
struct DataSink {
  std::byte* dst = nullptr;      // nullptr: the bytes are read and dropped
  std::optional<Fatal> fatal{};  // set: the header itself is refused; the connection sends TermReq and closes

  static DataSink to(std::byte* p) { return {p, {}}; }
  static DataSink drop() { return {}; }
  static DataSink refuse(std::uint16_t fes, std::uint32_t fei) { return {nullptr, Fatal{fes, fei}}; }
};

struct ReceivedData {
  std::uint32_t length = 0;
  bool digest_present = false;
  bool digest_ok = true;     // true when none is in use
  std::uint32_t digest = 0;  // the received DDGST, valid when digest_present && digest_ok
};

class PduDelegate {
 public:
  // A header with `length` > 0 data bytes has arrived and passed form, length and HDGST checks. Decides where the data goes.
  virtual DataSink on_data_header(const PduAny& pdu, std::uint32_t length) = 0;
  // The whole PDU has arrived (data placed, digest checked). Returns a Fatal to refuse it.
  virtual std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) = 0;
  // Bytes that were sent with a token have left user space: their memory may be reused. Not called after on_close.
  virtual void on_sent(std::uint64_t token) = 0;
  // The connection is gone (closed by the peer, an error, a refused PDU, close()). `why` is for people.
  // The delegate may destroy the connection inside this call or later.
  virtual void on_close(const std::string& why) = 0;

 protected:
  ~PduDelegate() = default;
};

class PduConnection : private net::FdHandler, private net::Deferred {
 public:
  enum class Side : std::uint8_t { kController, kHost };  // which side we are

  // Takes a connected socket. Reading starts at once (first callback in a later turn).
  PduConnection(net::Reactor& reactor, net::Fd socket, Side side, PduDelegate* delegate);
  ~PduConnection();

  // Negotiated values; set once after IC. Alignments in bytes (0 or 4 = none).
  struct Terms {
    bool header_digest = false;
    bool data_digest = false;
    std::uint32_t rx_align = 0;     // required PDO alignment of data that we receive (CPDA we sent / HPDA we sent)
    std::uint32_t tx_align = 0;     // alignment of data that we send (HPDA received / CPDA received)
    std::uint32_t max_rx_data = 0;  // most data bytes in one received PDU; 0 = 8192 (before Connect)
  };
  void set_terms(const Terms& terms) { terms_ = terms; }
  const Terms& terms() const { return terms_; }

  void set_delegate(PduDelegate* delegate) { delegate_ = delegate; }

  // Queues one PDU: sends at the end of this turn, together with everything else queued (one sendmsg).
  // `header` is a wire struct with type, hlen, LAST/SUCCESS flags filled in; this fills digest flags, PDO, PLEN and
  // computes digests. `data` is referenced, not copied, and must stay valid until on_sent(token); with token 0 it is copied.
  // `ddgst`: the data's CRC32C when known (skips computing it).
  void send(const void* header, std::size_t header_size, std::span<const std::byte> data = {}, std::uint64_t token = 0,
            std::optional<std::uint32_t> ddgst = {});
  template <class P>
  void send_pdu(const P& pdu, std::span<const std::byte> data = {}, std::uint64_t token = 0,
                std::optional<std::uint32_t> ddgst = {}) {
    send(&pdu, sizeof(P), data, token, ddgst);
  }

  // Sends TermReq (H2C or C2H by side) with a copy of the offending header, then closes once it has left (bounded: 1 s).
  void terminate(Fatal fatal, const void* offending, std::size_t size, const std::string& why);
  // Closes now; unsent data is dropped. on_close is called before return unless already closed.
  void close(const std::string& why);
  bool open() const { return open_; }

  // Stops / resumes taking PDUs (bytes stay in the socket). Used between Connect and its answer, and while moving.
  void pause_rx();
  void resume_rx();

  // Moves the connection between reactors: detach() on the old thread, then attach() on the new one.
  void detach();
  void attach(net::Reactor& reactor);

  std::size_t queued_tx_bytes() const { return queued_tx_; }
  Time last_rx() const { return last_rx_; }
  net::Reactor& reactor() { return *reactor_; }
  int fd() const { return socket_.get(); }

 private:
  void on_fd(std::uint32_t events) override;
  void on_deferred() override;
  struct Impl;
  net::Reactor* reactor_;
  net::Fd socket_;
  Side side_;
  bool open_ = true;
  PduDelegate* delegate_;
  Terms terms_;
  std::size_t queued_tx_ = 0;
  Time last_rx_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
