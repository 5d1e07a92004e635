#include "runtime/nvteed/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "runtime/nvteed/units.hpp"

namespace nvtee::cmdline {

namespace po = boost::program_options;

namespace {

po::options_description describe(const Command& command) {
  po::options_description out;
  for (const Option& o : command.options) {
    const std::string names = o.letter ? fmt::format("{},{}", o.name, o.letter) : o.name;
    if (o.argument.empty())
      out.add_options()(names.c_str(), "");
    else
      out.add_options()(names.c_str(), po::value<std::vector<std::string>>(), "");
  }
  // Positionals all land here, in order; which is which is told apart below.
  out.add_options()("positional", po::value<std::vector<std::string>>(), "");
  return out;
}

Error unknown_option(const Command& command, const std::string& given) {
  std::vector<std::string> names;
  for (const Option& o : command.options)
    if (!o.hidden) names.push_back("--" + o.name);
  const auto near = text::nearest(given, names);
  return {fmt::format("unknown option '{}'{}", given, near ? fmt::format("; did you mean '{}'?", *near) : ""),
          "see --help"};
}

Status0 take_positionals(const Command& command, const std::vector<std::string>& given, Values& into) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i >= command.positionals.size())
      return fail(fmt::format("'{}' is one argument too many", given[i]), "see --help");
    into.add(command.positionals[i].name, given[i]);
  }
  if (given.size() < command.positionals.size() && command.positionals[given.size()].required)
    return fail(fmt::format("{} is missing: {}", command.positionals[given.size()].name,
                            command.positionals[given.size()].meaning),
                "see --help");
  return {};
}

Status0 take_option(const Option& o, const po::variables_map& found, Values& into) {
  if (!found.count(o.name)) return {};
  if (o.argument.empty()) {
    into.add(o.name, "");
    return {};
  }
  const auto values = found[o.name].as<std::vector<std::string>>();
  if (values.size() > 1 && !o.repeated)
    return fail(fmt::format("--{} is given {} times", o.name, values.size()), "give it once");
  for (const auto& v : values) {
    if (!o.choices.empty() && std::ranges::find(o.choices, v) == o.choices.end())
      return fail(fmt::format("--{}: '{}' is not possible", o.name, v),
                  fmt::format("choose one of {}", fmt::join(o.choices, ", ")));
    into.add(o.name, v);
  }
  return {};
}

}  // namespace

std::string Values::get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second.front();
}

std::vector<std::string> Values::all(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

Result<Values> parse(const Command& command, const std::vector<std::string>& arguments) {
  const auto description = describe(command);
  po::positional_options_description positional;
  positional.add("positional", -1);
  po::variables_map found;
  try {
    // Abbreviations are refused: a script that uses one would break with the next option that begins so.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(description).positional(positional).style(style).run(),
        found);
  } catch (const po::unknown_option& e) {
    return std::unexpected(unknown_option(command, e.get_option_name()));
  } catch (const po::error_with_option_name& e) {
    return fail(fmt::format("{}: {}", e.get_option_name(), e.what()), "see --help");
  } catch (const po::error& e) {
    return fail(e.what(), "see --help");
  }
  Values values;
  for (const Option& o : command.options)
    if (Status0 r = take_option(o, found, values); !r) return std::unexpected(r.error());
  const auto given = found.count("positional") ? found["positional"].as<std::vector<std::string>>()
                                               : std::vector<std::string>{};
  if (values.has("help")) return values;  // whatever else is missing
  if (Status0 r = take_positionals(command, given, values); !r) return std::unexpected(r.error());
  for (const Option& o : command.options)
    if (!values.has(o.name) && !o.fallback.empty()) values.add(o.name, o.fallback);
  return values;
}

std::string wrap(const std::string& text, std::size_t indent, std::size_t width) {
  std::istringstream words(text);
  std::string out, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + std::string(indent, ' ') + line + "\n";
}

std::string usage(const std::string& program, const Command& command) {
  std::string out = program;
  if (!command.words.empty()) out += " " + command.words;
  for (const Positional& p : command.positionals) out += p.required ? " " + p.name : " [" + p.name + "]";
  return out + " [options]";
}

std::string help(const std::string& program, const Command& command) {
  std::string out = "Usage: " + usage(program, command) + "\n\n" +
                    wrap(command.detail.empty() ? command.summary : command.detail, 0);
  if (!command.positionals.empty()) out += "\nArguments:\n";
  for (const Positional& p : command.positionals) out += fmt::format("  {}\n{}", p.name, wrap(p.meaning, 6));
  out += "\nOptions:\n";
  for (const Option& o : command.options) {
    if (o.hidden) continue;
    out += o.letter ? fmt::format("  -{}, --{}", o.letter, o.name) : fmt::format("  --{}", o.name);
    if (!o.argument.empty()) out += " " + o.argument;
    std::string meaning = o.meaning;
    if (!o.choices.empty()) meaning += fmt::format(" One of {}.", fmt::join(o.choices, ", "));
    if (o.repeated) meaning += " May be given several times.";
    if (!o.fallback.empty()) meaning += fmt::format(" Default: {}.", o.fallback);
    out += "\n" + wrap(meaning, 6);
  }
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const Example& e : command.examples) out += fmt::format("  {}\n{}", e.command, wrap(e.meaning, 6));
  return out;
}

}  // namespace nvtee::cmdline
