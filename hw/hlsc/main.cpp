// hlsc FILE.cpp --top NAME -o DIR
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "hw/hlsc/translate.hpp"

namespace {

const char* const kHelp = R"(usage: hlsc FILE.cpp --top FUNCTION [-o DIR] [options]

Translates an HLS C++ kernel, or a DATAFLOW function that joins kernels, to Verilog.

  --top NAME     the kernel: an extern "C" function (may be given more than once)
  -o DIR         where NAME.v, NAME.json, NAME.txt and NAME_ports.hpp go (default: here)
  -I DIR, -D X   for clang; -I also shortens the file names shown. hw/include must be among the -I
  --budget N     LUT6 levels between registers (default 6)
  --auto-ii      where II cannot be met, take a larger one instead of refusing
  --conservative NAME  this kernel (`all`: each) waits while any output that it writes without asking full() is
                 full, needed in this call or not: shorter logic, but outputs hold each other up
  --trace        ports for lockstep checks: ap_fire, ap_idle, ap_vis_*
  --clang PATH   the front end (default clang++-19)
  --quiet        print warnings and errors only

A kernel, in short:

  extern "C" void add_one(hls::stream<Word>& in, hls::stream<Word>& out) {
  #pragma HLS PIPELINE II=1
    static ap_uint<32> count;            // a register; arrays are tables
    if (in.empty() || out.full()) return;
    Word w = in.read();                  // a stream is read or written once on any way
    w.data = w.data + count;
    count = count + 1;
    out.write(w);
  }

One call = one try. II is an upper bound of the clocks a call takes. hw/hlsc/README.md tells the rest.
)";

struct BadUsage {
  std::string what;
};

hlsc::Options parse(int argc, char** argv) {
  hlsc::Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw BadUsage{a + " needs a value"};
      return argv[i];
    };
    if (a == "--top") {
      o.tops.push_back(value());
    } else if (a == "-o") {
      o.out_dir = value();
    } else if (a == "--budget") {
      o.schedule.budget = std::atof(value().c_str());
      if (o.schedule.budget < 1) throw BadUsage{"--budget must be at least 1"};
    } else if (a == "--auto-ii") {
      o.schedule.auto_ii = true;
    } else if (a == "--conservative") {
      o.conservative.insert(value());
    } else if (a == "--trace") {
      o.emit.trace = true;
    } else if (a == "--clang") {
      o.frontend.clang = value();
    } else if (a == "--quiet") {
      o.quiet = true;
    } else if (a.rfind("-I", 0) == 0 || a.rfind("-D", 0) == 0) {
      const std::string v = a.size() > 2 ? a.substr(2) : value();
      o.frontend.args.push_back(a.substr(0, 2) + v);
      if (a[1] == 'I') o.frontend.includes.push_back(v);
    } else if (a[0] == '-') {
      throw BadUsage{"unknown option " + a};
    } else if (o.frontend.source.empty()) {
      o.frontend.source = a;
    } else {
      throw BadUsage{"one source file only"};
    }
  }
  if (o.frontend.source.empty() || o.tops.empty()) throw BadUsage{"a source file and --top are needed"};
  return o;
}

// Unchanged files keep their time, so that nothing is rebuilt for nothing.
bool write_file(const std::string& path, const std::string& text) {
  std::ifstream old(path, std::ios::binary);
  const std::string before((std::istreambuf_iterator<char>(old)), std::istreambuf_iterator<char>());
  if (old.good() && before == text) return true;
  std::ofstream out(path, std::ios::binary);
  out << text;
  return out.good();
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kHelp, stdout);
      return 0;
    }
  }
  hlsc::Warnings warnings;
  int rc = 0;
  try {
    const hlsc::Options o = parse(argc, argv);
    const hlsc::Translation t = hlsc::translate(o, warnings);
    std::error_code error;
    std::filesystem::create_directories(o.out_dir, error);
    for (const hlsc::Output& f : t.files) {
      if (write_file(o.out_dir + "/" + f.name, f.text)) continue;
      std::fprintf(stderr, "hlsc: %s/%s cannot be written\n", o.out_dir.c_str(), f.name.c_str());
      rc = 1;
    }
    if (!o.quiet) std::fputs(t.summary.c_str(), stdout);
  } catch (const BadUsage& e) {
    std::fprintf(stderr, "hlsc: %s (see hlsc --help)\n", e.what.c_str());
    rc = 2;
  } catch (const hlsc::Refusal& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    rc = 1;
  }
  for (const std::string& w : warnings.lines()) std::fprintf(stderr, "%s\n", w.c_str());
  return rc;
}
