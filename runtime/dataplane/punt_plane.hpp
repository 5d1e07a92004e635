// What punts need of a data plane. Apart from the rest of it, so that the simulator's nodes can run punts
// too.
#pragma once

#include <cstddef>

#include "hw/kernels/tee_core/records.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::dataplane {

class PuntPlane {
 public:
  virtual void ctl(const tee::Ctl& ctl) = 0;  // in order
  virtual void command(
      const nvmf::Sqe& sqe) = 0;  // on the runtime's own queue; sqe.cid comes back in on_internal_response
  virtual std::byte* buffer(unsigned slot) = 0;              // MDTS bytes
  virtual const nvmf::Sqe& punted(unsigned slot) const = 0;  // the SQE of a punted command

 protected:
  ~PuntPlane() = default;
};

}  // namespace nvtee::dataplane
