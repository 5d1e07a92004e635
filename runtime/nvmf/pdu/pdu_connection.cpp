#include "runtime/nvmf/pdu/pdu_connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/nvmf/pdu/pdu_check.hpp"
#include "runtime/nvmf/pdu/pdu_rx.hpp"
#include "runtime/nvmf/pdu/pdu_tx.hpp"

namespace nvtee::nvmf {
namespace {

constexpr std::size_t kRxBudget =
    128 * 1024;  // bytes read per turn: then what they ask for goes out, and others have theirs
constexpr unsigned kTxBudget = 32;               // sendmsg calls per wake-up
constexpr unsigned kVectors = 256;               // per sendmsg
constexpr std::uint32_t kLargeData = 16 * 1024;  // from here on data is worth a read of its own
constexpr std::size_t kSmallStage = 8 * 1024;
constexpr Duration kEndTime = kSecond;

std::string errno_text(int code) {
  return std::generic_category().message(code);
}

}  // namespace

struct PduConnection::Impl {
  RxMachine rx;
  TxQueue tx;
  std::span<const std::byte>
      input;                    // read, not yet taken: in the reactor's scratch, valid inside one wake-up
  std::vector<std::byte> kept;  // the same, kept over a pause
  bool paused = false;
  bool blocked = false;  // the socket takes no more bytes for now
  bool tx_dead = false;  // nor ever will; what the peer sent before is still read
  bool closed = false;
  bool ending = false;        // open_ is false, on_close is still to come
  bool shut = false;          // our half is closed
  bool registered = false;    // with the reactor
  std::uint32_t watched = 0;  // epoll events asked for
  std::string end_why;
  Time end_at = 0;
  std::optional<net::Timer> end_timer;
  std::string start_error;
  // While a delegate may be running: set to true when the connection has been destroyed or moved meanwhile,
  // after which the frames below must not touch it.
  bool* left = nullptr;
};

PduConnection::PduConnection(net::Reactor& reactor, net::Fd socket, Side side, PduDelegate* delegate)
    : reactor_(nullptr),
      socket_(std::move(socket)),
      side_(side),
      delegate_(delegate),
      impl_(std::make_unique<Impl>()) {
  attach(reactor);
}

PduConnection::~PduConnection() {
  if (impl_->left) *impl_->left = true;
  if (reactor_ && impl_->registered) reactor_->remove(socket_.get(), this);
}

std::size_t PduConnection::queued_tx_bytes() const {
  return impl_->tx.bytes();
}

// ---- where it runs ----

void PduConnection::attach(net::Reactor& reactor) {
  Impl& im = *impl_;
  NVTEE_CHECK(!reactor_, "attach() follows detach()");
  reactor_ = &reactor;
  if (im.closed) return;
  im.watched = wanted();
  if (auto added = reactor.add(socket_.get(), im.watched, this); !added) {
    im.start_error = added.error().text();
    reactor.defer(this);  // told in a callback, never inside the caller's call
    return;
  }
  im.registered = true;
  if (im.ending) {
    im.end_timer.emplace(reactor, [this] { close(impl_->end_why); });
    im.end_timer->arm_at(im.end_at);
  }
  if (!im.tx.empty() || !im.kept.empty()) reactor.defer(this);
}

void PduConnection::detach() {
  Impl& im = *impl_;
  NVTEE_CHECK(reactor_, "detach() follows attach()");
  keep_input();
  if (im.registered) reactor_->remove(socket_.get(), this);
  im.registered = false;
  im.end_timer.reset();
  undefer();
  reactor_ = nullptr;
  if (im.left) *std::exchange(im.left, nullptr) = true;
}

std::uint32_t PduConnection::wanted() const {
  const Impl& im = *impl_;
  std::uint32_t want = !im.paused || im.ending ? EPOLLIN : 0;
  if (side_ == Side::kController) want |= EPOLLRDHUP;
  if (im.blocked && !im.tx_dead) want |= EPOLLOUT;
  return want;
}

void PduConnection::watch() {
  Impl& im = *impl_;
  const std::uint32_t want = wanted();
  if (!im.registered || want == im.watched) return;
  im.watched = want;
  reactor_->modify(socket_.get(), want, this);
}

void PduConnection::pause_rx() {
  if (impl_->paused) return;
  impl_->paused = true;
  keep_input();
  watch();
}

void PduConnection::resume_rx() {
  if (!impl_->paused) return;
  impl_->paused = false;
  watch();
  if (!impl_->kept.empty() && reactor_) reactor_->defer(this);
}

// Scratch memory is somebody else's after this wake-up.
void PduConnection::keep_input() {
  Impl& im = *impl_;
  if (im.input.empty()) return;
  NVTEE_CHECK(im.kept.empty(), "bytes kept before are taken before more are read");
  im.kept.assign(im.input.begin(), im.input.end());
  im.input = {};
}

// ---- events ----

void PduConnection::on_fd(std::uint32_t events) {
  Impl& im = *impl_;
  // Host loss (DESIGN §4): a host that hung up has given its queue up, and may already have sent the same
  // commands on another path. So its hang-up counts before whatever it had sent and we had not read: that is
  // discarded. Our own side as a host reads to the end instead: answers of a peer that has gone are still
  // true.
  if (side_ == Side::kController && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return hung_up(events);
  if (im.paused && !im.ending && (events & (EPOLLHUP | EPOLLERR))) return hung_up(events);
  if ((events & EPOLLOUT) && im.blocked) {
    im.blocked = false;
    reactor_->defer(this);  // sends at the end of the turn, with the answers to what is read now
  }
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  bool left = false;
  im.left = &left;
  read_in(left);
  if (!left) impl_->left = nullptr;
}

void PduConnection::on_deferred() {
  if (!impl_->start_error.empty()) return close(impl_->start_error);
  bool left = false;
  impl_->left = &left;
  if (take_kept(left)) flush(left);
  if (!left) impl_->left = nullptr;
}

void PduConnection::hung_up(std::uint32_t events) {
  int error = 0;
  socklen_t size = sizeof error;
  if (events & EPOLLERR) ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  close(error != 0 ? "the connection failed: " + errno_text(error) : "the peer closed the connection");
}

// ---- receiving ----

void PduConnection::read_in(const bool& left) {
  Impl& im = *impl_;
  if (im.ending) return discard_in();
  if (!take_kept(left) || im.paused || !open_ || !im.kept.empty()) return;
  for (std::size_t budget = kRxBudget;;) {
    const std::span<std::byte> direct = im.rx.direct();
    std::span<std::byte> stage = reactor_->scratch();
    // After large data more of it is likely: a small stage leaves most of it in the socket until its place is
    // known.
    if (im.rx.recent_data() >= kLargeData) stage = stage.first(kSmallStage);
    const iovec vectors[2] = {{direct.data(), direct.size()}, {stage.data(), stage.size()}};
    const unsigned skip = direct.empty() ? 1 : 0;
    const ssize_t got = ::readv(socket_.get(), vectors + skip, static_cast<int>(2 - skip));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0)
      return close(got == 0 ? "the peer closed the connection"
                            : "the connection failed: " + errno_text(errno));

    last_rx_ = reactor_->now();
    const auto n = static_cast<std::size_t>(got);
    const std::size_t placed = std::min(n, direct.size());
    if (placed != 0) im.rx.filled(placed);
    im.input = stage.first(n - placed);
    if (!process(left)) return;
    // Less than asked for: the socket is empty. If not, epoll says so again.
    if (n < direct.size() + stage.size() || n >= budget) return;
    budget -= n;
  }
}

// Between a TermReq and the peer's close.
void PduConnection::discard_in() {
  const std::span<std::byte> scratch = reactor_->scratch();
  for (std::size_t budget = kRxBudget; budget != 0;) {
    const ssize_t got = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) return close(impl_->end_why);
    budget -= std::min(budget, static_cast<std::size_t>(got));
  }
}

