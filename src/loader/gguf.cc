#include "loader/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "loader/mapped_file.h"
#include "loader/parse.h"

namespace sluice::loader {
namespace {

// A multiply-and-fold hash of 8 bytes at a time (the mixing step of wyhash). It tells files apart;
// it does not withstand an adversary.
class Hash {
 public:
  void add(uint64_t word) {
    const auto product = static_cast<unsigned __int128>(state_ ^ word) * 0x9E3779B97F4A7C15u;
    state_ = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    state_ = std::rotl(state_, 23) + 0xD6E8FEB86659FD93u;
  }

  void add(std::span<const std::byte> bytes) {
    add(bytes.size());
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      uint64_t word;
      std::memcpy(&word, bytes.data(), 8);
      add(word);
    }
    uint64_t word = 0;
    if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
    add(word);
  }

  uint64_t finish() {
    add(0);
    return state_;
  }

 private:
  uint64_t state_ = 0x2545F4914F6CDD1Du;
};

template <typename T>
std::optional<T> narrow_signed(const Value& value) {
  const std::optional<int64_t> number = value.as_signed();
  if (!number || !std::in_range<T>(*number)) return std::nullopt;
  return static_cast<T>(*number);
}

template <typename T>
std::optional<T> narrow_unsigned(const Value& value) {
  const std::optional<uint64_t> number = value.as_unsigned();
  if (!number || !std::in_range<T>(*number)) return std::nullopt;
  return static_cast<T>(*number);
}

std::optional<float> to_float(const Value& value) {
  const std::optional<double> number = value.as_float();
  if (!number) return std::nullopt;
  if (std::isfinite(*number) && std::fabs(*number) > double{std::numeric_limits<float>::max()}) {
    return std::nullopt;
  }
  return static_cast<float>(*number);
}

}  // namespace

GgufFile::GgufFile(std::string path, std::span<const std::byte> bytes, GgufContents contents)
    : path_(std::move(path)), bytes_(bytes), contents_(std::move(contents)) {}

GgufFile::~GgufFile() = default;

Result<std::shared_ptr<const GgufFile>> GgufFile::open(const std::string& path) {
  auto mapping = TRY(MappedFile::open(path));
  auto contents = TRY(parse_gguf(path, mapping->bytes()));
  std::shared_ptr<GgufFile> file(new GgufFile(path, mapping->bytes(), std::move(contents)));
  file->mapping_ = std::move(mapping);
  return file;
}

Result<std::shared_ptr<const GgufFile>> GgufFile::parse(std::string name,
                                                        std::span<const std::byte> bytes) {
  auto contents = TRY(parse_gguf(name, bytes));
  return std::shared_ptr<const GgufFile>(new GgufFile(std::move(name), bytes, std::move(contents)));
}

const Value* GgufFile::value(std::string_view key) const {
  const auto found = contents_.key_index.find(key);
  return found == contents_.key_index.end() ? nullptr : &contents_.metadata[found->second].value;
}

Result<const Value*> GgufFile::required(std::string_view key) const {
  const Value* found = value(key);
  if (found == nullptr) {
    return fail(Code::kNotFound, path_ + ": key " + quoted(key), "missing",
                "convert the model again or use another file of it");
  }
  return found;
}

std::unexpected<Error> GgufFile::mismatch(std::string_view key, std::string_view expected,
                                          const Value& found) const {
  const bool shown = found.type != ValueType::kString && found.type != ValueType::kArray;
  return fail(Code::kCorrupt, path_ + ": key " + quoted(key),
              "expected " + std::string(expected) + ", found " + found.phrase() +
                  (shown ? " (" + found.text() + ")" : ""),
              "convert the model again or use another file of it");
}

Result<uint32_t> GgufFile::get_u32(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto number = narrow_unsigned<uint32_t>(found)) return *number;
  return mismatch(key, "an integer from 0 to 2^32-1", found);
}

Result<int32_t> GgufFile::get_i32(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto number = narrow_signed<int32_t>(found)) return *number;
  return mismatch(key, "an integer of 32 bits", found);
}

Result<uint64_t> GgufFile::get_u64(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto number = found.as_unsigned()) return *number;
  return mismatch(key, "an integer from 0", found);
}

Result<int64_t> GgufFile::get_i64(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto number = found.as_signed()) return *number;
  return mismatch(key, "an integer of 64 bits", found);
}

Result<float> GgufFile::get_f32(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto number = to_float(found)) return *number;
  return mismatch(key, "a number in float32's range", found);
}

Result<bool> GgufFile::get_bool(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto* flag = std::get_if<bool>(&found.payload)) return *flag;
  return mismatch(key, "a boolean", found);
}

