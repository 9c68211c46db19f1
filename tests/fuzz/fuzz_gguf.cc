// module: loader
//
// A whole GGUF file. What is accepted must hold together: views within the input, in-range getters.
#include <cstdlib>
#include <functional>

#include "loader/gguf.h"

namespace {

using namespace sluice;
using namespace sluice::loader;

void require(bool condition) {
  if (!condition) std::abort();
}

bool within(const void* begin, size_t bytes, std::span<const std::byte> input) {
  const auto* first = static_cast<const std::byte*>(begin);
  if (bytes == 0) return true;
  return !std::less<>()(first, input.data()) &&
         !std::less<>()(input.data() + input.size(), first + bytes);
}

void check_metadata(const GgufFile& file, std::span<const std::byte> input) {
  for (const auto& [key, value] : file.metadata()) {
    require(file.value(key) == &value);
    require(value.text().find('\n') == std::string::npos);
    (void)file.get_u32(key);
    (void)file.get_i64(key, 1);
    (void)file.get_f32(key);
    (void)file.get_bool(key);
    (void)file.get_integers(key);
    (void)file.get_floats(key);
    if (const auto text = file.get_string(key)) require(within(text->data(), text->size(), input));
    if (const auto texts = file.get_strings(key)) {
      for (const auto text : *texts) require(within(text.data(), text.size(), input));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
  const auto file = GgufFile::parse("fuzz.gguf", input);
  if (!file) {
    require(file.error().where.starts_with("fuzz.gguf"));
    require(file.error().message().find('\n') == std::string::npos);
    return 0;
  }
  check_metadata(**file, input);
  for (const TensorView& tensor : (*file)->tensors()) {
    require((*file)->find(tensor.name) == &tensor);
    require(within(tensor.data.data(), tensor.data.size(), input));
    require(tensor.data.size() == tensor.row_bytes() * static_cast<size_t>(tensor.rows()));
  }
  (void)(*file)->fingerprint();
  return 0;
}
