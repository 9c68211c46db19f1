// How far the next-token distributions of a model here are from recorded ones.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "model/cpu_runner.h"
#include "tools/recording.h"

namespace sluice::tools {

struct KlReport {
  int64_t positions = 0;
  double mean_kl = 0;  // nats, over the recorded top and the rest as one
  double kl_p99 = 0;
  double kl_max = 0;
  double top1_agreement = 0;  // 0 to 1
};

// Teacher-forces every prompt of the recording through `runner`, which has blocks and rows for the
// longest of them.
Result<KlReport> eval_kl(model::Runner& runner, const Recording& recording);

// Tokens of the longest prompt with what is forced after it, and the most rows that one needs.
struct RecordingSize {
  int32_t tokens_max = 0;
  int32_t rows_max = 0;
};
RecordingSize size_of(const Recording& recording);

}  // namespace sluice::tools
