// The table of bounds: documented, and each reached by a test.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "runtime/base/event_names.hpp"
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

// Names as the sources use them: events().add(..., "name"...) and event(..., "name"...).
TEST(Events, EveryNameOfTheSourcesIsExplained) {
  const std::regex name("\"((?:leg|namespace|node|store|copy|verify|config|throttle)\\.[a-z_]+)\"");
  std::set<std::string> used;
  for (const char* folder : {"core", "dataplane", "nvteed"})
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(NVTEE_SOURCE_DIR) + "/runtime/" + folder)) {
      const std::string path = entry.path().string();
      if (!path.ends_with(".cpp") || path.ends_with("_test.cpp") || path.find("/sim_") != path.npos) continue;
      const std::string text = text_of(entry.path());
      for (std::sregex_iterator i(text.begin(), text.end(), name), end; i != end; ++i) {
        // Names of configuration keys and bounds have the same form: an event stands behind a severity.
        const auto from = static_cast<std::size_t>(i->position());
        const std::string before = text.substr(from > 160 ? from - 160 : 0, std::min<std::size_t>(from, 160));
        const auto statement = before.find_last_of(";{}");
        if (before.substr(statement == before.npos ? 0 : statement).find("Severity::") != before.npos)
          used.insert((*i)[1]);
      }
    }
  EXPECT_GT(used.size(), 25u);
  for (const auto& u : used)
    EXPECT_NE(events::find(u), nullptr) << u << " is not in runtime/base/event_names.cpp";
  for (const auto& m : events::all()) EXPECT_TRUE(used.contains(m.name)) << m.name << " is told by nobody";
}

TEST(Events, PageHasTheTable) {
  EXPECT_NE(text_of(std::string(NVTEE_SOURCE_DIR) + "/docs/EVENTS.md").find(events::table()),
            std::string::npos)
      << "docs/EVENTS.md is out of date: put in\n"
      << events::table();
}

}  // namespace
}  // namespace nvtee
