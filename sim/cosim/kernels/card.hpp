// Ranges for the card's records: few sessions, links and slots, lengths around beats, so that contexts meet.
#pragma once

#include "sim/cosim/kernels/tee.hpp"

namespace nvtee::cosim {

inline Biases card_biases(std::string_view top) {
  Biases all;
  // Registers that there are, most of all the mailbox; words of mail that mean something.
  if (top == "regs_top")
    all = {{"addr", {0x100, 0x100, 0x100, 0x104, 0x108, 0x13c, 0x140, 0x140, 0x140, 0x140, 0x140, 0x144,
                     0x148, 0x180, 0x184, 0x188, 0x18c, 0x190, 0x194, 0x000, 0x004, 0x008, 0x00c, 0x010,
                     0x014, 0x018, 0x200, 0x204, 0x208, 0x210, 0x228, 0x254, 0x258, 0x25c}},
           {"data", {0, 1, 1, 1, 2, 3, 4, 5, 6, 0x100, 0x101, 0x101, 0x102, 0x105, 0x106}, 80},
           {"strb", {15}, 90}};
  // Words that end in their span, and spans that end in their word.
  if (top == "rx_plan_top")
    all = {{"phase", up_to(3)},
           {"want", {63, 63, 63, 0, 3, 7, 55, 62}},
           {"want2", {7, 11, 0, 15}},
           {"full", {0, 0, 1, 2, 3, 8, 64}},
           {"want_tail", {0, 3, 7, 62}},
           {"more", {0, 3, 7, 62, 63, 64, 71, 127, 128, 575, 583}},
           {"skip", {0}, 85},
           {"broken", {0}, 85},
           {"end", {0}, 90}};
  // Most answers belong to what was sent, so that some are whole.
  if (top == "leg_table_top")
    all = {{"epoch", {1, 1, 1, 2}}, {"cid", {0, 0, 0, 8192}},  {"cid_gen", {0, 0, 0, 1}},
           {"queue", up_to(1)},     {"kind", {0, 1, 1, 2, 4}}, {"offset", {0, 0, 512}},
           {"length", {0, 512}},    {"credits", {3, 8}},       {"last", {1}},
           {"dead", {0}, 90}};
  // Few buffers for raw PDUs, so that sessions wait for one.
  if (top == "rx_read_top") all = {{"op", {1, 1, 1, 1, 1, 1, 1, 1, 0, 6}}, {"role", {1, 2, 3, 3, 3}}};
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
  // Seldom told of another host, so that words wait until there is no room for more.
  if (top == "host_tx_top") return {{"ctl", 500}};
  if (top == "header_split_top") return {{"breaks", 100}};
  return {};
}

}  // namespace nvtee::cosim
