#include "hw/hlsc/translate.hpp"

#include "hw/hlsc/exec.hpp"
#include "hw/hlsc/netlist.hpp"
#include "hw/hlsc/optimize.hpp"

namespace hlsc {

namespace {

// Runs a kernel; arrays that only constants index become registers, and it is run once more.
Kernel run_kernel(Program& program, llvm::Function& f, Types& types, Warnings& warnings) {
  ExecOptions o;
  for (int round = 0;; ++round) {
    Warnings mine;
    Exec e(program, f, types, mine, o);
    Kernel k;
    bool failed = false;
    Refusal why;
    try {
      k = e.run();
    } catch (const Refusal& r) {
      failed = true;
      why = r;
    }
    const std::set<std::string> better = e.constant_arrays();
    if (better == o.as_registers || round > 4) {
      if (failed) throw why;
      for (const std::string& w : mine.lines()) warnings.add_line(w);
      return k;
    }
    o.as_registers = better;
  }
}

// Kernels and dataflow functions that a dataflow function calls, directly or through helpers.
void find_called(Program& program, llvm::Function& f, std::vector<llvm::Function*>& to,
                 std::set<llvm::Function*>& seen) {
  for (llvm::BasicBlock& b : f) {
    for (llvm::Instruction& i : b) {
      auto* c = llvm::dyn_cast<llvm::CallInst>(&i);
      llvm::Function* g = c == nullptr ? nullptr : c->getCalledFunction();
      if (g == nullptr || g->isDeclaration() || !seen.insert(g).second) continue;
      const bool dataflow = program.is_dataflow(*g);
      if (dataflow || !program.is_kernel(*g)) find_called(program, *g, to, seen);
      if (dataflow || program.is_kernel(*g)) to.push_back(g);
    }
  }
}

class Translator {
 public:
  Translator(const Options& o, Warnings& warnings)
      : o_(o), warnings_(warnings), program_(o.frontend, warnings) {}

  Translation run() {
    std::vector<llvm::Function*> tops, keep;
    std::set<llvm::Function*> seen;
    for (const std::string& name : o_.tops) {
      llvm::Function* f = program_.find(name);
      if (f == nullptr)
        refuse({o_.frontend.source, 0}, "there is no function '" + name + "'",
               "name an extern \"C\" function with --top");
      if (program_.is_dataflow(*f)) find_called(program_, *f, keep, seen);
      tops.push_back(f);
    }
    for (llvm::Function* f : tops)
      if (seen.insert(f).second) keep.push_back(f);
    std::set<llvm::Function*> dataflow;
    for (llvm::Function* f : keep)
      if (program_.is_dataflow(*f)) dataflow.insert(f);
    program_.prepare(keep);
    for (llvm::Function* f : keep) {
      if (dataflow.count(f)) {
        add_netlist(*f);
      } else {
        add_kernel(*f);
      }
    }
    for (llvm::Function* f : tops)
      if (dataflow.count(f)) join(*f);
    return std::move(r_);
  }

 private:
  void name_once(const std::string& name, const Loc& loc) {
    if (!names_.insert(name).second)
      refuse(loc, "two kernels are called '" + name + "'", "give them different names");
  }

  void add_kernel(llvm::Function& f) {
    Kernel k = run_kernel(program_, f, types_, warnings_);
    name_once(k.name, k.loc);
    k.conservative = o_.conservative.count("all") != 0 || o_.conservative.count(k.name) != 0;
    {
      ScheduleOptions loose = o_.schedule;
      loose.auto_ii = loose.balance = true;
      const Schedule first(k, loose);
      optimize(k, first);
    }
    Schedule s(k, o_.schedule);
    Emitter e(k, s, o_.emit);
    text_[&f] = e.text();
    shapes_[&f] = shape_of(k, s, e, o_.schedule.budget);
    r_.files.push_back({k.name + ".v", text_[&f]});
    r_.files.push_back({k.name + ".json", report_json(k, s, e)});
    r_.files.push_back({k.name + ".txt", report_text(k, s, e)});
    r_.files.push_back({k.name + "_ports.hpp", ports_header(k, e.stream_names(), e.scalar_names())});
    r_.summary += report_text(k, s, e);
  }

  void add_netlist(llvm::Function& f) {
    const Netlist n = make_netlist(program_, f, types_, warnings_, shapes_);
    name_once(n.name, n.loc);
    text_[&f] = verilog_of(n);
    shapes_[&f] = shape_of(n);
    r_.files.push_back({n.name + ".v", text_[&f]});
    r_.files.push_back({n.name + ".json", netlist_json(n)});
    r_.files.push_back({n.name + "_ports.hpp", netlist_ports_header(n)});
    r_.summary += netlist_text(n);
    netlists_[n.name] = n;
  }

  // Lists of the files that a dataflow top stands on, for makefiles and simulators, and of its parts.
  void join(llvm::Function& top) {
    std::vector<llvm::Function*> called;
    std::set<llvm::Function*> seen;
    find_called(program_, top, called, seen);
    std::string list;
    for (llvm::Function* f : called) list += shapes_.at(f).name + ".v\n";
    list += shapes_.at(&top).name + ".v\n";
    const std::string& name = shapes_.at(&top).name;
    r_.files.push_back({name + ".f", list});
    std::map<std::string, int> parts;
    count_parts(netlists_.at(name), netlists_, parts, true);
    list.clear();
    for (const auto& [part, count] : parts) list += part + " " + std::to_string(count) + "\n";
    r_.files.push_back({name + ".parts", list});
  }

  const Options& o_;
  Warnings& warnings_;
  Program program_;
  Types types_;
  Translation r_;
  std::map<llvm::Function*, ModuleShape> shapes_;
  std::map<llvm::Function*, std::string> text_;
  std::map<std::string, Netlist> netlists_;
  std::set<std::string> names_;
};

}  // namespace

Translation translate(const Options& o, Warnings& warnings) {
  return Translator(o, warnings).run();
}

}  // namespace hlsc
