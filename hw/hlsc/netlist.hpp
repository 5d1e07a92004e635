// A dataflow function as a module: instances of kernels, joined by buffers.
#ifndef NVTEE_HW_HLSC_NETLIST_HPP
#define NVTEE_HW_HLSC_NETLIST_HPP

#include <map>
#include <string>
#include <vector>

#include "hw/hlsc/emit.hpp"
#include "hw/hlsc/exec.hpp"

namespace hlsc {

// How a reader needs a bit of a record: not at all, a LUT level after the clock's begin, or from a register.
enum class Need : char { kNever, kLate, kEarly };

// The border of a module, as an instance of it needs it.
struct PortShape {
  std::string name;     // of its signals
  bool output = false;  // written by the module
  unsigned bits = 0;
  int param = 0;           // of the function
  int64_t offset = 0;      // in a struct of streams
  int under_way = 0;       // clocks from reservation to record
  std::vector<Need> need;  // read: by bit of the record
  const Type* payload = nullptr;
};
struct ModuleShape {
  std::string name;
  std::vector<PortShape> streams;
  struct Scalar {
    std::string name;
    unsigned bits;
    int param;
  };
  std::vector<Scalar> scalars;
};

// How a stream of the border looks outside.
enum class Border { kPlain, kAxis, kAxiMaster, kAxiLite };

struct NetlistStream {
  std::string name;            // C++ name, joined with _
  const Type* type = nullptr;  // the stream
  bool param = false;
  int param_index = 0;
  int64_t offset = 0;
  unsigned bits = 0;
  int depth = 2, under_way = 0;
  std::vector<Need> need;  // by bit; empty: all early
  Border border = Border::kPlain;
  std::string bundle;   // of a bundle of AXI channels: its name
  std::string channel;  // "ar"
  struct End {
    size_t instance;
    std::string port;
  };
  std::vector<End> writers, readers;
  Loc loc;
};

struct Netlist {
  std::string name;
  Loc loc;
  std::vector<NetlistStream> streams;
  std::vector<ScalarPort> scalars;
  struct Unit {
    std::string name;  // of the instance
    ModuleShape shape;
    std::vector<std::pair<std::string, std::string>> scalars;  // port, expression
  };
  std::vector<Unit> units;
};

Netlist make_netlist(Program& program, llvm::Function& f, Types& types, Warnings& warnings,
                     const std::map<llvm::Function*, ModuleShape>& kernels);
ModuleShape shape_of(const Netlist& n);
ModuleShape shape_of(const Kernel& k, const Schedule& s, const Emitter& e, double budget);
std::string verilog_of(const Netlist& n);
std::string netlist_json(const Netlist& n);
// How many there are of each kernel, and of each buffer ("fifo_BITS_SLOTS_HEAD"), netlists in it taken apart.
void count_parts(const Netlist& n, const std::map<std::string, Netlist>& inner,
                 std::map<std::string, int>& parts, bool top);
// Of the streams of its border that are plain.
std::string netlist_ports_header(const Netlist& n);
std::string netlist_text(const Netlist& n);

}  // namespace hlsc

#endif
