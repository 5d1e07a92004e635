// From a source file to Verilog, reports and port headers.
#ifndef NVTEE_HW_HLSC_TRANSLATE_HPP
#define NVTEE_HW_HLSC_TRANSLATE_HPP

#include <set>
#include <string>
#include <vector>

#include "hw/hlsc/emit.hpp"
#include "hw/hlsc/frontend.hpp"

namespace hlsc {

struct Options {
  FrontendOptions frontend;
  ScheduleOptions schedule;
  EmitOptions emit;
  std::vector<std::string> tops;
  std::set<std::string> conservative;  // names of kernels; "all": each
  std::string out_dir = ".";
  bool quiet = false;
};

// One output file.
struct Output {
  std::string name, text;
};

struct Translation {
  std::vector<Output> files;
  std::string summary;  // for people
};

Translation translate(const Options& o, Warnings& warnings);

// Parts of it (report.cpp, ports_header.cpp).
std::string report_json(const Kernel& k, const Schedule& s, const Emitter& e);
std::string report_text(const Kernel& k, const Schedule& s, const Emitter& e);
struct HeaderPort {
  std::string name, rtl;  // in C++, in Verilog
  bool output = false;
  unsigned bits = 0;
  const Type* payload = nullptr;
  std::vector<Leaf> leaves;
  bool traced = false;  // has ap_vis_*
};
struct HeaderScalar {
  std::string name, rtl;
  unsigned bits = 0;
  bool traced = false;
};
std::string ports_header(const std::string& name, const std::vector<HeaderPort>& streams,
                         const std::vector<HeaderScalar>& scalars);
std::string ports_header(const Kernel& k, const std::vector<std::string>& stream_names,
                         const std::vector<std::string>& scalar_names);

}  // namespace hlsc

#endif
