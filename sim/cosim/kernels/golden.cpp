// One of hlsc's own goldens: which one is the build's word.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include "sim/cosim/lockstep_main.hpp"

// Few tags, and rows near each other, so that what was just written is read.
NVTEE_LOCKSTEP(NVTEE_TOP,
               bench.biases = (nvtee::cosim::Biases{{"data", {0, 1, 2, 3, 5, 64, 1024, 1025}, 80}}))
