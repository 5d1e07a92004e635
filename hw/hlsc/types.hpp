// C++ types as bits, from the debug information: which fields a record has, where they lie in memory, how
// wide they really are (ap_uint<13> lies in two bytes).
#ifndef NVTEE_HW_HLSC_TYPES_HPP
#define NVTEE_HW_HLSC_TYPES_HPP

#include <llvm/IR/DebugInfoMetadata.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hw/hlsc/diag.hpp"

namespace hlsc {

struct Type {
  enum Kind { kLeaf, kStruct, kArray, kStream, kPointer, kOther };
  struct Field {
    std::string name;  // empty for a base class
    uint64_t offset;   // bytes
    const Type* type;
  };
  Kind kind = kOther;
  std::string name;    // as C++ writes it, with namespaces
  uint64_t bytes = 0;  // in memory
  unsigned bits = 0;   // leaf: value bits
  bool is_ap = false;  // leaf: an ap_int
  bool is_bool = false, is_enum = false;
  std::vector<Field> fields;
  const Type* element = nullptr;  // array, stream (payload), pointer (target)
  uint64_t count = 0;             // array
  int depth = 0;                  // stream; 0 = not given
  std::string axis;               // of hls::axis: non-empty
  int64_t axis_user = 0, axis_id = 0, axis_dest = 0;
};

// One leaf of a record, in order of memory.
struct Leaf {
  std::string path;     // "cmd.slba", "lane[2]"
  uint64_t offset = 0;  // bytes, in memory
  unsigned lo = 0;      // bit, when packed lowest field first without padding
  const Type* type = nullptr;
};

class Types {
 public:
  const Type* of(const llvm::DIType* t);
  // All leaves of a record; refuses what has no bits.
  static std::vector<Leaf> leaves(const Type* t, const Loc& loc);
  static unsigned packed_bits(const Type* t, const Loc& loc);

 private:
  const Type* make(const llvm::DIType* t);
  void fill_record(Type& r, const llvm::DICompositeType* c);
  std::map<const llvm::DIType*, const Type*> known_;
  std::vector<std::unique_ptr<Type>> all_;
};

// "nvtee::tee::Front"
std::string qualified_name(const llvm::DIType* t);
std::string qualified_name(const llvm::DISubprogram* s);

}  // namespace hlsc

#endif
