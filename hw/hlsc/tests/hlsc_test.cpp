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
#include <set>
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
          kSource.string(),
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

// A golden's own options stand in its first line: `// hlsc: OPTION...`.
std::vector<std::string> with_options(std::vector<std::string> args, const fs::path& source) {
  std::istringstream in(text_of(source));
  std::string line, word;
  std::getline(in, line);
  const std::string mark = "// hlsc: ";
  if (!line.starts_with(mark)) return args;
  std::istringstream words(line.substr(mark.size()));
  while (words >> word) args.push_back(word);
  return args;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, IsWhatItWas) {
  const std::string name = GetParam();
  const TempDir out;
  const fs::path source = kTests / "golden" / (name + ".cpp");
  const Ran r = run(kTests / "golden", with_options(arguments(source, name, out.path()), source));
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
  std::string file, top, what;
  unsigned line = 0;
};

// Of tests/refused*.cpp: `// refused TOP: MESSAGE` stands above the line.
void refusals_of(const std::string& file, std::vector<No>& r) {
  std::istringstream in(text_of(kTests / file));
  const std::string mark = "// refused ";
  unsigned n = 0;
  for (std::string line; std::getline(in, line);) {
    ++n;
    const size_t at = line.find(mark);
    if (at == std::string::npos) continue;
    const size_t colon = line.find(": ", at);
    const size_t from = at + mark.size();
    r.push_back({file, line.substr(from, colon - from), line.substr(colon + 2), n + 1});
  }
}
std::vector<No> refusals() {
  std::vector<No> r;
  std::set<std::string> files;
  for (const auto& f : fs::directory_iterator(kTests))
    if (f.path().filename().string().starts_with("refused")) files.insert(f.path().filename());
  for (const std::string& f : files) refusals_of(f, r);
  return r;
}

class Refused : public testing::TestWithParam<No> {};

TEST_P(Refused, NamesTheLineAndTheRemedy) {
  const No& no = GetParam();
  const TempDir out;
  const Ran r = run(kTests, arguments(no.file, no.top, out.path()));
  EXPECT_EQ(r.code, 1);
  const std::string where = no.file + ":" + std::to_string(no.line) + ": error: ";
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

// What hlsc says of a kernel with these lines in it.
Ran with_pragmas(const std::string& lines, const std::string& kind = "PIPELINE II = 1") {
  const TempDir dir;
  std::ofstream(dir.path() / "k.cpp")
      << "#include \"words.hpp\"\n"
         "extern \"C\" void k(hls::stream<Word>& in, hls::stream<Word>& out) {\n"
         "#pragma HLS "
      << kind << "\n"
      << lines << "  out.write(in.read());\n}\n";
  return run(dir.path(), arguments(dir.path() / "k.cpp", "k", dir.path()));
}

// What has no effect here must not look as if it had one.
TEST(Hlsc, WarnsOfPragmasWithoutEffect) {
  const std::string at = "k.cpp:4: warning: #pragma HLS ";
  const std::vector<std::pair<std::string, std::string>> all = {
      {"SPARKLE", "SPARKLE is unknown here"},
      {"PIPELINE II = 1 style = frp", "PIPELINE: option 'style'"},
      {"UNROLL factor = 2", "UNROLL: option 'factor'"},
      {"BIND_STORAGE variable = nothing type = ram_2p impl = bram", "BIND_STORAGE: 'nothing' is no array"},
      {"ARRAY_PARTITION variable = nothing complete", "ARRAY_PARTITION: 'nothing' is no array"},
      {"ARRAY_PARTITION variable = nothing cyclic factor = 2", "ARRAY_PARTITION: option 'cyclic'"},
      {"INTERFACE axis port = inn", "INTERFACE: there is no parameter 'inn'"},
      {"INTERFACE bram port = in", "INTERFACE: option 'bram'"},
      {"STREAM variable = in depth = 4", "STREAM: a kernel has no streams of its own"},
  };
  for (const auto& [pragma, said] : all) {
    const Ran r = with_pragmas("#pragma HLS " + pragma + "\n");
    EXPECT_EQ(r.code, 0) << r.said;
    EXPECT_NE(r.said.find(at + said), std::string::npos) << pragma << ": " << r.said;
  }
  const Ran quiet =
      with_pragmas("#pragma HLS INTERFACE ap_ctrl_none port = return\n#pragma HLS LATENCY min = 1\n");
  EXPECT_EQ(quiet.said, "");
}

TEST(Hlsc, WarnsOfJoinsThatJoinNothing) {
  const TempDir dir;
  std::ofstream(dir.path() / "k.cpp")
      << "#include \"words.hpp\"\n"
         "extern \"C\" void move(hls::stream<Word>& in, hls::stream<Word>& out) {\n"
         "#pragma HLS PIPELINE II = 1\n"
         "  out.write(in.read());\n}\n"
         "extern \"C\" void k(hls::stream<Word>& in, hls::stream<Word>& out) {\n"
         "#pragma HLS DATAFLOW\n"
         "#pragma HLS STREAM variable = midle depth = 4\n"
         "  static hls::stream<Word, 4> middle, lost;\n"
         "  move(in, lost);\n"
         "  move(middle, out);\n}\n";
  const Ran r = run(dir.path(), arguments(dir.path() / "k.cpp", "k", dir.path()));
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.said.find("k.cpp:8: warning: #pragma HLS STREAM: there is no stream 'midle'"),
            std::string::npos)
      << r.said;
  EXPECT_NE(r.said.find("k.cpp:9: warning: stream 'middle' has no writer"), std::string::npos) << r.said;
  EXPECT_NE(r.said.find("k.cpp:9: warning: stream 'lost' has no reader"), std::string::npos) << r.said;
}

