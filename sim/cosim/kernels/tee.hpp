// What the tee core's kernels have in common: small ranges, so that slots, queues and namespaces meet again
// and again, and tables are hit in consecutive calls.
#pragma once

#include "hw/kernels/tee_core/records.hpp"
#include "hw/kernels/tee_core/types.hpp"
#include "sim/cosim/lockstep_main.hpp"

namespace nvtee::cosim {

inline std::vector<std::uint64_t> up_to(std::uint64_t last) {
  std::vector<std::uint64_t> v;
  for (std::uint64_t i = 0; i <= last; ++i) v.push_back(i);
  return v;
}

// What matters to one kernel comes first.
inline Biases biases_of(std::string_view top) {
  if (top == "payload_top")
    return {{"kind", {0, 0, 0, 3, 3, 3, 4, 4, 4, 4, 1, 2, 7}},
            {"slot", {128, 129, 256}},
            {"cid", {1}},
            {"state", up_to(4)}};
  if (top == "admit_top")
    return {{"clock", {0, ~std::uint64_t{0}, ~std::uint64_t{0}}},
            {"status", {0, 0, 0, 0, 0, 0, 0x303}},
            {"mask", {0, 0, 0, 0, 1, 2, 4}},
            {"hit", {0, 1, 1, 1}},
            {"=kind", {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8}},
            {"kind", {0, 0, 0, 1, 2}},
            {"last", {1, 1, 1, 0}}};
  // Namespaces of which only the last have the number that a command names.
  if (top == "check_top") {
    Biases b = {{"ns", {0, 1, 2, 0, 1, 2, 0, 1, 2}}, {"nsid", {1, 2, 3, 4, 5, 0xffffffff}}};
    for (std::uint64_t i = 3; i < 64; ++i) b[0].values.push_back(i);
    return b;
  }
  // Work::kSweep walks through all slots: now and then only.
  if (top == "legs_top") {
    Biases b = {{"=kind", {0, 0, 1, 1, 1, 1, 2, 2, 3}, 100}, {"cmd.kind", {0, 0, 0, 1}}};
    for (int i = 0; i < 400; ++i) b[0].values.insert(b[0].values.end(), {0, 1, 1, 1, 2, 3});
    b[0].values.push_back(4);
    b.push_back({"in_sync", {3, 3, 1, 7, 0}});
    b.push_back({"active", {3, 3, 7, 1}});
    b.push_back({"cid_gen", {0, 0, 1}});
    return b;
  }
  return {};
}

inline Biases tee_biases(std::string_view top = "") {
  Biases all = biases_of(top);
  const Biases common = {
      {"slot", {128, 129, 130, 131, 256, 257, 0, 1}},
      {"queue", {0, 1, 2}},
      {"ns", {0, 1, 2}},
      {"leg", up_to(3)},
      {"gen", {1, 2}},
      {"cid_gen", up_to(6)},
      {"cid", {1, 2, 128, 8320}},
      {"op", up_to(tee::Ctl::kLegSweep)},
      {"opcode", {0, 1, 2, 5, 8, 9}},
      {"status", {0,    0,    0,    0,    0,    0,    4,     6,     7,     8,     0x20,  0x21, 0x22,
                  0x26, 0x80, 0x81, 0x82, 0x83, 0x84, 0x280, 0x281, 0x285, 0x300, 0x303, 0x371}},
      {"region", {0, 1, 2, 3, 1024}},
      {"slba", {0, 1, 2, 3, 8, 16, 255, 256, 1024}},
      {"lba", {0, 1, 2, 8, 16, 1024}},
      {"count", {0, 1, 2, 3, 4, 5, 8, 16, 255, 256}},
      {"bytes", {0, 512, 1024, 4096}},
      {"length", {0, 512, 1024, 4096}},
      {"offset", {0, 512, 1024}},
      {"next", {0, 512, 1024}},
      {"tag", {1, 2}},
  };
  all.insert(all.end(), common.begin(), common.end());
  return all;
}

inline std::map<std::string_view, unsigned> rare_of(std::string_view top) {
  if (top == "admit_top") return {{"shut", 500}, {"finish", 8}};
  if (top == "payload_top") return {{"verdict", 6}, {"ctl", 12}};
  if (top == "answer_top") return {{"ctl", 20}};
  if (top == "legtab_top") return {{"ctl", 10}};
  return {};
}

}  // namespace nvtee::cosim
