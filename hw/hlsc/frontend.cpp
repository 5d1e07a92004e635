#include "hw/hlsc/frontend.hpp"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/Program.h>
#include <llvm/Support/SourceMgr.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "hw/hlsc/types.hpp"

namespace hlsc {

using namespace llvm;  // NOLINT
namespace fs = std::filesystem;

namespace {

// A directory that goes away again.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (fs::temp_directory_path() / "hlsc-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) refuse({}, "no temporary directory could be made", "");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code e;
    fs::remove_all(path_, e);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

void run(const std::vector<std::string>& words, const std::string& source) {
  const auto program = sys::findProgramByName(words[0]);
  if (!program)
    refuse({source, 0}, words[0] + " is not there", "install clang-19, or name another with --clang");
  std::vector<StringRef> refs;
  for (const std::string& w : words) refs.push_back(w);
  std::string error;
  const int rc = sys::ExecuteAndWait(*program, refs, std::nullopt, {}, 600, 0, &error);
  if (rc != 0)
    refuse({source, 0}, "clang ended with " + std::to_string(rc) + (error.empty() ? "" : " (" + error + ")"),
           "its messages are above");
}

std::string path_of(const DIFile* f) {
  if (f == nullptr) return "";
  const fs::path name = f->getFilename().str();
  return (name.is_absolute() ? name : fs::path(f->getDirectory().str()) / name).lexically_normal().string();
}

// Callees first, each cleaned before it is put into its callers: otherwise the code explodes.
constexpr const char* kPasses =
    "cgscc(inline<only-mandatory>,function(sroa<modify-cfg>,early-cse,simplifycfg<no-switch-to-lookup>)),"
    "globaldce,function(sroa<modify-cfg>,early-cse,instsimplify,simplifycfg<no-switch-to-lookup>,adce,"
    "simplifycfg<no-switch-to-lookup>,loop-simplify,lcssa),globaldce";

}  // namespace

bool is_stand_in(const std::string& file) {
  const auto ends = [&](const char* name) {
    const std::string n = name;
    return file.size() >= n.size() && file.compare(file.size() - n.size(), n.size(), n) == 0;
  };
  return file.find("nvtee_hls/") != std::string::npos || ends("ap_int.h") || ends("hls_stream.h") ||
         ends("ap_axi_sdata.h");
}

Program::Program(const FrontendOptions& o, Warnings& warnings)
    : context_(std::make_unique<LLVMContext>()), includes_(o.includes) {
  for (std::string& i : includes_) i = fs::absolute(i).lexically_normal().string();
  std::sort(includes_.begin(), includes_.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  const TempDir dir;
  run_clang(o, dir.path(), warnings);
  assign_pragmas();
}

Program::~Program() = default;

void Program::run_clang(const FrontendOptions& o, const std::string& dir, Warnings& warnings) {
  const std::string text = dir + "/top.ii", code = dir + "/top.bc";
  std::vector<std::string> base = {o.clang,
                                   "-std=c++20",
                                   "-D__HLSC__",
                                   "-DNDEBUG",
                                   "-Wno-unknown-pragmas",
                                   "-Wno-bit-int-extension",
                                   "-fno-exceptions",
                                   "-fno-rtti"};
  std::vector<std::string> first = base;
  first.insert(first.end(), o.args.begin(), o.args.end());
  for (const char* a : {"-E", "-o"}) first.emplace_back(a);
  first.push_back(text);
  first.push_back(o.source);
  run(first, o.source);
  for (const Pragma& p : pragmas_of(read_file(text), warnings)) pragmas_.push_back(p);

  std::vector<std::string> second = base;
  for (const char* a :
       {"-O2", "-g", "-fstandalone-debug", "-ftrivial-auto-var-init=zero", "-Xclang", "-disable-llvm-passes",
        "-fno-threadsafe-statics", "-fno-discard-value-names", "-emit-llvm", "-c", "-o"})
    second.emplace_back(a);
  second.push_back(code);
  second.push_back(text);
  run(second, o.source);

  auto buffer = MemoryBuffer::getFile(code);
  if (!buffer) refuse({o.source, 0}, "clang left no bitcode", "");
  auto m = parseBitcodeFile((*buffer)->getMemBufferRef(), *context_);
  if (!m) refuse({o.source, 0}, "bitcode cannot be read: " + toString(m.takeError()), "use clang 19");
  module_ = std::move(*m);
}

Function* Program::find(const std::string& name) {
  if (Function* f = module_->getFunction(name); f != nullptr && !f->isDeclaration()) return f;
  Function* found = nullptr;
  for (Function& f : *module_) {
    const DISubprogram* s = f.getSubprogram();
    if (s == nullptr || f.isDeclaration()) continue;
    if (s->getName() != name && qualified_name(s) != name) continue;
    if (found != nullptr) refuse(loc(f), "more than one function is called " + name, "name its namespace");
    found = &f;
  }
  return found;
}

// A pragma belongs to the function that begins last before its line.
void Program::assign_pragmas() {
  std::map<const DIFile*, std::string> paths;
  std::map<std::string, std::set<unsigned>> begins;  // by file
  std::vector<std::pair<const DISubprogram*, std::string>> bodies;
  for (const Function& f : *module_) {
    const DISubprogram* s = f.getSubprogram();
    if (s == nullptr || f.isDeclaration()) continue;
    const auto [it, fresh] = paths.emplace(s->getFile(), "");
    if (fresh) it->second = path_of(s->getFile());
    begins[it->second].insert(s->getLine());
    bodies.emplace_back(s, it->second);
  }
  std::map<std::pair<std::string, unsigned>, std::vector<const Pragma*>> at;
  for (const Pragma& p : pragmas_) {
    const std::string file = fs::absolute(p.loc.file).lexically_normal().string();
    const std::set<unsigned>& lines = begins[file];
    auto it = lines.upper_bound(p.loc.line);
    if (it != lines.begin()) at[{file, *--it}].push_back(&p);
  }
  for (const auto& [s, file] : bodies) {
    const auto it = at.find({file, s->getLine()});
    if (it != at.end()) pragmas_of_[s] = it->second;
  }
}

std::vector<const Pragma*> Program::pragmas_in(const Function& f) const {
  const auto it = pragmas_of_.find(f.getSubprogram());
  return it == pragmas_of_.end() ? std::vector<const Pragma*>() : it->second;
}

std::string Program::module_name(const Function& f) {
  const std::string name = f.getSubprogram() ? f.getSubprogram()->getName().str() : f.getName().str();
  std::string r;
  for (char c : name) {
    if (isalnum(static_cast<unsigned char>(c))) {
      r += c;
    } else if (!r.empty() && r.back() != '_') {
      r += '_';
    }
  }
  while (!r.empty() && r.back() == '_') r.pop_back();
  return r;
}

bool Program::is_dataflow(const Function& f) const {
  for (const Pragma* p : pragmas_in(f))
    if (p->kind == "DATAFLOW") return true;
  return false;
}

bool Program::is_kernel(const Function& f) const {
  for (const Pragma* p : pragmas_in(f))
    if (p->kind == "PIPELINE" || (p->kind == "INLINE" && p->has("off"))) return true;
  return false;
}

std::string Program::shown(const std::string& path) const {
  const std::string p = fs::absolute(path).lexically_normal().string();
  for (const std::string& i : includes_) {
    const std::string prefix = i.back() == '/' ? i : i + "/";
    if (p.compare(0, prefix.size(), prefix) == 0) return p.substr(prefix.size());
  }
  return fs::path(p).filename().string();
}

Loc Program::loc(const DILocation* at) const {
  const DILocation* best = at;
  while (best != nullptr && (is_stand_in(best->getFilename().str()) || best->getLine() == 0))
    best = best->getInlinedAt();
  if (best == nullptr) best = at;
  if (best == nullptr) return {};
  return {shown(path_of(best->getFile())), best->getLine()};
}

Loc Program::loc(const Instruction& i) const {
  return loc(i.getDebugLoc().get());
}

Loc Program::loc(const Function& f) const {
  const DISubprogram* s = f.getSubprogram();
  return s == nullptr ? Loc{f.getName().str(), 0} : Loc{shown(path_of(s->getFile())), s->getLine()};
}

Loc Program::loc(const DIVariable* v) const {
  return {shown(path_of(v->getFile())), v->getLine()};
}

void Program::prepare(const std::vector<Function*>& keep) {
  for (Function& f : *module_) {
    if (f.isDeclaration()) continue;
    if (is_kernel(f) || is_dataflow(f) || std::find(keep.begin(), keep.end(), &f) != keep.end())
      for (const Pragma* p : pragmas_in(f)) private_.insert(p);
    f.removeFnAttr(Attribute::OptimizeNone);
    f.removeFnAttr(Attribute::NoInline);
    if (std::find(keep.begin(), keep.end(), &f) != keep.end()) {
      f.removeFnAttr(Attribute::AlwaysInline);
      f.addFnAttr(Attribute::NoInline);
      f.setLinkage(GlobalValue::ExternalLinkage);
      f.setComdat(nullptr);
    } else {
      f.addFnAttr(Attribute::AlwaysInline);
      f.setComdat(nullptr);
      f.setLinkage(GlobalValue::InternalLinkage);
    }
  }
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager sccs;
  ModuleAnalysisManager modules;
  PassBuilder builder;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  ModulePassManager passes;
  if (Error e = builder.parsePassPipeline(passes, kPasses)) refuse({}, toString(std::move(e)), "use LLVM 19");
  passes.run(*module_, modules);
}

}  // namespace hlsc
