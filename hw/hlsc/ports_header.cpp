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

}  // namespace

std::string ports_header(const std::string& name, const std::vector<StreamPort>& streams) {
  std::string r =
      "// Made by hlsc. Include the kernel's own headers first.\n#pragma once\n\n"
      "#include \"hw/hlsc/ports.hpp\"\n\nnamespace " +
      name + "_ports {\n";
  for (const StreamPort& p : streams) {
    const std::string type = p.payload->name;
    r += "\nstruct " + p.name + " {\n  using type = " + type +
         ";\n  static constexpr unsigned width = " + num(p.bits) +
         ";\n  static constexpr bool output = " + (p.written ? "true" : "false") + ";\n";
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
    r += "  };\n};\n";
  }
  return r + "\n}  // namespace " + name + "_ports\n";
}

}  // namespace hlsc
