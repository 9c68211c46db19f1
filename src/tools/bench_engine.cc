#include "tools/bench_engine.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace sluice::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int32_t blocks_each(const BenchCase& bench) {
  return (bench.prompt_tokens + bench.output_tokens + model::kBlockTokens - 1) /
         model::kBlockTokens;
}

struct Stream {
  std::vector<int32_t> prompt;
  std::vector<int32_t> blocks;
  int32_t last = 0;
  int32_t position = 0;
};

// Different ids in every stream, so that nothing could be shared.
Stream make_stream(const BenchCase& bench, int32_t index, int32_t vocab) {
  Stream stream;
  for (int32_t i = 0; i < bench.prompt_tokens; ++i) {
    stream.prompt.push_back((index * 7919 + i * 104729 + 1000) % vocab);
  }
  const int32_t each = blocks_each(bench);
  stream.blocks.resize(static_cast<size_t>(each));
  std::iota(stream.blocks.begin(), stream.blocks.end(), index * each);
  return stream;
}

Status prefill(model::Runner& runner, Stream& stream) {
  while (stream.position < static_cast<int32_t>(stream.prompt.size())) {
    const int32_t left = static_cast<int32_t>(stream.prompt.size()) - stream.position;
    const int32_t count = std::min(left, runner.info().step_tokens_max);
    model::SequenceSlice slice;
    slice.tokens = std::span(stream.prompt)
                       .subspan(static_cast<size_t>(stream.position), static_cast<size_t>(count));
    slice.position = stream.position;
    slice.blocks = stream.blocks;
    slice.sampled_rows = count == left ? 1 : 0;
    slice.argmax_is_enough = true;
    const model::SequenceSlice slices[] = {slice};
    TRY(runner.submit({slices}));
    const model::StepOutput output = TRY(runner.wait());
    if (!output.ids.empty()) stream.last = output.ids[0];
    stream.position += count;
  }
  return {};
}

}  // namespace

int32_t blocks_needed(const BenchCase& bench) { return bench.batch * blocks_each(bench); }

Result<BenchResult> bench_runner(model::Runner& runner, const BenchCase& bench) {
  std::vector<Stream> streams;
  for (int32_t i = 0; i < bench.batch; ++i) {
    streams.push_back(make_stream(bench, i, runner.info().vocab_size));
  }
  BenchResult result;
  result.bench = bench;
  const Clock::time_point prefill_start = Clock::now();
  for (Stream& stream : streams) TRY(prefill(runner, stream));
  result.prefill_tokens_per_s =
      static_cast<double>(bench.batch) * bench.prompt_tokens / seconds_since(prefill_start);

  std::vector<double> steps;
  const Clock::time_point decode_start = Clock::now();
  std::vector<model::SequenceSlice> slices(streams.size());
  for (int32_t token = 1; token < bench.output_tokens; ++token) {
    const Clock::time_point step_start = Clock::now();
    for (size_t i = 0; i < streams.size(); ++i) {
      slices[i].sequence_id = i;
      slices[i].tokens = {&streams[i].last, 1};
      slices[i].position = streams[i].position;
      slices[i].blocks = streams[i].blocks;
      slices[i].sampled_rows = 1;
      slices[i].argmax_is_enough = true;
    }
    TRY(runner.submit({slices}));
    const model::StepOutput output = TRY(runner.wait());
    for (size_t i = 0; i < streams.size(); ++i) {
      streams[i].last = output.ids[i];
      ++streams[i].position;
    }
    steps.push_back(seconds_since(step_start));
  }
  if (!steps.empty()) {
    result.decode_tokens_per_s =
        static_cast<double>(steps.size()) * bench.batch / seconds_since(decode_start);
    std::ranges::sort(steps);
    result.step_ms_median = steps[steps.size() / 2] * 1e3;
  }
  return result;
}

}  // namespace sluice::tools
