#include "runtime/nvmf/initiator/queue.hpp"

#include <sys/epoll.h>

#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nvme/types.h>

#include "runtime/base/check.hpp"

namespace nvtee::nvmf {
namespace {

// Transfer::phase: one of these, with the marks below.
constexpr std::uint8_t kIdle = 0, kWaiting = 1, kSent = 2, kAnswered = 3, kPhaseMask = 0x0f;
constexpr std::uint8_t kByR2t = 0x10;     // its data goes out by R2T and H2CData
constexpr std::uint8_t kLastSeen = 0x20;  // C2HData with LAST has arrived: no more data may come

// Field offsets that a TermReq names (TCP 1.0 §3.6.2).
constexpr std::uint32_t kAtFlags = 1, kAtPfv = 8, kAtCccid = 8, kAtCpda = 10, kAtDgst = 11, kAtLength = 16,
                        kAtMaxH2c = 12;

constexpr std::uint16_t kConnectCid = 0;

// A PduConnection whose queue has gone away.
class Nobody final : public PduDelegate {
  DataSink on_data_header(const PduAny&, std::uint32_t) override { return DataSink::drop(); }
  std::optional<Fatal> on_pdu(const PduAny&, const ReceivedData&) override { return {}; }
  void on_sent(std::uint64_t) override {}
  void on_close(const std::string&) override {}
};
constinit Nobody nobody;

std::uint64_t token_of(Transfer& t) {
  return reinterpret_cast<std::uintptr_t>(&t);
}
Transfer& transfer_of(std::uint64_t token) {
  return *reinterpret_cast<Transfer*>(token);
}

bool is_sent(const Transfer& t) {
  return (t.phase & kPhaseMask) == kSent;
}

}  // namespace

struct InitiatorQueue::Impl final : net::FdHandler {
  // kEnding: a protocol error of the peer; its TermReq is on its way, on_close comes next.
  enum class State : std::uint8_t { kConnecting, kIc, kConnect, kUp, kEnding, kDown };

  Impl(InitiatorQueue& o, net::Reactor& r, const net::Address& a, const Options& opt,
       InitiatorQueueDelegate* d)
      : owner(o), reactor(r), address(a), options(opt), delegate(d), up_timer(r, [this] {
          on_up_timeout();
        }) {}

  InitiatorQueue& owner;
  net::Reactor& reactor;
  const net::Address address;
  Options options;
  InitiatorQueueDelegate* delegate;
  State state = State::kConnecting;
  net::Fd connecting;
  std::unique_ptr<PduConnection> pdu;
  net::Timer up_timer;
  std::string reason;         // why the queue ends, when we know better than the connection does
  bool* destroyed = nullptr;  // set while a callback of the connection runs: see Watch

  std::uint32_t max_h2c_data = 0;
  bool flow_control = true;
  std::uint32_t sq_head = 0, sq_tail = 0;  // with flow control: SQ indices
  unsigned in_flight = 0;                  // sent and not yet delivered
  // All transfers in the order of submit(): the sent ones, then the waiting ones.
  Transfer* oldest = nullptr;
  Transfer* newest = nullptr;
  Transfer* first_waiting = nullptr;

  // Notices that the delegate destroyed the queue inside a callback.
  class Watch {
   public:
    explicit Watch(Impl& im) : im_(im), outer_(im.destroyed) { im.destroyed = &gone_; }
    ~Watch() {
      if (!gone_)
        im_.destroyed = outer_;
      else if (outer_)
        *outer_ = true;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    bool gone() const { return gone_; }

   private:
    Impl& im_;
    bool* outer_;
    bool gone_ = false;
  };

  // ---- life ----------------------------------------------------------------------------------------------
  void start();
  void on_fd(std::uint32_t events) override;
  void on_up_timeout();
  void stop_connecting();
  void end_quietly();
  void drop_connection();
  void down(const std::string& why, spec::Status refused);
  Fatal protocol_error(std::uint16_t fes, std::uint32_t fei, std::string why);

