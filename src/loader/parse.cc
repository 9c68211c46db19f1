#include "loader/parse.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "loader/foreign.h"

namespace sluice::loader {
namespace {

constexpr std::string_view kAgain = "download it again";

class Parser {
 public:
  Parser(const std::string& name, std::span<const std::byte> bytes) : name_(name), bytes_(bytes) {}

  Result<GgufContents> parse() {
    TRY(header());
    for (uint64_t i = 0; i < key_count_; ++i) TRY(entry());
    subject_.clear();
    TRY(alignment());
    for (uint64_t i = 0; i < tensor_count_; ++i) TRY(tensor_info());
    subject_.clear();
    TRY(place_tensors());
    return std::move(contents_);
  }

 private:
  struct Place {
    size_t tensor;
    uint64_t begin;  // within the data
    uint64_t bytes;
  };

  uint64_t left() const { return bytes_.size() - at_; }

  std::unexpected<Error> corrupt_at(uint64_t byte, std::string what,
                                    std::string_view remedy = kAgain) const {
    return refuse_at(Code::kCorrupt, byte, std::move(what), remedy);
  }

  std::unexpected<Error> refuse_at(Code code, uint64_t byte, std::string what,
                                   std::string_view remedy) const {
    std::string where = name_ + ": byte " + std::to_string(byte);
    if (!subject_.empty()) where += ": " + subject_;
    return fail(code, std::move(where), std::move(what), std::string(remedy));
  }

  std::unexpected<Error> ends_within(std::string_view what) const {
    return corrupt_at(at_,
                      "the file ends after " + std::to_string(bytes_.size()) + " bytes, within " +
                          std::string(what),
                      "it is truncated: download it again");
  }

  template <typename T>
  Result<T> read(std::string_view what) {
    if (left() < sizeof(T)) return ends_within(what);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  Result<std::string_view> read_string(uint64_t bytes_max, std::string_view what) {
    const uint64_t start = at_;
    const uint64_t length = TRY(read<uint64_t>(what));
    if (length > bytes_max) {
      return corrupt_at(start, std::string(what) + " is " + std::to_string(length) +
                                   " bytes long, at most " + std::to_string(bytes_max) +
                                   " are allowed");
    }
    if (length > left()) return string_too_long(start, length, what);
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += length;
    return std::string_view(text, length);
  }

  std::unexpected<Error> string_too_long(uint64_t start, uint64_t length,
                                         std::string_view what) const {
    return corrupt_at(start, std::string(what) + " is said to be " + std::to_string(length) +
                                 " bytes long, but the file has only " + std::to_string(left()) +
                                 " more");
  }

  Result<ValueType> read_type() {
    const uint64_t start = at_;
    const auto number = TRY(read<uint32_t>("a value's type"));
    if (number >= kValueTypeCount) {
      return corrupt_at(start, "unknown value type " + std::to_string(number));
    }
    return static_cast<ValueType>(number);
  }

  Status header() {
    constexpr std::string_view kMagic = "GGUF";
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), kMagic.data(), 4) != 0) {
      return std::unexpected(foreign_file_error(name_, bytes_));
    }
    at_ = 4;
    const auto version = TRY(read<uint32_t>("the header"));
    if ((version & 0xFFFFu) == 0 && version != 0) {
      return refuse_at(Code::kUnsupported, 4, "a big-endian GGUF file",
                       "download or convert to a little-endian one");
    }
    if (version != 2 && version != 3) {
      return refuse_at(Code::kUnsupported, 4,
                       "GGUF version " + std::to_string(version) + "; versions 2 and 3 are read",
                       "download a newer file of the model, or convert it again");
    }
    contents_.version = version;
    tensor_count_ = TRY(read<uint64_t>("the header"));
    key_count_ = TRY(read<uint64_t>("the header"));
    // The least that one can take: name length, dimension count, one dimension, type, offset; and
    // key length, type, value.
    TRY(count_fits(8, tensor_count_, 8 + 4 + 8 + 4 + 8, kTensorsMax, "tensors"));
    return count_fits(16, key_count_, 8 + 4 + 1, kKeysMax, "keys");
  }

  Status count_fits(uint64_t byte, uint64_t count, uint64_t bytes_each, uint64_t max,
                    std::string_view what) const {
    if (count > max) {
      return corrupt_at(byte, "says that it has " + std::to_string(count) + " " +
                                  std::string(what) + ", at most " + std::to_string(max) +
                                  " are allowed");
    }
    if (count > left() / bytes_each) {
      return corrupt_at(byte, "says that it has " + std::to_string(count) + " " +
                                  std::string(what) + ", but is only " +
                                  std::to_string(bytes_.size()) + " bytes long");
    }
    return {};
  }

