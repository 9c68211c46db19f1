// gzip (RFC 1952) for whole response bodies. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace sluice::http {

// Smaller bodies are sent as they are.
constexpr size_t kGzipBytesMin = 1024;

// Whether Accept-Encoding asks for gzip (by name or "*", with a weight above 0).
bool accepts_gzip(const Headers& headers);

// Nothing if zlib has no memory.
std::optional<std::string> gzip(std::string_view bytes);

}  // namespace sluice::http