// Bytes read before a pause. False: stop, for whatever reason.
bool PduConnection::take_kept(const bool& left) {
  Impl& im = *impl_;
  if (im.kept.empty() || im.paused || !open_) return true;
  const std::vector<std::byte> bytes =
      std::exchange(im.kept, {});  // lives on while the delegate may destroy us
  im.input = bytes;
  if (process(left)) return true;
  return !left && !impl_->closed;  // paused again or ending: there may still be something to send
}

// Takes PDUs out of `input`. False: the connection is gone, moved, ending, or paused.
bool PduConnection::process(const bool& left) {
  Impl& im = *impl_;
  for (;;) {
    switch (im.rx.advance(im.input, side_, terms_)) {
      case RxMachine::Step::kMore:
        return true;
      case RxMachine::Step::kFatal:
        refuse(im.rx.fatal());
        return false;
      case RxMachine::Step::kTermReq: {
        const TermReq& t = im.rx.pdu().term;
        close(im.rx.term_malformed()
                  ? std::string("the peer sent a malformed TermReq")
                  : "the peer ended the connection: " + std::string(fes_text(t.fes)) + " (FES " +
                        std::to_string(t.fes) + ", FEI " + std::to_string(t.fei) + ")");
        return false;
      }
      case RxMachine::Step::kSink: {
        const DataSink sink = delegate_->on_data_header(im.rx.pdu(), im.rx.data_length());
        if (left || !open_) return false;
        if (sink.fatal) {
          refuse(*sink.fatal);
          return false;
        }
        im.rx.set_sink(sink.dst, sink.may_lend);
        break;
      }
      case RxMachine::Step::kDone: {
        const std::optional<Fatal> fatal = delegate_->on_pdu(im.rx.pdu(), im.rx.received());
        if (left || !open_) return false;
        if (fatal) {
          refuse(*fatal);
          return false;
        }
        break;
      }
    }
    // Also when it was paused and resumed within the call: the kept bytes come first then, in on_deferred.
    if (im.paused || !im.kept.empty()) return false;
  }
}

