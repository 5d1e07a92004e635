#include "runtime/dataplane/punts.hpp"

#include <algorithm>
#include <cstring>

#include "hw/nvme/status_class.hpp"
#include "runtime/base/check.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::dataplane {

namespace {

struct DsmRange {  // NVM Command Set, Dataset Management range
  std::uint32_t attributes;
  std::uint32_t blocks;
  std::uint64_t lba;
};
static_assert(sizeof(DsmRange) == 16);

constexpr std::uint32_t kDsmDeallocate = 1u << 2;  // CDW11 AD

}  // namespace

void Punts::start(unsigned slot) {
  const nvmf::Sqe& sqe = plane_.punted(slot);
  const auto ns = lookup_(sqe.nsid);
  if (!ns) return finish(slot, spec::st::kInvalidNamespace);
  if ((sqe.flags & spec::kFuseMask) != 0)
    return finish(slot, spec::st::kInvalidField);  // FUSES = 0: not offered
  auto job = std::make_unique<Job>();
  job->slot = slot;
  job->ns = *ns;
  job->nsid = sqe.nsid;
  if (sqe.opcode == spec::io::kDsm) return start_dsm(std::move(job));
  if (sqe.opcode == spec::io::kCompare) return start_compare(std::move(job));
  finish(slot, spec::st::kInvalidOpcode);
}

void Punts::finish(unsigned slot, spec::Status status) {
  tee::Ctl c{};
  c.op = tee::Ctl::kPuntDone;
  c.slot = slot;
  c.status = status;
  // What the host got wrong stays wrong; a path's trouble may pass.
  c.flag = status != spec::st::kOk && spec::classify(status) == spec::LegStatus::kRefused ? 1 : 0;
  plane_.ctl(c);
}

// ---- Dataset Management ---------------------------------------------------------------------------------

void Punts::start_dsm(std::unique_ptr<Job> job) {
  const nvmf::Sqe& sqe = plane_.punted(job->slot);
  if ((sqe.cdw11 & kDsmDeallocate) == 0)
    return finish(job->slot, spec::st::kOk);  // the other attributes are hints
  const unsigned count = (sqe.cdw10 & 0xff) + 1;
  if (sqe.sgl.length < count * sizeof(DsmRange)) return finish(job->slot, spec::st::kSglLength);
  const std::byte* data = plane_.buffer(job->slot);
  for (unsigned i = count; i-- > 0;) {
    DsmRange r;
    std::memcpy(&r, data + i * sizeof(DsmRange), sizeof(r));
    if (r.lba > job->ns.blocks || r.blocks > job->ns.blocks - r.lba)
      return finish(job->slot, spec::st::kLbaRange);
    if (r.blocks != 0) job->todo.push_back({r.lba, r.blocks});
  }
  if (job->todo.empty() || core::planted(core::Bug::kDsmAtOnce)) return finish(job->slot, spec::st::kOk);
  dsm_.push_back(std::move(job));
  pump();
}

void Punts::pump() {
  // Jobs take turns, so that one large range does not hold up a small one.
  std::size_t idle = 0;
  while (idle < dsm_.size()) {
    auto free = std::find(owner_.begin(), owner_.end(), nullptr);
    if (free == owner_.end()) return;
    Job& job = *dsm_.front();
    std::rotate(dsm_.begin(), dsm_.begin() + 1, dsm_.end());
    if (job.todo.empty() || job.status != spec::st::kOk) {
      ++idle;
      continue;
    }
    idle = 0;
    Range& r = job.todo.back();
    const std::uint64_t n = std::min<std::uint64_t>(r.blocks, kMaxBytes >> job.ns.block_shift);
    nvmf::Sqe sqe{};
    sqe.opcode = spec::io::kWriteZeroes;
    sqe.cid = static_cast<std::uint16_t>(free - owner_.begin());
    sqe.nsid = job.nsid;
    sqe.cdw10 = static_cast<std::uint32_t>(r.lba);
    sqe.cdw11 = static_cast<std::uint32_t>(r.lba >> 32);
    sqe.cdw12 = static_cast<std::uint32_t>(n - 1) | spec::kCdw12Deac;
    r.lba += n;
    r.blocks -= n;
    if (r.blocks == 0) job.todo.pop_back();
    ++job.in_flight;
    *free = &job;
    plane_.command(sqe);
  }
}

