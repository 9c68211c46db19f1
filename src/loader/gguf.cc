#include "loader/gguf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "loader/gguf_parser.h"

namespace sluice::loader {
namespace {

std::string_view type_name(const MetaValue& value) {
  constexpr std::string_view kNames[] = {"an integer", "an integer", "a number",
                                         "a boolean",  "a string",   "an array"};
  return kNames[value.index()];
}

// A mapped file, unmapped again unless it is taken over.
struct Mapping {
  void* address = MAP_FAILED;
  size_t size = 0;
  ~Mapping() {
    if (address != MAP_FAILED) munmap(address, size);
  }
};

Status map_file(const std::string& path, Mapping& mapping) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return fail(errno == ENOENT ? Code::kNotFound : Code::kIo, path, std::strerror(errno),
                errno == ENOENT ? "give the path of a .gguf file" : "check the file's permissions");
  }
  struct stat status{};
  fstat(descriptor, &status);
  std::string problem;
  if (!S_ISREG(status.st_mode)) {
    problem = S_ISDIR(status.st_mode) ? "is a directory" : "is not a regular file";
  } else if (status.st_size == 0) {
    problem = "the file is empty";
  } else {
    mapping.size = static_cast<size_t>(status.st_size);
    mapping.address = mmap(nullptr, mapping.size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping.address == MAP_FAILED) problem = std::strerror(errno);
  }
  close(descriptor);
  if (!problem.empty()) return fail(Code::kIo, path, problem, "give the path of a .gguf file");
  madvise(mapping.address, mapping.size, MADV_WILLNEED);
  return {};
}

}  // namespace

Result<std::shared_ptr<const GgufFile>> GgufFile::open(const std::string& path) {
  Mapping mapping;
  TRY(map_file(path, mapping));
  std::shared_ptr<GgufFile> file(new GgufFile);
  file->path_ = path;
  file->bytes_ = {static_cast<const std::byte*>(mapping.address), mapping.size};
  TRY(GgufParser(*file, file->bytes_).parse());
  file->mapped_ = true;
  mapping.address = MAP_FAILED;
  return std::shared_ptr<const GgufFile>(std::move(file));
}

Result<std::shared_ptr<const GgufFile>> GgufFile::parse(std::span<const std::byte> bytes,
                                                        std::string name) {
  std::shared_ptr<GgufFile> file(new GgufFile);
  file->path_ = std::move(name);
  file->bytes_ = bytes;
  TRY(GgufParser(*file, bytes).parse());
  return std::shared_ptr<const GgufFile>(std::move(file));
}

GgufFile::~GgufFile() {
  if (mapped_) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Error GgufFile::missing(const std::string& key) const {
  return {Code::kCorrupt, path_ + ": key '" + key + "'", "is missing",
          "the file is incomplete or of another kind; convert or download it again"};
}

Error GgufFile::mistyped(const std::string& key, const MetaValue& value,
                         std::string_view wanted) const {
  return {Code::kCorrupt, path_ + ": key '" + key + "'",
          "expected " + std::string(wanted) + ", found " + std::string(type_name(value)),
          "convert or download the file again"};
}

Result<int64_t> GgufFile::integer(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  if (const auto* number = std::get_if<int64_t>(&found->second)) return *number;
  return std::unexpected(mistyped(key, found->second, "an integer below 2^63"));
}

Result<double> GgufFile::real(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  if (const auto* number = std::get_if<double>(&found->second)) return *number;
  if (const auto* number = std::get_if<int64_t>(&found->second)) {
    return static_cast<double>(*number);
  }
  return std::unexpected(mistyped(key, found->second, "a number"));
}

Result<std::string> GgufFile::text(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  if (const auto* string = std::get_if<std::string_view>(&found->second)) {
    return std::string(*string);
  }
  return std::unexpected(mistyped(key, found->second, "a string"));
}

Result<bool> GgufFile::flag(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  if (const auto* boolean = std::get_if<bool>(&found->second)) return *boolean;
  return std::unexpected(mistyped(key, found->second, "a boolean"));
}

Result<std::vector<std::string>> GgufFile::texts(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  const auto* array = std::get_if<std::shared_ptr<const MetaArray>>(&found->second);
  if (array == nullptr) return std::unexpected(mistyped(key, found->second, "an array of strings"));
  std::vector<std::string> out;
  out.reserve((*array)->items.size());
  for (const MetaValue& item : (*array)->items) {
    const auto* string = std::get_if<std::string_view>(&item);
    if (string == nullptr) return std::unexpected(mistyped(key, item, "an array of strings"));
    out.emplace_back(*string);
  }
  return out;
}

Result<std::vector<int64_t>> GgufFile::integers(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::unexpected(missing(key));
  const auto* array = std::get_if<std::shared_ptr<const MetaArray>>(&found->second);
  if (array == nullptr) {
    return std::unexpected(mistyped(key, found->second, "an array of integers"));
  }
  std::vector<int64_t> out;
  out.reserve((*array)->items.size());
  for (const MetaValue& item : (*array)->items) {
    const auto* number = std::get_if<int64_t>(&item);
    if (number == nullptr) return std::unexpected(mistyped(key, item, "an array of integers"));
    out.push_back(*number);
  }
  return out;
}

const TensorView* GgufFile::find(const std::string& name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Result<TensorView> GgufFile::tensor(const std::string& name) const {
  if (const TensorView* view = find(name)) return *view;
  return fail(Code::kCorrupt, path_ + ": tensor '" + name + "'", "is missing",
              "the file is incomplete or of another kind; convert or download it again");
}

void GgufFile::release(std::span<const std::byte> range) const {
  if (!mapped_ || range.empty()) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(range.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(range.data() + range.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace sluice::loader
