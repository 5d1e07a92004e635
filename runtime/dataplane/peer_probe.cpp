#include "runtime/dataplane/peer_probe.hpp"

#include <utility>

#include "runtime/dataplane/leg_link.hpp"

namespace nvtee::dataplane {

PeerProbe::PeerProbe(net::Reactor& reactor, const LegTarget& target, Done done) : done_(std::move(done)) {
  nvmf::Association::Options o;
  o.addresses = target.addresses;
  o.host_nqn = target.host_nqn;
  o.sub_nqn = target.sub_nqn;
  o.host_id = target.host_id;
  o.nsid = target.nsid;
  o.io_queues = 0;
  o.kato_ms = target.kato_ms;
  association_ = std::make_unique<nvmf::Association>(reactor, std::move(o),
                                                     static_cast<nvmf::AssociationDelegate*>(this));
}

void PeerProbe::on_association_up(nvmf::Association&, const nvmf::PeerInfo& info) {
  if (done_) std::exchange(done_, nullptr)(facts_of(info));
}

void PeerProbe::on_association_down(nvmf::Association&, const std::string& why, bool) {
  if (done_) std::exchange(done_, nullptr)(fail(why));
}

}  // namespace nvtee::dataplane