void Punts::on_response(std::uint16_t cid, spec::Status status) {
  NVTEE_CHECK(cid < kMaxCommands && owner_[cid] != nullptr, "an answer belongs to an internal command");
  Job* job = owner_[cid];
  owner_[cid] = nullptr;
  if (status != spec::st::kOk && job->status == spec::st::kOk) job->status = status;
  --job->in_flight;
  if (job->in_flight == 0 && (job->todo.empty() || job->status != spec::st::kOk)) {
    finish(job->slot, job->status);
    std::erase_if(dsm_, [job](const auto& j) { return j.get() == job; });
  }
  pump();
}

// ---- Compare --------------------------------------------------------------------------------------------

void Punts::start_compare(std::unique_ptr<Job> job) {
  auto free = std::find(compares_.begin(), compares_.end(), nullptr);
  if (free == compares_.end()) free = compares_.insert(compares_.end(), nullptr);
  job->tag = static_cast<std::uint16_t>(kTagBase + (free - compares_.begin()));
  const nvmf::Sqe& sqe = plane_.punted(job->slot);
  tee::Ctl c{};
  c.op = tee::Ctl::kHold;
  c.ns = job->ns.index;
  c.lba = sqe.slba();
  c.nlb = sqe.blocks();
  // A leg that is read before its region is equal on all legs may show what is overwritten then (P3).
  c.flag2 = job->ns.reconciling && !core::planted(core::Bug::kCompareEarly) ? 1 : 0;
  c.tag = job->tag;
  *free = std::move(job);
  plane_.ctl(c);
}

bool Punts::on_event(const tee::Event& event) {
  const unsigned kind = event.kind.to_uint();
  if (kind != tee::Event::kHeld && kind != tee::Event::kHoldRefused && kind != tee::Event::kIssueDone)
    return false;
  const unsigned tag = event.tag.to_uint();
  if (tag < kTagBase) return false;
  Job& job = *compares_.at(tag - kTagBase);
  if (kind == tee::Event::kHoldRefused) {
    drop_compare(job.tag, spec::st::kInterrupted);
    return true;
  }
  if (kind == tee::Event::kHeld) {
    job.held = static_cast<int>(event.slot.to_uint());
    read_for_compare(job);
    return true;
  }
  const auto status = static_cast<spec::Status>(event.status.to_uint());
  if (status != spec::st::kOk) {
    read_for_compare(job);
    return true;
  }
  const nvmf::Sqe& sqe = plane_.punted(job.slot);
  const std::size_t bytes = std::size_t{sqe.blocks()} << job.ns.block_shift;
  const bool equal =
      std::memcmp(plane_.buffer(job.slot), plane_.buffer(static_cast<unsigned>(job.held)), bytes) == 0;
  drop_compare(job.tag, equal ? spec::st::kOk : spec::st::kCompareFailure);
  return true;
}

void Punts::read_for_compare(Job& job) {
  const auto ns = lookup_(job.nsid);
  const unsigned candidates = ns ? ns->in_sync_mask & ~job.tried : 0;
  if (candidates == 0)
    return drop_compare(job.tag, job.tried == 0 ? spec::st::kPathInternal : spec::st::kReadError);
  const unsigned leg_bit = candidates & (~candidates + 1);
  job.tried |= leg_bit;
  tee::Ctl c{};
  c.op = tee::Ctl::kIssue;
  c.ns = job.ns.index;
  c.slot = static_cast<unsigned>(job.held);
  c.opcode = spec::io::kRead;
  c.mask = leg_bit;
  c.tag = job.tag;
  plane_.ctl(c);
}

void Punts::drop_compare(std::uint16_t tag, spec::Status status) {
  std::unique_ptr<Job> job = std::move(compares_.at(tag - kTagBase));
  if (job->held >= 0) {
    tee::Ctl c{};
    c.op = tee::Ctl::kRelease;
    c.slot = static_cast<unsigned>(job->held);
    plane_.ctl(c);
  }
  finish(job->slot, status);
}

}  // namespace nvtee::dataplane
