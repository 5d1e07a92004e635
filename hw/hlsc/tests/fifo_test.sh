#!/usr/bin/env bash
# fifo_test.sh SOURCE_DIR WORK_DIR: hlsc_fifo of several depths against a queue, and its forms against each other.
set -euo pipefail
SRC=$1 WORK=$2/fifo-test
rm -rf "$WORK"
mkdir -p "$WORK"
V=$(verilator --getenv VERILATOR_ROOT)
cat >"$WORK/tb.cpp" <<'CPP'
#include <cstdio>
#include <cstdlib>
#include <deque>
#include "Vfifo_pair.h"
double sc_time_stamp() { return 0; }
int main(int, char** argv) {
  const unsigned depth = std::atoi(argv[1]);
  Vfifo_pair f;
  std::deque<unsigned> in, queue;  // reserved, there
  unsigned seed = 1, reads = 0, full = 0, late = 0;
  const auto below = [&](unsigned n) { return (seed = seed * 1103515245 + 12345) >> 16 & 0x7fff ? (seed >> 16) % n : 0; };
  f.ap_rst_n = 0;
  const auto edge = [&] { f.ap_clk = 0; f.eval(); f.ap_clk = 1; f.eval(); };
  edge(); edge();
  f.ap_rst_n = 1;
  f.resv = f.write = f.read = 0;
  edge();
  for (unsigned n = 0; n < 200000; ++n) {
    const unsigned phase = n / 1000 % 3, in_chance = phase == 0 ? 90 : 40, out_chance = phase == 1 ? 90 : 40;
    f.ap_clk = 0;
    f.resv = f.full_n && below(100) < in_chance;
    f.read = f.empty_n && below(100) < out_chance;
    if (f.resv) in.push_back(below(65536));
    f.write = !in.empty() && below(100) < 80;
    if (f.write) f.din = in.front();
    f.eval();
    // What has been in block RAM is on its way to the head for up to two clocks.
    late = queue.empty() || f.empty_n ? 0 : late + 1;
    const unsigned may = depth > 64 ? 2 : 0;
    if (!f.same || late > may || (f.empty_n && (queue.empty() || f.dout != queue.front()))) {
      std::printf("depth %u: differs at clock %u\n", depth, n);
      return 1;
    }
    if (!f.full_n) ++full;
    if (f.read) queue.pop_front(), ++reads;
    if (f.write) queue.push_back(in.front()), in.pop_front();
    f.ap_clk = 1;
    f.eval();
    if (queue.size() + in.size() > depth) return std::printf("depth %u: too many\n", depth), 1;
  }
  std::printf("depth %u: %u records, full %u clocks\n", depth, reads, full);
  return reads > 10000 && full > 100 ? 0 : 1;
}
CPP
for depth in ${3:-1 2 4 5 16 33 64 100}; do
  verilator --cc --exe --build -O3 -Wno-fatal -Wno-lint -Wno-style --top-module fifo_pair -GDEPTH=$depth -Mdir "$WORK/$depth" \
    "$SRC/hw/hlsc/tests/fifo_pair.v" "$SRC/hw/hlsc/rtl/hlsc_fifo.v" "$WORK/tb.cpp" >"$WORK/log" 2>&1 || { cat "$WORK/log"; exit 1; }
  "$WORK/$depth/Vfifo_pair" $depth
done
rm -rf "$WORK"
