// The directory that models are kept in, and what is known of the files there.
//
// A file that has been fetched and checked has a small record beside it (".<file>.verified": size,
// modification time, SHA-256), so that it is hashed once and not at every start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "tools/catalogue.h"

namespace sluice::tools {

class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path path_of(const CatalogueEntry& entry) const {
    return directory_ / entry.file_name;
  }

  // Whether the entry's file is there and its record matches it.
  bool is_verified(const CatalogueEntry& entry) const;
  // Writes the record of a file whose content has just been hashed.
  Status record_verified(const CatalogueEntry& entry, const std::string& sha256) const;

  // What `--model` names: an existing file, or a catalogue entry that has been fetched. Errors say
  // which command fetches it.
  Result<std::filesystem::path> resolve(const std::string& name_or_path) const;

 private:
  std::filesystem::path record_path(const CatalogueEntry& entry) const {
    return directory_ / ("." + entry.file_name + ".verified");
  }

  std::filesystem::path directory_;
};

// SHA-256 of a file in lower-case hex.
Result<std::string> sha256_of_file(const std::filesystem::path& path);

}  // namespace sluice::tools
