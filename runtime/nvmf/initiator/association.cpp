#include "runtime/nvmf/initiator/association.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "runtime/base/check.hpp"

namespace nvtee::nvmf {
namespace {

constexpr Duration kReadyPoll = 10 * kMillisecond;
constexpr Duration kShutdownWait = kSecond;
constexpr std::uint16_t kAdminEntries = 32;
constexpr std::size_t kAdminWaiting = 1024;  // commands that may wait for one of the 16 places
constexpr std::size_t kEarlyEvents = 16;
constexpr const char* kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";

// Places of admin commands: one each for the bring-up's present step, the keep-alive and the AER, then the
// user's.
constexpr unsigned kStep = 0, kKeepAlive = 1, kAer = 2, kFirstUser = 3, kUserPlaces = 16,
                   kPlaces = kFirstUser + kUserPlaces;

std::string status_text(spec::Status s) {
  return fmt::format("status {:x}/{:02x}h", s >> 8, s & 0xff);
}

// Trying again cannot help: the peer does not know this NQN, or does not want us.
bool is_final(spec::Status s) {
  using namespace spec::st;
  return s == kConnectIncompatibleFormat || s == kConnectInvalidParams || s == kConnectInvalidHost ||
         s == kAuthRequired;
}

}  // namespace

struct Association::Impl final : InitiatorQueueDelegate {
  using Done = std::function<void(const Cqe&, std::span<const std::byte>)>;
  enum class State : std::uint8_t { kBringUp, kUp, kShutdown, kDown };

  struct Command {
    Transfer transfer;
    std::vector<std::byte> out, in;
    Done done;
    bool busy = false;
    std::uint8_t generation = 0;
  };
  struct Waiting {
    Sqe sqe;
    std::vector<std::byte> out;
    std::uint32_t in_length;
    Done done;
  };

  Impl(Association& o, net::Reactor& r, Options opt, AssociationDelegate* d)
      : owner(o),
        reactor(r),
        options(std::move(opt)),
        delegate(d),
        up_timer(r, [this] { on_up_timer(); }),
        ready_timer(r, [this] { poll_ready(); }),
        event_timer(r, [this] { tell_early_event(); }),
        ka_timer(r, [this] { send_keep_alive(); }),
        ka_deadline(r, [this] { on_keep_alive_deadline(); }),
        shutdown_timer(r, [this] { finish("shut down", true); }) {}

  Association& owner;
  net::Reactor& reactor;
  Options options;
  AssociationDelegate* delegate;
  State state = State::kBringUp;
  PeerInfo info;

  std::size_t address_index = 0;
  std::string failures;  // of the addresses tried so far
  bool any_transient = false;
  Time enabled_at = 0;
  std::uint32_t cc = 0;

  std::unique_ptr<InitiatorQueue> admin_queue;
  std::vector<std::unique_ptr<InitiatorQueue>> io_queues;
  unsigned io_up = 0;
  std::array<Command, kPlaces> commands;
  std::deque<Waiting> waiting;
  std::vector<std::uint32_t> early_events;
  net::Timer up_timer, ready_timer, event_timer, ka_timer, ka_deadline, shutdown_timer;
  Duration ka_pause = 0;  // Reactor::total_pause() when the deadline was armed

  // ---- queues ----
  void on_up(InitiatorQueue& queue, std::uint16_t cntlid) override;
  Transfer* find(InitiatorQueue& queue, std::uint16_t cid) override;
  void on_response(InitiatorQueue& queue, Transfer& transfer) override;
  void on_down(InitiatorQueue& queue, const std::string& why, spec::Status refused) override;

  // ---- life ----
  void begin();
  void attempt();
  void attempt_failed(const std::string& why, bool transient);
  void on_up_timer();
  void close_queues();
  void finish(const std::string& why, bool transient);
  void fail(const std::string& why, bool transient = true);
  void shutdown();

