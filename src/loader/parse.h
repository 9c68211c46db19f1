// The GGUF reader proper: bytes to GgufContents, every number checked before it is used. Memory
// that it takes is bounded by a small multiple of the bytes that the file really has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "loader/gguf.h"

namespace sluice::loader {

constexpr uint64_t kKeysMax = 65536;
constexpr uint64_t kTensorsMax = 65536;
constexpr uint64_t kKeyBytesMax = 65535;              // the specification's
constexpr uint64_t kTensorNameBytesMax = 64;          // the specification's
constexpr uint64_t kStringsMax = uint64_t{16} << 20;  // in arrays, the whole file
constexpr uint32_t kArrayDepthMax = 4;
constexpr uint64_t kAlignmentMin = 8;  // the specification's: a multiple of 8
constexpr uint64_t kAlignmentMax = uint64_t{1} << 20;

// `name` is the file's, for errors.
Result<GgufContents> parse_gguf(const std::string& name, std::span<const std::byte> bytes);

}  // namespace sluice::loader
