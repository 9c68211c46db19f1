#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/check.h"

namespace sluice::sampling {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Candidate {
  float logit;
  int32_t id;
  double weight;
};

// The sorted order.
bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

bool by_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Bias and penalties touch few logits; each is applied once to each id it names.
void change_logits(const SampleSpec& spec, std::span<float> logits, const TokenCounts& counts,
                   std::span<const int32_t> banned) {
  const auto inside = [&](int32_t id) {
    return id >= 0 && static_cast<size_t>(id) < logits.size();
  };
  for (const auto& [id, bias] : spec.logit_bias) {
    if (inside(id)) logits[static_cast<size_t>(id)] += bias;
  }
  if (spec.repetition_penalty != 1.0f || spec.presence_penalty != 0.0f ||
      spec.frequency_penalty != 0.0f) {
    for (const TokenCounts::Entry& entry : counts.entries()) {
      if (!inside(entry.id)) continue;
      float& logit = logits[static_cast<size_t>(entry.id)];
      logit = logit > 0 ? logit / spec.repetition_penalty : logit * spec.repetition_penalty;
      if (entry.in_answer > 0) {
        logit -= spec.presence_penalty;
        logit -= spec.frequency_penalty * static_cast<float>(entry.in_answer);
      }
    }
  }
  for (int32_t id : banned) {
    if (inside(id)) logits[static_cast<size_t>(id)] = -kInfinity;
  }
}

// Cuts the candidates to the shortest sorted prefix that weighs at least `mass`, by halving: each
// round selects the sorted first half of what is undecided, so the work is linear. Leaves the
// candidates in no order.
void keep_mass(std::vector<Candidate>& candidates, double mass) {
  size_t begin = 0;  // the prefix up to here is kept and weighs less than the mass
  size_t end = candidates.size();
  double kept = 0;
  while (end - begin > 1) {
    const size_t middle = begin + (end - begin) / 2;
    const auto at = [&](size_t i) { return candidates.begin() + static_cast<ptrdiff_t>(i); };
    std::nth_element(at(begin), at(middle), at(end), before);
    double half = 0;
    for (size_t i = begin; i < middle; ++i) half += candidates[i].weight;
    if (kept + half >= mass) {
      end = middle;
    } else {
      kept += half;
      begin = middle;
    }
  }
  candidates.resize(std::max<size_t>(end, 1));
}

double weight_of(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  return sum;
}

}  // namespace

double uniform_number(uint64_t seed, int32_t choice, int64_t position) {
  uint64_t x = mixed(seed);
  x = mixed(x ^ static_cast<uint64_t>(static_cast<uint32_t>(choice)));
  x = mixed(x ^ static_cast<uint64_t>(position));
  return static_cast<double>(x >> 11) * 0x1p-53;
}

struct Sampler::Scratch {
  explicit Scratch(const kernels::Kernels& table) : kernels(table) {}

  const kernels::Kernels& kernels;
  std::vector<float> maxima;  // of the chunks
  std::vector<float> selected;
  std::vector<double> sums;
  std::vector<int32_t> ids;
  std::vector<float> values;
  std::vector<double> weights;
  std::vector<Candidate> candidates;

  // One row.
  std::span<const float> logits;
  float max = 0;
  float inverse_temperature = 1;

  int32_t count() const { return static_cast<int32_t>(logits.size()); }

  void scan(std::span<const float> row) {
    logits = row;
    maxima.resize((row.size() + kernels::kSampleChunk - 1) / kernels::kSampleChunk);
    kernels.chunk_maxima(row.data(), count(), maxima.data());
    max = *std::max_element(maxima.begin(), maxima.end());
  }

  // Candidates: every token of at least `threshold`, by id, weighed.
  void collect(float threshold) {
    ids.resize(logits.size());
    const auto found = static_cast<size_t>(
        kernels.collect(logits.data(), count(), maxima.data(), threshold, ids.data()));
    values.resize(found);
    for (size_t i = 0; i < found; ++i) values[i] = logits[static_cast<size_t>(ids[i])];
    weights.resize(found);
    kernels.weights(values.data(), static_cast<int32_t>(found), max, inverse_temperature,
                    weights.data());
    candidates.resize(found);
    for (size_t i = 0; i < found; ++i) candidates[i] = {values[i], ids[i], weights[i]};
  }

  double total_weight() {
    sums.resize(maxima.size());
    kernels.weight_sums(logits.data(), count(), max, inverse_temperature, maxima.data(),
                        sums.data());
    double total = 0;
    for (double sum : sums) total += sum;
    return total;
  }

  // The logit that lies `distance` temperatures below the largest.
  float below(float distance) const {
    const float threshold = max - distance / inverse_temperature;
    return std::max(threshold, -std::numeric_limits<float>::max());
  }

