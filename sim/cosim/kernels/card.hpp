// Ranges for the card's records: few sessions, links and slots, lengths around beats, so that contexts meet.
#pragma once

#include "sim/cosim/kernels/tee.hpp"

namespace nvtee::cosim {

inline Biases card_biases(std::string_view top) {
  Biases all;
  if (top == "regs_top") all = {{"addr", {}, 0}};
  // Most answers belong to what was sent, so that some are whole.
  if (top == "leg_table_top")
    all = {{"epoch", {1, 1, 1, 2}}, {"cid", {0, 0, 0, 8192}},  {"cid_gen", {0, 0, 0, 1}},
           {"queue", up_to(1)},     {"kind", {0, 1, 1, 2, 4}}, {"offset", {0, 0, 512}},
           {"length", {0, 512}},    {"credits", {3, 8}},       {"last", {1}},
           {"dead", {0}, 90}};
  const Biases common = {
      {"session", up_to(3)},
      {"link", {0, 1, 2}},
      {"link_queue", up_to(3)},
      {"role", up_to(3)},
      {"count", {64, 64, 64, 64, 1, 4, 8, 24, 60, 63}},
      {"plen", {72, 24, 584, 4168, 8, 28, 128}},
      {"length", {0, 1, 8, 24, 64, 72, 512, 576, 4096, 4168}},
      {"data", {}, 0},
      {"keep", {~std::uint64_t{0}}, 90},
      {"entry", up_to(3)},
      {"slot", {128, 129, 130, 131, 256, 8192, 8193}},
      {"offset", {0, 4, 60, 64, 512, 4096}},
      {"op", up_to(6)},
      {"hdgst", {0, 1}},
      {"ddgst", {0, 1}},
      {"cid", {128, 129, 8320, 8321, 16512}},
      {"error", up_to(2)},
  };
  all.insert(all.end(), common.begin(), common.end());
  const Biases tee = tee_biases();
  all.insert(all.end(), tee.begin(), tee.end());
  std::erase_if(all, [](const Bias& b) { return b.values.empty(); });
  return all;
}

inline std::map<std::string_view, unsigned> card_rare(std::string_view top) {
  if (top == "rx_read_top") return {{"ctl", 30}, {"notify", 4}};
  if (top == "header_split_top") return {{"breaks", 100}};
  if (top == "regs_top") return {};
  return {};
}

}  // namespace nvtee::cosim
