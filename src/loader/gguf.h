// A GGUF file: metadata and named read-only tensors over a memory-mapped file. It knows no model.
//
// Immutable once open and shared; any thread may read. Everything that it returns by view (strings,
// tensor data) lives as long as the GgufFile. Every count, length, offset and type is checked in
// open(), and lengths are read once: a file that is rewritten afterwards can change what a view
// holds, never where it ends. A file that is *truncated* while mapped raises SIGBUS on the next
// touch of a lost page; no process can prevent that for its own mapping. So replace model files by
// rename, which leaves the mapped one alone (`sluice pull` does), and copy what is needed for long
// and release() the rest. check_unchanged() tells afterwards whether what was read can be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "loader/value.h"
#include "tensor/view.h"

namespace sluice::loader {

class MappedFile;

struct MetadataEntry {
  std::string_view key;
  Value value;
};

// What is in a file, as parsed: views of its bytes.
struct GgufContents {
  uint32_t version = 0;
  uint64_t alignment = 32;
  uint64_t data_begin = 0;              // byte of the file where tensor data starts
  std::vector<MetadataEntry> metadata;  // in the file's order
  std::vector<TensorView> tensors;      // in the file's order
  std::map<std::string_view, size_t, std::less<>> key_index;
  std::map<std::string_view, size_t, std::less<>> tensor_index;
};

class GgufFile {
 public:
  // Maps and checks the file. The Error names the file and the byte, key or tensor.
  static Result<std::shared_ptr<const GgufFile>> open(const std::string& path);

  // The same from memory that the caller keeps alive and unchanged; `name` stands for the path.
  static Result<std::shared_ptr<const GgufFile>> parse(std::string name,
                                                       std::span<const std::byte> bytes);

  ~GgufFile();
  GgufFile(const GgufFile&) = delete;
  GgufFile& operator=(const GgufFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t file_bytes() const { return bytes_.size(); }
  uint32_t version() const { return contents_.version; }

  // Metadata. Without a fallback a missing key is an Error (kNotFound); with one it is the
  // fallback. A value of the wrong type or out of range is an Error (kCorrupt) either way. Integers
  // of any width are accepted if the value fits, and integers where a float is asked for.
  bool has(std::string_view key) const { return value(key) != nullptr; }
  const Value* value(std::string_view key) const;  // null: no such key
  const std::vector<MetadataEntry>& metadata() const { return contents_.metadata; }

  Result<uint32_t> get_u32(std::string_view key) const;
  Result<int32_t> get_i32(std::string_view key) const;
  Result<uint64_t> get_u64(std::string_view key) const;
  Result<int64_t> get_i64(std::string_view key) const;
  Result<float> get_f32(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;

  Result<uint32_t> get_u32(std::string_view key, uint32_t fallback) const;
  Result<int32_t> get_i32(std::string_view key, int32_t fallback) const;
  Result<uint64_t> get_u64(std::string_view key, uint64_t fallback) const;
  Result<int64_t> get_i64(std::string_view key, int64_t fallback) const;
  Result<float> get_f32(std::string_view key, float fallback) const;
  Result<bool> get_bool(std::string_view key, bool fallback) const;
  Result<std::string_view> get_string(std::string_view key, std::string_view fallback) const;

  // Arrays; a missing key is an Error.
  Result<std::span<const std::string_view>> get_strings(std::string_view key) const;
  Result<std::vector<int64_t>> get_integers(std::string_view key) const;
  Result<std::vector<float>> get_floats(std::string_view key) const;

  // Tensors, in the file's order.
  const std::vector<TensorView>& tensors() const { return contents_.tensors; }
  const TensorView* find(std::string_view name) const;  // null: no such tensor
  Result<TensorView> tensor(std::string_view name) const;

  // Tells the system that the whole file will be read soon, front to back.
  void advise_sequential() const;
  // Drops the mapped pages that lie wholly within `data` from this process's memory. They stay
  // readable (the system fetches them again) and stay in its cache.
  void release(std::span<const std::byte> data) const;
  // An Error if the file has been written to, truncated or touched since open().
  Status check_unchanged() const;

  // 64 bits that depend on the metadata, the tensors' names, types, shapes and places, and on
  // samples of their data; not on the path. A few milliseconds.
  uint64_t fingerprint() const;

 private:
  GgufFile(std::string path, std::span<const std::byte> bytes, GgufContents contents);

  Result<const Value*> required(std::string_view key) const;
  std::unexpected<Error> mismatch(std::string_view key, std::string_view expected,
                                  const Value& found) const;

  std::string path_;
  std::unique_ptr<MappedFile> mapping_;  // null after parse()
  std::span<const std::byte> bytes_;
  GgufContents contents_;
};

}  // namespace sluice::loader
