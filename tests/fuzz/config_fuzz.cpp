// The configuration: any text is read or refused with places and legal values.
#include "runtime/nvteed/config.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {

void one(Input in) {
  const auto config = config::parse(in.text(), "f.toml");
  if (config) return must(config->node.peers.size() <= limits::kPeers, "what is taken is within bounds");
  must(!config.error().empty() && config.error().size() <= limits::kConfigProblems,
       "a refusal says why, bounded");
  for (const auto& p : config.error()) must(!p.what.empty() && !p.text().empty(), "a problem is in words");
}

Seeds seeds() {
  const std::string node = "[node]\nhost_nqn = \"nqn.2026-01.com.example:n\"\n";
  return {
      node,
      node + "listen = [\"127.0.0.1:4420\", \"[::1]:0\"]\nreactors = 2\nbusy_poll = \"10us\"\n",
      node +
          "[times]\nhold = \"10s\"\nprobe = \"50ms\"\n[limits]\nopen_max = \"16MiB\"\nresync_rate = "
          "0\n[log]\nlevel = \"warn\"\n",
      node +
          "[[peer]]\nname = \"a\"\naddresses = [\"192.0.2.1\"]\nnqn = \"nqn.2026-01.com.example:a\"\nqueues "
          "= 4\n"
          "[[subsystem]]\nnqn = \"nqn.2026-01.com.example:s\"\nany_host = true\n[[namespace]]\nname = \"v\"\n"
          "subsystem = \"nqn.2026-01.com.example:s\"\nlegs = [{ peer = \"a\", nsid = 3 }]\nsize = \"1GiB\"\n"
          "nguid = \"00112233445566778899aabbccddeeff\"\n",
      "[a]\nb = 1979-05-27T07:32:00Z\nc = [1, 2.5e3, {x = 'y'}]\n",
      "x = \"\\u00e9\"\n'''"};
}

}  // namespace nvtee::fuzz