  // ---- admin commands ----
  void issue(unsigned place, const Sqe& sqe, std::vector<std::byte> out, std::uint32_t in_length, Done done);
  void admin(const Sqe& sqe, std::vector<std::byte> out, std::uint32_t in_length, Done done);
  void on_admin_response(Transfer& transfer);
  void send_keep_alive();
  void on_keep_alive_deadline();
  void arm_aer();
  void on_event(std::uint32_t result);
  void tell_early_event();

  // ---- bring-up, in this order ----
  template <class Then>
  void step(const char* what, const Sqe& sqe, std::uint32_t in_length, Then then);
  template <class Then>
  void get_property(const char* what, std::uint32_t offset, bool eight, Then then);
  template <class Then>
  void set_property(const char* what, std::uint32_t offset, std::uint64_t value, Then then);
  void read_cap();
  void configure();
  void enable();
  void poll_ready();
  void identify_controller();
  std::string check_controller() const;
  void request_queues();
  void open_io_queues(std::uint16_t count);
  void configure_events();
  void identify_namespace();
  void came_up();
};

// ---- life ------------------------------------------------------------------------------------------------

void Association::Impl::begin() {
  if (options.addresses.empty()) {
    failures = "no address is given";
    up_timer.arm_in(0);
    return;
  }
  attempt();
}

void Association::Impl::attempt() {
  info = {};
  info.address = options.addresses[address_index];
  InitiatorQueue::Options q;
  q.host_nqn = options.host_nqn;
  q.sub_nqn = options.sub_nqn;
  q.host_id = options.host_id;
  q.entries = kAdminEntries;
  q.kato_ms = options.kato_ms;
  q.header_digest = options.header_digest;
  q.data_digest = options.data_digest;
  q.flow_control_off = options.flow_control_off;
  q.user_timeout_ms = options.user_timeout_ms;
  q.up_timeout = options.up_timeout;
  admin_queue = std::make_unique<InitiatorQueue>(reactor, info.address, q, this);
  up_timer.arm_in(options.up_timeout);  // after the queue's own, which can say more
}

void Association::Impl::attempt_failed(const std::string& why, bool transient) {
  failures += (failures.empty() ? "" : "; ") + why;
  any_transient |= transient;
  close_queues();
  if (++address_index == options.addresses.size()) return finish(failures, any_transient);
  attempt();
}

void Association::Impl::on_up_timer() {
  if (options.addresses.empty()) return finish(failures, false);
  attempt_failed(
      fmt::format("{}: not up within {} ms", info.address.text(), options.up_timeout / kMillisecond), true);
}

void Association::Impl::close_queues() {
  up_timer.cancel();
  ready_timer.cancel();
  event_timer.cancel();
  ka_timer.cancel();
  ka_deadline.cancel();
  shutdown_timer.cancel();
  io_queues.clear();
  io_up = 0;
  admin_queue.reset();
  waiting.clear();
  early_events.clear();
  for (Command& c : commands) {
    c.busy = false;
    c.done = nullptr;
  }
}

void Association::Impl::finish(const std::string& why, bool transient) {
  if (state == State::kDown) return;
  const std::string text = why;
  state = State::kDown;
  close_queues();
  delegate->on_association_down(owner, text, transient);
}

// Something went wrong: ends the attempt, or the association if it was up.
void Association::Impl::fail(const std::string& why, bool transient) {
  if (state == State::kBringUp) return attempt_failed(why, transient);
  finish(why, transient);
}

void Association::Impl::shutdown() {
  if (state == State::kShutdown || state == State::kDown) return;
  const bool was_up = state == State::kUp;
  if (!was_up) close_queues();
  state = State::kShutdown;
  shutdown_timer.arm_in(was_up ? kShutdownWait : 0);
  if (!was_up) return;
  set_property("shutdown", spec::prop::kCc, (cc & ~spec::prop::kCcShnMask) | (1u << 14),
               [this] { finish("shut down", true); });
}

// ---- queues ----------------------------------------------------------------------------------------------

void Association::Impl::on_up(InitiatorQueue& queue, std::uint16_t cntlid) {
  if (queue.qid() != 0) {
    if (++io_up == io_queues.size()) configure_events();
    return;
  }
  info.cntlid = cntlid;
  read_cap();
}

Transfer* Association::Impl::find(InitiatorQueue& queue, std::uint16_t cid) {
  if (queue.qid() != 0) return delegate->find(queue, cid);
  const unsigned place = cid & 0xff;
  if (place >= kPlaces || !commands[place].busy || commands[place].transfer.sqe.cid != cid) return nullptr;
  return &commands[place].transfer;
}

void Association::Impl::on_response(InitiatorQueue& queue, Transfer& transfer) {
  if (queue.qid() != 0) return delegate->on_response(queue, transfer);
  on_admin_response(transfer);
}

void Association::Impl::on_down(InitiatorQueue& queue, const std::string& why, spec::Status refused) {
  fail(state == State::kBringUp ? why : fmt::format("queue {}: {}", queue.qid(), why),
       queue.qid() != 0 || !is_final(refused));
}

// ---- admin commands --------------------------------------------------------------------------------------

void Association::Impl::issue(unsigned place, const Sqe& sqe, std::vector<std::byte> out,
                              std::uint32_t in_length, Done done) {
  Command& c = commands[place];
  NVTEE_CHECK(!c.busy, "an admin place holds one command");
  c.busy = true;
  c.out = std::move(out);
  c.in.assign(in_length, std::byte{0});
  c.done = std::move(done);
  Transfer& t = c.transfer;
  t = {};
  t.sqe = sqe;
  t.sqe.cid = static_cast<std::uint16_t>((++c.generation << 8) | place);
  t.out = c.out.data();
  t.out_length = static_cast<std::uint32_t>(c.out.size());
  t.in = c.in.data();
  t.in_length = in_length;
  admin_queue->submit(t);
}

void Association::Impl::admin(const Sqe& sqe, std::vector<std::byte> out, std::uint32_t in_length,
                              Done done) {
  NVTEE_CHECK(state == State::kUp || state == State::kShutdown, "admin() on an association that is up");
  for (unsigned i = kFirstUser; i < kPlaces; ++i)
    if (!commands[i].busy) return issue(i, sqe, std::move(out), in_length, std::move(done));
  NVTEE_CHECK(waiting.size() < kAdminWaiting, "P10: admin commands that wait are bounded");
  waiting.push_back({sqe, std::move(out), in_length, std::move(done)});
}

void Association::Impl::on_admin_response(Transfer& t) {
  const unsigned place = t.sqe.cid & 0xff;
  Command& c = commands[place];
  const Cqe cqe = t.cqe;
  const Done done = std::move(c.done);
  const std::vector<std::byte> in = std::move(c.in);
  const std::size_t received = t.in_done;
  c.done = nullptr;
  c.busy = false;
  if (place >= kFirstUser && !waiting.empty()) {
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    issue(place, next.sqe, std::move(next.out), next.in_length, std::move(next.done));
  }
  if (done) done(cqe, std::span(in).first(received));  // may destroy all this
}

void Association::Impl::send_keep_alive() {
  ka_timer.arm_in(options.kato_ms * kMillisecond / 2);
  if (commands[kKeepAlive].busy) return;  // the deadline decides
  Sqe s{};
  s.opcode = spec::admin::kKeepAlive;
  ka_pause = reactor.total_pause();
  ka_deadline.arm_in(options.kato_ms * kMillisecond);
  issue(kKeepAlive, s, {}, 0, [this](const Cqe&, auto) { ka_deadline.cancel(); });
}

// The peer is not to blame for the time in which this process did not run.
void Association::Impl::on_keep_alive_deadline() {
  const Duration extra = reactor.total_pause() - ka_pause;
  ka_pause += extra;
  if (extra != 0) return ka_deadline.arm_in(extra);
  fail(fmt::format("{}: keep-alive not answered within {} ms", info.address.text(), options.kato_ms));
}

void Association::Impl::arm_aer() {
  Sqe s{};
  s.opcode = spec::admin::kAsyncEvent;
  issue(kAer, s, {}, 0, [this](const Cqe& cqe, auto) {
    if (spec::status_of_cqe(cqe.status) != spec::st::kOk) return;  // not supported, or taken back
    arm_aer();
    on_event(static_cast<std::uint32_t>(cqe.result));
  });
}

void Association::Impl::on_event(std::uint32_t result) {
  if (state != State::kBringUp) return delegate->on_async_event(owner, result);
  if (early_events.size() < kEarlyEvents) early_events.push_back(result);
}

void Association::Impl::tell_early_event() {
  const std::uint32_t result = early_events.front();
  early_events.erase(early_events.begin());
  if (!early_events.empty()) event_timer.arm_in(0);
  delegate->on_async_event(owner, result);
}

// ---- bring-up --------------------------------------------------------------------------------------------

// Sends one command of the bring-up; `then(cqe, data)` runs when it succeeded, else the attempt fails.
template <class Then>
void Association::Impl::step(const char* what, const Sqe& sqe, std::uint32_t in_length, Then then) {
  issue(kStep, sqe, {}, in_length, [this, what, then](const Cqe& cqe, std::span<const std::byte> data) {
    const spec::Status s = spec::status_of_cqe(cqe.status);
    if (s == spec::st::kOk) return then(cqe, data);
    fail(fmt::format("{}: {} failed: {}", info.address.text(), what, status_text(s)), !is_final(s));
  });
}

template <class Then>
void Association::Impl::get_property(const char* what, std::uint32_t offset, bool eight, Then then) {
  Sqe s{};
  s.opcode = spec::kOpFabrics;
  s.nsid = spec::fabrics::kPropertyGet;
  s.cdw10 = eight ? 1 : 0;
  s.cdw11 = offset;
  step(what, s, 0, [then](const Cqe& cqe, auto) { then(cqe.result); });
}

template <class Then>
void Association::Impl::set_property(const char* what, std::uint32_t offset, std::uint64_t value, Then then) {
  Sqe s{};
  s.opcode = spec::kOpFabrics;
  s.nsid = spec::fabrics::kPropertySet;
  s.cdw11 = offset;
  s.cdw12 = static_cast<std::uint32_t>(value);
  s.cdw13 = static_cast<std::uint32_t>(value >> 32);
  step(what, s, 0, [then](const Cqe&, auto) { then(); });
}

void Association::Impl::read_cap() {
  get_property("reading CAP", spec::prop::kCap, true, [this](std::uint64_t v) {
    info.cap = v;
    configure();
  });
}

// CC without EN first; CAP is read again then, since it may depend on CC.CSS.
void Association::Impl::configure() {
  const auto page = static_cast<std::uint32_t>((info.cap >> 48) & 0xf);  // MPSMIN
  const bool many_sets = (info.cap >> 43) & 1;                           // CAP.CSS: I/O command sets
  cc = (many_sets ? 6u << 4 : 0) | page << 7 | 6u << 16 | 4u << 20;
  set_property("setting CC", spec::prop::kCc, cc, [this] {
    get_property("reading CAP again", spec::prop::kCap, true, [this](std::uint64_t v) {
      info.cap = v;
      enable();
    });
  });
}

void Association::Impl::enable() {
  cc |= spec::prop::kCcEnable;
  set_property("setting CC.EN", spec::prop::kCc, cc, [this] {
    enabled_at = reactor.now();
    poll_ready();
  });
}

void Association::Impl::poll_ready() {
  get_property("reading CSTS", spec::prop::kCsts, false, [this](std::uint64_t csts) {
    if (csts & spec::prop::kCstsFatal)
      return fail(fmt::format("{}: the controller reports a fatal status (CSTS.CFS)", info.address.text()));
    if (csts & spec::prop::kCstsReady)
      return get_property("reading VS", spec::prop::kVs, false,
                          [this](std::uint64_t) { identify_controller(); });
    const Duration limit =
        (((info.cap >> 24) & 0xff) + 1) * 500 * kMillisecond;  // CAP.TO, as Linux bounds it
    if (reactor.now() - enabled_at > limit)
      return fail(fmt::format("{}: the controller is not ready after {} ms (CAP.TO)", info.address.text(),
                              limit / kMillisecond));
    ready_timer.arm_in(kReadyPoll);
  });
}

void Association::Impl::identify_controller() {
  Sqe s{};
  s.opcode = spec::admin::kIdentify;
  s.cdw10 = spec::cns::kController;
  step("Identify Controller", s, sizeof info.ctrl, [this](const Cqe&, std::span<const std::byte> data) {
    std::memcpy(&info.ctrl, data.data(), std::min(data.size(), sizeof info.ctrl));
    if (const std::string bad = check_controller(); !bad.empty())
      return fail(fmt::format("{}: {}", info.address.text(), bad), false);
    const unsigned page_shift = 12 + ((info.cap >> 48) & 0xf);
    info.max_transfer =
        info.ctrl.mdts == 0 || info.ctrl.mdts + page_shift > 31 ? 0 : 1u << (info.ctrl.mdts + page_shift);
    const std::uint64_t capsule = std::uint64_t{info.ctrl.ioccsz} * 16;
    info.in_capsule =
        capsule <= 64 ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(capsule - 64, 1u << 20));
    if (options.kato_ms != 0) ka_timer.arm_in(options.kato_ms * kMillisecond / 2);
    request_queues();
  });
}

