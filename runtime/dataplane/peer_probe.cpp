#include "runtime/dataplane/peer_probe.hpp"

#include <utility>

#include "runtime/dataplane/leg_link.hpp"
#include "runtime/dataplane/reservation_report.hpp"

namespace nvtee::dataplane {
namespace {

constexpr std::uint16_t kReportCid = 1;

bool has_reservations(const nvmf::PeerInfo& info) {
  return (info.ctrl.oncs & spec::resv::kOncsBit) != 0 && info.ns.rescap != 0;
}

}  // namespace

PeerProbe::PeerProbe(net::Reactor& reactor, const LegTarget& target, Done done)
    : done_(std::move(done)),
      host_id_(target.host_id),
      deadline_(target.deadline),
      late_(reactor, [this] { end(fail("it does not answer a Reservation Report")); }) {
  nvmf::Association::Options o;
  o.addresses = target.addresses;
  o.host_nqn = target.host_nqn;
  o.sub_nqn = target.sub_nqn;
  o.host_id = target.host_id;
  o.nsid = target.nsid;
  o.io_queues = 1;  // Reservation Report is an I/O command
  o.kato_ms = target.kato_ms;
  association_ = std::make_unique<nvmf::Association>(reactor, std::move(o),
                                                     static_cast<nvmf::AssociationDelegate*>(this));
}

void PeerProbe::end(Result<Found> found) {
  late_.cancel();
  if (done_) std::exchange(done_, nullptr)(std::move(found));
}

nvmf::Transfer* PeerProbe::find(nvmf::InitiatorQueue&, std::uint16_t cid) {
  return asking_ && cid == kReportCid ? &report_ : nullptr;
}

void PeerProbe::on_response(nvmf::InitiatorQueue&, nvmf::Transfer& transfer) {
  asking_ = false;
  const spec::Status status =
      transfer.data_error ? spec::st::kTransientTransport : spec::status_of_cqe(transfer.cqe.status);
  core::Reserved r;
  if (status == spec::st::kOk) r = read_reservation_report(data_, transfer.in_done, host_id_);
  r.status = status;
  found_.reserved = std::move(r);
  end(std::move(found_));
}

void PeerProbe::on_association_up(nvmf::Association& association, const nvmf::PeerInfo& info) {
  found_.facts = facts_of(info);
  if (!has_reservations(info)) return end(std::move(found_));
  data_.resize(kReservationReportBytes);
  make_reservation_report(report_, info.nsid, kReportCid, data_);
  asking_ = true;
  late_.arm_in(deadline_);
  association.io_queue(0).submit(report_);
}

void PeerProbe::on_association_down(nvmf::Association&, const std::string& why, bool) {
  end(fail(why));
}

}  // namespace nvtee::dataplane
