// The bounds of an attention tile.
#pragma once

#include <cstdint>

namespace sluice::kernels {

constexpr int32_t kAttentionRows = 64;
constexpr int32_t kAttentionChunk = 256;  // positions

}  // namespace sluice::kernels
