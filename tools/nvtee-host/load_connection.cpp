// The load's connection: coming up, its limits, its loss, and the next one.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "runtime/base/check.hpp"
#include "tools/nvtee-host/load.hpp"

namespace nvtee::host {
namespace {

constexpr Duration kFirstBackoff = 50 * kMillisecond, kLastBackoff = kSecond;
constexpr std::uint64_t kReadBackBytes = 128 * 1024;
constexpr std::uint64_t kMostMemory = 4ull << 30;

std::uint64_t random_session() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

void Load::connect() {
  if (phase_ == Phase::kDone || phase_ == Phase::kClose) return;
  ++report_.attempts;
  nvmf::AssociationDelegate* const self = this;
  association_ = std::make_unique<nvmf::Association>(reactor_, options_.connection, self);
}

void Load::on_association_up(nvmf::Association& association, const nvmf::PeerInfo& info) {
  report_.peer = info;
  backoff_ = 0;
  if (!was_up_ && (!take_geometry(info) || !check_commands(info))) return;
  if (was_up_) {
    if (info.ns.nsze != namespace_blocks_ ||
        (1u << info.ns.lbaf[info.ns.flbas & 0xf].ds) != report_.block_size)
      return fail_run(Exit::kFailure, "the namespace is another one than before");
    ++report_.reconnects;
  }
  if (!options_.set_hdisns) return ready();
  nvmf::Sqe behaviour{};
  behaviour.opcode = spec::admin::kSetFeatures;
  behaviour.cdw10 = spec::fid::kHostBehavior;
  std::vector<std::byte> data(512);
  data[3] = std::byte{1};  // HDISNS
  association.admin(behaviour, std::move(data), 0, [this](const nvmf::Cqe& cqe, auto) {
    const spec::Status s = spec::status_of_cqe(cqe.status);
    if (s == spec::st::kOk) return ready();
    fail_run(Exit::kFailure,
             fmt::format("Set Features Host Behavior Support (HDISNS) failed: status {:x}/{:02x}h", s >> 8,
                         s & 0xff));
  });
}

// What the namespace is, on the first connection: shadow, workload and buffers follow from it.
bool Load::take_geometry(const nvmf::PeerInfo& info) {
  const auto refuse = [this](const std::string& why) {
    fail_run(Exit::kUsage, why);
    return false;
  };
  const nvme_lbaf& format = info.ns.lbaf[info.ns.flbas & 0xf];
  if (format.ds < 9 || format.ds > 16)
    return refuse(fmt::format("the namespace has blocks of 2^{} bytes", format.ds));
  if (format.ms != 0) return refuse("the namespace has metadata, which this program does not handle");
  report_.block_size = 1u << format.ds;
  const std::uint64_t blocks = namespace_blocks_ = info.ns.nsze;

  if (!options_.read_back_only) {
    auto w = Workload::create(options_.workload, report_.block_size, blocks);
    if (!w) return refuse(w.error().text());
    workload_ = std::move(*w);
  }
  if (options_.dlfeat_rules) options_.rules.deallocate_ones = (info.ns.dlfeat & 7) != 1;
  Shadow::Identity id;
  id.nsid = info.nsid;
  id.block_size = report_.block_size;
  id.blocks = blocks;
  std::copy_n(info.ns.nguid, id.nguid.size(), id.nguid.begin());
  if (shadow_) {
    id.session = shadow_->identity().session;
    if (id != shadow_->identity())
      return refuse("the state file belongs to another namespace (NSID, NGUID, size or block size differ)");
    shadow_->set_rules(options_.rules);
  } else if (options_.verify) {
    id.session = random_session();
    shadow_.emplace(id, options_.rules);
  }

  const std::uint64_t largest = workload_ ? std::uint64_t{workload_->most_blocks()} * report_.block_size : 0;
  if (info.max_transfer != 0 && largest > info.max_transfer)
    return refuse(fmt::format("--bs: {} is more than the peer takes in one command (MDTS: {})",
                              bytes_text(largest), bytes_text(info.max_transfer)));
  const std::uint64_t chunk =
      info.max_transfer == 0 ? kReadBackBytes : std::min<std::uint64_t>(kReadBackBytes, info.max_transfer);
  slot_bytes_ =
      static_cast<std::uint32_t>(std::max({largest, options_.verify ? chunk : 0, std::uint64_t{4096}}));
  if (std::uint64_t{slot_bytes_} * options_.queues * options_.depth > kMostMemory)
    return refuse("--bs x --depth x --queues needs more than 4 GiB of buffers");
  prepare_slots();
  return true;
}

// Commands of the mix that the controller does not have.
bool Load::check_commands(const nvmf::PeerInfo& info) {
  const struct {
    Kind kind;
    unsigned oncs_bit;
  } optional[] = {{Kind::kCompare, 0}, {Kind::kDsm, 2}, {Kind::kZeroes, 3}};
  for (const auto& o : optional) {
    if (options_.read_back_only || options_.workload.mix[static_cast<std::size_t>(o.kind)] == 0) continue;
    if (info.ctrl.oncs >> o.oncs_bit & 1) continue;
    fail_run(Exit::kUsage, fmt::format("--mix: the controller does not have '{}' (ONCS bit {})",
                                       kind_name(o.kind), o.oncs_bit));
    return false;
  }
  return true;
}

void Load::prepare_slots() {
  slots_.resize(std::size_t{options_.queues} * options_.depth);
  const std::size_t bytes = slots_.size() * slot_bytes_;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096)));
  NVTEE_CHECK(memory_ != nullptr, "memory for the buffers");
  Random random(options_.workload.seed);
  for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
    const std::uint64_t v = random.next();
    std::memcpy(memory_.get() + i, &v, 8);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].buffer = memory_.get() + i * slot_bytes_;
    idle_.push_back(static_cast<std::uint32_t>(slots_.size() - 1 - i));
  }
}

