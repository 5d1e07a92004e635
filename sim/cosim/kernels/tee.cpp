// Any kernel of the tee core: which one is the build's word.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include "sim/cosim/kernels/tee.hpp"

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::tee_biases(name);
               bench.rare = nvtee::cosim::rare_of(name))
