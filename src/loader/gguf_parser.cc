#include "loader/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/json_writer.h"

namespace sluice::loader {
namespace {

constexpr uint64_t kKeyBytesMax = 65535;
constexpr uint64_t kTensorNameBytesMax = 1024;
constexpr uint64_t kAlignmentMax = 1u << 20;
constexpr int kArrayDepthMax = 4;
constexpr std::string_view kAgain = "the file is damaged; download it again";

// Bytes that a value of a type takes at least, to hold counts against what is left.
uint64_t size_at_least(uint32_t type) {
  constexpr uint8_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

// What a file that is no GGUF looks like.
std::string describe_foreign(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 64));
  if (text.starts_with("PK\x03\x04")) return "a zip archive (a PyTorch checkpoint or a wheel?)";
  if (text.starts_with("<") || text.starts_with("\n<")) return "an HTML or XML page, not a model";
  if (text.starts_with("version https://git-lfs")) return "a Git LFS pointer, not the file itself";
  if (text.starts_with("GGML") || text.starts_with("lmgg") || text.starts_with("tjgg")) {
    return "a GGML file older than GGUF";
  }
  if (text.size() > 9 && text[8] == '{') return "a safetensors file";
  std::string start;
  for (const char c : text.substr(0, 4)) start += c;
  return "starting with " + json_quote(start);
}

uint64_t mix(uint64_t hash, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001B3ull;
  }
  return hash;
}

}  // namespace

std::unexpected<Error> GgufParser::broken(uint64_t byte, std::string what,
                                          std::string remedy) const {
  return fail(Code::kCorrupt, file_.path_ + ": byte " + std::to_string(byte), std::move(what),
              remedy.empty() ? std::string(kAgain) : std::move(remedy));
}

Result<std::span<const std::byte>> GgufParser::take(uint64_t count, std::string_view what) {
  const uint64_t left = bytes_.size() - position_;
  if (count > left) {
    return broken(position_, std::string(what) + " needs " + std::to_string(count) +
                                 " bytes, the file has " + std::to_string(left) + " more");
  }
  const auto taken = bytes_.subspan(position_, count);
  position_ += count;
  return taken;
}

template <typename T>
Result<T> GgufParser::number(std::string_view what) {
  const std::span<const std::byte> raw = TRY(take(sizeof(T), what));
  T out;
  std::memcpy(&out, raw.data(), sizeof(T));
  return out;
}

Result<std::string_view> GgufParser::string(std::string_view what) {
  const uint64_t length = TRY(number<uint64_t>(what));
  const std::span<const std::byte> raw = TRY(take(length, what));
  return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
}

Result<MetaValue> GgufParser::value(uint32_t type, const std::string& key, int depth) {
  const std::string what = "the value of '" + key + "'";
  switch (type) {
    case kUint8: return MetaValue(int64_t{TRY(number<uint8_t>(what))});
    case kInt8: return MetaValue(int64_t{TRY(number<int8_t>(what))});
    case kUint16: return MetaValue(int64_t{TRY(number<uint16_t>(what))});
    case kInt16: return MetaValue(int64_t{TRY(number<int16_t>(what))});
    case kUint32: return MetaValue(int64_t{TRY(number<uint32_t>(what))});
    case kInt32: return MetaValue(int64_t{TRY(number<int32_t>(what))});
    case kInt64: return MetaValue(TRY(number<int64_t>(what)));
    case kUint64: {
      const auto wide = TRY(number<uint64_t>(what));
      if (wide > INT64_MAX) return MetaValue(wide);
      return MetaValue(static_cast<int64_t>(wide));
    }
    case kFloat32: return MetaValue(double{TRY(number<float>(what))});
    case kFloat64: return MetaValue(TRY(number<double>(what)));
    case kBool: {
      const auto byte = TRY(number<uint8_t>(what));
      if (byte > 1) return broken(position_ - 1, what + " is no boolean");
      return MetaValue(byte == 1);
    }
    case kString: return MetaValue(TRY(string(what)));
    case kArray: return array(key, depth + 1);
    default:
      return broken(position_ - 4, "'" + key + "' has the unknown type " + std::to_string(type));
  }
}

