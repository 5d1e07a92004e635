#include "runtime/nvteed/man_page.hpp"

#include <fmt/format.h>

namespace nvtee::cmdline {
namespace {

// Text that roff takes as it is: no dash becomes a hyphen, no line a request.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string option_text(const Option& o) {
  std::string head = o.letter ? fmt::format("\\fB\\-{}\\fR, ", o.letter) : "";
  head += "\\fB\\-\\-" + plain(o.name) + "\\fR";
  if (!o.argument.empty()) head += " \\fI" + plain(o.argument) + "\\fR";
  std::string text = plain(o.meaning);
  if (!o.fallback.empty()) text += " Default: " + plain(o.fallback) + ".";
  if (o.repeated) text += " May be given several times.";
  return fmt::format(".TP\n{}\n{}\n", head, text);
}

std::string command_text(const std::string& program, const Command& c) {
  std::string out;
  if (!c.words.empty()) out += fmt::format(".SS {}\n{}\n", plain(c.words), plain(c.summary + "."));
  out += ".PP\n\\fB" + plain(usage(program, c)) + "\\fR\n";
  if (!c.detail.empty() && !c.words.empty()) out += ".PP\n" + plain(c.detail) + "\n";
  for (const auto& p : c.positionals)
    out += fmt::format(".TP\n\\fI{}\\fR\n{}\n", plain(p.name), plain(p.meaning));
  for (const auto& o : c.options)
    if (!o.hidden) out += option_text(o);
  for (const auto& e : c.examples)
    out += fmt::format(".PP\n.RS\n.nf\n{}\n.fi\n.RE\n{}", plain(e.command),
                       e.meaning.empty() ? "" : plain(e.meaning) + "\n");
  return out;
}

}  // namespace

std::string man_page(const std::string& program, unsigned section, const std::string& summary,
                     const std::string& description, const std::vector<const Command*>& commands,
                     const std::string& see_also) {
  std::string out = fmt::format(".TH {} {} \"\" \"nvtee\"\n.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n{}\n",
                                upper(program), section, program, plain(summary), plain(description));
  out += commands.size() == 1 ? ".SH OPTIONS\n" : ".SH COMMANDS\n";
  for (const Command* c : commands) out += command_text(program, *c);
  return out + fmt::format(".SH SEE ALSO\n{}\n", plain(see_also));
}

}  // namespace nvtee::cmdline
