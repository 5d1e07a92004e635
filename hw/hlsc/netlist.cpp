#include "hw/hlsc/netlist.hpp"

#include "hw/hlsc/translate.hpp"
#include "hw/hlsc/verilog.hpp"

#include <llvm/Support/JSON.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <set>

namespace hlsc {

namespace {

const Pragma* interface_of(const std::vector<const Pragma*>& pragmas, const std::string& port) {
  for (const Pragma* p : pragmas) {
    if (p->kind != "INTERFACE" || p->get("port") != port) continue;
    if (p->has("axis") || p->has("m_axi") || p->has("s_axilite")) return p;
    const std::string mode = p->get("mode");
    if (mode == "axis" || mode == "m_axi" || mode == "s_axilite") return p;
  }
  return nullptr;
}

Border border_of(const Pragma* p) {
  if (p == nullptr) return Border::kPlain;
  const std::string mode = p->get("mode");
  if (p->has("m_axi") || mode == "m_axi") return Border::kAxiMaster;
  if (p->has("s_axilite") || mode == "s_axilite") return Border::kAxiLite;
  return Border::kAxis;
}

}  // namespace

namespace {

// A buffer of no records joins nothing; one of a million is a slip of the pen.
int depth_of(const Pragma& p, int otherwise, const Program& program) {
  const long depth = p.number("depth", otherwise);
  if (depth < 1 || depth > 65536)
    refuse(program.loc(p.loc), "#pragma HLS STREAM: depth=" + p.get("depth"),
           "the depth is 1 to 65536 records");
  return static_cast<int>(depth);
}

std::vector<Need> needs_of(const std::vector<int>& levels, const std::vector<bool>& used, double budget) {
  std::vector<Need> r;
  for (size_t i = 0; i < used.size(); ++i)
    r.push_back(!used[i] ? Need::kNever : levels[i] + 1 <= budget ? Need::kLate : Need::kEarly);
  return r;
}

}  // namespace

ModuleShape shape_of(const Kernel& k, const Schedule& s, const Emitter& e, double budget) {
  ModuleShape m;
  m.name = k.name;
  const std::vector<std::vector<int>> levels = s.head_levels();
  for (size_t i = 0; i < k.streams.size(); ++i) {
    const StreamPort& p = k.streams[i];
    PortShape x;
    x.name = e.stream_names()[i];
    x.output = p.written;
    x.bits = p.bits;
    x.param = p.param;
    x.offset = p.offset;
    x.payload = p.payload;
    if (p.written && p.data.width() != 0) x.under_way = std::max(0, s.write_stage(p) - (s.ii() - 1));
    if (!p.written) x.need = needs_of(levels[i], e.head_used(i), budget);
    m.streams.push_back(x);
  }
  for (size_t i = 0; i < k.scalars.size(); ++i)
    m.scalars.push_back({e.scalar_names()[i], k.scalars[i].bits, k.scalars[i].param});
  return m;
}

// A dataflow function inside another: its plain ports.
ModuleShape shape_of(const Netlist& n) {
  ModuleShape m;
  m.name = n.name;
  for (const NetlistStream& s : n.streams) {
    if (!s.param) continue;
    PortShape x;
    x.name = s.name;
    x.output = !s.writers.empty();
    x.bits = s.bits;
    x.param = s.param_index;
    x.offset = s.offset;
    x.under_way = s.under_way;
    x.need = s.need;
    x.payload = s.type->element;
    m.streams.push_back(x);
  }
  for (const ScalarPort& s : n.scalars) m.scalars.push_back({s.name, s.bits, s.param});
  return m;
}

Netlist make_netlist(Program& program, llvm::Function& f, Types& types, Warnings& warnings,
                     const std::map<llvm::Function*, ModuleShape>& kernels) {
  std::set<llvm::Function*> names;
  for (const auto& [k, shape] : kernels) names.insert(k);
  Exec e(program, f, types, warnings, {});
  const std::vector<Instance> instances = e.run_dataflow(names);
  const std::vector<const Pragma*> pragmas = program.pragmas_in(f);
  Netlist n;
  n.name = Program::module_name(f);
  n.loc = program.loc(f);
  n.scalars = e.scalars();
  std::map<std::pair<int, int64_t>, size_t> known;
  std::map<std::string, int> copies;
  std::set<const Pragma*> fitting;
  const auto stream = [&](int object, int64_t offset, const Loc& loc) -> NetlistStream& {
    const auto key = std::make_pair(object, offset);
    const auto it = known.find(key);
    if (it != known.end()) return n.streams[it->second];
    const Exec::Object& o = e.objects()[static_cast<size_t>(object)];
    const Exec::StreamId id = e.stream_at(object, offset, loc);
    NetlistStream s;
    s.name = id.name;
    s.type = id.type;
    s.param = o.kind == Exec::Object::kParam;
    s.param_index = o.param;
    s.offset = offset;
    s.bits = Types::packed_bits(id.type->element, loc);
    s.loc = o.loc;
    if (id.type->depth > 0) s.depth = id.type->depth;
    for (const Pragma* p : pragmas)
      if (p->kind == "STREAM" && p->get("variable") == id.cpp) {
        s.depth = depth_of(*p, s.depth, program);
        fitting.insert(p);
      }
    if (s.param) {
      s.border = border_of(interface_of(pragmas, o.name));
      if (s.border == Border::kAxiMaster || s.border == Border::kAxiLite) {
        s.bundle = o.name;
        s.channel = id.name.size() > o.name.size() ? id.name.substr(o.name.size() + 1) : "";
      }
    }
    known[key] = n.streams.size();
    n.streams.push_back(s);
    return n.streams.back();
  };
  for (const Instance& i : instances) {
    const ModuleShape& shape = kernels.at(i.kernel);
    Netlist::Unit u;
    u.shape = shape;
    const int copy = copies[shape.name]++;
    u.name = "u_" + shape.name + (copy ? "_" + num(copy) : "");
    for (const PortShape& p : shape.streams) {
      const Instance::Arg& a = i.args[static_cast<size_t>(p.param)];
      NetlistStream& s = stream(a.object, a.offset + p.offset, i.loc);
      (p.output ? s.writers : s.readers).push_back({n.units.size(), p.name});
      if (p.output) {
        s.under_way = p.under_way;
      } else {
        s.need = p.need;
      }
    }
    for (const ModuleShape::Scalar& p : shape.scalars) {
      const Instance::Arg& a = i.args[static_cast<size_t>(p.param)];
      std::string value = a.scalar;
      if (a.constant) {
        llvm::SmallString<32> hex;
        a.constant->zextOrTrunc(p.bits).toStringUnsigned(hex, 16);
        value = num(p.bits) + "'h" + hex.str().lower();
      }
      u.scalars.emplace_back(p.name, value);
    }
    n.units.push_back(u);
  }
  for (const Pragma* p : pragmas)
    if (p->kind == "STREAM" && fitting.count(p) == 0)
      warnings.add(program.loc(p->loc), "#pragma HLS STREAM: there is no stream '" + p->get("variable") +
                                            "' here; it has no effect");
  for (const NetlistStream& s : n.streams) {
    if (s.writers.size() > 1)
      refuse(s.loc, "stream '" + s.name + "' is written by two kernels", "use one stream each");
    if (s.readers.size() > 1)
      refuse(s.loc, "stream '" + s.name + "' is read by two kernels", "use one stream each");
    if (s.param && !s.writers.empty() && !s.readers.empty())
      refuse(s.loc, "parameter '" + s.name + "' is written and read inside", "make it a static stream");
    if (!s.param && (s.writers.empty() || s.readers.empty()))
      warnings.add(s.loc, "stream '" + s.name + "' has no " + (s.writers.empty() ? "writer" : "reader"));
  }
  return n;
}

// ---- Verilog --------------------------------------------------------------------------------------------
namespace {

// One signal of an AXI channel: bits lo.. of the record, or a constant.
struct AxiField {
  std::string name;
  unsigned lo = 0, width = 1;
  std::string constant;  // outputs without a field
  unsigned pad = 0;      // zeros above: AXI4-Stream carries whole bytes
};

std::vector<AxiField> fields_of(const NetlistStream& s, bool output) {
  std::vector<AxiField> r;
  const std::vector<Leaf> leaves = Types::leaves(s.type->element, s.loc);
  for (const Leaf& l : leaves) {
    std::string name = l.path;
    if (s.border == Border::kAxis) {
      const Type* t = s.type->element;
      if (t->axis.empty()) continue;
      if ((name == "user" && t->axis_user == 0) || (name == "id" && t->axis_id == 0) ||
          (name == "dest" && t->axis_dest == 0))
        continue;
      name = "t" + name;
    } else {
      name = s.channel + name;
    }
    std::replace(name.begin(), name.end(), '.', '_');
    r.push_back({name, l.lo, l.type->bits, "", 0});
  }
  if (s.border == Border::kAxis && s.type->element->axis.empty())
    r.push_back({"tdata", 0, s.bits, "", (8 - s.bits % 8) % 8});
  if (s.border == Border::kAxiMaster && output && (s.channel == "ar" || s.channel == "aw")) {
    r.push_back({s.channel + "size", 0, 3, "3'd6", 0});  // 64 bytes
    r.push_back({s.channel + "burst", 0, 2, "2'd1", 0});
    r.push_back({s.channel + "id", 0, 1, "1'd0", 0});
    r.push_back({s.channel + "lock", 0, 1, "1'd0", 0});
    r.push_back({s.channel + "cache", 0, 4, "4'd3", 0});
    r.push_back({s.channel + "prot", 0, 3, "3'd0", 0});
    r.push_back({s.channel + "qos", 0, 4, "4'd0", 0});
  }
  return r;
}

std::string prefix_of(const NetlistStream& s) {
  if (s.border == Border::kAxiMaster) return "m_axi_" + s.bundle + "_";
  if (s.border == Border::kAxiLite) return "s_axi_" + s.bundle + "_";
  return s.name + "_";
}

// Of a stream's buffer: what is under way has its places too.
int slots_of(const NetlistStream& s) {
  return (s.param ? std::max(2, s.depth) : s.depth) + s.under_way;
}

std::string wires(const NetlistStream& s) {
  return "  wire " + range(s.bits) + s.name + "_din, " + s.name + "_dout;\n  wire " + s.name + "_full_n, " +
         s.name + "_resv, " + s.name + "_write, " + s.name + "_empty_n, " + s.name + "_read;\n";
}

unsigned bits_of(const NetlistStream& s, Need need) {
  if (s.need.empty()) return need == Need::kEarly ? s.bits : 0;
  return static_cast<unsigned>(std::count(s.need.begin(), s.need.end(), need));
}

// Bits [hi:lo] of a signal of a stream.
std::string bits(const NetlistStream& s, const std::string& signal, size_t lo, size_t hi) {
  if (s.bits == 1) return s.name + signal;
  const std::string at = num(static_cast<long>(lo)), to = num(static_cast<long>(hi));
  return s.name + signal + (lo == hi ? "[" + at + "]" : "[" + to + ":" + at + "]");
}

// The bits of a signal that are needed like this, in runs, the highest first.
std::vector<std::string> runs(const NetlistStream& s, const std::string& signal, Need need) {
  std::vector<std::string> r;
  for (size_t i = s.need.size(), end = i; i-- > 0;) {
    if (s.need[i] != need) {
      end = i;
    } else if (i == 0 || s.need[i - 1] != need) {
      r.push_back(bits(s, signal, i, end - 1));
    }
  }
  return r;
}

// A stream's bits in the order in which its buffer has them: those from a register lowest.
std::string arranged(const NetlistStream& s, const std::string& signal) {
  std::vector<std::string> parts = runs(s, signal, Need::kLate);
  for (std::string& p : runs(s, signal, Need::kEarly)) parts.push_back(std::move(p));
  if (parts.empty() || (parts.size() == 1 && bits_of(s, Need::kNever) == 0)) return s.name + signal;
  std::string r = "{";
  for (const std::string& p : parts) r += (r.size() > 1 ? ", " : "") + p;
  return r + "}";
}

// Bits that the reader does not look at are not kept; one stays of a record of which it only looks whether it
// is there.
unsigned kept_bits(const NetlistStream& s) {
  return std::max(1u, s.bits - bits_of(s, Need::kNever));
}

std::string fifo(const NetlistStream& s, int depth) {
  const unsigned early = bits_of(s, Need::kEarly), width = kept_bits(s);
  const bool none = bits_of(s, Need::kNever) == s.bits;
  std::string r = "  hlsc_fifo #(.WIDTH(" + num(width) + "), .DEPTH(" + num(depth) + ")" +
                  (early == width ? "" : ", .HEAD(" + num(early) + ")") + ") " + s.name +
                  "_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n)";
  for (const char* p : {"full_n", "resv", "write", "din", "empty_n", "dout", "read"}) {
    const std::string signal = std::string("_") + p;
    const bool record = signal == "_din" || signal == "_dout";
    const std::string all = none ? bits(s, signal, 0, 0) : arranged(s, signal);
    r += std::string(", .") + p + "(" + (record ? all : s.name + signal) + ")";
  }
  r += ");  // " + s.loc.text() + "\n";
  if (none && s.bits > 1) r += "  assign " + bits(s, "_dout", 1, s.bits - 1) + " = 0;\n";
  if (none) return r;
  for (const std::string& p : runs(s, "_dout", Need::kNever)) r += "  assign " + p + " = 0;\n";
  return r;
}

// A stream of the border behind valid and ready.
void axi_border(const NetlistStream& s, std::string& ports, std::string& body) {
  const bool output = !s.writers.empty();
  const std::string prefix = prefix_of(s), v = s.border == Border::kAxis ? "t" : s.channel;
  const std::string valid = prefix + v + "valid", ready = prefix + v + "ready";
  const auto port = [&](bool out, unsigned w, const std::string& name) {
    ports += std::string(",\n  ") + (out ? "output" : "input") + " wire " + range(w) + name;
  };
  std::string joined(static_cast<size_t>(0), ' ');
  unsigned filled = 0;
  std::vector<std::string> parts;
  for (const AxiField& f : fields_of(s, output)) {
    port(output, f.width + f.pad, prefix + f.name);
    if (!f.constant.empty()) {
      body += "  assign " + prefix + f.name + " = " + f.constant + ";\n";
    } else if (output) {
      const std::string bits =
          s.name + "_dout" + (s.bits == 1 ? "" : "[" + num(f.lo + f.width - 1) + ":" + num(f.lo) + "]");
      body += "  assign " + prefix + f.name + " = " +
              (f.pad ? "{" + num(f.pad) + "'h0, " + bits + "}" : bits) + ";\n";
    } else {
      if (f.lo > filled) parts.push_back(num(f.lo - filled) + "'h0");
      parts.push_back(prefix + f.name + (f.pad ? "[" + num(f.width - 1) + ":0]" : ""));
      filled = f.lo + f.width;
    }
  }
  port(output, 1, valid);
  port(!output, 1, ready);
  body += wires(s) + fifo(s, slots_of(s));
  if (output) {
    body += "  assign " + valid + " = " + s.name + "_empty_n;\n  assign " + s.name + "_read = " + valid +
            " && " + ready + ";\n";
    return;
  }
  if (filled < s.bits) parts.push_back(num(s.bits - filled) + "'h0");
  for (size_t i = parts.size(); i-- > 0;) joined += parts[i] + (i ? ", " : "");
  body += "  assign " + s.name + "_din = {" + joined + "};\n  assign " + ready + " = " + s.name +
          "_full_n;\n  assign " + s.name + "_write = " + valid + " && " + ready + ";\n  assign " + s.name +
          "_resv = " + s.name + "_write;\n";
}

void plain_border(const NetlistStream& s, std::string& ports) {
  if (!s.writers.empty()) {
    ports += ",\n  output wire " + range(s.bits) + s.name + "_din,\n  input wire " + s.name +
             "_full_n,\n  output wire " + s.name + "_resv,\n  output wire " + s.name + "_write";
  } else {
    ports += ",\n  input wire " + range(s.bits) + s.name + "_dout,\n  input wire " + s.name +
             "_empty_n,\n  output wire " + s.name + "_read";
  }
}

}  // namespace

std::string verilog_of(const Netlist& n) {
  std::string ports = "module " + n.name + " (\n  input wire ap_clk,\n  input wire ap_rst_n", body;
  for (const NetlistStream& s : n.streams) {
    if (s.param && s.border == Border::kPlain) {
      plain_border(s, ports);
    } else if (s.param) {
      axi_border(s, ports, body);
    } else {
      body += wires(s) + fifo(s, slots_of(s));
      if (s.writers.empty())
        body += "  assign " + s.name + "_din = 0;\n  assign " + s.name + "_resv = 0;\n  assign " + s.name +
                "_write = 0;\n";
      if (s.readers.empty()) body += "  assign " + s.name + "_read = 0;\n";
    }
  }
  for (const ScalarPort& s : n.scalars) ports += ",\n  input wire " + range(s.bits) + s.name;
  for (size_t i = 0; i < n.units.size(); ++i) {
    const Netlist::Unit& u = n.units[i];
    body += "  " + u.shape.name + " " + u.name + " (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n)";
    for (const PortShape& p : u.shape.streams) {
      std::string wire;
      for (const NetlistStream& s : n.streams)
        for (const NetlistStream::End& end : p.output ? s.writers : s.readers)
          if (end.instance == i && end.port == p.name) wire = s.name;
      const std::vector<const char*> out = {"din", "full_n", "resv", "write"},
                                     in = {"dout", "empty_n", "read"};
      for (const char* suffix : p.output ? out : in)
        body += ",\n    ." + p.name + "_" + suffix + "(" + wire + "_" + suffix + ")";
    }
    for (const auto& [port, value] : u.scalars) body += ",\n    ." + port + "(" + value + ")";
    body += ");\n";
  }
  return "// Made by hlsc from " + n.loc.text() + ". Do not edit.\n" + ports + "\n);\n" + body +
         "endmodule\n";
}

std::string netlist_json(const Netlist& n) {
  namespace json = llvm::json;
  json::Array streams, units;
  for (const NetlistStream& s : n.streams) {
    streams.push_back(json::Object{{"name", s.name},
                                   {"type", s.type->element->name},
                                   {"bits", s.bits},
                                   {"depth", s.depth},
                                   {"slots", slots_of(s)},
                                   {"border", s.param},
                                   {"buffered", !s.param || s.border != Border::kPlain},
                                   {"writer", s.writers.empty() ? "" : n.units[s.writers[0].instance].name},
                                   {"reader", s.readers.empty() ? "" : n.units[s.readers[0].instance].name}});
  }
  for (const Netlist::Unit& u : n.units)
    units.push_back(json::Object{{"name", u.name}, {"module", u.shape.name}});
  std::string text;
  llvm::raw_string_ostream out(text);
  out << llvm::formatv("{0:2}", json::Value(json::Object{{"dataflow", n.name},
                                                         {"source", n.loc.text()},
                                                         {"streams", std::move(streams)},
                                                         {"instances", std::move(units)}}))
      << "\n";
  return text;
}

void count_parts(const Netlist& n, const std::map<std::string, Netlist>& inner,
                 std::map<std::string, int>& parts, bool top) {
  for (const NetlistStream& s : n.streams)
    if (!s.param || (top && s.border != Border::kPlain))
      ++parts["fifo_" + num(kept_bits(s)) + "_" + num(slots_of(s)) + "_" + num(bits_of(s, Need::kEarly))];
  for (const Netlist::Unit& u : n.units) {
    const auto it = inner.find(u.shape.name);
    if (it == inner.end()) {
      ++parts[u.shape.name];
    } else {
      count_parts(it->second, inner, parts, false);
    }
  }
}

std::string netlist_ports_header(const Netlist& n) {
  std::vector<HeaderPort> streams;
  for (const NetlistStream& s : n.streams) {
    if (!s.param || s.border != Border::kPlain) continue;
    const Type* t = s.type->element;
    streams.push_back({s.name, s.name, !s.writers.empty(), s.bits, t, Types::leaves(t, s.loc), false});
  }
  std::vector<HeaderScalar> scalars;
  for (const ScalarPort& s : n.scalars) scalars.push_back({s.name, s.name, s.bits, false});
  return ports_header(n.name, streams, scalars);
}

std::string netlist_text(const Netlist& n) {
  std::string r = "dataflow " + n.name + " (" + n.loc.text() +
                  "): " + num(static_cast<long>(n.units.size())) + " instances, " +
                  num(static_cast<long>(n.streams.size())) + " streams\n";
  return r;
}

}  // namespace hlsc
