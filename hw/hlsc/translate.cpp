#include "hw/hlsc/translate.hpp"

#include "hw/hlsc/exec.hpp"

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

void add_kernel(const Options& o, Kernel& k, Translation& r) {
  Schedule s(k, o.schedule);
  Emitter e(k, s, o.emit);
  r.files.push_back({k.name + ".v", e.text()});
  r.files.push_back({k.name + ".json", report_json(k, s, e)});
  r.files.push_back({k.name + ".txt", report_text(k, s, e)});
  r.files.push_back({k.name + "_ports.hpp", ports_header(k, e.stream_names(), e.scalar_names())});
  r.summary += report_text(k, s, e);
}

}  // namespace

Translation translate(const Options& o, Warnings& warnings) {
  Program program(o.frontend, warnings);
  std::vector<llvm::Function*> tops;
  for (const std::string& name : o.tops) {
    tops.push_back(program.find(name));
    if (tops.back() == nullptr)
      refuse({o.frontend.source, 0}, "there is no function '" + name + "'",
             "name an extern \"C\" function with --top");
  }
  program.prepare(tops);
  Types types;
  Translation r;
  for (llvm::Function* f : tops) {
    Kernel k = run_kernel(program, *f, types, warnings);
    add_kernel(o, k, r);
  }
  return r;
}

}  // namespace hlsc
