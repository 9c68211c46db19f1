// Byte pair encoding of one word: of all neighbouring pairs the one with the lowest rank is merged,
// the leftmost first, until no pair has a merge. Sennrich et al., arXiv:1508.07909; the order of
// ties is that of Hugging Face `tokenizers` (models/bpe/word.rs).
//
// BpeMerges belongs to one Tokenizer and does not change after it was filled; any thread may read
// it. A BpeScratch belongs to one call and keeps its memory from word to word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::text {

struct BpeScratch {
  std::vector<int32_t> symbols;  // in: ids of the single bytes; out: ids of the merged word
  std::vector<uint32_t> ranks;
  std::vector<uint32_t> next, previous;
  std::vector<uint64_t> heap;
};

class BpeMerges {
 public:
  static constexpr uint32_t kNoRank = UINT32_MAX;

  // A table for `count` merges.
  explicit BpeMerges(size_t count);

  // The pair (left, right) becomes `merged`. Of two merges of the same pair the first counts.
  void add(int32_t left, int32_t right, uint32_t rank, int32_t merged);

  // Merges scratch.symbols in place. Time O(n log n); n must be below 2^32.
  void apply(BpeScratch& scratch) const;

 private:
  struct Slot {
    uint64_t pair = UINT64_MAX;
    uint32_t rank = kNoRank;
    int32_t merged = -1;
  };

  const Slot& find(int32_t left, int32_t right) const;
  size_t slot_of(uint64_t pair) const;
  void apply_short(BpeScratch& scratch) const;
  void apply_long(BpeScratch& scratch) const;

  std::vector<Slot> slots_;  // open addressing, at most half full, a power of two
  unsigned shift_;
};

}  // namespace sluice::text
