#include "tests/e2e/network.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nvtee::e2e {

bool ip(const std::vector<std::string>& words) {
  std::vector<std::string> argv = {"/usr/sbin/ip"};
  if (access(argv[0].c_str(), X_OK) != 0) argv[0] = "/sbin/ip";
  argv.insert(argv.end(), words.begin(), words.end());
  return run(argv, Seconds(20)).code == 0;
}

std::string space_of(unsigned t) {
  return std::string("t") + static_cast<char>('a' + t);
}
std::string outer(unsigned t) {
  return "v" + space_of(t);
}
std::string address_of(unsigned t) {
  return "10.78." + std::to_string(t) + ".2";
}
Place place_of(unsigned t) {
  return {{"/usr/bin/env", "ip", "netns", "exec", space_of(t)}, address_of(t)};
}

// The network, and the folder where `ip netns` keeps names.
std::string enter_namespaces() {
  if (geteuid() != 0) return "needs root";
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return "network namespaces are not allowed here";
  mkdir("/run/netns", 0755);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/run/netns", "tmpfs", 0, nullptr) != 0)
    return "mounts are not allowed here";
  if (!ip({"link", "set", "lo", "up"})) return "the ip command (iproute2) does not work here";
  return "";
}

bool add_space(unsigned t) {
  const std::string space = space_of(t), net = "10.78." + std::to_string(t) + ".";
  return ip({"netns", "add", space}) && ip({"-n", space, "link", "set", "lo", "up"}) &&
         ip({"link", "add", outer(t), "type", "veth", "peer", "name", "eth0", "netns", space}) &&
         ip({"addr", "add", net + "1/30", "dev", outer(t)}) && ip({"link", "set", outer(t), "up"}) &&
         ip({"-n", space, "addr", "add", net + "2/30", "dev", "eth0"}) &&
         ip({"-n", space, "link", "set", "eth0", "up"});
}

}  // namespace nvtee::e2e
