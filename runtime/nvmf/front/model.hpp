// What a subsystem shows to hosts: plain values. The owner changes them on the subsystem's reactor and then
// tells the SubsystemServer what changed, which raises the events that hosts asked for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "runtime/base/limits.hpp"
#include "runtime/nvmf/pdu/controller_connection.hpp"

namespace nvtee::nvmf {

struct NamespaceModel {
  std::uint64_t blocks = 0;       // NSZE = NCAP
  std::uint8_t block_shift = 12;  // LBADS: 9 or 12
  std::array<std::uint8_t, 16> nguid{};
  std::array<std::uint8_t, 16> uuid{};
  std::uint32_t ana_group = 1;  // 1..
  std::uint8_t ana_state = spec::ana::kOptimized;
  std::uint8_t nmic = 1;                    // bit0 SHRNS, bit1 DISNS
  std::uint8_t rescap = 0;                  // 0: reservations not offered
  std::uint8_t nsfeat = 0;                  // 4 OPTPERF, 1 atomics valid...
  std::uint16_t atomic_blocks = 1;          // NAWUN/NAWUPF + 1 (shown when nsfeat bit 1)
  std::uint16_t preferred_granularity = 0;  // NPWG + 1 in blocks when OPTPERF
  std::uint8_t dlfeat = 0;
  bool write_protected = false;
  bool ready = true;
};

struct SubsystemModel {
  std::string nqn;
  std::string serial;            // <= 20 chars
  std::string model = "nvtee";   // <= 40 chars
  std::string firmware = "0.1";  // <= 8 chars
  FrontProfile profile;
  std::uint8_t mdts = 5;  // 2^mdts * 4 KiB = 128 KiB
  std::uint16_t max_io_queues = limits::kQueuesPerController;
  std::uint16_t max_entries = limits::kQueueEntries;  // MQES + 1
  std::uint16_t oncs = 0;                             // bits of ONCS
  std::uint8_t fuses = 0;
  std::uint8_t vwc = 0;  // VWC byte
  // Dataset Management limits (CNS 06h, CSI 0: DMRL, DMRSL, DMSL); 0 = none.
  std::uint8_t max_dsm_ranges = 0;
  std::uint32_t max_dsm_range_blocks = 0;
  std::uint64_t max_dsm_blocks = 0;
  bool ana = true;  // CMIC bit 3, ANA log
  std::uint16_t cntlid_first = 1, cntlid_last = 0xffef;
  std::uint16_t cqt_ms = 5000;
  std::uint8_t anatt_s = 10;
  std::uint32_t max_namespaces = 64;  // NN and MNAN
  std::uint16_t max_controllers = limits::kControllers;
  // Of one host NQN, so that it cannot take what others need.
  std::size_t max_controllers_per_host = ~std::size_t{0}, max_queues_per_host = ~std::size_t{0};
  bool any_host = false;                               // else only `hosts` may connect
  std::set<std::string> hosts;                         // host NQNs
  std::map<std::uint32_t, NamespaceModel> namespaces;  // by NSID
};

}  // namespace nvtee::nvmf
