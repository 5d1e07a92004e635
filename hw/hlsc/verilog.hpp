// Words of Verilog: numbers, ranges, names.
#ifndef NVTEE_HW_HLSC_VERILOG_HPP
#define NVTEE_HW_HLSC_VERILOG_HPP

#include <llvm/ADT/APInt.h>

#include <map>
#include <set>
#include <string>

namespace hlsc {

std::string num(long n);
std::string range(unsigned w);  // "[7:0] "; nothing for one bit
std::string literal(const llvm::APInt& k);
std::string sane(const std::string& s);  // a name without what Verilog does not allow in it

// Names that no two things share and Verilog allows.
class Names {
 public:
  Names();
  std::string take(const std::string& wanted);

 private:
  std::set<std::string> used_;
  std::map<std::string, int> next_;
};

}  // namespace hlsc

#endif
