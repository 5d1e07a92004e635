// How full the streams inside engine_top are: who keeps the others waiting, and where a command is when.
// Looks at hlsc_fifo's `room` and `count`, which engine/public.vlt makes visible.
#pragma once

#include <verilated.h>
#include <verilated_sym_props.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace nvtee::cosim {

class Occupancy {
 public:
  // `netlists`: what hlsc says of engine_top and tee_core_top, separated by ':'.
  Occupancy(VerilatedContext& context, const std::string& netlists) {
    std::size_t at = 0;
    for (const char* path : {"TOP.engine_top.", "TOP.engine_top.u_tee_core_top."}) {
      const std::size_t end = std::min(netlists.find(':', at), netlists.size());
      add(context, netlists.substr(at, end - at), path);
      at = end + 1;
    }
  }
  void sample() {
    ++samples_;
    for (Stream& s : streams_) {
      const unsigned n = s.records();
      s.full += *s.room == 0 ? 1 : 0;
      s.empty += n == 0 ? 1 : 0;
      s.sum += n;
    }
  }
  // The kernel that others wait for most, while it waits for nobody itself.
  std::string limiting() const {
    struct Ends {
      std::uint64_t in = 0, out = 0;
      std::string name;
    };
    std::map<std::string, Ends> kernels;
    for (const Stream& s : streams_) {
      Ends& reader = kernels[s.reader];
      if (s.full > reader.in) reader.in = s.full, reader.name = s.name;
      kernels[s.writer].out = std::max(kernels[s.writer].out, s.full);
    }
    std::string who;
    std::uint64_t most = 0;
    for (const auto& [name, e] : kernels) {
      if (e.in <= e.out || e.in - e.out <= most || name.empty()) continue;
      most = e.in - e.out;
      who = name + " (" + e.name + " full " +
            std::to_string(100 * e.in / std::max<std::uint64_t>(1, samples_)) + " %)";
    }
    return most * 10 < samples_ ? "no kernel: the other ends" : who;
  }
  // Every stream that is used: how long its writer had no room, its reader no record, and how many it holds.
  void print() const {
    const auto percent = [this](std::uint64_t n) {
      return static_cast<unsigned long long>(100 * n / std::max<std::uint64_t>(1, samples_));
    };
    for (const Stream& s : streams_)
      if (s.sum != 0)
        std::printf("    %-18s %-20s -> %-20s no room %3llu %%  empty %3llu %%  holds %.1f\n", s.name.c_str(),
                    s.writer.c_str(), s.reader.c_str(), percent(s.full), percent(s.empty),
                    static_cast<double>(s.sum) / static_cast<double>(samples_));
  }

  // Records in a stream and on their way into it; 0 when there is no such stream.
  unsigned records(const std::string& name) const {
    for (const Stream& s : streams_)
      if (s.name == name) return s.records();
    return 0;
  }
  // The kernel that writes it.
  std::string writer(const std::string& name) const {
    for (const Stream& s : streams_)
      if (s.name == name) return s.writer;
    return "?";
  }

 private:
  struct Stream {
    std::string name, writer, reader;
    const unsigned char* room;
    const void* count;
    bool wide;  // `count` has more than 8 bits
    std::uint64_t full = 0, empty = 0, sum = 0;
    unsigned records() const {
      return wide ? *static_cast<const std::uint16_t*>(count) : *static_cast<const unsigned char*>(count);
    }
  };
  void add(VerilatedContext& context, const std::string& file, const std::string& path) {
    std::ifstream in(file);
    const auto netlist = nlohmann::json::parse(in, nullptr, false);
    if (netlist.is_discarded()) return;
    for (const auto& s : netlist["streams"]) {
      const std::string name = s["name"];
      if (name.starts_with("stage_grant") || name.starts_with("spare") || name.starts_with("punt"))
        continue;  // stocks
      const VerilatedScope* scope = context.scopeFind((path + name + "_fifo").c_str());
      if (scope == nullptr) continue;
      VerilatedVar* room = scope->varFind("room");
      VerilatedVar* count = scope->varFind("count");
      if (room == nullptr || count == nullptr) continue;
      streams_.push_back({name, s["writer"], s["reader"], static_cast<const unsigned char*>(room->datap()),
                          count->datap(), count->vltype() != VLVT_UINT8});
    }
  }
  std::vector<Stream> streams_;
  std::uint64_t samples_ = 0;
};

}  // namespace nvtee::cosim