  // ---- bring-up ------------------------------------------------------------------------------------------
  void send_icreq();
  std::optional<Fatal> on_icresp(const IcResp& r);
  void send_connect();
  std::optional<Fatal> on_connect_response(const Cqe& cqe);

  // ---- commands ------------------------------------------------------------------------------------------
  void link(Transfer& t);
  void unlink(Transfer& t);
  bool room() const;
  void pump();
  void send_command(Transfer& t);
  void note_sq_head(std::uint16_t reported);
  Transfer* lookup(std::uint16_t cid);
  std::optional<Fatal> on_r2t(const R2tPdu& r);
  DataSink on_c2h_header(const DataPdu& d);
  std::optional<Fatal> on_c2h_data(const DataPdu& d, const ReceivedData& data);
  std::optional<Fatal> on_capsule_response(const Cqe& cqe);
  std::optional<Fatal> answered(Transfer& t, const Cqe& cqe);
  void deliver(Transfer& t);
  std::optional<Fatal> take(const PduAny& pdu, const ReceivedData& data);
};

// ---- life ------------------------------------------------------------------------------------------------

void InitiatorQueue::Impl::start() {
  up_timer.arm_in(options.up_timeout);
  auto fd = net::connect_tcp(address);
  if (fd) {
    connecting = std::move(*fd);
    const auto added = reactor.add(connecting.get(), EPOLLOUT, this);
    if (added) return;
    reason = added.error().text();
    connecting.reset();
  } else {
    reason = fmt::format("{}: {}", address.text(), fd.error().text());
  }
  up_timer.arm_in(0);  // callbacks come in later turns only
}

void InitiatorQueue::Impl::on_fd(std::uint32_t) {
  reactor.remove(connecting.get(), this);
  net::Fd fd = std::exchange(connecting, net::Fd{});
  if (const auto ok = net::connect_result(fd.get()); !ok)
    return down(fmt::format("{}: {}", address.text(), ok.error().text()), 0);
  if (options.user_timeout_ms != 0) net::set_user_timeout(fd.get(), options.user_timeout_ms);
  PduDelegate* const self = &owner;
  pdu = std::make_unique<PduConnection>(reactor, std::move(fd), PduConnection::Side::kHost, self);
  send_icreq();
}

void InitiatorQueue::Impl::on_up_timeout() {
  if (!reason.empty()) return down(reason, 0);
  const char* step = state == State::kConnecting ? "TCP connect" : state == State::kIc ? "ICReq" : "Connect";
  down(fmt::format("{}: no answer to {} within {} ms", address.text(), step,
                   options.up_timeout / kMillisecond),
       0);
}

void InitiatorQueue::Impl::stop_connecting() {
  if (!connecting) return;
  reactor.remove(connecting.get(), this);
  connecting.reset();
}

// Lets go of the connection so that it calls nobody any more. It may be running one of its callbacks right
// now, so it is destroyed in a later turn then.
void InitiatorQueue::Impl::drop_connection() {
  if (!pdu) return;
  pdu->set_delegate(&nobody);
  pdu->close("closed");
  if (destroyed) reactor.post([p = std::shared_ptr<PduConnection>(std::move(pdu))] {});
  pdu.reset();
}

void InitiatorQueue::Impl::end_quietly() {
  state = State::kDown;
  up_timer.cancel();
  stop_connecting();
  drop_connection();
  oldest = newest = first_waiting = nullptr;
  in_flight = 0;
}

void InitiatorQueue::Impl::down(const std::string& why, spec::Status refused) {
  if (state == State::kDown) return;
  const std::string text = why;  // `why` may be our own `reason`
  end_quietly();
  delegate->on_down(owner, text, refused);
}

Fatal InitiatorQueue::Impl::protocol_error(std::uint16_t fes, std::uint32_t fei, std::string why) {
  state = State::kEnding;
  reason = fmt::format("{}: protocol error of the peer: {} (FES {})", address.text(), why, fes);
  return Fatal{fes, fei};
}

// ---- bring-up --------------------------------------------------------------------------------------------

void InitiatorQueue::Impl::send_icreq() {
  state = State::kIc;
  IcReq r{};
  r.head = {spec::pdu::kICReq, 0, spec::pdu::kHlenIC, 0, sizeof r};
  r.dgst = static_cast<std::uint8_t>((options.header_digest ? spec::pdu::kDgstHeaderEnable : 0) |
                                     (options.data_digest ? spec::pdu::kDgstDataEnable : 0));
  r.maxr2t = 0;  // one outstanding R2T a command, as Linux asks
  pdu->send_pdu(r);
}

std::optional<Fatal> InitiatorQueue::Impl::on_icresp(const IcResp& r) {
  using namespace spec;
  if (r.pfv != 0)
    return protocol_error(fes::kUnsupportedParameter, kAtPfv, fmt::format("PFV {} in ICResp", r.pfv));
  if (r.cpda > 31) return protocol_error(fes::kInvalidHeaderField, kAtCpda, fmt::format("CPDA {}", r.cpda));
  if (r.maxh2cdata < pdu::kMinMaxH2CData || r.maxh2cdata % 4 != 0)
    return protocol_error(fes::kInvalidHeaderField, kAtMaxH2c, fmt::format("MAXH2CDATA {}", r.maxh2cdata));
  const bool header = (r.dgst & pdu::kDgstHeaderEnable) != 0, data = (r.dgst & pdu::kDgstDataEnable) != 0;
  if ((header && !options.header_digest) || (data && !options.data_digest))
    return protocol_error(fes::kInvalidHeaderField, kAtDgst, "it turns on a digest that was not asked for");
  if (header != options.header_digest || data != options.data_digest) {
    down(fmt::format("{}: the peer refuses the {} digest", address.text(),
                     header == options.header_digest ? "data" : "header"),
         0);
    return {};
  }
  max_h2c_data = r.maxh2cdata;
  PduConnection::Terms terms;
  terms.header_digest = header;
  terms.data_digest = data;
  terms.tx_align = r.cpda == 0 ? 0 : (r.cpda + 1u) * 4;
  terms.max_rx_data = 1u << 31;  // every C2HData is held against its own command's length
  this->pdu->set_terms(terms);
  send_connect();
  return {};
}

void InitiatorQueue::Impl::send_connect() {
  state = State::kConnect;
  nvmf_connect_data d{};
  std::memcpy(d.hostid, options.host_id.data(), sizeof d.hostid);
  d.cntlid = options.qid == 0 ? spec::kCntlidDynamic : options.cntlid;
  std::memcpy(d.subsysnqn, options.sub_nqn.data(), std::min(options.sub_nqn.size(), sizeof d.subsysnqn - 1));
  std::memcpy(d.hostnqn, options.host_nqn.data(), std::min(options.host_nqn.size(), sizeof d.hostnqn - 1));

  CapsuleCmd c{};
  c.head = {spec::pdu::kCapsuleCmd, 0, spec::pdu::kHlenCmd, 0, 0};
  c.sqe.opcode = spec::kOpFabrics;
  c.sqe.flags = spec::kPsdtSgl;
  c.sqe.cid = kConnectCid;
  c.sqe.nsid = spec::fabrics::kConnect;
  c.sqe.sgl = {0, sizeof d, {}, spec::kSglDataOffset};
  c.sqe.cdw10 = std::uint32_t{options.qid} << 16;  // RECFMT 0
  c.sqe.cdw11 = static_cast<std::uint32_t>(options.entries - 1) |
                (options.flow_control_off ? std::uint32_t{spec::fabrics::kCattrDisableSqFlow} << 16 : 0);
  c.sqe.cdw12 = options.qid == 0 ? options.kato_ms : 0;
  pdu->send_pdu(c, std::as_bytes(std::span(&d, 1)));
}

std::optional<Fatal> InitiatorQueue::Impl::on_connect_response(const Cqe& cqe) {
  if (cqe.cid != kConnectCid)
    return protocol_error(spec::fes::kInvalidHeaderField, kAtCccid + 12, "an answer before the Connect's");
  const spec::Status status = spec::status_of_cqe(cqe.status);
  if (status != spec::st::kOk) {
    const std::string where = status == spec::st::kConnectInvalidParams
                                  ? fmt::format(" (byte {} of the {})", cqe.result & 0xffff,
                                                (cqe.result >> 16) & 1 ? "data" : "command")
                                  : "";
    down(fmt::format("{}: Connect of queue {} to {} as {} refused: status {:x}/{:02x}h{}{}", address.text(),
                     options.qid, options.sub_nqn, options.host_nqn, status >> 8, status & 0xff, where,
                     cqe.status & spec::kCqeDnr ? ", do not retry" : ""),
         status);
    return {};
  }
  if ((cqe.result >> 16 & 0xffff) != 0) {
    down(fmt::format("{}: the peer wants in-band authentication, which is not set up", address.text()),
         spec::st::kAuthRequired);
    return {};
  }
  flow_control = !(options.flow_control_off && cqe.sqhd == 0xffff);
  // The Connect itself took the first slot of the SQ.
  sq_head = sq_tail = 1 % options.entries;
  state = State::kUp;
  up_timer.cancel();
  delegate->on_up(owner, static_cast<std::uint16_t>(cqe.result));
  return {};
}

// ---- commands --------------------------------------------------------------------------------------------

void InitiatorQueue::Impl::link(Transfer& t) {
  t.prev = newest;
  t.next = nullptr;
  (newest ? newest->next : oldest) = &t;
  newest = &t;
}

void InitiatorQueue::Impl::unlink(Transfer& t) {
  (t.prev ? t.prev->next : oldest) = t.next;
  (t.next ? t.next->prev : newest) = t.prev;
  t.next = t.prev = nullptr;
}

bool InitiatorQueue::Impl::room() const {
  if (in_flight + 1u >= options.entries) return false;
  return !flow_control || (sq_tail + 1) % options.entries != sq_head;
}

void InitiatorQueue::Impl::pump() {
  while (first_waiting && state == State::kUp && room()) {
    Transfer& t = *first_waiting;
    first_waiting = t.next;
    send_command(t);
  }
}

void InitiatorQueue::Impl::send_command(Transfer& t) {
  using namespace spec;
  ++in_flight;
  if (flow_control) sq_tail = (sq_tail + 1) % options.entries;
  const std::uint32_t limit = options.qid == 0 ? kMaxAdminInCapsule : options.max_in_capsule;
  const bool in_capsule = t.out_length != 0 && t.out_length <= limit;

  CapsuleCmd c;
  c.head = {spec::pdu::kCapsuleCmd, 0, spec::pdu::kHlenCmd, 0, 0};
  c.sqe = t.sqe;
  c.sqe.flags = static_cast<std::uint8_t>((t.sqe.flags & kFuseMask) | kPsdtSgl);
  c.sqe.sgl = in_capsule ? Sgl{0, t.out_length, {}, kSglDataOffset}
                         : Sgl{0, t.out_length != 0 ? t.out_length : t.in_length, {}, kSglTransport};
  t.phase = kSent | (t.out_length != 0 && !in_capsule ? kByR2t : 0);
  if (!pdu->open()) return;  // ends with on_close
  if (!in_capsule) return pdu->send_pdu(c);
  t.out_done = t.out_length;
  t.unsent = 1;
  pdu->send_pdu(c, {t.out, t.out_length}, token_of(t),
                t.out_digest_known ? std::optional(t.out_digest) : std::nullopt);
}

// SQHD, forward only: answers may overtake each other inside a peer (kernel nvmet), so an older value is
// ignored. Some peers set SUCCESS although flow control is on (SPDK), so an answered command always frees one
// slot, and nothing outstanding means that all are free.
void InitiatorQueue::Impl::note_sq_head(std::uint16_t reported) {
  const std::uint32_t n = options.entries;
  if (reported >= n) return;
  const std::uint32_t forward = (reported + n - sq_head) % n, used = (sq_tail + n - sq_head) % n;
  if (forward <= used) sq_head = reported;
}

// The transfer of that CID, or nullptr if none was sent that awaits an answer.
Transfer* InitiatorQueue::Impl::lookup(std::uint16_t cid) {
  Transfer* t = delegate->find(owner, cid);
  if (!t) return nullptr;
  NVTEE_CHECK(t->sqe.cid == cid, "find() gives the transfer of that CID");
  return is_sent(*t) ? t : nullptr;
}

std::optional<Fatal> InitiatorQueue::Impl::on_r2t(const R2tPdu& r) {
  using namespace spec;
  Transfer* t = lookup(r.cccid);
  if (!t && options.late_ok) return {};
  if (!t || !(t->phase & kByR2t))
    return protocol_error(fes::kInvalidHeaderField, kAtCccid,
                          fmt::format("R2T for command {:#06x}, which owes no data", r.cccid));
  if (r.r2tl == 0) return protocol_error(fes::kInvalidHeaderField, kAtLength, "R2T of length 0");
  if (std::uint64_t{r.r2to} + r.r2tl > t->out_length)
    return protocol_error(
        fes::kOutOfRange, 0,
        fmt::format("R2T for bytes {}+{} of a command with {}", r.r2to, r.r2tl, t->out_length));
  if (r.r2to != t->out_done)
    return protocol_error(
        fes::kSequenceError, 0,
        fmt::format("R2T for bytes {}+{} after {} were asked for", r.r2to, r.r2tl, t->out_done));
  if (t->unsent != 0)
    return protocol_error(fes::kLimitExceeded, 0, "a second R2T of a command before the first was served");

  const bool whole = r.r2tl == t->out_length && r.r2tl <= max_h2c_data && t->out_digest_known;
  const std::uint32_t end = r.r2to + r.r2tl;
  while (t->out_done < end) {
    const std::uint32_t n = std::min(end - t->out_done, max_h2c_data);
    DataPdu d{};
    d.head = {spec::pdu::kH2CData, static_cast<std::uint8_t>(t->out_done + n == end ? spec::pdu::kLast : 0),
              spec::pdu::kHlenData, 0, 0};
    d.cccid = r.cccid;
    d.ttag = r.ttag;
    d.datao = t->out_done;
    d.datal = n;
    ++t->unsent;
    pdu->send_pdu(d, {t->out + t->out_done, n}, token_of(*t),
                  whole ? std::optional(t->out_digest) : std::nullopt);
    t->out_done += n;
  }
  return {};
}

DataSink InitiatorQueue::Impl::on_c2h_header(const DataPdu& d) {
  using namespace spec;
  const auto refuse = [this](std::uint16_t f, std::uint32_t fei, std::string why) {
    const Fatal fatal = protocol_error(f, fei, std::move(why));
    return DataSink::refuse(fatal.fes, fatal.fei);
  };
  if (state != State::kUp) return refuse(fes::kSequenceError, 0, "C2HData before the Connect's answer");
  Transfer* t = lookup(d.cccid);
  if (!t && options.late_ok) return DataSink::drop();
  if (!t || t->in_length == 0)
    return refuse(fes::kInvalidHeaderField, kAtCccid,
                  fmt::format("C2HData for command {:#06x}, which awaits none", d.cccid));
  if (std::uint64_t{d.datao} + d.datal > t->in_length)
    return refuse(
        fes::kOutOfRange, 0,
        fmt::format("C2HData for bytes {}+{} of a command with {}", d.datao, d.datal, t->in_length));
  if (d.datao != t->in_done || (t->phase & kLastSeen))
    return refuse(fes::kSequenceError, 0,
                  fmt::format("C2HData for bytes {}+{} after {}{}", d.datao, d.datal, t->in_done,
                              t->phase & kLastSeen ? " and LAST" : ""));
  if ((d.head.flags & spec::pdu::kSuccess) && !(d.head.flags & spec::pdu::kLast))
    return refuse(fes::kInvalidHeaderField, kAtFlags, "C2HData with SUCCESS and without LAST");
  return DataSink::to(t->in + d.datao);
}

std::optional<Fatal> InitiatorQueue::Impl::on_c2h_data(const DataPdu& d, const ReceivedData& data) {
  if (data.length == 0) {  // no header callback came: check it here, as any other
    const DataSink sink = on_c2h_header(d);
    if (sink.fatal) return sink.fatal;
  }
  Transfer* t = lookup(d.cccid);
  if (!t) return {};
  t->in_done += data.length;
  if (!data.digest_ok) t->data_error = true;
  if (d.head.flags & spec::pdu::kLast) t->phase |= kLastSeen;
  if (!(d.head.flags & spec::pdu::kSuccess)) return {};
  Cqe cqe{};
  cqe.cid = d.cccid;
  cqe.sqid = options.qid;
  if (flow_control && sq_head != sq_tail) sq_head = (sq_head + 1) % options.entries;
  cqe.sqhd = static_cast<std::uint16_t>(sq_head);
  return answered(*t, cqe);
}

std::optional<Fatal> InitiatorQueue::Impl::on_capsule_response(const Cqe& cqe) {
  Transfer* t = lookup(cqe.cid);
  if (!t && options.late_ok) return {};
  if (!t)
    return protocol_error(spec::fes::kInvalidHeaderField, kAtCccid + 12,
                          fmt::format("an answer to command {:#06x}, which is not outstanding", cqe.cid));
  if (flow_control) note_sq_head(cqe.sqhd);
  return answered(*t, cqe);
}

std::optional<Fatal> InitiatorQueue::Impl::answered(Transfer& t, const Cqe& cqe) {
  t.cqe = cqe;
  if (spec::status_of_cqe(cqe.status) == spec::st::kOk) {
    if (t.out_done < t.out_length)
      return protocol_error(
          spec::fes::kSequenceError, 0,
          fmt::format("success after {} of {} bytes were asked for", t.out_done, t.out_length));
    // Admin data may be shorter than the buffer; a read that is would pass old memory off as data.
    if (t.in_done < t.in_length && options.qid != 0)
      return protocol_error(spec::fes::kSequenceError, 0,
                            fmt::format("success after {} of {} bytes were sent", t.in_done, t.in_length));
    if (t.data_error) t.cqe.status = spec::cqe_status(spec::st::kTransientTransport, false);
  }
  t.phase = kAnswered;
  if (t.unsent == 0) deliver(t);
  return {};
}

// The last thing a callback does: the delegate may close or destroy the queue.
void InitiatorQueue::Impl::deliver(Transfer& t) {
  unlink(t);
  t.phase = kIdle;
  --in_flight;
  if (in_flight == 0) sq_head = sq_tail;
  pump();
  delegate->on_response(owner, t);
}

std::optional<Fatal> InitiatorQueue::Impl::take(const PduAny& any, const ReceivedData& data) {
  using namespace spec;
  const std::uint8_t type = any.head.type;
  if (state == State::kIc && type == spec::pdu::kICResp) return on_icresp(any.icresp);
  if (state == State::kConnect && type == spec::pdu::kCapsuleResp) return on_connect_response(any.resp.cqe);
  if (state == State::kUp) {
    switch (type) {
      case spec::pdu::kCapsuleResp:
        return on_capsule_response(any.resp.cqe);
      case spec::pdu::kC2HData:
        return on_c2h_data(any.data, data);
      case spec::pdu::kR2T:
        return on_r2t(any.r2t);
      default:
        break;
    }
  }
  return protocol_error(fes::kSequenceError, 0, fmt::format("PDU type {:#04x} out of place", type));
}

// ---- the class -------------------------------------------------------------------------------------------

InitiatorQueue::InitiatorQueue(net::Reactor& reactor, const net::Address& address, const Options& options,
                               InitiatorQueueDelegate* delegate)
    : impl_(std::make_unique<Impl>(*this, reactor, address, options, delegate)) {
  NVTEE_CHECK(options.entries >= 2, "a queue has at least two entries");
  impl_->start();
}

InitiatorQueue::~InitiatorQueue() {
  close();
  if (impl_->destroyed) *impl_->destroyed = true;
}

void InitiatorQueue::submit(Transfer& t) {
  Impl& im = *impl_;
  NVTEE_CHECK(im.state == Impl::State::kUp || im.state == Impl::State::kEnding,
              "submit() on a queue that is up");
  NVTEE_CHECK(t.out_length == 0 || t.in_length == 0, "a command moves data one way");
  t.out_done = t.in_done = t.unsent = 0;
  t.data_error = false;
  t.cqe = {};
  t.phase = kWaiting;
  t.submitted = im.reactor.now();
  im.link(t);
  if (!im.first_waiting) im.first_waiting = &t;
  im.pump();
}

void InitiatorQueue::set_max_in_capsule(std::uint32_t bytes) {
  impl_->options.max_in_capsule = bytes;
}
void InitiatorQueue::close() {
  impl_->end_quietly();
}
bool InitiatorQueue::up() const {
  return impl_->state == Impl::State::kUp;
}
std::uint16_t InitiatorQueue::qid() const {
  return impl_->options.qid;
}
unsigned InitiatorQueue::outstanding() const {
  return impl_->in_flight;
}
Time InitiatorQueue::oldest_unanswered() const {
  return impl_->oldest ? impl_->oldest->submitted : kNever;
}
Time InitiatorQueue::last_rx() const {
  return impl_->pdu ? impl_->pdu->last_rx() : 0;
}
const net::Address& InitiatorQueue::address() const {
  return impl_->address;
}
bool InitiatorQueue::header_digest() const {
  return impl_->pdu && impl_->pdu->terms().header_digest;
}
bool InitiatorQueue::data_digest() const {
  return impl_->pdu && impl_->pdu->terms().data_digest;
}

DataSink InitiatorQueue::on_data_header(const PduAny& pdu, std::uint32_t) {
  if (pdu.head.type == spec::pdu::kC2HData) return impl_->on_c2h_header(pdu.data);
  return DataSink::drop();
}

std::optional<Fatal> InitiatorQueue::on_pdu(const PduAny& pdu, const ReceivedData& data) {
  const Impl::Watch watch(*impl_);
  auto fatal = impl_->take(pdu, data);
  // When the queue was destroyed meanwhile, its connection is closed too: nothing is left to refuse.
  if (watch.gone()) return {};
  return fatal;
}

void InitiatorQueue::on_sent(std::uint64_t token) {
  const Impl::Watch watch(*impl_);
  Transfer& t = transfer_of(token);
  NVTEE_CHECK(t.unsent > 0, "each piece is sent once");
  if (--t.unsent == 0 && (t.phase & kPhaseMask) == kAnswered) impl_->deliver(t);
}

void InitiatorQueue::on_close(const std::string& why) {
  const Impl::Watch watch(*impl_);
  Impl& im = *impl_;
  if (!im.reason.empty()) return im.down(im.reason, 0);
  const char* where = im.state == Impl::State::kIc        ? " while awaiting ICResp"
                      : im.state == Impl::State::kConnect ? " while awaiting the answer to Connect"
                                                          : "";
  im.down(fmt::format("{}: {}{}", im.address.text(), why, where), 0);
}

}  // namespace nvtee::nvmf
