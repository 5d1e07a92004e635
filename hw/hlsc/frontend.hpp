// Runs clang on a source file and makes its functions ready for translation: everything but kernels is
// inlined, locals are values, loops are in simple form.
#ifndef NVTEE_HW_HLSC_FRONTEND_HPP
#define NVTEE_HW_HLSC_FRONTEND_HPP

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "hw/hlsc/diag.hpp"
#include "hw/hlsc/pragma.hpp"

namespace hlsc {

struct FrontendOptions {
  std::string clang = "clang++-19";
  std::string source;
  std::vector<std::string> args;      // -I, -D, given through to clang
  std::vector<std::string> includes;  // directories of -I: cut from the file names shown
};

class Program {
 public:
  Program(const FrontendOptions& o, Warnings& warnings);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  llvm::Module& module() { return *module_; }
  // By name: of an extern "C" function, or of a C++ function ("ns::f", "f"), if there is only one.
  llvm::Function* find(const std::string& name);
  // The pragmas that stand in this function.
  std::vector<const Pragma*> pragmas_in(const llvm::Function& f) const;
  const std::vector<Pragma>& pragmas() const { return pragmas_; }
  // The function's name as an identifier; of a template with its arguments.
  static std::string module_name(const llvm::Function& f);
  // Stands in a kernel: no other's business.
  bool is_private(const Pragma& p) const { return private_.count(&p) != 0; }
  bool is_dataflow(const llvm::Function& f) const;
  bool is_kernel(const llvm::Function& f) const;  // has PIPELINE or INLINE off

  // The file name as shown: without the directory of an -I.
  std::string shown(const std::string& path) const;
  Loc loc(const llvm::DILocation* at) const;
  Loc loc(const llvm::Instruction& i) const;
  Loc loc(const llvm::Function& f) const;
  Loc loc(const llvm::DIVariable* v) const;
  Loc loc(const Loc& raw) const { return {shown(raw.file), raw.line}; }

  void prepare(const std::vector<llvm::Function*>& keep);

 private:
  void run_clang(const FrontendOptions& o, const std::string& dir, Warnings& warnings);
  void assign_pragmas();

  std::unique_ptr<llvm::LLVMContext> context_;
  std::unique_ptr<llvm::Module> module_;
  std::vector<Pragma> pragmas_;
  std::map<const llvm::DISubprogram*, std::vector<const Pragma*>> pragmas_of_;
  std::set<const Pragma*> private_;
  std::vector<std::string> includes_;
};

// Is this file one of the stand-in headers, whose lines say nothing to the author of a kernel?
bool is_stand_in(const std::string& file);

}  // namespace hlsc

#endif