Result<MetaValue> GgufParser::array(const std::string& key, int depth) {
  if (depth > kArrayDepthMax) return broken(position_, "'" + key + "' is nested too deeply");
  const auto type = TRY(number<uint32_t>("the array '" + key + "'"));
  const auto count = TRY(number<uint64_t>("the array '" + key + "'"));
  const uint64_t each = size_at_least(type);
  if (each == 0) {
    return broken(position_ - 12, "'" + key + "' has the unknown type " + std::to_string(type));
  }
  if (count > (bytes_.size() - position_) / each) {
    return broken(position_ - 8, "'" + key + "' claims " + std::to_string(count) +
                                     " values, more than the file can hold");
  }
  auto items = std::make_shared<MetaArray>();
  items->items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) items->items.push_back(TRY(value(type, key, depth)));
  return MetaValue(std::shared_ptr<const MetaArray>(std::move(items)));
}

Status GgufParser::header() {
  if (bytes_.empty()) return broken(0, "the file is empty", "download it again");
  if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
    return fail(Code::kUnsupported, file_.path_ + ": byte 0",
                "not a GGUF file: it is " + describe_foreign(bytes_), "give a .gguf file");
  }
  position_ = 4;
  const auto version = TRY(number<uint32_t>("the version"));
  if (version != 2 && version != 3) {
    const bool swapped = std::byteswap(version) >= 1 && std::byteswap(version) <= 16;
    return fail(Code::kUnsupported, file_.path_ + ": byte 4",
                swapped ? "the file is big-endian"
                        : "GGUF version " + std::to_string(version) + " is not supported",
                "give a little-endian file of version 2 or 3");
  }
  tensor_count_ = TRY(number<uint64_t>("the tensor count"));
  metadata_count_ = TRY(number<uint64_t>("the metadata count"));
  // A tensor's entry takes 32 bytes at least, a key and its value 13.
  const uint64_t left = bytes_.size() - position_;
  if (tensor_count_ > left / 32) {
    return broken(
        8, "claims " + std::to_string(tensor_count_) + " tensors, more than the file can hold");
  }
  if (metadata_count_ > left / 13) {
    return broken(16, "claims " + std::to_string(metadata_count_) +
                          " metadata keys, more than the file can hold");
  }
  return {};
}

Status GgufParser::metadata() {
  for (uint64_t i = 0; i < metadata_count_; ++i) {
    const uint64_t at = position_;
    const std::string_view key = TRY(string("a metadata key"));
    if (key.empty() || key.size() > kKeyBytesMax) {
      return broken(at, "a metadata key has " + std::to_string(key.size()) + " bytes");
    }
    const auto type = TRY(number<uint32_t>("the type of '" + std::string(key) + "'"));
    MetaValue parsed = TRY(value(type, std::string(key), 0));
    if (!file_.metadata_.emplace(std::string(key), std::move(parsed)).second) {
      return broken(at, "the key '" + std::string(key) + "' appears twice");
    }
  }
  if (file_.has("general.alignment")) {
    const int64_t alignment = TRY(file_.integer("general.alignment"));
    if (alignment < 1 || static_cast<uint64_t>(alignment) > kAlignmentMax ||
        !std::has_single_bit(static_cast<uint64_t>(alignment))) {
      return fail(Code::kCorrupt, file_.path_ + ": key 'general.alignment'",
                  std::to_string(alignment) + " is not a power of two up to 1048576",
                  std::string(kAgain));
    }
    alignment_ = static_cast<uint64_t>(alignment);
  }
  return {};
}

