// BlockPool: who uses which KV block. Ids only: the bytes belong to the runner.
//
// A block is free, used (one or more references), or cached: published under its tokens and
// referenced by nobody. Cached blocks are found again by their prefix until they are evicted, the
// least recently used first; a block is never evicted before the blocks that continue it, because
// tables give their references back from the end. Owned by the scheduler, one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kv/prefix_index.h"

namespace sluice::kv {

struct PoolStats {
  int32_t blocks = 0;
  int32_t used = 0;    // referenced
  int32_t cached = 0;  // published, referenced by nobody
  int64_t evictions = 0;
};

class BlockPool {
 public:
  // With `sharing` false nothing is published, and no prefix found.
  explicit BlockPool(int32_t block_count, bool sharing = true);

  int32_t size() const { return static_cast<int32_t>(blocks_.size()); }
  // Blocks that allocate() could hand out one after another.
  int32_t available() const { return static_cast<int32_t>(free_.size()) + cached_; }
  PoolStats stats() const;

  // A block with one reference, evicting a cached one if none is free; kNoBlock when all are used.
  int32_t allocate();
  void retain(int32_t block);
  // At the last reference a published block becomes cached, any other one free.
  void release(int32_t block);
  int32_t references(int32_t block) const { return at(block).references; }

  // The published block with this key, without a reference to it; kNoBlock if there is none.
  int32_t find(int32_t parent, std::span<const int32_t> tokens, std::string_view salt) const;

  // Makes `block`, which must be used and hold the KV of `tokens` (kBlockTokens of them) after
  // `parent`, findable. When another block has that key already, the reference moves there, and
  // that block is returned: what both hold is the same.
  int32_t publish(int32_t block, int32_t parent, std::span<const int32_t> tokens,
                  std::string_view salt);

  // CHECKs every invariant; time linear in the number of blocks.
  void check_integrity() const;

 private:
  struct Block {
    int32_t references = 0;
    int32_t older = kNoBlock, newer = kNoBlock;  // while cached
    bool is_free = true;
  };

  Block& at(int32_t block) { return blocks_[static_cast<size_t>(block)]; }
  const Block& at(int32_t block) const { return blocks_[static_cast<size_t>(block)]; }
  void link_newest(int32_t block);
  void unlink(int32_t block);

  const bool sharing_;
  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
  PrefixIndex index_;
  int32_t oldest_ = kNoBlock, newest_ = kNoBlock;  // cached blocks by the time of their release
  int32_t cached_ = 0;
  int64_t evictions_ = 0;
};

}  // namespace sluice::kv
