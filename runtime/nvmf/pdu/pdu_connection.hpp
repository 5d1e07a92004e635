// One NVMe/TCP connection, either side: framing, digests, alignment, TermReq, scatter/gather in both
// directions. It knows PDUs, not commands. After on_close() no call is made to the delegate.
//
// Inside any delegate call the delegate may call every function of the connection, and may destroy it (what
// the call returns is then ignored). close() calls on_close() before it returns, so a caller that destroys
// the connection in on_close must not touch it after close(). send() never calls the delegate, nor does
// terminate().
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
  bool may_lend = false;         // see lent()

  static DataSink to(std::byte* p) { return {p, {}}; }
  // As to(p); but where all data are in the connection's own buffer already they are left there:
  // ReceivedData::at says where, until on_pdu returns. For who uses them at once.
  static DataSink lent(std::byte* p) { return {p, {}, true}; }
  static DataSink drop() { return {}; }
  static DataSink refuse(std::uint16_t fes, std::uint32_t fei) { return {nullptr, Fatal{fes, fei}}; }
};

struct ReceivedData {
  std::uint32_t length = 0;
  const std::byte* at = nullptr;  // lent data; nullptr: they are in the sink's memory
  bool digest_present = false;
  bool digest_ok = true;     // true when none is in use
  std::uint32_t digest = 0;  // the received DDGST, valid when digest_present && digest_ok
};

class PduDelegate {
 public:
  // A header with `length` > 0 data bytes has arrived and passed form, length and HDGST checks. Decides where
  // the data goes.
  virtual DataSink on_data_header(const PduAny& pdu, std::uint32_t length) = 0;
  // The whole PDU has arrived (data placed, digest checked). Returns a Fatal to refuse it.
  virtual std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) = 0;
  // Bytes that were sent with a token have left user space: their memory may be reused. Not called after
  // on_close.
  virtual void on_sent(std::uint64_t token) = 0;
  // The connection is gone (closed by the peer, an error, a refused PDU, close()). `why` is for people.
  // Memory given to send() and sinks is not touched any more. The delegate may destroy the connection inside
  // this call or later.
  virtual void on_close(const std::string& why) = 0;

 protected:
  ~PduDelegate() = default;
};

class PduConnection final : private net::FdHandler, private net::Deferred {
 public:
  enum class Side : std::uint8_t { kController, kHost };  // which side we are

  // Takes a connected socket. The reactor must outlive the connection, or be left by detach(). Reading starts
  // at once (first callback in a later turn).
  PduConnection(net::Reactor& reactor, net::Fd socket, Side side, PduDelegate* delegate);
  ~PduConnection();

  // Negotiated values; set once after IC. Alignments in bytes (0 or 4 = none).
  struct Terms {
    bool header_digest = false;
    bool data_digest = false;
    std::uint32_t rx_align =
        0;  // required PDO alignment of data that we receive (CPDA we sent / HPDA we sent)
    std::uint32_t tx_align = 0;     // alignment of data that we send (HPDA received / CPDA received)
    std::uint32_t max_rx_data = 0;  // most data bytes in one received PDU; 0 = 8192 (before Connect)
  };
  void set_terms(const Terms& terms) { terms_ = terms; }
  const Terms& terms() const { return terms_; }

  void set_delegate(PduDelegate* delegate) { delegate_ = delegate; }

  // Queues one PDU: sends at the end of this turn, together with everything else queued (one sendmsg).
  // `header` is a wire struct with type, hlen, LAST/SUCCESS flags filled in; this fills digest flags, PDO,
  // PLEN and computes digests. `data` is referenced, not copied, and must stay valid until on_sent(token);
  // with token 0 it is copied. `ddgst`: the data's CRC32C when known (skips computing it).
  void send(const void* header, std::size_t header_size, std::span<const std::byte> data = {},
            std::uint64_t token = 0, std::optional<std::uint32_t> ddgst = {});
  template <class P>
  void send_pdu(const P& pdu, std::span<const std::byte> data = {}, std::uint64_t token = 0,
                std::optional<std::uint32_t> ddgst = {}) {
    send(&pdu, sizeof(P), data, token, ddgst);
  }

  // Sends TermReq (H2C or C2H by side) with a copy of the offending header (cut to 128 bytes), then closes.
  // From here on open() is false, what arrives is dropped, PDUs that wait whole are dropped, and nothing new
  // is sent. on_close comes when the peer has closed (it must: TCP 1.0 §3.5), 1 s later at most: closing at
  // once could lose the TermReq.
  void terminate(Fatal fatal, const void* offending, std::size_t size, const std::string& why);
  // The same without TermReq and with everything queued sent first.
  void close_when_sent(const std::string& why);
  // Closes now; unsent data is dropped. on_close is called before return unless already closed.
  void close(const std::string& why);
  // False once it is closed or closing.
  bool open() const { return open_; }

  // Stops / resumes taking PDUs (bytes stay in the socket; what was read already is kept and comes first).
  // Used between Connect and its answer, and while moving. A hang-up of the peer is noticed while paused.
  void pause_rx();
  void resume_rx();  // PDUs come at the end of this turn or later, not inside the call

  // Moves the connection between reactors: detach() on the old thread, then attach() on the new one. In
  // between only send(), close() and the destructor may be called. detach() is allowed inside a callback.
  void detach();
  void attach(net::Reactor& reactor);

  std::size_t queued_tx_bytes() const;
  Time last_rx() const { return last_rx_; }  // time of the turn in which bytes were last received; 0 = never
  net::Reactor& reactor() { return *reactor_; }  // not while detached
  int fd() const { return socket_.get(); }

 private:
  void on_fd(std::uint32_t events) override;
  void on_deferred() override;
  std::uint32_t wanted() const;  // epoll events
  void watch();                  // asks for them
  bool flush(const bool& left);
  void read_in(const bool& left);
  void discard_in();
  bool take_kept(const bool& left);
  bool process(const bool& left);
  void refuse(Fatal fatal);
  void keep_input();
  void end_gently(const std::string& why);
  void hung_up(std::uint32_t events);

  struct Impl;
  net::Reactor* reactor_;  // nullptr while detached
  net::Fd socket_;
  Side side_;
  bool open_ = true;
  PduDelegate* delegate_;
  Terms terms_;
  Time last_rx_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
