// hlsc as a program: what it prints for small kernels, byte for byte; what it refuses, and where; that the
// same source always gives the same bytes. NVTEE_UPDATE_GOLDEN=1 writes the goldens anew: look at what
// changed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

extern char** environ;

namespace {

namespace fs = std::filesystem;

const fs::path kSource = HLSC_SOURCE_DIR, kTests = kSource / "hw/hlsc/tests";

class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "hlsc-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code e;
    fs::remove_all(path_, e);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string text_of(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

struct Ran {
  int code = -1;
  std::string said;
};

// Runs hlsc in a directory.
Ran run(const fs::path& cwd, std::vector<std::string> args) {
  const TempDir dir;
  const std::string log = (dir.path() / "log").string();
  args.insert(args.begin(), HLSC_PROGRAM);
  std::vector<char*> words;
  for (std::string& a : args) words.push_back(a.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addchdir_np(&files, cwd.c_str());
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  Ran r;
  pid_t pid = -1;
  if (posix_spawn(&pid, HLSC_PROGRAM, &files, nullptr, words.data(), environ) == 0) {
    int status = 0;
    waitpid(pid, &status, 0);
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  posix_spawn_file_actions_destroy(&files);
  r.said = text_of(log);
  return r;
}

std::vector<std::string> arguments(const fs::path& source, const std::string& top, const fs::path& out) {
  return {source.string(),
          "--top",
          top,
          "-o",
          out.string(),
          "-I",
          (kSource / "hw/include").string(),
          "-I",
          (kTests / "golden").string(),
          "-I",
          kTests.string(),
          "--quiet"};
}

std::vector<std::string> goldens() {
  std::vector<std::string> r;
  for (const auto& f : fs::directory_iterator(kTests / "golden"))
    if (f.path().extension() == ".cpp") r.push_back(f.path().stem().string());
  std::sort(r.begin(), r.end());
  return r;
}

std::map<std::string, std::string> files_in(const fs::path& dir) {
  std::map<std::string, std::string> r;
  for (const auto& f : fs::directory_iterator(dir)) r[f.path().filename().string()] = text_of(f.path());
  return r;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, IsWhatItWas) {
  const std::string name = GetParam();
  const TempDir out;
  const Ran r = run(kTests / "golden", arguments(kTests / "golden" / (name + ".cpp"), name, out.path()));
  ASSERT_EQ(r.code, 0) << r.said;
  EXPECT_EQ(r.said, "") << "it warns";
  const std::string made = text_of(out.path() / (name + ".v"));
  const fs::path golden = kTests / "golden" / (name + ".v");
  if (std::getenv("NVTEE_UPDATE_GOLDEN") != nullptr) std::ofstream(golden, std::ios::binary) << made;
  EXPECT_EQ(made, text_of(golden));
}
INSTANTIATE_TEST_SUITE_P(Constructs, Golden, testing::ValuesIn(goldens()),
                         [](const auto& i) { return i.param; });

// From another directory, by another name of the same file: the same bytes in every file.
TEST(Hlsc, SameSourceSameBytes) {
  for (const std::string& name : {"bram", "dataflow", "stages"}) {
    const TempDir a, b, c;
    const fs::path source = kTests / "golden" / (name + std::string(".cpp"));
    ASSERT_EQ(run(kTests, arguments(source, name, a.path())).code, 0);
    ASSERT_EQ(run(kTests, arguments(source, name, b.path())).code, 0);
    ASSERT_EQ(run("/", arguments(fs::relative(source, "/"), name, c.path())).code, 0);
    EXPECT_GE(files_in(a.path()).size(), 3u);
    EXPECT_EQ(files_in(a.path()), files_in(b.path()));
    EXPECT_EQ(files_in(a.path()), files_in(c.path()));
  }
}

struct No {
  std::string top, what;
  unsigned line = 0;
};

// Of tests/refused.cpp: `// refused TOP: MESSAGE` stands above the line.
std::vector<No> refusals() {
  std::vector<No> r;
  std::istringstream in(text_of(kTests / "refused.cpp"));
  const std::string mark = "// refused ";
  unsigned n = 0;
  for (std::string line; std::getline(in, line);) {
    ++n;
    const size_t at = line.find(mark);
    if (at == std::string::npos) continue;
    const size_t colon = line.find(": ", at);
    const size_t from = at + mark.size();
    r.push_back({line.substr(from, colon - from), line.substr(colon + 2), n + 1});
  }
  return r;
}

class Refused : public testing::TestWithParam<No> {};

TEST_P(Refused, NamesTheLineAndTheRemedy) {
  const No& no = GetParam();
  const TempDir out;
  const Ran r = run(kTests, arguments("refused.cpp", no.top, out.path()));
  EXPECT_EQ(r.code, 1);
  const std::string where = "refused.cpp:" + std::to_string(no.line) + ": error: ";
  const size_t at = r.said.find(where);
  ASSERT_NE(at, std::string::npos) << "wanted " << where << no.what << "\n" << r.said;
  EXPECT_NE(r.said.find(no.what, at), std::string::npos) << r.said;
  EXPECT_NE(r.said.find("\n  remedy: ", at), std::string::npos) << r.said;
  EXPECT_TRUE(files_in(out.path()).empty()) << "something was written though it was refused";
}
INSTANTIATE_TEST_SUITE_P(Constructs, Refused, testing::ValuesIn(refusals()),
                         [](const auto& i) { return i.param.top; });

TEST(Hlsc, BadUsage) {
  EXPECT_EQ(run(kTests, {}).code, 2);
  EXPECT_EQ(run(kTests, {"refused.cpp", "--what"}).code, 2);
  EXPECT_EQ(run(kTests, {"refused.cpp", "--top"}).code, 2);
  EXPECT_EQ(run(kTests, {"nothing.cpp", "--top", "x"}).code, 1);
  const Ran r = run(kTests, arguments("refused.cpp", "nobody", "/nowhere"));
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.said.find("there is no function 'nobody'"), std::string::npos) << r.said;
}

TEST(Hlsc, WarnsOfUnknownPragmas) {
  const TempDir dir;
  std::ofstream(dir.path() / "k.cpp")
      << "#include \"words.hpp\"\n"
         "extern \"C\" void k(hls::stream<Word>& in, hls::stream<Word>& out) {\n"
         "#pragma HLS PIPELINE II = 1\n"
         "#pragma HLS SPARKLE\n"
         "  out.write(in.read());\n}\n";
  std::vector<std::string> args = arguments(dir.path() / "k.cpp", "k", dir.path());
  const Ran r = run(dir.path(), args);
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.said.find("k.cpp:4: warning: #pragma HLS SPARKLE"), std::string::npos) << r.said;
}

}  // namespace
