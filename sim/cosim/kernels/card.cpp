// Any of the card's kernels around the tee core: which one is the build's word.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include "sim/cosim/kernels/card.hpp"

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::card_biases(name);
               bench.rare = nvtee::cosim::card_rare(name))
