#include "tools/eval_kl.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

namespace sluice::tools {
namespace {

struct Distance {
  double kl = 0;
  bool same_top = false;
};

Distance distance(std::span<const float> logits, std::span<const int32_t> ids,
                  std::span<const float> expected) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - double{*best});
  const double log_sum = std::log(sum) + double{*best};
  Distance out;
  double rest_expected = 1;
  double rest_here = 1;
  for (size_t i = 0; i < ids.size(); ++i) {
    const double log_here = double{logits[static_cast<size_t>(ids[i])]} - log_sum;
    const double p = std::exp(double{expected[i]});
    out.kl += p * (double{expected[i]} - log_here);
    rest_expected -= p;
    rest_here -= std::exp(log_here);
  }
  // What is outside the recorded ones counts as one further outcome.
  constexpr double kNegligible = 1e-5;
  if (rest_expected > kNegligible && rest_here > 0) {
    out.kl += rest_expected * std::log(rest_expected / rest_here);
  }
  out.same_top = best - logits.begin() == ids[0];
  return out;
}

}  // namespace

RecordingSize size_of(const Recording& recording) {
  RecordingSize size;
  for (const RecordedPrompt& prompt : recording.prompts) {
    const auto rows = static_cast<int32_t>(prompt.forced.size());
    size.tokens_max = std::max(size.tokens_max, static_cast<int32_t>(prompt.prefix.size()) + rows);
    size.rows_max = std::max(size.rows_max, rows);
  }
  return size;
}

Result<KlReport> eval_kl(model::Runner& runner, const Recording& recording) {
  const auto vocab = static_cast<size_t>(runner.info().vocab_size);
  const auto top = static_cast<size_t>(recording.top);
  std::vector<int32_t> blocks(static_cast<size_t>(runner.info().block_count));
  std::iota(blocks.begin(), blocks.end(), 0);
  std::vector<double> distances;
  KlReport report;
  int64_t same = 0;
  for (const RecordedPrompt& prompt : recording.prompts) {
    std::vector<int32_t> tokens = prompt.prefix;
    tokens.insert(tokens.end(), prompt.forced.begin(), prompt.forced.end());
    const auto out_of_range = [&](int32_t id) { return static_cast<size_t>(id) >= vocab; };
    if (std::ranges::any_of(tokens, out_of_range) ||
        std::ranges::any_of(prompt.ids, out_of_range)) {
      return fail(Code::kInvalidArgument, "recording", "has ids beyond the model's vocabulary",
                  "use a recording of the same model");
    }
    tokens.pop_back();
    model::SequenceSlice slice;
    slice.tokens = tokens;
    slice.blocks = blocks;
    slice.sampled_rows = static_cast<int32_t>(prompt.forced.size());
    const model::SequenceSlice slices[] = {slice};
    TRY(runner.submit({slices}));
    const model::StepOutput output = TRY(runner.wait());
    for (size_t row = 0; row < prompt.forced.size(); ++row) {
      const Distance d = distance(output.logits.subspan(row * vocab, vocab),
                                  std::span(prompt.ids).subspan(row * top, top),
                                  std::span(prompt.log_probabilities).subspan(row * top, top));
      distances.push_back(d.kl);
      same += d.same_top;
    }
  }
  if (distances.empty()) return fail(Code::kInvalidArgument, "recording", "is empty");
  std::ranges::sort(distances);
  report.positions = static_cast<int64_t>(distances.size());
  report.mean_kl = std::accumulate(distances.begin(), distances.end(), 0.0) /
                   static_cast<double>(distances.size());
  report.kl_p99 = distances[distances.size() * 99 / 100];
  report.kl_max = distances.back();
  report.top1_agreement = static_cast<double>(same) / static_cast<double>(distances.size());
  return report;
}

}  // namespace sluice::tools
