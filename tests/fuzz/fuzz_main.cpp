// libFuzzer's entry points. With NVTEE_FUZZ_SEEDS=DIR the target only writes its seeds there.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/base/log.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  nvtee::log::setup("fuzz", "off");
  const char* directory = std::getenv("NVTEE_FUZZ_SEEDS");
  if (!directory) return 0;
  std::filesystem::create_directories(directory);
  unsigned n = 0;
  for (const auto& seed : nvtee::fuzz::seeds())
    std::ofstream(std::string(directory) + "/seed-" + std::to_string(n++), std::ios::binary) << seed;
  std::printf("%u seeds\n", n);
  std::exit(n == 0 ? 1 : 0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nvtee::fuzz::one(nvtee::fuzz::Input(data, size));
  return 0;
}