// Commands may be sent, now or after the time to settle.
void Load::ready() {
  const Time now = reactor_.now();
  if (was_up_ && options_.settle != 0 && now < lost_at_ + options_.settle) {
    settle_timer_.arm_at(lost_at_ + options_.settle);
    return;
  }
  usable_ = true;
  if (was_up_) report_.longest_outage = std::max(report_.longest_outage, now - lost_at_);
  if (!was_up_) begin_load();
  was_up_ = true;
  resend_due(true);
  pump();
  advance();
}

// ---- loss ------------------------------------------------------------------------------------------------

void Load::on_association_down(nvmf::Association&, const std::string& why, bool) {
  if (phase_ == Phase::kClose) {
    phase_ = Phase::kDone;
    return;
  }
  lost(why);
}

// What was outstanding is unknown from now on. As a host would, it is sent again when there is a connection
// again: as a new command with a new sequence, since the old one may still take effect.
void Load::drop_outstanding() {
  for (Slot& s : slots_) {
    if (s.state != SlotState::kInFlight) continue;
    --in_flight_;
    const bool wrote =
        s.task.kind == Kind::kWrite || s.task.kind == Kind::kZeroes || s.task.kind == Kind::kDsm;
    if (std::exchange(s.has_op, false)) {
      if (wrote)
        shadow_->end_write(s.op, Outcome::kLost);
      else if (s.task.kind == Kind::kFlush)
        shadow_->end_flush(s.op, false);
      else
        shadow_->drop_read(s.op);
    }
    report_.unknown_writes += wrote;
    const bool again = (phase_ == Phase::kLoad && options_.retry) || s.read_back;
    if (again) {
      s.state = SlotState::kRetry;
      s.retry_at = 0;
      ++waiting_;
    } else {
      idle(s);
    }
  }
}

void Load::lost(const std::string& why) {
  if (association_) association_->close();
  settle_timer_.cancel();
  const bool had = std::exchange(usable_, false);
  if (had) {
    ++report_.losses;
    report_.last_loss = why;
    lost_at_ = reactor_.now();
    if (in_flight_ + waiting_ == 0) last_progress_ = lost_at_;
    drop_outstanding();
    if (shadow_) shadow_->power_lost();  // for all we know, if its cache is volatile
    if (phase_ == Phase::kLoad) starved_ = true;
  }
  // A refusal that says "never" is believed only where nobody asked to wait: a product that is starting says
  // so too.
  if (options_.reconnect == 0) return fail_run(Exit::kFailure, why);
  if (reactor_.now() - lost_at_ > options_.reconnect)
    return fail_run(Exit::kFailure, fmt::format("no connection for {:.1f} s: {}",
                                                static_cast<double>(options_.reconnect) / 1e9, why));
  if (report_.stopped && phase_ != Phase::kReadBack) return advance();
  if (had && options_.failover) next_address();
  try_again();
  advance();
}

void Load::try_again() {
  backoff_ = backoff_ == 0 ? kFirstBackoff : std::min(backoff_ * 2, kLastBackoff);
  connect_timer_.arm_in(backoff_);
}

void Load::next_address() {
  auto& all = options_.connection.addresses;
  const auto used = std::find(all.begin(), all.end(), report_.peer.address);
  if (used != all.end()) std::rotate(all.begin(), used + 1, all.end());
}

void Load::check_timeouts() {
  if (!connected() || options_.timeout == 0) return;
  for (unsigned i = 0; i < association_->io_queue_count(); ++i) {
    const Time oldest = association_->io_queue(i).oldest_unanswered();
    if (oldest == nvtee::kNever || reactor_.now() - oldest < options_.timeout) continue;
    ++report_.timeouts;
    return lost(fmt::format("{}: a command was not answered within {} ms", report_.peer.address.text(),
                            options_.timeout / kMillisecond));
  }
}

}  // namespace nvtee::host
