// A file mapped read-only, and the descriptor that keeps it. Immutable; any thread may read.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"

namespace sluice::loader {

class MappedFile {
 public:
  // Regular files only; an empty one has an empty span.
  static Result<std::unique_ptr<MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  void advise_sequential() const;
  void release(std::span<const std::byte> range) const;
  // Whether size or time of modification differ from what open() saw.
  bool changed() const;

 private:
  MappedFile() = default;

  int fd_ = -1;
  struct stat opened_ = {};
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice::loader
