// The table of bounds: documented, and each reached by a test.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "runtime/base/limits.hpp"

namespace nvtee {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Limits, PageHasTheTable) {
  const std::string page = text_of(std::string(NVTEE_SOURCE_DIR) + "/docs/LIMITS.md");
  EXPECT_NE(page.find(limits::bounds_table()), std::string::npos) << "docs/LIMITS.md is out of date: put in\n"
                                                                  << limits::bounds_table();
}

TEST(Limits, EveryBoundIsReachedByATest) {
  std::set<std::string> reached;
  for (const char* top : {"runtime", "tools", "tests"})
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(NVTEE_SOURCE_DIR) + "/" + top)) {
      if (!entry.path().string().ends_with("_test.cpp")) continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);)
        if (const auto at = line.find("// reaches: "); at != std::string::npos)
          reached.insert(line.substr(at + 12));
    }
  std::set<std::string> bounds;
  for (const auto& b : limits::bounds()) {
    EXPECT_TRUE(bounds.insert(b.name).second) << b.name << " twice";
    EXPECT_TRUE(reached.contains(b.name)) << "no test has \"// reaches: " << b.name << "\"";
  }
  for (const auto& r : reached)
    if (!r.starts_with("\"") && !r.starts_with("NAME"))
      EXPECT_TRUE(bounds.contains(r)) << r << " is no bound";
}

}  // namespace
}  // namespace nvtee