Result<std::string_view> GgufFile::get_string(std::string_view key) const {
  const Value& found = *TRY(required(key));
  if (const auto* text = std::get_if<std::string_view>(&found.payload)) return *text;
  return mismatch(key, "a string", found);
}

Result<uint32_t> GgufFile::get_u32(std::string_view key, uint32_t fallback) const {
  return has(key) ? get_u32(key) : fallback;
}

Result<int32_t> GgufFile::get_i32(std::string_view key, int32_t fallback) const {
  return has(key) ? get_i32(key) : fallback;
}

Result<uint64_t> GgufFile::get_u64(std::string_view key, uint64_t fallback) const {
  return has(key) ? get_u64(key) : fallback;
}

Result<int64_t> GgufFile::get_i64(std::string_view key, int64_t fallback) const {
  return has(key) ? get_i64(key) : fallback;
}

Result<float> GgufFile::get_f32(std::string_view key, float fallback) const {
  return has(key) ? get_f32(key) : fallback;
}

Result<bool> GgufFile::get_bool(std::string_view key, bool fallback) const {
  return has(key) ? get_bool(key) : fallback;
}

Result<std::string_view> GgufFile::get_string(std::string_view key,
                                              std::string_view fallback) const {
  return has(key) ? get_string(key) : fallback;
}

Result<std::span<const std::string_view>> GgufFile::get_strings(std::string_view key) const {
  const Value& found = *TRY(required(key));
  const auto* array = std::get_if<Array>(&found.payload);
  if (array == nullptr || array->element != ValueType::kString) {
    return mismatch(key, "an array of strings", found);
  }
  return std::span<const std::string_view>(array->strings);
}

Result<std::vector<int64_t>> GgufFile::get_integers(std::string_view key) const {
  const Value& found = *TRY(required(key));
  const auto* array = std::get_if<Array>(&found.payload);
  if (array == nullptr || !is_integer(array->element)) {
    return mismatch(key, "an array of integers", found);
  }
  const size_t bytes_each = value_bytes(array->element);
  std::vector<int64_t> out;
  out.reserve(array->count);
  for (uint64_t i = 0; i < array->count; ++i) {
    const Value element =
        decode_number(array->element, array->raw.subspan(i * bytes_each, bytes_each));
    const std::optional<int64_t> number = element.as_signed();
    if (!number) return mismatch(key, "integers of 64 bits with a sign", element);
    out.push_back(*number);
  }
  return out;
}

Result<std::vector<float>> GgufFile::get_floats(std::string_view key) const {
  const Value& found = *TRY(required(key));
  const auto* array = std::get_if<Array>(&found.payload);
  if (array == nullptr || (!is_float(array->element) && !is_integer(array->element))) {
    return mismatch(key, "an array of floats", found);
  }
  const size_t bytes_each = value_bytes(array->element);
  std::vector<float> out;
  out.reserve(array->count);
  for (uint64_t i = 0; i < array->count; ++i) {
    const Value element =
        decode_number(array->element, array->raw.subspan(i * bytes_each, bytes_each));
    const std::optional<float> number = to_float(element);
    if (!number) return mismatch(key, "numbers in float32's range", element);
    out.push_back(*number);
  }
  return out;
}

const TensorView* GgufFile::find(std::string_view name) const {
  const auto found = contents_.tensor_index.find(name);
  return found == contents_.tensor_index.end() ? nullptr : &contents_.tensors[found->second];
}

Result<TensorView> GgufFile::tensor(std::string_view name) const {
  const TensorView* found = find(name);
  if (found == nullptr) {
    return fail(Code::kNotFound, path_ + ": tensor " + quoted(name),
                "missing among its " + std::to_string(contents_.tensors.size()) + " tensors",
                "use a complete file of the model");
  }
  return *found;
}

void GgufFile::advise_sequential() const {
  if (mapping_) mapping_->advise_sequential();
}

void GgufFile::release(std::span<const std::byte> data) const {
  if (mapping_) mapping_->release(data);
}

Status GgufFile::check_unchanged() const {
  if (mapping_ && mapping_->changed()) {
    return fail(Code::kCorrupt, path_, "the file changed while it was read",
                "start again once it is written; replace model files by rename");
  }
  return {};
}

uint64_t GgufFile::fingerprint() const {
  constexpr size_t kSampleBytes = 512;
  Hash hash;
  hash.add(bytes_.first(std::min<uint64_t>(contents_.data_begin, bytes_.size())));
  hash.add(bytes_.size());
  for (const TensorView& tensor : contents_.tensors) {
    const size_t sample = std::min(kSampleBytes, tensor.data.size());
    hash.add(tensor.data.first(sample));
    hash.add(tensor.data.subspan((tensor.data.size() - sample) / 2, sample));
    hash.add(tensor.data.last(sample));
  }
  return hash.finish();
}

}  // namespace sluice::loader