// What Linux refuses, too (drivers/nvme/host/fabrics.c, tcp.c). Empty when all is well.
std::string Association::Impl::check_controller() const {
  const nvme_id_ctrl& c = info.ctrl;
  if (c.cntlid != info.cntlid)
    return fmt::format("Identify says controller {}, Connect said {}", +c.cntlid, info.cntlid);
  if (c.cntrltype == 2 || options.sub_nqn == kDiscoveryNqn) return {};
  if (c.kas == 0) return "the controller supports no keep-alive (KAS 0)";
  if (c.ioccsz < 4) return fmt::format("IOCCSZ {} is below 4", +c.ioccsz);
  if (c.iorcsz < 1) return fmt::format("IORCSZ {} is below 1", +c.iorcsz);
  if (c.icdoff != 0) return fmt::format("ICDOFF {} is not 0", +c.icdoff);
  if ((c.sgls & 3) == 0) return "the controller supports no SGLs (SGLS 0)";
  return {};
}

void Association::Impl::request_queues() {
  if (options.io_queues == 0) return configure_events();
  const std::uint32_t wanted = options.io_queues - 1u;
  Sqe s{};
  s.opcode = spec::admin::kSetFeatures;
  s.cdw10 = spec::fid::kNumQueues;
  s.cdw11 = wanted | wanted << 16;
  step("Set Features (number of queues)", s, 0, [this](const Cqe& cqe, auto) {
    const auto r = static_cast<std::uint32_t>(cqe.result);
    const std::uint32_t granted = std::min(r & 0xffff, r >> 16) + 1;
    open_io_queues(static_cast<std::uint16_t>(std::min<std::uint32_t>(granted, options.io_queues)));
  });
}