  Status entry() {
    subject_.clear();
    const uint64_t start = at_;
    const std::string_view key = TRY(read_string(kKeyBytesMax, "a key"));
    if (key.empty()) return corrupt_at(start, "a key is empty");
    subject_ = "key " + quoted(key);
    if (!contents_.key_index.emplace(key, contents_.metadata.size()).second) {
      return corrupt_at(start, "is there twice", "convert or download it again");
    }
    const ValueType type = TRY(read_type());
    contents_.metadata.push_back({key, TRY(value(type))});
    return {};
  }

  Result<Value> value(ValueType type) {
    if (type == ValueType::kString) {
      return Value{type, TRY(read_string(bytes_.size(), "a string"))};
    }
    if (type == ValueType::kArray) return Value{type, TRY(array(1))};
    const size_t bytes = value_bytes(type);
    if (left() < bytes) return ends_within("a value");
    const std::span<const std::byte> raw = bytes_.subspan(at_, bytes);
    if (type == ValueType::kBool && raw[0] > std::byte{1}) {
      return corrupt_at(at_, "a boolean is neither 0 nor 1");
    }
    at_ += bytes;
    return decode_number(type, raw);
  }

  Result<Array> array(uint32_t depth) {
    Array out;
    out.element = TRY(read_type());
    const uint64_t start = at_;
    out.count = TRY(read<uint64_t>("an array"));
    const size_t bytes_each = value_bytes(out.element);
    // A string takes at least its length; an array its type and count.
    const size_t bytes_least =
        bytes_each > 0 ? bytes_each : (out.element == ValueType::kString ? 8 : 12);
    if (out.count > left() / bytes_least) {
      return corrupt_at(start, "an array is said to have " + std::to_string(out.count) +
                                   " elements, more than the file has room for");
    }
    if (out.element == ValueType::kArray) {
      if (depth == kArrayDepthMax) {
        return corrupt_at(start, "arrays are nested deeper than " + std::to_string(kArrayDepthMax));
      }
      for (uint64_t i = 0; i < out.count; ++i) TRY(array(depth + 1));
      return out;
    }
    if (out.element == ValueType::kString) {
      TRY(strings(start, out));
      return out;
    }
    out.raw = bytes_.subspan(at_, out.count * bytes_each);
    at_ += out.raw.size();
    return out;
  }

  Status strings(uint64_t start, Array& out) {
    if (out.count > kStringsMax - string_count_) {
      return refuse_at(Code::kTooLarge, start,
                       "more than " + std::to_string(kStringsMax) + " strings in arrays", "");
    }
    string_count_ += out.count;
    out.strings.reserve(out.count);
    for (uint64_t i = 0; i < out.count; ++i) {
      if (left() < 8) return ends_within("an array of strings");
      uint64_t length;
      std::memcpy(&length, bytes_.data() + at_, 8);
      at_ += 8;
      if (length > left()) return string_too_long(at_ - 8, length, "a string of an array");
      out.strings.emplace_back(reinterpret_cast<const char*>(bytes_.data() + at_), length);
      at_ += length;
    }
    return {};
  }

  Status alignment() {
    const auto found = contents_.key_index.find("general.alignment");
    if (found == contents_.key_index.end()) return {};
    const Value& value = contents_.metadata[found->second].value;
    const std::optional<uint64_t> number = value.as_unsigned();
    if (!number || !std::has_single_bit(*number) || *number < kAlignmentMin ||
        *number > kAlignmentMax) {
      return fail(Code::kCorrupt, name_ + ": key 'general.alignment'",
                  "expected a power of two from " + std::to_string(kAlignmentMin) + " to " +
                      std::to_string(kAlignmentMax) + ", found " + value.text(),
                  "convert or download it again");
    }
    contents_.alignment = *number;
    return {};
  }