Result<TensorView> GgufParser::tensor_entry(uint64_t& offset) {
  const uint64_t at = position_;
  TensorView view;
  view.name = TRY(string("a tensor's name"));
  if (view.name.empty() || view.name.size() > kTensorNameBytesMax) {
    return broken(at, "a tensor's name has " + std::to_string(view.name.size()) + " bytes");
  }
  const std::string what = "tensor '" + view.name + "'";
  const auto rank = TRY(number<uint32_t>(what));
  if (rank < 1 || rank > 4) {
    return broken(position_ - 4, what + " has " + std::to_string(rank) + " dimensions");
  }
  view.shape.rank = static_cast<int32_t>(rank);
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    const auto size = TRY(number<uint64_t>(what));
    int64_t product = 0;
    // The product fits 2^59, so that bytes fit 64 bits whatever the type.
    if (size == 0 || size > (1ull << 59) ||
        __builtin_mul_overflow(elements, static_cast<int64_t>(size), &product) ||
        product > (int64_t{1} << 59)) {
      return broken(position_ - 8,
                    what + ": dimension " + std::to_string(i) + " is " + std::to_string(size));
    }
    elements = product;
    view.shape.dims[i] = static_cast<int64_t>(size);
  }
  const auto type = TRY(number<uint32_t>(what));
  const std::optional<DType> dtype = dtype_from_ggml(type);
  if (!dtype) {
    const std::string_view name = ggml_type_name(type);
    return fail(Code::kUnsupported, file_.path_ + ": " + what,
                "its type " + (name.empty() ? std::to_string(type) : std::string(name)) +
                    " is not supported",
                "give a file in F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q8_0, Q4_K or Q6_K, "
                "for example Q4_K_M or Q8_0");
  }
  view.dtype = *dtype;
  if (view.columns() % info(*dtype).block_values != 0) {
    return broken(at, what + ": " + std::to_string(view.columns()) +
                          " columns are no multiple of " +
                          std::to_string(info(*dtype).block_values) + ", the block of " +
                          std::string(dtype_name(*dtype)));
  }
  offset = TRY(number<uint64_t>(what));
  if (offset % alignment_ != 0) {
    return broken(position_ - 8, what + ": offset " + std::to_string(offset) +
                                     " is not aligned to " + std::to_string(alignment_));
  }
  return view;
}

Status GgufParser::tensor_table() {
  std::vector<uint64_t> offsets;
  offsets.reserve(tensor_count_);
  file_.tensors_.reserve(tensor_count_);
  for (uint64_t i = 0; i < tensor_count_; ++i) {
    const uint64_t at = position_;
    uint64_t offset = 0;
    TensorView view = TRY(tensor_entry(offset));
    if (!file_.tensor_index_.emplace(view.name, file_.tensors_.size()).second) {
      return broken(at, "the tensor '" + view.name + "' appears twice");
    }
    offsets.push_back(offset);
    file_.tensors_.push_back(std::move(view));
  }
  return place_tensors(offsets);
}

Status GgufParser::place_tensors(std::span<const uint64_t> offsets) {
  const uint64_t data_begin = (position_ + alignment_ - 1) / alignment_ * alignment_;
  struct Extent {
    uint64_t begin, end;
    size_t tensor;
  };
  std::vector<Extent> extents;
  for (size_t i = 0; i < offsets.size(); ++i) {
    TensorView& view = file_.tensors_[i];
    const uint64_t size = static_cast<uint64_t>(view.rows()) * view.row_bytes();
    uint64_t begin = 0;
    uint64_t end = 0;
    if (__builtin_add_overflow(data_begin, offsets[i], &begin) ||
        __builtin_add_overflow(begin, size, &end) || end > bytes_.size()) {
      return fail(Code::kCorrupt, file_.path_ + ": tensor '" + view.name + "'",
                  "its data needs " + std::to_string(size) + " bytes from offset " +
                      std::to_string(offsets[i]) + ", the file has " +
                      std::to_string(bytes_.size()) + " in all",
                  "the file is cut short or damaged; download it again");
    }
    view.data = bytes_.subspan(begin, size);
    extents.push_back({begin, end, i});
  }
  std::ranges::sort(extents, {}, &Extent::begin);
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) {
      return fail(Code::kCorrupt,
                  file_.path_ + ": tensor '" + file_.tensors_[extents[i].tensor].name + "'",
                  "its data overlaps that of '" + file_.tensors_[extents[i - 1].tensor].name + "'",
                  std::string(kAgain));
    }
  }
  return {};
}

uint64_t GgufParser::hash() const {
  constexpr uint64_t kSampleBytes = 256;
  uint64_t hash = mix(0xCBF29CE484222325ull, bytes_.first(position_));
  for (const TensorView& view : file_.tensors_) {
    hash = mix(hash, view.data.first(std::min<size_t>(kSampleBytes, view.data.size())));
    hash = mix(hash, view.data.last(std::min<size_t>(kSampleBytes, view.data.size())));
  }
  return hash;
}

Status GgufParser::parse() {
  TRY(header());
  TRY(metadata());
  TRY(tensor_table());
  file_.fingerprint_ = hash();
  return {};
}

}  // namespace sluice::loader
