#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"

namespace sluice::text {
namespace {

// Up to this many symbols a scan for the lowest rank is faster than a heap.
constexpr size_t kShortWordSymbols = 32;
constexpr uint32_t kNone = UINT32_MAX;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

BpeMerges::BpeMerges(size_t count)
    : slots_(std::bit_ceil(std::max<size_t>(2, count * 2))),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

// The slot of `pair`, or the empty one where it would go. Fibonacci hashing (Knuth, TAOCP 6.4).
size_t BpeMerges::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t i = ((pair ^ pair >> 29) * 0x9E3779B97F4A7C15) >> shift_;
  while (slots_[i].pair != pair && slots_[i].pair != UINT64_MAX) i = (i + 1) & mask;
  return i;
}

const BpeMerges::Slot& BpeMerges::find(int32_t left, int32_t right) const {
  return slots_[slot_of(pair_key(left, right))];
}

void BpeMerges::add(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
  const uint64_t pair = pair_key(left, right);
  Slot& slot = slots_[slot_of(pair)];
  if (slot.pair == UINT64_MAX) slot = {pair, rank, merged};
}

void BpeMerges::apply(BpeScratch& scratch) const {
  if (scratch.symbols.size() < 2) return;
  if (scratch.symbols.size() <= kShortWordSymbols) {
    apply_short(scratch);
  } else {
    apply_long(scratch);
  }
}

void BpeMerges::apply_short(BpeScratch& scratch) const {
  auto& symbols = scratch.symbols;
  auto& ranks = scratch.ranks;  // ranks[i] is the rank of the pair (i, i + 1)
  ranks.resize(symbols.size() - 1);
  for (size_t i = 0; i + 1 < symbols.size(); ++i) ranks[i] = find(symbols[i], symbols[i + 1]).rank;
  while (!ranks.empty()) {
    const auto lowest = std::ranges::min_element(ranks);
    if (*lowest == kNoRank) return;
    const auto i = static_cast<size_t>(lowest - ranks.begin());
    symbols[i] = find(symbols[i], symbols[i + 1]).merged;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(i) + 1);
    ranks.erase(lowest);
    if (i > 0) ranks[i - 1] = find(symbols[i - 1], symbols[i]).rank;
    if (i < ranks.size()) ranks[i] = find(symbols[i], symbols[i + 1]).rank;
  }
}

// A heap of (rank, position of the left symbol) over a linked list. An entry whose pair has changed
// since is recognised by the rank of the pair that is there now.
void BpeMerges::apply_long(BpeScratch& scratch) const {
  auto& [symbols, ranks, next, previous, heap] = scratch;
  CHECK(symbols.size() < kNone);
  const auto count = static_cast<uint32_t>(symbols.size());
  next.resize(count);
  previous.resize(count);
  heap.clear();
  for (uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1 < count ? i + 1 : kNone;
    previous[i] = i > 0 ? i - 1 : kNone;
    if (i + 1 == count) break;
    const uint32_t rank = find(symbols[i], symbols[i + 1]).rank;
    if (rank != kNoRank) heap.push_back(static_cast<uint64_t>(rank) << 32 | i);
  }
  std::ranges::make_heap(heap, std::greater{});
  const auto push = [&](uint32_t left) {
    if (left == kNone || next[left] == kNone) return;
    const uint32_t rank = find(symbols[left], symbols[next[left]]).rank;
    if (rank == kNoRank) return;
    heap.push_back(static_cast<uint64_t>(rank) << 32 | left);
    std::ranges::push_heap(heap, std::greater{});
  };
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater{});
    const auto left = static_cast<uint32_t>(heap.back());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    heap.pop_back();
    if (symbols[left] < 0 || next[left] == kNone) continue;
    const uint32_t right = next[left];
    const Slot& merge = find(symbols[left], symbols[right]);
    if (merge.rank != rank) continue;
    symbols[left] = merge.merged;
    symbols[right] = -1;  // gone: swallowed by its left neighbour
    next[left] = next[right];
    if (next[left] != kNone) previous[next[left]] = left;
    push(previous[left]);
    push(left);
  }
  std::erase(symbols, -1);
}

}  // namespace sluice::text
