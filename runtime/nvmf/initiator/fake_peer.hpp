// A small NVM subsystem for tests: one namespace in memory, in the test's own loop, every answer of which can
// be scripted. Not for products: nothing is bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nvme/types.h>

#include "runtime/nvmf/pdu/pdu_connection.hpp"

namespace nvtee::nvmf {

class FakePeer final : private net::FdHandler {
 public:
  class Connection;

  struct Options {
    std::uint8_t cpda = 0;
    std::uint32_t max_h2c_data = 131072;
    bool header_digest = true, data_digest = true;  // granted when asked for
    bool grant_flow_control_off = true;
    bool success_flag = false;  // C2HData with SUCCESS instead of a CapsuleResp
    bool success_with_flow_control = false;
    std::uint32_t r2t_bytes = 0;     // most bytes per R2T; 0: all in one
    std::uint32_t c2h_bytes = 0;     // most bytes per C2HData; 0: all in one
    std::uint16_t mqes = 127;        // 0-based
    std::uint32_t ioccsz = 4 + 512;  // 16-byte units: 64 + 8192
    std::uint8_t mdts = 5;           // 128 KiB
    std::uint16_t queues = 16;       // granted I/O queues
    unsigned ready_polls = 2;        // CSTS reads until RDY
    std::uint8_t to = 20;            // CAP.TO, 500 ms units
    std::uint32_t nsid = 1;
    std::uint64_t blocks = 20000;
    std::uint8_t lbads = 9;
    std::uint8_t dlfeat = 1;
    std::string sub_nqn = "nqn.test:subsys";
  };

  FakePeer(net::Reactor& reactor, Options options);
  explicit FakePeer(net::Reactor& reactor) : FakePeer(reactor, Options{}) {}
  ~FakePeer();

  const net::Address& address() const { return address_; }
  void stop_listening();
  void listen_again();  // on the same port
  void drop_all();      // closes every connection at once
  std::size_t connections() const;
  std::vector<std::byte>& memory() { return memory_; }
  std::uint32_t block_size() const { return 1u << options.lbads; }

  // What has come in, by command.
  struct Seen {
    std::uint16_t qid;
    Sqe sqe;
  };
  std::vector<Seen> seen;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> h2c;  // DATAO, DATAL of every H2CData
  unsigned ic_requests = 0;

  // ---- scripts: may be changed at any time ----
  Options options;
  std::function<void(IcResp&)> on_icresp;                     // edits the answer
  std::function<void(nvme_id_ctrl&)> on_identify;             // edits the data
  std::function<spec::Status(std::uint16_t qid)> on_connect;  // refuses; DW0 is 0
  // A command's header and in-capsule data are in. true: the script takes care of it.
  std::function<bool(Connection&, const Sqe&, std::span<const std::byte>)> on_command;
  // All data of a write (or compare) is in, or a command without data to come is about to be run. true: not
  // run.
  std::function<bool(Connection&, const Sqe&, std::span<const std::byte>)> on_execute;

 private:
  friend class Connection;
  void on_fd(std::uint32_t events) override;
  void sweep();

  net::Reactor& reactor_;
  net::Fd listener_;
  net::Address address_;
  std::vector<std::byte> memory_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::uint16_t next_cntlid_ = 1;
};

class FakePeer::Connection final : private PduDelegate {
 public:
  Connection(FakePeer& peer, net::Fd socket);

  PduConnection& pdu() { return pdu_; }
  std::uint16_t qid() const { return qid_; }
  bool open() const { return open_; }

  void respond(std::uint16_t cid, spec::Status status, std::uint64_t result = 0, bool dnr = false);
  void respond_raw(const Cqe& cqe);  // as given
  void r2t(std::uint16_t cid, std::uint16_t ttag, std::uint32_t offset, std::uint32_t length);
  // `flags` as given; a digest other than the right one when `ddgst` is set.
  void c2h(std::uint16_t cid, std::uint32_t offset, std::span<const std::byte> data, std::uint8_t flags,
           std::optional<std::uint32_t> ddgst = {});
  // Data in pieces of options.c2h_bytes, then the response (or SUCCESS).
  void send_data_and_respond(std::uint16_t cid, std::span<const std::byte> data);
  // Asks for the write's data as options say; runs it when all is in.
  void start_write(const Sqe& sqe);
  void execute(const Sqe& sqe, std::span<const std::byte> data);
  // The default behaviour for a command.
  void run(const Sqe& sqe, std::span<const std::byte> in_capsule);

 private:
  struct Write {
    Sqe sqe{};
    std::vector<std::byte> data;
    std::uint32_t asked = 0, got = 0;
  };
  DataSink on_data_header(const PduAny& pdu, std::uint32_t length) override;
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) override;
  void on_sent(std::uint64_t) override {}
  void on_close(const std::string&) override { open_ = false; }

  void on_icreq(const IcReq& r);
  void on_capsule(const Sqe& sqe, std::span<const std::byte> data);
  void on_h2c(const DataPdu& d);
  void ask_next(std::uint16_t ttag);
  void connect(const Sqe& sqe, std::span<const std::byte> data);
  void run_fabrics(const Sqe& sqe, std::span<const std::byte> data);
  void run_admin(const Sqe& sqe);
  void identify(const Sqe& sqe);
  void media(const Sqe& sqe, std::span<const std::byte> data);
  void deallocate(const Sqe& sqe, std::span<const std::byte> data);
  std::uint16_t sqhd_for_response();

  FakePeer& peer_;
  PduConnection pdu_;
  bool open_ = true;
  bool connected_ = false;
  bool flow_control_ = true;
  std::uint16_t qid_ = 0;
  std::uint16_t cntlid_ = 0;
  std::uint32_t entries_ = 1, answered_ = 0;
  std::uint32_t cc_ = 0;
  unsigned csts_reads_ = 0;
  std::vector<std::byte> capsule_;
  std::map<std::uint16_t, Write> writes_;  // by TTAG
  std::uint16_t next_ttag_ = 1;
};

}  // namespace nvtee::nvmf
