#include "tools/nvtee/generated.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "runtime/base/event_names.hpp"
#include "runtime/nvteed/man_page.hpp"
#include "tools/nvtee/commands.hpp"

namespace nvtee::cli {
namespace {

std::string join(const std::set<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

std::set<std::string> words_of(const cmdline::Command& c) {
  std::set<std::string> out;
  for (const auto& o : c.options) {
    if (o.hidden) continue;
    out.insert("--" + o.name);
    if (o.letter) out.insert(fmt::format("-{}", o.letter));
  }
  return out;
}

// First words, and second words by first.
std::set<std::string> first_words() {
  std::set<std::string> out{"help"};
  for (const auto& s : subcommands()) out.insert(s.command.words.substr(0, s.command.words.find(' ')));
  return out;
}
std::map<std::string, std::set<std::string>> second_words() {
  std::map<std::string, std::set<std::string>> out;
  for (const auto& s : subcommands())
    if (const auto space = s.command.words.find(' '); space != std::string::npos)
      out[s.command.words.substr(0, space)].insert(s.command.words.substr(space + 1));
  return out;
}

// What can stand at the positional places: a shell expression each.
std::string places_of(const cmdline::Command& c) {
  std::set<std::string> kinds;
  for (const auto& p : c.positionals)
    if (!p.completes.empty()) kinds.insert(p.completes);
  return join(kinds);
}

std::string quoted(const std::string& text) {  // for a shell's single quotes
  std::string out;
  for (const char ch : text) out += ch == '\'' ? std::string("'\\''") : std::string(1, ch);
  return out;
}

constexpr const char* kBashHead = R"sh(# bash completion for nvtee, generated from its tables of options
_nvtee_names() {  # KIND: what the daemon knows; nothing when it does not answer
  case $1 in
    namespace) nvtee ns list -o json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",$/\1/p' ;;
    peer) nvtee peer list -o json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",$/\1/p' ;;
    leg) nvtee leg list -o json 2>/dev/null | sed -n 's/^ *"peer": "\(.*\)",$/\1/p' ;;
    event) echo "$_nvtee_events" ;;
    file | directory) compgen -f -- "$cur" ;;
    *) echo "$1" ;;
  esac
}

_nvtee() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words i command= kinds= options=
  COMPREPLY=()
  words=()
  for ((i = 1; i < COMP_CWORD; ++i)); do [[ ${COMP_WORDS[i]} == -* ]] || words+=("${COMP_WORDS[i]}"); done
)sh";

}  // namespace

std::string bash_completion() {
  std::string out = kBashHead;
  std::set<std::string> names;
  for (const auto& e : events::all()) names.insert(e.name);
  out = "_nvtee_events='" + join(names) + "'\n" + out;
  out += fmt::format(
      "  if ((${{#words[@]}} == 0)); then\n    COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n    return\n  "
      "fi\n",
      join(first_words()));
  out += "  case \"${words[0]}\" in\n";
  for (const auto& [first, seconds] : second_words())
    out += fmt::format(
        "    {})\n      if ((${{#words[@]}} == 1)); then\n        COMPREPLY=($(compgen -W '{}' -- "
        "\"$cur\"))\n        "
        "return\n      fi\n      command=\"${{words[0]}} ${{words[1]}}\"\n      ;;\n",
        first, join(seconds));
  out += "    *) command=\"${words[0]}\" ;;\n  esac\n  case \"$command\" in\n";
  for (const auto& s : subcommands())
    out += fmt::format("    '{}') options='{}' kinds='{}' ;;\n", s.command.words, join(words_of(s.command)),
                       places_of(s.command));
  out += "  esac\n  case \"$command $prev\" in\n";
  for (const auto& s : subcommands())
    for (const auto& o : s.command.options)
      if (!o.choices.empty())
        out += fmt::format("    '{} --{}'{}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n",
                           s.command.words, o.name,
                           o.letter ? fmt::format(" | '{} -{}'", s.command.words, o.letter) : "",
                           join({o.choices.begin(), o.choices.end()}));
  out +=
      "  esac\n  if [[ $cur == -* ]]; then\n    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n    "
      "return\n  fi\n"
      "  local kind\n  for kind in $kinds; do\n"
      "    COMPREPLY+=($(compgen -W \"$(_nvtee_names \"$kind\")\" -- \"$cur\"))\n  done\n}\n"
      "complete -F _nvtee nvtee\n";
  return out;
}

std::string zsh_completion() {
  std::string out =
      "#compdef nvtee\n# zsh completion for nvtee, generated from its tables of options\n_nvtee() {\n  "
      "local -a commands "
      "options\n  local command\n  commands=(\n";
  for (const auto& s : subcommands())
    out += fmt::format("    '{}:{}'\n", quoted(s.command.words), quoted(s.command.summary));
  out +=
      "  )\n  if ((CURRENT == 2)); then\n    local -aU first\n    first=(${${commands%%:*}%% *})\n    "
      "compadd -- $first\n"
      "    return\n  fi\n";
  out += "  case $words[2] in\n";
  for (const auto& [first, seconds] : second_words())
    out += fmt::format(
        "    {}) if ((CURRENT == 3)); then compadd -- {}; return; fi; command=\"$words[2] $words[3]\" "
        ";;\n",
        first, join(seconds));
  out += "    *) command=$words[2] ;;\n  esac\n  case $command in\n";
  for (const auto& s : subcommands()) {
    out += fmt::format("    '{}') options=(", s.command.words);
    for (const auto& o : s.command.options)
      if (!o.hidden) out += fmt::format(" '--{}:{}'", o.name, quoted(o.meaning));
    out += " ) ;;\n";
  }
  out +=
      "  esac\n  if [[ $PREFIX == -* ]]; then\n    _describe option options\n    return\n  fi\n  case "
      "$command in\n";
  for (const auto& s : subcommands()) {
    for (const auto& p : s.command.positionals) {
      if (p.completes == "namespace")
        out += fmt::format(
            "    '{}') compadd -- ${{(f)\"$(nvtee ns list -o json 2>/dev/null | sed -n 's/^ *\"name\": "
            "\"\\(.*\\)\",$/\\1/p')\"}} ;;\n",
            s.command.words);
      else if (p.completes == "file" || p.completes == "directory")
        out += fmt::format("    '{}') _files ;;\n", s.command.words);
      else
        continue;
      break;
    }
  }
  return out + "  esac\n}\n_nvtee \"$@\"\n";
}

std::string man_page() {
  std::vector<const cmdline::Command*> commands;
  for (const auto& s : subcommands()) commands.push_back(&s.command);
  return cmdline::man_page(
      "nvtee", 1, "state and control of an nvtee node",
      "nvtee talks with nvteed(8) over its socket: it shows how namespaces and their legs are, and "
      "changes them. Exit codes: 0 ok; 1 failed; 2 wrong usage; 3 something is not well, or differs; "
      "4 the daemon was not reached.",
      commands, "nvteed(8)");
}

}  // namespace nvtee::cli
