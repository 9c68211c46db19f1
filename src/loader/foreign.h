// What a file is that is not a GGUF file we can read, judged by its first bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"

namespace sluice::loader {

// The Error for bytes that do not start with "GGUF": says what they look like and what would do.
Error foreign_file_error(const std::string& name, std::span<const std::byte> bytes);

}  // namespace sluice::loader
