#include "hw/hlsc/pragma.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

namespace hlsc {

namespace {

// Those that say something; the others of the vendor's that may be ignored without changing a result.
const std::set<std::string> kKnown = {"PIPELINE",     "DATAFLOW",        "INTERFACE", "STREAM",
                                      "BIND_STORAGE", "ARRAY_PARTITION", "UNROLL",    "INLINE"};
// What is known of each; another option is warned of.
const std::map<std::string, std::set<std::string>> kOptions = {
    {"PIPELINE", {"ii"}},
    {"DATAFLOW", {}},
    {"INTERFACE",
     {"port", "mode", "axis", "m_axi", "s_axilite", "ap_ctrl_none", "register", "register_mode", "both",
      "bundle", "offset"}},
    {"STREAM", {"variable", "depth"}},
    {"BIND_STORAGE", {"variable", "type", "impl"}},
    {"ARRAY_PARTITION", {"variable", "complete", "type", "dim"}},
    {"UNROLL", {}},
    {"INLINE", {"off", "recursive"}},
};
const std::set<std::string> kHarmless = {"DEPENDENCE",   "AGGREGATE", "LATENCY",     "RESET",
                                         "DISAGGREGATE", "STABLE",    "PERFORMANCE", "LOOP_TRIPCOUNT"};

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return s;
}
std::string upper(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return s;
}

// "II = 2" and "II=2" alike.
std::vector<std::string> tokens(const std::string& text) {
  std::string spaced;
  for (char c : text) {
    if (c == '=') {
      while (!spaced.empty() && spaced.back() == ' ') spaced.pop_back();
      spaced += '=';
    } else if (c == ' ' || c == '\t') {
      if (!spaced.empty() && spaced.back() != '=' && spaced.back() != ' ') spaced += ' ';
    } else {
      spaced += c;
    }
  }
  std::vector<std::string> r;
  std::istringstream in(spaced);
  for (std::string w; in >> w;) r.push_back(w);
  return r;
}

Pragma parse(const std::vector<std::string>& words, const Loc& loc) {
  Pragma p;
  p.loc = loc;
  if (!words.empty()) p.kind = upper(words[0]);
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t eq = words[i].find('=');
    if (eq == std::string::npos) {
      p.words.push_back(lower(words[i]));
    } else {
      p.args[lower(words[i].substr(0, eq))] = words[i].substr(eq + 1);
    }
  }
  return p;
}

void check_options(const Pragma& p, Warnings& warnings) {
  const auto option = [&](const std::string& name) {
    if (kOptions.at(p.kind).count(name) == 0)
      warnings.add(p.loc, "#pragma HLS " + p.kind + ": option '" + name + "' has no effect here");
  };
  for (const std::string& w : p.words) option(w);
  for (const auto& [key, value] : p.args) option(key);
}

}  // namespace

bool Pragma::has(const std::string& word) const {
  return std::find(words.begin(), words.end(), word) != words.end() || args.count(word) != 0;
}
std::string Pragma::get(const std::string& key, const std::string& otherwise) const {
  const auto it = args.find(key);
  return it == args.end() ? otherwise : it->second;
}
long Pragma::number(const std::string& key, long otherwise) const {
  const std::string s = get(key);
  if (s.empty()) return otherwise;
  char* end = nullptr;
  const long v = strtol(s.c_str(), &end, 0);
  if (*end != 0)
    refuse(loc, "#pragma HLS " + kind + ": " + key + "=" + s + " is no number", "write a number");
  return v;
}

std::vector<Pragma> pragmas_of(const std::string& preprocessed, Warnings& warnings) {
  std::vector<Pragma> r;
  Loc at;
  std::istringstream in(preprocessed);
  for (std::string line; std::getline(in, line);) {
    if (line.size() > 2 && line[0] == '#' && line[1] == ' ' &&
        std::isdigit(static_cast<unsigned char>(line[2]))) {
      const size_t from = line.find('"'), to = line.rfind('"');
      at.line = static_cast<unsigned>(std::stoul(line.substr(2)));
      if (from != std::string::npos && to > from) at.file = line.substr(from + 1, to - from - 1);
      continue;
    }
    const size_t start = line.find_first_not_of(" \t");
    if (start != std::string::npos && line.compare(start, 7, "#pragma") == 0) {
      std::vector<std::string> words = tokens(line.substr(start + 7));
      if (!words.empty() && upper(words[0]) == "HLS") {
        words.erase(words.begin());
        const Pragma p = parse(words, at);
        if (kKnown.count(p.kind)) {
          r.push_back(p);
          check_options(p, warnings);
        } else if (!kHarmless.count(p.kind)) {
          warnings.add(at, "#pragma HLS " + p.kind + " is unknown here and has no effect");
        }
      }
    }
    ++at.line;
  }
  return r;
}

}  // namespace hlsc
