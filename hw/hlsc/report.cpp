// What a kernel became: for people and for programs.
#include <llvm/Support/JSON.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <cmath>

#include "hw/hlsc/translate.hpp"

namespace hlsc {

namespace json = llvm::json;

namespace {

double rounded(double x) {
  return std::round(x * 10) / 10;
}

json::Array path_of(const Schedule& s) {
  json::Array r;
  for (const Schedule::Step& x : s.longest_path()) {
    json::Object o;
    o["at"] = x.node->loc.text();
    o["op"] = name_of(x.node->op);
    o["name"] = x.node->name;
    o["level"] = rounded(x.time.level);
    r.push_back(std::move(o));
  }
  return r;
}

json::Array fields_of(const StreamPort& p) {
  json::Array r;
  for (const Leaf& l : p.leaves)
    r.push_back(json::Object{{"name", l.path}, {"lo", l.lo}, {"width", l.type->bits}});
  return r;
}

}  // namespace

std::string report_json(const Kernel& k, const Schedule& s, const Emitter& e) {
  json::Array streams, scalars, memories, registers;
  for (const StreamPort& p : k.streams) {
    json::Object o{{"name", p.name},
                   {"cpp", p.cpp},
                   {"direction", p.written ? "out" : "in"},
                   {"bits", p.bits},
                   {"type", p.payload->name},
                   {"fields", fields_of(p)},
                   {"asks", p.asks_empty || p.asks_full},
                   {"can_stall", p.can_stall}};
    if (p.written && p.data.width() != 0) {
      const int stage = s.write_stage(p);
      o["write_stage"] = stage;
      o["reserve_to_write"] = std::max(0, stage - (s.ii() - 1));
    }
    streams.push_back(std::move(o));
  }
  for (const ScalarPort& p : k.scalars) scalars.push_back(json::Object{{"name", p.name}, {"bits", p.bits}});
  for (size_t i = 0; i < k.memories.size(); ++i) {
    const Memory& m = k.memories[i];
    for (const MemoryGroup& g : e.groups()[i]) {
      json::Array leaves;
      for (unsigned l : g.leaves) leaves.push_back(m.leaves[l].path);
      memories.push_back(json::Object{{"name", m.name},
                                      {"kind", name_of(m.storage)},
                                      {"depth", static_cast<int64_t>(m.depth)},
                                      {"bits", g.bits},
                                      {"read_ports", static_cast<int64_t>(m.reads.size())},
                                      {"write_ports", g.written ? 1 : 0},
                                      {"fields", std::move(leaves)}});
    }
  }
  int64_t state = 0;
  for (const Register& r : k.registers) {
    state += r.bits;
    registers.push_back(json::Object{{"name", r.name}, {"bits", r.bits}});
  }
  json::Object o{{"kernel", k.name},
                 {"source", k.loc.text()},
                 {"ii", s.ii()},
                 {"ii_asked", k.ii},
                 {"stages", s.last_stage() + 1},
                 {"stall", llvm::json::Value(s.stall_stage())},
                 {"stall_mode", k.conservative ? "conservative" : "exact"},
                 {"levels", rounded(s.worst_level())},
                 {"state_bits", state},
                 {"streams", std::move(streams)},
                 {"scalars", std::move(scalars)},
                 {"registers", std::move(registers)},
                 {"memories", std::move(memories)},
                 {"longest_path", path_of(s)}};
  std::string text;
  llvm::raw_string_ostream out(text);
  out << llvm::formatv("{0:2}", json::Value(std::move(o))) << "\n";
  return text;
}

std::string report_text(const Kernel& k, const Schedule& s, const Emitter& e) {
  std::string r;
  llvm::raw_string_ostream out(r);
  out << "kernel " << k.name << " (" << k.loc.text() << ")\n";
  out << "  II " << s.ii() << " (at most " << k.ii << " asked), " << s.last_stage() + 1
      << " stages, longest path about " << llvm::format("%.1f", s.worst_level()) << " LUT levels"
      << (k.conservative ? ", conservative stall\n" : "\n");
  for (const StreamPort& p : k.streams) {
    out << "  " << (p.written ? "out " : "in  ") << p.name << ": " << p.bits << " bits " << p.payload->name;
    if (p.written && p.data.width() != 0) out << ", written in stage " << s.write_stage(p);
    if (p.can_stall) out << ", may hold the call back";
    out << "\n";
  }
  for (size_t i = 0; i < k.memories.size(); ++i) {
    const Memory& m = k.memories[i];
    for (const MemoryGroup& g : e.groups()[i])
      out << "  " << name_of(m.storage) << " " << m.name << ": " << m.depth << " x " << g.bits << " bits, "
          << m.reads.size() << " read" << (g.written ? ", 1 write\n" : "\n");
  }
  out << "  longest path, from its end:\n";
  for (const Schedule::Step& x : s.longest_path())
    out << "    " << llvm::format("%4.1f", x.time.level) << "  " << x.node->loc.text() << "  "
        << (x.node->name.empty() ? name_of(x.node->op) : x.node->name) << "\n";
  return r;
}

}  // namespace hlsc
