// Reservation commands: one at a time per namespace. Decide on a copy -> make it durable -> commit -> notify
// -> (preempt-and-abort: wait for the victims' commands) -> answer.
#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/log.hpp"
#include "tools/nvtee-target/engine.hpp"

namespace nvtee::target {

namespace io = spec::io;
namespace st = spec::st;

void Engine::queue_reservation(Command& c) {
  set_pending(c, Phase::kQueued);
  c.ns->reservation_queue.push_back(&c);
  pump_reservations(*c.ns);
}

void Engine::pump_reservations(Namespace& ns) {
  while (!ns.reservation_busy && !ns.reservation_queue.empty()) {
    Command& c = *ns.reservation_queue.front();
    ns.reservation_queue.pop_front();
    c.phase = Phase::kReserving;
    ns.reservation_busy = true;
    start_reservation(ns, c);
  }
}

void Engine::start_reservation(Namespace& ns, Command& c) {
  if (c.sqe.opcode == io::kResvReport) return report(ns, c);
  const ReservationRequest request =
      parse_reservation(c.sqe.opcode, c.sqe.cdw10, c.session->host, std::span(c.data, c.length));
  // RESCAP says that it cannot persist.
  if (request.cptpl == 3 && !ns.sidecar) return reservation_over(ns, c, st::kInvalidField);
  ReservationState next = ns.reservation;
  const ReservationOutcome outcome = execute(next, request);
  if (outcome.status != st::kOk) return reservation_over(ns, c, outcome.status);
  const bool persists = outcome.changed && ns.sidecar && (next.ptpl || ns.reservation.ptpl);
  if (!persists) return commit_reservation(ns, c, std::move(next), outcome);
  ns.sidecar->save(next, [this, &ns, &c, next, outcome](const Status0& saved) {
    if (saved) return commit_reservation(ns, c, next, outcome);
    log::error("reservation_not_saved nsid={} reason=\"{}\"", ns.nsid, saved.error().text());
    reservation_over(ns, c, st::kInternal);
  });
}

void Engine::commit_reservation(Namespace& ns, Command& c, ReservationState next,
                                const ReservationOutcome& outcome) {
  ns.reservation = std::move(next);
  if (host_ && !outcome.notices.empty()) host_->notify(ns.nsid, outcome.notices);
  if (outcome.abort) abort_victims(ns, c, outcome.victims);
  if (ns.awaited != 0) {
    ns.preemptor = &c;
    return;
  }
  reservation_over(ns, c, st::kOk);
}

// Those that have not begun end now; those at the store are waited for. Commands whose data is still to come
// meet the new reservation when they start.
void Engine::abort_victims(Namespace& ns, const Command& by, std::span<const HostId> victims) {
  const auto hit = [&](const Command& c) {
    return &c != &by && !c.executed && std::ranges::find(victims, c.session->host) != victims.end();
  };
  for (Command* c = ns.pending_first; c; c = c->next) {
    if (!hit(*c) || c->phase != Phase::kMedia) continue;
    c->abort = c->awaited = true;
    ++ns.awaited;
  }
  for (Command* c = ns.pending_first; c;) {
    const bool waits =
        c->phase == Phase::kLocked || c->phase == Phase::kDelayed || c->phase == Phase::kStalled;
    if (!waits || !hit(*c)) {
      c = c->next;
      continue;
    }
    if (c->phase == Phase::kDelayed) std::erase_if(delayed_, [&](const auto& d) { return d.second == c; });
    clear_pending(*c);
    c->verdict = {};
    finish_early(*c, st::kPreemptAbort, false);
    c = ns.pending_first;  // the list may have changed
  }
}

void Engine::awaited_done(Namespace& ns) {
  NVTEE_CHECK(ns.awaited != 0, "a victim is waited for once");
  if (--ns.awaited != 0 || !ns.preemptor) return;
  reservation_over(ns, *std::exchange(ns.preemptor, nullptr), st::kOk);
}

void Engine::report(Namespace& ns, Command& c) {
  const auto controllers = host_ ? host_->controllers() : std::vector<ControllerOfHost>{};
  const auto bytes = reservation_report(ns.reservation, controllers);
  const std::size_t n = std::min<std::size_t>(bytes.size(), c.length);
  std::memcpy(c.data, bytes.data(), n);
  std::memset(c.data + n, 0, c.length - n);
  reservation_over(ns, c, st::kOk);
}

void Engine::reservation_over(Namespace& ns, Command& c, spec::Status status) {
  clear_pending(c);
  c.status = status;
  c.dnr = status != st::kOk && status != st::kInternal;
  if (c.verdict.hit && c.verdict.error && c.verdict.error_executed) {
    c.status = c.verdict.status;
    c.dnr = c.verdict.dnr;
  }
  ns.reservation_busy = false;
  over(c);
  pump_reservations(ns);
}

}  // namespace nvtee::target
