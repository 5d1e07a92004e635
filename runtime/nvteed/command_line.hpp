// Command lines as data: what a command takes is one table, from which parsing, help, and (later) shell
// completion and man pages come.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace nvtee::cmdline {

struct Option {
  std::string name;      // "--name"
  char letter = 0;       // "-n", 0 = none
  std::string argument;  // placeholder of its value; empty = a switch
  std::string meaning;
  std::string fallback = {};  // value when not given; may be empty
  bool repeated = false;
  bool hidden = false;                    // not in --help
  std::vector<std::string> choices = {};  // legal values; empty = any
};

struct Positional {
  std::string name;  // "NAME"
  std::string meaning;
  bool required = true;
  std::string completes = {};  // what a shell should offer: "namespace", "leg", "peer" or empty
};

struct Example {
  std::string command, meaning;
};

struct Command {
  std::string words;    // "ns create"; empty for a program without subcommands
  std::string summary;  // one line
  std::string detail;   // a paragraph, may be empty
  std::vector<Positional> positionals;
  std::vector<Option> options;
  std::vector<Example> examples;
};

class Values {
 public:
  bool has(const std::string& name) const { return values_.contains(name); }
  // The value given, or the option's fallback, or "".
  std::string get(const std::string& name) const;
  std::vector<std::string> all(const std::string& name) const;
  void add(const std::string& name, std::string value) { values_[name].push_back(std::move(value)); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// Options by name, positionals by their name ("NAME"). Errors say what is wrong and what is legal; an unknown
// option gets the nearest one named.
Result<Values> parse(const Command& command, const std::vector<std::string>& arguments);

// "nvtee ns create NAME --leg PEER[:NSID]..."; then detail, arguments, options, examples.
std::string usage(const std::string& program, const Command& command);
std::string help(const std::string& program, const Command& command);
// The text broken into lines of at most `width`, each behind `indent` spaces.
std::string wrap(const std::string& text, std::size_t indent, std::size_t width = 100);

}  // namespace nvtee::cmdline