void PduConnection::refuse(Fatal fatal) {
  const PduAny& pdu = impl_->rx.pdu();
  terminate(fatal, &pdu, impl_->rx.header_bytes(),
            std::string("refused a ") + pdu_name(pdu.head.type) + ": " + fes_text(fatal.fes) + " (FES " +
                std::to_string(fatal.fes) + ", FEI " + std::to_string(fatal.fei) + ")");
}

// ---- sending ----

void PduConnection::send(const void* header, std::size_t header_size, std::span<const std::byte> data,
                         std::uint64_t token, std::optional<std::uint32_t> ddgst) {
  if (!open_) return;
  impl_->tx.push(terms_, header, header_size, data, token, ddgst);
  // Also when the socket takes nothing, once too much waits: flush() sees to that.
  if (reactor_ && (!impl_->blocked || impl_->tx.count() > limits::kQueuedPdus)) reactor_->defer(this);
}

// False: the connection is gone or moved.
bool PduConnection::flush(const bool& left) {
  Impl& im = *impl_;
  if (im.tx.count() > limits::kQueuedPdus) {
    close("the peer does not take what is sent to it");
    return false;
  }
  for (unsigned round = 0; !im.blocked && !im.tx.empty(); ++round) {
    if (round == kTxBudget) {
      reactor_->defer_to_next_turn(this);
      return true;
    }
    iovec vectors[kVectors];
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = im.tx.gather(vectors, kVectors);
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      im.blocked = true;
      break;
    }
    if (sent < 0 && side_ == Side::kHost && open_ && !im.paused && (errno == EPIPE || errno == ECONNRESET)) {
      im.blocked = im.tx_dead = true;  // epoll reports the hang-up: then the peer's last words are read first
      break;
    }
    if (sent < 0) {
      close(im.ending ? im.end_why : "the connection failed: " + errno_text(errno));
      return false;
    }
    im.tx.consume(static_cast<std::size_t>(sent));
    while (const std::optional<std::uint64_t> token = im.tx.take_finished()) {
      if (*token == 0) continue;
      delegate_->on_sent(*token);
      if (left || im.closed) return false;
    }
  }
  if (im.ending && im.tx.empty() && !im.shut) {
    im.shut = true;
    ::shutdown(socket_.get(), SHUT_WR);
  }
  watch();
  return true;
}

// ---- ending ----

void PduConnection::terminate(Fatal fatal, const void* offending, std::size_t size, const std::string& why) {
  if (!open_) return;
  std::array<std::byte, spec::pdu::kMaxTermReqPlen> bytes;
  TermReq t{};
  const std::size_t copied = offending ? std::min(size, bytes.size() - sizeof t) : 0;
  t.head.type = side_ == Side::kController ? spec::pdu::kC2HTermReq : spec::pdu::kH2CTermReq;
  t.head.hlen = spec::pdu::kHlenTermReq;
  t.head.plen = static_cast<std::uint32_t>(sizeof t + copied);
  t.fes = fatal.fes;
  t.fei = fatal.fei;
  std::memcpy(bytes.data(), &t, sizeof t);
  if (copied != 0) std::memcpy(bytes.data() + sizeof t, offending, copied);
  impl_->tx.drop_unstarted();
  impl_->tx.push_raw(std::span(bytes).first(sizeof t + copied));
  end_gently(why);
}

void PduConnection::close_when_sent(const std::string& why) {
  if (open_) end_gently(why);
}

void PduConnection::end_gently(const std::string& why) {
  Impl& im = *impl_;
  open_ = false;
  im.ending = true;
  im.end_why = why;
  im.input = {};
  im.kept.clear();
  if (!reactor_) {
    im.end_at = 0;  // attach() arms the timer
    return;
  }
  im.end_at = reactor_->now() + kEndTime;
  im.end_timer.emplace(*reactor_, [this] { close(impl_->end_why); });
  im.end_timer->arm_at(im.end_at);
  reactor_->defer(this);
  watch();
}

void PduConnection::close(const std::string& why) {
  Impl& im = *impl_;
  if (im.closed) return;
  const std::string reason = im.ending ? im.end_why : why;
  im.closed = true;
  im.ending = false;
  open_ = false;
  if (reactor_) {
    if (im.registered) reactor_->remove(socket_.get(), this);
    undefer();
  }
  im.registered = false;
  im.end_timer.reset();
  socket_.reset();
  im.tx = {};
  im.input = {};
  im.kept = {};
  delegate_->on_close(reason);
}

}  // namespace nvtee::nvmf
