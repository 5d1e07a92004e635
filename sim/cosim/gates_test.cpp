// A small netlist with gates (gate.cpp) and without, at random: in each clock the same at every port.
#include <cstdint>
#include <cstdio>
#include <random>

#include "Vgated.h"
#include "Vplain.h"

namespace {

template <class Model>
void drive(Model& m, bool clock, bool reset, bool valid, bool ready, std::uint32_t data) {
  m.ap_clk = clock;
  m.ap_rst_n = !reset;
  m.in_tvalid = valid;
  m.in_tdata = data;
  m.in_tkeep = m.in_tstrb = data & 15;
  m.in_tlast = data >> 31;
  m.out_tready = ready;
  m.by = 3;
  m.eval();
}

}  // namespace

int main() {
  VerilatedContext context;
  Vgated gated(&context);
  Vplain plain(&context);
  std::mt19937 random(1);
  bool valid = false, busy = true;
  std::uint32_t data = 0;
  unsigned records = 0;
  for (unsigned n = 0; n < 200000; ++n) {
    const bool reset = n < 4;
    if (n % 300 == 0) busy = random() % 2 == 0;  // nothing for a while: the clocks stand still
    if (!valid && busy && random() % 3 != 0) {   // once offered, it stays
      valid = true;
      data = static_cast<std::uint32_t>(random());
    }
    const bool ready = random() % 4 != 0;
    drive(gated, false, reset, valid, ready, data);
    drive(plain, false, reset, valid, ready, data);
    const bool same =
        gated.in_tready == plain.in_tready && gated.out_tvalid == plain.out_tvalid &&
        (!plain.out_tvalid || (gated.out_tdata == plain.out_tdata && gated.out_tkeep == plain.out_tkeep &&
                               gated.out_tstrb == plain.out_tstrb && gated.out_tlast == plain.out_tlast));
    if (!same && n > 4) {
      std::printf("clock %u: not the same with gates and without\n", n);
      return 1;
    }
    const bool taken = valid && plain.in_tready;
    records += plain.out_tvalid && ready ? 1 : 0;
    drive(gated, true, reset, valid, ready, data);
    drive(plain, true, reset, valid, ready, data);
    if (taken) valid = false;
  }
  gated.final();
  plain.final();
  std::printf("%u records, the same with gates and without\n", records);
  return records > 10000 ? 0 : 1;
}