  void collect_top_k(size_t k) {
    // The k-th largest of the chunks' maxima is reached by at least k logits.
    float threshold = -std::numeric_limits<float>::max();
    if (k <= maxima.size()) {
      selected = maxima;
      const auto kth = selected.begin() + static_cast<ptrdiff_t>(k - 1);
      std::nth_element(selected.begin(), kth, selected.end(), std::greater<>());
      threshold = std::max(threshold, *kth);
    }
    collect(threshold);
    if (candidates.size() > k) {
      const auto kth = candidates.begin() + static_cast<ptrdiff_t>(k);
      std::nth_element(candidates.begin(), kth, candidates.end(), before);
      candidates.resize(k);
    }
  }

  // Most rows have their mass close to the largest logit; weights vanish 25 temperatures below it.
  void collect_top_p(float p) {
    const double mass = static_cast<double>(p) * total_weight();
    for (float distance : {5.0f, 10.0f, 26.0f}) {
      collect(below(distance));
      if (weight_of(candidates) >= mass) break;
    }
    keep_mass(candidates, mass);
  }

  // Puts the candidates, a sorted prefix of the row, into the order of their ids. Sorting many
  // costs far more than collecting them again: a flat row has 100,000.
  void order_by_id() {
    if (candidates.size() <= 256) {
      std::sort(candidates.begin(), candidates.end(), by_id);
      return;
    }
    const Candidate last = *std::max_element(candidates.begin(), candidates.end(), before);
    collect(last.logit);
    std::erase_if(candidates, [&](const Candidate& c) { return before(last, c); });
  }

  int32_t draw_candidate(double number) const {
    const double target = number * weight_of(candidates);
    double sum = 0;
    int32_t last = candidates.front().id;
    for (const Candidate& candidate : candidates) {
      if (candidate.weight > 0) last = candidate.id;
      sum += candidate.weight;
      if (sum > target) break;
    }
    return last;
  }

  // Nothing was cut: the chunk first, then the token in it.
  int32_t draw_any(double number) {
    const double target = number * total_weight();
    double sum = 0;
    size_t chunk = 0;
    size_t last_chunk = 0;
    double before_last = 0;
    for (; chunk < sums.size(); ++chunk) {
      if (sums[chunk] > 0) {
        last_chunk = chunk;
        before_last = sum;
      }
      sum += sums[chunk];
      if (sum > target) break;
    }
    const size_t begin = last_chunk * kernels::kSampleChunk;
    const size_t size = std::min<size_t>(kernels::kSampleChunk, logits.size() - begin);
    weights.resize(size);
    kernels.weights(logits.data() + begin, static_cast<int32_t>(size), max, inverse_temperature,
                    weights.data());
    sum = before_last;
    size_t last = 0;
    for (size_t i = 0; i < size; ++i) {
      if (weights[i] > 0) last = i;
      sum += weights[i];
      if (sum > target) break;
    }
    return static_cast<int32_t>(begin + last);
  }

  int32_t choose(const SampleSpec& spec, double number) {
    const bool cut_k = spec.top_k > 0 && spec.top_k < count();
    const bool cut_p = spec.top_p < 1.0f;
    if (cut_k) {
      collect_top_k(static_cast<size_t>(spec.top_k));
      if (cut_p) keep_mass(candidates, static_cast<double>(spec.top_p) * weight_of(candidates));
    } else if (cut_p) {
      collect_top_p(spec.top_p);
    } else if (spec.min_p > 0) {
      // A little too low for the rounding of the logarithm; the weights decide.
      collect(below(0.001f - std::log(std::min(spec.min_p, 1.0f))));
    } else {
      return draw_any(number);
    }
    if (cut_k || cut_p) order_by_id();
    if (spec.min_p > 0) {
      const double least = std::min(static_cast<double>(spec.min_p), 1.0);
      std::erase_if(candidates, [&](const Candidate& c) { return c.weight < least; });
    }
    return draw_candidate(number);
  }
};

Sampler::Sampler(const kernels::Kernels& kernels) : scratch_(std::make_unique<Scratch>(kernels)) {}
Sampler::~Sampler() = default;

int32_t Sampler::sample(const SampleSpec& spec, std::span<float> logits, const TokenCounts& counts,
                        int64_t position, std::span<const int32_t> banned) {
  CHECK(!logits.empty() && logits.size() <= static_cast<size_t>(kVocabSizeMax));
  change_logits(spec, logits, counts, banned);
  Scratch& scratch = *scratch_;
  if (spec.is_greedy()) {
    return scratch.kernels.argmax(logits.data(), static_cast<int32_t>(logits.size()));
  }
  scratch.scan(logits);
  if (scratch.max == -kInfinity) return 0;
  if (scratch.max == kInfinity) {
    return scratch.kernels.argmax(logits.data(), static_cast<int32_t>(logits.size()));
  }
  // The bounds keep (logit - max) * inverse from becoming 0 * inf; a temperature near zero is then
  // the argmax, shared among equals.
  scratch.inverse_temperature = std::clamp(1.0f / spec.temperature, 1e-30f, 1e30f);
  return scratch.choose(spec, uniform_number(spec.seed, spec.choice, position));
}

}  // namespace sluice::sampling
