#include "tools/recording.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "tensor/half.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kMagic = "SLUICE-LOGITS-1\n";
constexpr size_t kBytesMax = size_t{1} << 30;
constexpr uint32_t kTopMax = 4096;
constexpr uint32_t kTokensMax = 1 << 20;

Result<std::vector<char>> read_unpacked(const std::string& path) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 16) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return fail(Code::kIo, path, archive_error_string(reader.get()), "give a recording");
  }
  std::vector<char> bytes;
  std::vector<char> piece(1 << 16);
  while (true) {
    const la_ssize_t count = archive_read_data(reader.get(), piece.data(), piece.size());
    if (count < 0) return fail(Code::kCorrupt, path, archive_error_string(reader.get()));
    if (count == 0) return bytes;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
    if (bytes.size() > kBytesMax) return fail(Code::kTooLarge, path, "is larger than 1 GiB");
  }
}

class Reader {
 public:
  Reader(std::span<const char> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  Result<std::span<const char>> take(size_t count) {
    if (count > bytes_.size() - position_) {
      return fail(Code::kCorrupt, path_ + ": byte " + std::to_string(position_),
                  "the recording ends early", "record it again");
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  Result<uint32_t> number(uint32_t max) {
    const std::span<const char> raw = TRY(take(sizeof(uint32_t)));
    uint32_t value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    if (value > max) {
      return fail(Code::kCorrupt, path_ + ": byte " + std::to_string(position_ - 4),
                  std::to_string(value) + " is out of range", "record it again");
    }
    return value;
  }

  Status ids(size_t count, std::vector<int32_t>& out) {
    for (size_t i = 0; i < count; ++i) {
      out.push_back(static_cast<int32_t>(TRY(number(INT32_MAX))));
    }
    return {};
  }

 private:
  std::span<const char> bytes_;
  const std::string& path_;
  size_t position_ = 0;
};

}  // namespace

Result<Recording> read_recording(const std::string& path) {
  const std::vector<char> bytes = TRY(read_unpacked(path));
  Reader reader(bytes, path);
  const std::span<const char> magic = TRY(reader.take(kMagic.size()));
  if (std::string_view(magic.data(), magic.size()) != kMagic) {
    return fail(Code::kUnsupported, path + ": byte 0", "not a recording of logits");
  }
  Recording recording;
  const uint32_t top = TRY(reader.number(kTopMax));
  const uint32_t prompts = TRY(reader.number(kTokensMax));
  recording.top = static_cast<int32_t>(top);
  for (uint32_t i = 0; i < prompts; ++i) {
    RecordedPrompt prompt;
    const uint32_t prefix = TRY(reader.number(kTokensMax));
    const uint32_t forced = TRY(reader.number(kTokensMax));
    TRY(reader.ids(prefix, prompt.prefix));
    TRY(reader.ids(forced, prompt.forced));
    for (uint32_t row = 0; row < forced; ++row) {
      TRY(reader.ids(top, prompt.ids));
      const std::span<const char> halves = TRY(reader.take(size_t{top} * sizeof(uint16_t)));
      for (uint32_t j = 0; j < top; ++j) {
        uint16_t half = 0;
        std::memcpy(&half, halves.data() + j * sizeof half, sizeof half);
        prompt.log_probabilities.push_back(half_to_float(half));
      }
    }
    recording.prompts.push_back(std::move(prompt));
  }
  return recording;
}

}  // namespace sluice::tools
