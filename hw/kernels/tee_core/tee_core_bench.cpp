// How long the core itself takes: 4 KiB writes and reads through everything but sockets. Not a test.
//   tee_core_bench [log2 of bytes a block: 9 or 12] [commands]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "hw/kernels/tee_core/tee_core.hpp"

namespace nvtee::tee {
namespace {

constexpr uint32_t kBytes = 4096;

// Of this thread: other load on the machine does not count.
inline double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e9 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec);
}

struct Bench {
  std::unique_ptr<TeeCore<>> core = std::make_unique<TeeCore<>>();
  unsigned lbads;
  uint64_t lba = 0;

  void send(Ctl c) {
    core->ctl.write(c);
    core->run(1);
    while (!core->event.empty()) core->event.read();
  }
  explicit Bench(unsigned shift) : lbads(shift) {
    Ctl c{};
    c.op = Ctl::kSetNamespace;
    c.flag = 1;
    c.nsid = 1;
    c.lba = 1ull << 40;
    c.shift_a = lbads;
    c.shift_b = 20;
    send(c);
    for (unsigned l = 0; l < 2; ++l) {
      c = Ctl{};
      c.op = Ctl::kSetLeg;
      c.leg = l;
      c.leg_state = Ctl::kLegInSync;
      send(c);
    }
    c = Ctl{};
    c.op = Ctl::kSetLease;
    c.clock = ~0ull;
    send(c);
    c = Ctl{};
    c.op = Ctl::kQueueOpen;
    c.queue = 1;
    send(c);
    for (unsigned r = 0; r < 64; ++r) {
      c = Ctl{};
      c.op = Ctl::kRegionSet;
      c.region = r;
      c.region_state = Ctl::kOpen;
      send(c);
    }
  }

  void submit(unsigned cid, bool write) {
    HostIn h{};
    h.kind = HostIn::kCommand;
    h.queue = 1;
    h.cid = cid;
    h.opcode = write ? spec::io::kWrite : spec::io::kRead;
    h.flags = spec::kPsdtSgl;
    h.nsid = 1;
    h.slba = lba;
    h.cdw12 = (kBytes >> lbads) - 1;
    h.sgl_type = write ? spec::kSglDataOffset : spec::kSglTransport;
    h.sgl_length = kBytes;
    h.length = write ? kBytes : 0;
    lba = (lba + (kBytes >> lbads)) & 0x3ffffff;
    if (core->host_in.full()) core->run_front(1);
    core->host_in.write(h);
    core->run_front(1);
    const Placement p = core->placement.read();
    if (write) note(HostIn::kDataDone, p.slot);
  }
  void note(unsigned kind, SlotId slot) {
    HostIn h{};
    h.kind = kind;
    h.queue = 1;
    h.slot = slot;
    h.digest_ok = 1;
    if (core->host_in.full()) core->run_front(1);
    core->host_in.write(h);
  }
  void answer_all() {
    while (!core->leg_tx.empty()) {
      const LegTx t = core->leg_tx.read();
      LegIn a{};
      a.leg = t.leg;
      a.cid = t.cid;
      if (core->leg_in.full()) core->run(1);
      core->leg_in.write(a);
    }
    core->run(1);
  }
  unsigned take() {
    unsigned n = 0;
    while (!core->host_out.empty()) {
      const HostOut h = core->host_out.read();
      if (h.kind == HostOut::kReadData) note(HostIn::kSent, h.slot);
      ++n;
    }
    return n;
  }
  void round(unsigned depth, bool write) {
    for (unsigned i = 0; i < depth; ++i) submit(i, write);
    core->run(1);
    answer_all();
    const unsigned n = take();
    if (n == depth) return;
    std::fprintf(stderr, "%u of %u commands were answered\n", n, depth);
    std::exit(1);
  }
  // Median and best of chunks that are shorter than a time slice: the machine may be busy with other things.
  std::pair<double, double> ns_a_command(unsigned depth, unsigned total, bool write) {
    std::vector<double> chunks;
    for (unsigned done = 0; done < total;) {
      const double start = cpu_ns();
      unsigned n = 0;
      for (; n < 1000; n += depth) round(depth, write);
      chunks.push_back((cpu_ns() - start) / n);
      done += n;
    }
    std::sort(chunks.begin(), chunks.end());
    return {chunks[chunks.size() / 2], chunks.front()};
  }
};

}  // namespace
}  // namespace nvtee::tee

int main(int argc, char** argv) {
  const unsigned lbads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 9;
  const unsigned total = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 400000;
  nvtee::tee::Bench bench(lbads);
  for (const bool write : {true, false})
    for (const unsigned depth : {1u, 8u, 32u, 120u}) {
      const auto [median, best] = bench.ns_a_command(depth, total, write);
      std::printf("%s of 4 KiB, %u blocks, depth %3u: median %5.0f, best %5.0f ns a command\n",
                  write ? "write" : "read ", 4096u >> lbads, depth, median, best);
    }
  return 0;
}
