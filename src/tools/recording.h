// Recorded next-token distributions of another program: what `sluice eval kl` compares with. The
// format is described in tests/golden/make_llamacpp_goldens.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::tools {

struct RecordedPrompt {
  std::vector<int32_t> prefix;
  std::vector<int32_t> forced;           // fed back one by one; each was predicted by a row
  std::vector<int32_t> ids;              // [forced][top], most likely first
  std::vector<float> log_probabilities;  // [forced][top]
};

struct Recording {
  int32_t top = 0;
  std::vector<RecordedPrompt> prompts;
};

// Reads a recording, gzip'd or not. Every count is checked.
Result<Recording> read_recording(const std::string& path);

}  // namespace sluice::tools
