// Makes the namespaces that the configuration declares, and says where what exists is not what the file says.
// It never changes or deletes anything that exists.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/nvteed/config.hpp"

namespace nvtee::daemon {

// What the file says and the namespace is not, in words; empty when nothing. Only what the file gives is
// compared.
std::vector<std::string> differences(const config::DeclaredNamespace& declared,
                                     const core::NamespaceStatus& existing);

class Declarer {
 public:
  // `post` runs a function on the owner's thread; all methods are called there too.
  Declarer(Node& node, std::vector<config::DeclaredNamespace> declared,
           std::function<void(std::function<void()>)> post);

  // One round over all that is not there yet. `done(missing)`: how many still are not, each of them with an
  // event. Call it again later while some are missing. One round at a time.
  void round(std::function<void(std::size_t missing)> done);

  // What is declared and not there, by name, with the reason.
  const std::map<std::string, std::string>& missing() const { return missing_; }

 private:
  struct Round;
  void next(const std::shared_ptr<Round>& round);
  void create(const std::shared_ptr<Round>& round, const config::DeclaredNamespace& declared);
  void created(const config::DeclaredNamespace& declared);
  void failed(Round& round, const std::string& name, const std::string& reason);
  void settle(const std::string& name);
  void compare(const config::DeclaredNamespace& declared, const core::NamespaceStatus& existing);

  Node& node_;
  std::vector<config::DeclaredNamespace> declared_;
  std::function<void(std::function<void()>)> post_;
  std::set<std::string> settled_;               // found or made: not looked at again
  std::map<std::string, std::string> missing_;  // with the reason told last: told again only when it changes
};

}  // namespace nvtee::daemon
