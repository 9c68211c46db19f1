#include "model/fake_runner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::model {
namespace {

const char* const kEnglish[] = {
    "a",      "all",   "and",    "are",   "at",     "bank",  "by",   "clear", "deep",  "down",
    "each",   "fall",  "fast",   "fish",  "flow",   "for",   "from", "gate",  "grain", "green",
    "half",   "hill",  "in",     "is",    "it",     "keep",  "lake", "land",  "leaf",  "light",
    "low",    "mill",  "moss",   "new",   "night",  "of",    "old",  "on",    "open",  "over",
    "past",   "pond",  "quiet",  "rain",  "reed",   "river", "runs", "salt",  "sand",  "slow",
    "sluice", "soft",  "stone",  "still", "stream", "that",  "the",  "then",  "tide",  "to",
    "turn",   "under", "valley", "water", "wheel",  "while", "wide", "wind",  "with",  "wood"};

constexpr float kChosenLogit = 60.0f;  // any temperature up to 2 leaves the others below 1e-12
constexpr int32_t kWordBytesMax = 32;

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ (hash >> 29);
}

bool is_word_byte(int32_t id) { return id > 0x2E && id < 256; }  // letters, and all beyond ASCII

}  // namespace

FakeRunner::FakeRunner(FakeRunnerOptions options) : options_(std::move(options)) {
  CHECK(options_.vocab_size > 256 && options_.end_id >= 0 && options_.block_count > 0);
  info_ = {.architecture = "fake",
           .vocab_size = options_.vocab_size,
           .context_length = options_.context_length,
           .block_count = options_.block_count,
           .step_tokens_max = options_.step_tokens_max,
           .sampled_rows_max = options_.sampled_rows_max,
           .fingerprint = "fake"};
  words_ = options_.words;
  if (words_.empty()) words_.assign(std::begin(kEnglish), std::end(kEnglish));
  std::ranges::sort(words_);
  words_.erase(std::ranges::unique(words_).begin(), words_.end());
  for (const std::string& word : words_) {
    CHECK(!word.empty() && word.size() < kWordBytesMax);
    CHECK(std::ranges::all_of(word, [](char c) { return is_word_byte(static_cast<uint8_t>(c)); }));
  }
  memory_.assign(static_cast<size_t>(options_.block_count) * kBlockTokens, -1);
}

Status FakeRunner::submit(const StepInput& input) {
  input_ = input;
  return {};
}

Result<StepOutput> FakeRunner::wait() {
  if (failures_ > 0) {
    --failures_;
    return fail(Code::kInternal, "fake runner", "this step was told to fail");
  }
  ids_.clear();
  logits_.clear();
  int64_t tokens = 0;
  int64_t rows = 0;
  for (const SequenceSlice& slice : input_.slices) {
    store(slice);
    tokens += static_cast<int64_t>(slice.tokens.size());
    rows += slice.sampled_rows;
  }
  CHECK(tokens <= options_.step_tokens_max && rows <= options_.sampled_rows_max);
  const auto vocab = static_cast<size_t>(options_.vocab_size);
  for (const SequenceSlice& slice : input_.slices) {
    const auto count = static_cast<int32_t>(slice.tokens.size());
    for (int32_t row = count - slice.sampled_rows; row < count; ++row) {
      const int32_t position = slice.position + row;
      const int32_t token = next_token(slice, position);
      ids_.push_back(slice.argmax_is_enough ? token : -1);
      if (slice.argmax_is_enough) continue;
      // Rows whose id is known have no logits worth the time.
      logits_.resize(ids_.size() * vocab);
      fill_row(slice, position, token, std::span(logits_).last(vocab));
    }
  }
  if (!logits_.empty()) logits_.resize(ids_.size() * vocab);
  if (options_.spend) options_.spend(options_.step_ns + options_.token_ns * tokens);
  return StepOutput{.logits = logits_, .ids = ids_};
}

void FakeRunner::store(const SequenceSlice& slice) {
  for (size_t i = 0; i < slice.tokens.size(); ++i) {
    const auto position = static_cast<size_t>(slice.position) + i;
    CHECK(position / kBlockTokens < slice.blocks.size());
    CHECK(slice.tokens[i] >= 0 && slice.tokens[i] < options_.vocab_size);
    const auto block = static_cast<size_t>(slice.blocks[position / kBlockTokens]);
    memory_[block * kBlockTokens + position % kBlockTokens] = slice.tokens[i];
  }
}

int32_t FakeRunner::read(const SequenceSlice& slice, int32_t position) const {
  const auto at = static_cast<size_t>(position);
  const auto block = static_cast<size_t>(slice.blocks[at / kBlockTokens]);
  return memory_[block * kBlockTokens + at % kBlockTokens];
}

uint64_t FakeRunner::hash_of(const SequenceSlice& slice, int32_t position) const {
  uint64_t hash = mix(slice.seed, 1);
  for (int32_t i = 0; i <= position; ++i) {
    hash = mix(hash, static_cast<uint32_t>(read(slice, i)));
  }
  return hash ^ (hash >> 32);
}

int32_t FakeRunner::next_token(const SequenceSlice& slice, int32_t position) const {
  const uint64_t hash = hash_of(slice, position);
  // The bytes of the word that is being written.
  std::string word;
  int32_t at = position;
  while (at >= 0 && static_cast<int32_t>(word.size()) < kWordBytesMax &&
         is_word_byte(read(slice, at))) {
    word.push_back(static_cast<char>(read(slice, at--)));
  }
  std::ranges::reverse(word);
  if (word.empty()) {
    const int32_t last = read(slice, position);
    if (last == '.' && options_.end_every > 0 && hash % options_.end_every == 0) {
      return options_.end_id;
    }
    if (last == '.' || last == ',') return ' ';
    return static_cast<uint8_t>(words_[(hash >> 8) % words_.size()][0]);
  }
  // The words that begin with it lie together.
  const auto begin = std::ranges::lower_bound(words_, word);
  auto end = begin;
  while (end != words_.end() && end->starts_with(word)) ++end;
  if (begin == end) return ' ';
  const std::string& chosen =
      begin[static_cast<ptrdiff_t>((hash >> 8) % static_cast<uint64_t>(end - begin))];
  if (chosen.size() > word.size()) return static_cast<uint8_t>(chosen[word.size()]);
  const uint64_t ending = (hash >> 40) % 12;
  return ending == 0 ? '.' : ending == 1 ? ',' : ' ';
}

void FakeRunner::fill_row(const SequenceSlice& slice, int32_t position, int32_t token,
                          std::span<float> row) const {
  uint64_t state = mix(hash_of(slice, position), 2);
  for (float& logit : row) {
    state = mix(state, 3);
    logit = static_cast<float>(state >> 56) / 256.0f;
  }
  row[static_cast<size_t>(token)] = kChosenLogit;
}

}  // namespace sluice::model
