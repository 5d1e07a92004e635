// Rebuilds a kernel's graph: nodes only as wide as somebody looks, wide conditions as balanced trees.
#ifndef NVTEE_HW_HLSC_OPTIMIZE_HPP
#define NVTEE_HW_HLSC_OPTIMIZE_HPP

#include "hw/hlsc/schedule.hpp"

namespace hlsc {

// `first`: a schedule of the kernel as it is; says which conditions come late.
void optimize(Kernel& k, const Schedule& first);

}  // namespace hlsc

#endif
