#include "loader/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace sluice::loader {
namespace {

Error open_error(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return {Code::kNotFound, path, "no such file",
              "check the path; `sluice models` lists known models"};
    case EACCES:
    case EPERM: return {Code::kIo, path, "no permission to read the file", "chmod or chown it"};
    case EMFILE:
    case ENFILE:
      return {Code::kResource, path, "too many open files", "raise the limit (ulimit -n)"};
    default: return {Code::kIo, path, std::string("cannot be opened: ") + strerror(error), ""};
  }
}

}  // namespace

Result<std::unique_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    return fail(Code::kInvalidArgument, path.substr(0, path.find('\0')),
                "the path contains a NUL byte");
  }
  std::unique_ptr<MappedFile> file(new MappedFile);
  // Without O_NONBLOCK, opening a pipe would wait for its writer.
  file->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->fd_ < 0 || fstat(file->fd_, &file->opened_) != 0) {
    return std::unexpected(open_error(path, errno));
  }
  if (S_ISDIR(file->opened_.st_mode)) {
    return fail(Code::kInvalidArgument, path, "is a directory", "give a .gguf file in it");
  }
  if (!S_ISREG(file->opened_.st_mode)) {
    return fail(Code::kInvalidArgument, path, "is not a regular file", "give a .gguf file");
  }
  const auto size = static_cast<size_t>(file->opened_.st_size);
  if (size == 0) return file;
  void* mapping = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->fd_, 0);
  if (mapping == MAP_FAILED) {
    return fail(errno == ENOMEM ? Code::kResource : Code::kIo, path,
                std::string("cannot be mapped: ") + strerror(errno),
                "raise the address space limit (ulimit -v) or copy it to a local disk");
  }
  file->data_ = static_cast<const std::byte*>(mapping);
  file->size_ = size;
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (fd_ >= 0) close(fd_);
}

void MappedFile::advise_sequential() const {
  if (data_ == nullptr) return;
  madvise(const_cast<std::byte*>(data_), size_, MADV_SEQUENTIAL);
  madvise(const_cast<std::byte*>(data_), size_, MADV_WILLNEED);
}

void MappedFile::release(std::span<const std::byte> range) const {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto mapped = reinterpret_cast<uintptr_t>(data_);
  const auto first = reinterpret_cast<uintptr_t>(range.data());
  if (range.empty() || first < mapped || first - mapped > size_ ||
      range.size() > size_ - (first - mapped)) {
    return;
  }
  const uintptr_t begin = (first + page - 1) / page * page;
  const uintptr_t end = (first + range.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

bool MappedFile::changed() const {
  struct stat now = {};
  if (fstat(fd_, &now) != 0) return true;
  return now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
         now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
}

}  // namespace sluice::loader
