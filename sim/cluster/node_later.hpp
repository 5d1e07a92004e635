// Timers of a node: theirs is the life that armed them, and they wait while it is paused.
#pragma once

#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

template <class F>
void Node::later(Duration d, F f) {
  world_.agenda.in(d, [this, life = life_, f] { run_later(life, f); });
}

template <class F>
void Node::run_later(std::uint32_t life, F f) {
  if (life != life_) return;
  if (!paused_) return f();
  // After everything that its sockets have taken meanwhile.
  world_.agenda.at(resume_at_ + kMicrosecond, [this, life, f] { run_later(life, f); });
}

}  // namespace nvtee::cluster