// All at once: a peer may want every connection's ICReq before it answers the first Connect (as Linux does
// it).
void Association::Impl::open_io_queues(std::uint16_t count) {
  std::uint32_t entries = std::min<std::uint32_t>(options.queue_entries, (info.cap & 0xffff) + 1);
  if (info.ctrl.maxcmd != 0) entries = std::min<std::uint32_t>(entries, info.ctrl.maxcmd);
  if (entries < 2)
    return fail(fmt::format("{}: I/O queues of {} entries", info.address.text(), entries), false);
  info.queue_entries = static_cast<std::uint16_t>(entries);
  info.io_queues = count;
  InitiatorQueue::Options q;
  q.host_nqn = options.host_nqn;
  q.sub_nqn = options.sub_nqn;
  q.host_id = options.host_id;
  q.cntlid = info.cntlid;
  q.entries = info.queue_entries;
  q.header_digest = options.header_digest;
  q.data_digest = options.data_digest;
  q.flow_control_off = options.flow_control_off;
  q.max_in_capsule = info.in_capsule;
  q.user_timeout_ms = options.user_timeout_ms;
  q.up_timeout = options.up_timeout;
  for (std::uint16_t i = 1; i <= count; ++i) {
    q.qid = i;
    io_queues.push_back(std::make_unique<InitiatorQueue>(reactor, info.address, q, this));
  }
}