  Status tensor_info() {
    subject_.clear();
    const uint64_t start = at_;
    TensorView tensor;
    const std::string_view name = TRY(read_string(kTensorNameBytesMax, "a tensor's name"));
    if (name.empty()) return corrupt_at(start, "a tensor's name is empty");
    tensor.name = name;
    subject_ = "tensor " + quoted(name);
    const size_t index = contents_.tensors.size();
    if (!contents_.tensor_index.emplace(name, index).second) {
      return corrupt_at(start, "is there twice", "convert or download it again");
    }
    tensor.shape = TRY(shape());
    const uint64_t type_at = at_;
    const auto type_id = TRY(read<uint32_t>("a tensor's type"));
    const std::optional<DType> dtype = dtype_from_ggml(type_id);
    if (!dtype) return unknown_type(type_at, type_id);
    tensor.dtype = *dtype;
    const int64_t block = info(*dtype).block_values;
    if (tensor.columns() % block != 0) {
      return corrupt_at(type_at, "has " + std::to_string(tensor.columns()) + " columns, but " +
                                     std::string(dtype_name(*dtype)) + " comes in blocks of " +
                                     std::to_string(block));
    }
    const std::optional<size_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes) return corrupt_at(type_at, "is larger than any memory");
    const uint64_t offset_at = at_;
    const auto offset = TRY(read<uint64_t>("a tensor's offset"));
    if (offset % contents_.alignment != 0) {
      return corrupt_at(offset_at, "its offset " + std::to_string(offset) +
                                       " is not a multiple of the alignment " +
                                       std::to_string(contents_.alignment));
    }
    places_.push_back({index, offset, *bytes});
    contents_.tensors.push_back(std::move(tensor));
    return {};
  }

  Result<Shape> shape() {
    const uint64_t start = at_;
    const auto rank = TRY(read<uint32_t>("a tensor's shape"));
    if (rank < 1 || rank > 4) {
      return corrupt_at(start, "has " + std::to_string(rank) + " dimensions; 1 to 4 are possible");
    }
    std::array<uint64_t, 4> dims{};
    for (uint32_t i = 0; i < rank; ++i) {
      dims[i] = TRY(read<uint64_t>("a tensor's shape"));
      if (dims[i] == 0) return corrupt_at(at_ - 8, "a dimension is 0");
    }
    const std::optional<Shape> made = make_shape(std::span(dims).first(rank));
    if (!made) return corrupt_at(start, "its dimensions multiply to more than 2^63 values");
    return *made;
  }

  std::unexpected<Error> unknown_type(uint64_t byte, uint32_t id) const {
    const std::string_view name = ggml_type_name(id);
    if (name.empty()) return corrupt_at(byte, "unknown tensor type " + std::to_string(id));
    return refuse_at(Code::kUnsupported, byte, "type " + std::string(name) + " is not supported",
                     "use a Q4_K_M, Q8_0, Q4_1 or Q4_0 file of the model");
  }

  // Where the data starts, that each tensor lies within the file, and that none overlap.
  Status place_tensors() {
    const uint64_t mask = contents_.alignment - 1;
    contents_.data_begin = (at_ + mask) & ~mask;
    std::ranges::sort(places_, {}, &Place::begin);
    uint64_t end = contents_.data_begin;
    for (size_t i = 0; i < places_.size(); ++i) {
      const Place& place = places_[i];
      const std::string& name = contents_.tensors[place.tensor].name;
      uint64_t begin = 0;
      uint64_t place_end = 0;
      if (__builtin_add_overflow(contents_.data_begin, place.begin, &begin) ||
          __builtin_add_overflow(begin, place.bytes, &place_end) || place_end > uint64_t{1} << 62) {
        return fail(Code::kCorrupt, name_ + ": tensor " + quoted(name),
                    "its offset is beyond any file", std::string(kAgain));
      }
      if (i > 0 && begin < end) {
        return fail(
            Code::kCorrupt, name_ + ": tensor " + quoted(name),
            "its data overlaps that of " + quoted(contents_.tensors[places_[i - 1].tensor].name),
            std::string(kAgain));
      }
      end = place_end;
    }
    if (!places_.empty() && end > bytes_.size()) {
      return fail(Code::kCorrupt, name_,
                  "truncated: has " + std::to_string(bytes_.size()) + " bytes, its tensors need " +
                      std::to_string(end),
                  std::string(kAgain));
    }
    for (const Place& place : places_) {
      contents_.tensors[place.tensor].data =
          bytes_.subspan(contents_.data_begin + place.begin, place.bytes);
    }
    return {};
  }

  const std::string& name_;
  const std::span<const std::byte> bytes_;
  uint64_t at_ = 0;
  std::string subject_;  // "key 'x'" or "tensor 'x'" being read, for errors
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t string_count_ = 0;
  std::vector<Place> places_;
  GgufContents contents_;
};

}  // namespace

Result<GgufContents> parse_gguf(const std::string& name, std::span<const std::byte> bytes) {
  return Parser(name, bytes).parse();
}

}  // namespace sluice::loader