TEST(Hlsc, SourceThatDoesNotCompile) {
  const Ran r = with_pragmas("  this is no C++;\n");
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.said.find("clang ended with"), std::string::npos) << r.said;
  std::vector<std::string> args = arguments(kTests / "golden/rom.cpp", "rom", "/nowhere");
  args.insert(args.end(), {"--clang", "no-such-clang"});
  const Ran none = run(kTests, args);
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.said.find("no-such-clang is not there\n  remedy: install clang-19"), std::string::npos)
      << none.said;
}

TEST(Hlsc, TwoFunctionsOfOneName) {
  const TempDir dir;
  std::ofstream(dir.path() / "k.cpp")
      << "#include \"words.hpp\"\n"
         "namespace a { void k(hls::stream<Word>& in) { (void)in.read(); } }\n"
         "namespace b { void k(hls::stream<Word>& in) { (void)in.read(); } }\n";
  const Ran r = run(dir.path(), arguments(dir.path() / "k.cpp", "k", dir.path()));
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.said.find("more than one function is called k"), std::string::npos) << r.said;
  EXPECT_EQ(run(dir.path(), arguments(dir.path() / "k.cpp", "a::k", dir.path())).code, 0);
}

// Stages, ports, memories, levels, and the longest path with its lines: for people and for programs.
TEST(Hlsc, Reports) {
  const TempDir out;
  ASSERT_EQ(run(kTests, arguments(kTests / "golden/fields.cpp", "fields", out.path())).code, 0);
  const std::string text = text_of(out.path() / "fields.txt"), json = text_of(out.path() / "fields.json");
  for (const char* said :
       {"kernel fields (fields.cpp:", "II 2 (at most 2 asked)", "LUT levels", "in  in: 21 bits Word",
        "out out: 21 bits Word, written in stage", "block state.rows: 128 x 12 bits, 1 read, 1 write",
        "lutram state.banks[0]: 64 x 8 bits", "longest path, from its end:", "fields.cpp:"})
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  for (const char* key :
       {"\"ii\": 2", "\"stages\"", "\"levels\"", "\"longest_path\"", "\"at\": \"fields.cpp:", "\"memories\"",
        "\"read_ports\"", "\"write_ports\"", "\"streams\"", "\"registers\"", "\"stall_mode\": \"exact\"",
        "\"reserve_to_write\""})
    EXPECT_NE(json.find(key), std::string::npos) << key << "\n" << json;
}

// README.md's table of constructs names each golden, and nothing that is not there.
TEST(Hlsc, TableOfConstructsIsTrue) {
  const std::string readme = text_of(kSource / "hw/hlsc/README.md");
  for (const std::string& g : goldens()) EXPECT_NE(readme.find("`" + g + "`"), std::string::npos) << g;
  std::set<std::string> known;
  for (const std::string& g : goldens()) known.insert(g);
  for (const No& n : refusals()) known.insert(n.top);
  const size_t from = readme.find("## Constructs and their tests");
  ASSERT_NE(from, std::string::npos);
  std::istringstream lines(readme.substr(from));
  std::set<std::string> named;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ") || line.starts_with("| construct")) continue;
    const size_t tests = line.find(" | ", 2);  // the columns with names of tests
    for (size_t i = tests; (i = line.find('`', i)) != std::string::npos;) {
      const size_t end = line.find('`', i + 1);
      named.insert(line.substr(i + 1, end - i - 1));
      i = end + 1;
    }
  }
  for (const std::string& n : named) EXPECT_TRUE(known.count(n)) << n << " is named and is not there";
  for (const std::string& n : known) EXPECT_TRUE(named.count(n)) << n << " is not named";
}

}  // namespace