void Association::Impl::configure_events() {
  const std::uint32_t wanted = info.ctrl.oaes & (spec::aen::kBitNsAttribute | spec::aen::kBitFirmware |
                                                 spec::aen::kBitAna | spec::aen::kBitDiscovery);
  if (wanted == 0) {
    arm_aer();
    return identify_namespace();
  }
  Sqe s{};
  s.opcode = spec::admin::kSetFeatures;
  s.cdw10 = spec::fid::kAsyncEventConfig;
  s.cdw11 = wanted;
  // A refusal is no reason not to come up: the events stay as they are.
  issue(kStep, s, {}, 0, [this](const Cqe&, auto) {
    arm_aer();
    identify_namespace();
  });
}

void Association::Impl::identify_namespace() {
  if (options.nsid == 0) return came_up();
  Sqe s{};
  s.opcode = spec::admin::kIdentify;
  s.nsid = options.nsid;
  s.cdw10 = spec::cns::kNamespace;
  issue(kStep, s, {}, sizeof info.ns, [this](const Cqe& cqe, std::span<const std::byte> data) {
    const spec::Status st = spec::status_of_cqe(cqe.status);
    if (st != spec::st::kOk && st != spec::st::kInvalidNamespace)
      return fail(fmt::format("{}: Identify Namespace {} failed: {}", info.address.text(), options.nsid,
                              status_text(st)));
    std::memcpy(&info.ns, data.data(), std::min(data.size(), sizeof info.ns));
    if (st != spec::st::kOk || info.ns.ncap == 0 || info.ns.nsze == 0)
      return fail(
          fmt::format("{}: {} has no namespace {}", info.address.text(), options.sub_nqn, options.nsid),
          false);
    info.nsid = options.nsid;
    came_up();
  });
}

