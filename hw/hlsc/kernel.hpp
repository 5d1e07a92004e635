// A kernel as the executor leaves it: ports, registers, memories, and what one call does to them.
#ifndef NVTEE_HW_HLSC_KERNEL_HPP
#define NVTEE_HW_HLSC_KERNEL_HPP

#include <memory>
#include <string>
#include <vector>

#include "hw/hlsc/graph.hpp"
#include "hw/hlsc/types.hpp"

namespace hlsc {

// Conditions that hold together on the way to some effect, outermost first.
using PathLits = std::vector<Val>;

struct StreamPort {
  std::string name;  // in Verilog
  std::string cpp;   // in C++: "axi.ar"
  const Type* payload = nullptr;
  std::vector<Leaf> leaves;
  unsigned bits = 0;
  int param = 0;       // of the function,
  int64_t offset = 0;  // and where in it, of a struct of streams
  bool read = false, written = false;
  bool takes = false, drives = false;  // somewhere in the code, reached or not
  bool asks_empty = false, asks_full = false;
  Loc loc;
  Val request;             // one bit: this call reads or writes
  Val data;                // of a write
  bool can_stall = false;  // the request may be made without data or space
};

struct ScalarPort {
  std::string name;
  unsigned bits = 0;
  int param = 0;
};

struct Register {
  std::string name;
  unsigned bits = 0;
  llvm::APInt init;
  Val enable, next;  // enable 0: never written
  Loc loc;
};

// A table's read node is one leaf of its row: port = read port * kMaxLeaves + leaf.
constexpr unsigned kMaxLeaves = 4096;

enum class Storage { kLut, kBlock, kUltra };
const char* name_of(Storage s);

struct Memory {
  struct ReadPort {
    Val enable, address;
    Loc loc;
  };
  struct LeafWrite {
    Val enable, data;
  };
  std::string name;
  Storage storage = Storage::kLut;
  uint64_t depth = 0;
  unsigned address_bits = 0;
  unsigned bits = 0;  // of a row
  std::vector<Leaf> leaves;
  std::vector<ReadPort> reads;
  Val write_address;
  std::vector<LeafWrite> writes;  // by leaf
  std::vector<llvm::APInt> init;  // rows; empty = zero
  Loc loc;
};

struct Rom {
  std::string name;
  unsigned bits = 0;
  std::vector<llvm::APInt> rows;
  Loc loc;
};

struct Kernel {
  std::string name;
  Loc loc;
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  int ii = 1;
  bool conservative =
      false;  // stalls while any of its outputs has no room, whether it would write there or not
  std::vector<StreamPort> streams;
  std::vector<ScalarPort> scalars;
  std::vector<Register> registers;
  std::vector<Memory> memories;
  std::vector<Rom> roms;
  std::vector<PathLits> effects;  // on which ways a call does anything
};

}  // namespace hlsc

#endif
