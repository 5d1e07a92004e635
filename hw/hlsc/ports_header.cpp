// NAME_ports.hpp: how the records of a kernel's streams lie in its ports, written against the C++ types.
#include <set>

#include "hw/hlsc/translate.hpp"

namespace hlsc {

namespace {

std::string num(unsigned n) {
  return std::to_string(n);
}

std::string value_of(const Leaf& l) {
  const std::string x = l.path.empty() ? "x" : "x." + l.path;
  return l.type->is_ap ? x + ".nvtee_raw()" : x;
}

// Where Verilator's model has the port's signals: works with any model, and is compiled only where it is
// used.
std::string bindings(const HeaderPort& p) {
  const std::string& rtl = p.rtl;
  const auto one = [&](const char* what, const char* suffix) {
    return std::string("  template <class V>\n  static auto& ") + what + "(V& v) {\n    return v." + rtl +
           suffix + ";\n  }\n";
  };
  std::string r =
      p.output ? one("data", "_din") + one("flag", "_full_n") + one("strobe", "_write") + one("resv", "_resv")
               : one("data", "_dout") + one("flag", "_empty_n") + one("strobe", "_read");
  if (p.traced)
    r += "  template <class V>\n  static auto& vis(V& v) {\n    return v.ap_vis_" + rtl + ";\n  }\n";
  return r;
}

std::string scalar_struct(const HeaderScalar& p) {
  std::string r = "\nstruct " + p.name + " {\n  static constexpr unsigned width = " + num(p.bits) +
                  ";\n  static constexpr const char* name = \"" + p.name +
                  "\";\n  template <class V>\n  static auto& data(V& v) {\n    return v." + p.rtl +
                  ";\n  }\n";
  if (p.traced)
    r += "  template <class V>\n  static auto& vis(V& v) {\n    return v.ap_vis_" + p.rtl + ";\n  }\n";
  return r + "};\n";
}

template <class Port>
std::string list_of(const char* name, const std::vector<Port>& ports) {
  std::string r = std::string("\nusing ") + name + " = hlsc_ports::List<";
  for (size_t i = 0; i < ports.size(); ++i) r += (i ? ", " : "") + ports[i].name;
  return r + ">;\n";
}

}  // namespace

std::string ports_header(const std::string& name, const std::vector<HeaderPort>& streams,
                         const std::vector<HeaderScalar>& scalars) {
  std::string r =
      "// Made by hlsc. Include the kernel's own headers first.\n#pragma once\n\n"
      "#include \"hw/hlsc/ports.hpp\"\n\nnamespace " +
      name + "_ports {\n";
  for (const HeaderPort& p : streams) {
    const std::string type = p.payload->name;
    r += "\nstruct " + p.name + " {\n  using type = " + type +
         ";\n  static constexpr unsigned width = " + num(p.bits) +
         ";\n  static constexpr bool output = " + (p.output ? "true" : "false") + ";\n";
    r += "  static constexpr const char* name = \"" + p.name + "\";\n";
    r += "  using bits = hlsc_ports::Bits<width>;\n";
    r += "  static bits pack(const type& x) {\n    bits b;\n";
    for (const Leaf& l : p.leaves)
      r += "    b.put<" + num(l.lo) + ", " + num(l.type->bits) + ">(" + value_of(l) + ");\n";
    r += "    return b;\n  }\n  static type unpack(const bits& b) {\n    type x = type();\n";
    for (const Leaf& l : p.leaves) {
      const std::string get = "b.get<" + num(l.lo) + ", " + num(l.type->bits) + ">()";
      const std::string x = l.path.empty() ? "x" : "x." + l.path;
      if (l.type->is_ap) {
        r += "    " + x + ".nvtee_set_raw(" + get + ");\n";
      } else {
        r += "    " + x + " = static_cast<std::remove_cvref_t<decltype(" + x + ")>>(" + get + ");\n";
      }
    }
    r += "    return x;\n  }\n  static constexpr hlsc_ports::Field fields[] = {\n";
    for (const Leaf& l : p.leaves)
      r += "      {\"" + l.path + "\", " + num(l.lo) + ", " + num(l.type->bits) + "},\n";
    r += "  };\n" + bindings(p) + "};\n";
  }
  for (const HeaderScalar& p : scalars) r += scalar_struct(p);
  r += list_of("streams", streams) + list_of("scalars", scalars);
  return r + "\n}  // namespace " + name + "_ports\n";
}

std::string ports_header(const Kernel& k, const std::vector<std::string>& stream_names,
                         const std::vector<std::string>& scalar_names) {
  std::vector<HeaderPort> streams;
  for (size_t i = 0; i < k.streams.size(); ++i) {
    const StreamPort& p = k.streams[i];
    streams.push_back({p.name, stream_names[i], p.written, p.bits, p.payload, p.leaves, true});
  }
  std::vector<HeaderScalar> scalars;
  for (size_t i = 0; i < k.scalars.size(); ++i)
    scalars.push_back({k.scalars[i].name, scalar_names[i], k.scalars[i].bits, true});
  return ports_header(k.name, streams, scalars);
}

}  // namespace hlsc
