#include "tools/model_store.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace sluice::tools {
namespace {

namespace fs = std::filesystem;

// "size mtime_ns" of a file, or nothing.
std::optional<std::string> stamp_of(const fs::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
         std::to_string(info.st_mtim.tv_nsec);
}

bool looks_like_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".gguf");
}

}  // namespace

bool ModelStore::is_verified(const CatalogueEntry& entry) const {
  const std::optional<std::string> stamp = stamp_of(path_of(entry));
  if (!stamp) return false;
  std::ifstream record(record_path(entry));
  std::string recorded_stamp;
  std::string recorded_sha256;
  std::getline(record, recorded_stamp);
  std::getline(record, recorded_sha256);
  return recorded_stamp == *stamp &&
         (entry.sha256.empty() ? recorded_sha256.size() == 64 : recorded_sha256 == entry.sha256);
}

Status ModelStore::record_verified(const CatalogueEntry& entry, const std::string& sha256) const {
  const std::optional<std::string> stamp = stamp_of(path_of(entry));
  std::ofstream record(record_path(entry), std::ios::trunc);
  if (stamp) record << *stamp << "\n" << sha256 << "\n";
  record.flush();
  if (!stamp || !record) {
    return fail(Code::kIo, record_path(entry).string(), "cannot be written",
                "check the directory's permissions and free space");
  }
  return {};
}

Result<fs::path> ModelStore::resolve(const std::string& name_or_path) const {
  std::error_code ignored;
  if (fs::exists(name_or_path, ignored)) return fs::path(name_or_path);
  if (looks_like_path(name_or_path)) {
    return fail(Code::kNotFound, name_or_path, "no such file",
                "give the path of a .gguf file or a name that `sluice models` lists");
  }
  auto entry = find_in_catalogue(name_or_path);
  if (!entry) return std::unexpected(entry.error());
  const fs::path path = path_of(*entry);
  if (!fs::exists(path, ignored)) {
    return fail(Code::kNotFound, "model '" + name_or_path + "'",
                "not in " + directory_.string() + " yet",
                "fetch it with: sluice pull " + name_or_path);
  }
  return path;
}

Result<std::string> sha256_of_file(const fs::path& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return fail(Code::kIo, path.string(), std::strerror(errno));
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(1 << 20);
  while (true) {
    const size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), count);
  }
  if (std::ferror(file.get()) != 0) return fail(Code::kIo, path.string(), "cannot be read");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    hex += two;
  }
  return hex;
}

}  // namespace sluice::tools