void Association::Impl::came_up() {
  state = State::kUp;
  up_timer.cancel();
  if (!early_events.empty()) event_timer.arm_in(0);  // after the news that we are up
  delegate->on_association_up(owner, info);
}

// ---- the class -------------------------------------------------------------------------------------------

Association::Association(net::Reactor& reactor, Options options, AssociationDelegate* delegate)
    : impl_(std::make_unique<Impl>(*this, reactor, std::move(options), delegate)) {
  impl_->begin();
}

Association::~Association() {
  close();
}

void Association::admin(const Sqe& sqe, std::vector<std::byte> data_out, std::uint32_t in_length,
                        std::function<void(const Cqe&, std::span<const std::byte>)> done) {
  impl_->admin(sqe, std::move(data_out), in_length, std::move(done));
}

void Association::shutdown() {
  impl_->shutdown();
}

void Association::close() {
  impl_->state = Impl::State::kDown;
  impl_->close_queues();
}

bool Association::up() const {
  return impl_->state == Impl::State::kUp;
}
unsigned Association::io_queue_count() const {
  return static_cast<unsigned>(impl_->io_queues.size());
}

InitiatorQueue& Association::io_queue(unsigned index) {
  NVTEE_CHECK(index < impl_->io_queues.size(), "an I/O queue that exists");
  return *impl_->io_queues[index];
}

const PeerInfo& Association::info() const {
  return impl_->info;
}
net::Reactor& Association::reactor() {
  return impl_->reactor;
}

}  // namespace nvtee::nvmf
