// Talking with the daemon and with the user.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {

int Call::report(const Error& error, int code) const {
  if (json)
    print({{"error", error.what},
           {"remedy", error.remedy},
           {"code", code == kUnreachable ? "unreachable" : "failed"}});
  std::cerr << "nvtee: " << clean(error.what) << "\n";
  if (!error.remedy.empty()) std::cerr << "  remedy: " << clean(error.remedy) << "\n";
  return code;
}

std::optional<api::Json> Call::ask(const std::string& method, const std::string& target,
                                   const api::Json& body) {
  auto answer = client.call(method, target, body, timeout);
  if (!answer) {
    exit = report(answer.error().error, kUnreachable);
    return {};
  }
  if (!answer->ok()) {
    exit = report(answer->error(), kFailed);
    return {};
  }
  if (!answer->json.is_object()) {
    exit = report(
        {"the daemon's answer cannot be understood", "is this the socket of nvteed, and of this version?"},
        kFailed);
    return {};
  }
  return answer->json;
}

int Call::change(const std::string& method, const std::string& target, const api::Json& body,
                 const std::string& done) {
  timeout = 130 * kSecond;  // longer than the daemon's own bound of an operation
  const auto answer = ask(method, target, body);
  if (!answer) return exit;
  if (json)
    print(*answer);
  else
    std::puts(done.c_str());
  return kOk;
}

void Call::print(const api::Json& value) const {
  std::puts(value.dump(2, ' ', false, api::Json::error_handler_t::replace).c_str());
}

std::string text_of(const api::Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_string()) return "unknown";
  return clean(found->get<std::string>());
}

std::uint64_t number_of(const api::Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number_unsigned()) return 0;
  return object[key].get<std::uint64_t>();
}

bool flag_of(const api::Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_boolean() && object[key].get<bool>();
}

const api::Json& list_of(const api::Json& object, const char* key) {
  static const api::Json kEmpty = api::Json::array();
  if (!object.is_object() || !object.contains(key) || !object[key].is_array()) return kEmpty;
  return object[key];
}

std::string path_part(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '_' || c == '-' || c == ':';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool confirm(const Call& call, const std::string& question) {
  if (call.values.has("yes")) return true;
  if (!is_terminal(STDIN_FILENO)) {
    call.report({"nobody to ask: standard input is no terminal", "give --yes"}, kUsage);
    return false;
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  if (line == "y" || line == "Y" || line == "yes") return true;
  std::cerr << "nothing was done\n";
  return false;
}

}  // namespace nvtee::cli
