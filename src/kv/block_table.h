// BlockTable: the blocks of one sequence, in order. It owns a reference to each of them and must be
// released before it is destroyed. Belongs to the scheduler's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kv/block_pool.h"

namespace sluice::kv {

constexpr int32_t blocks_for(int64_t tokens) {
  return static_cast<int32_t>((tokens + kBlockTokens - 1) / kBlockTokens);
}

class BlockTable {
 public:
  BlockTable() = default;
  ~BlockTable();
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;

  std::span<const int32_t> blocks() const { return blocks_; }
  int32_t token_capacity() const { return static_cast<int32_t>(blocks_.size()) * kBlockTokens; }
  int32_t published() const { return published_; }  // blocks

  // What of `tokens` the pool has already: whole blocks, and never the last token, whose logits
  // are wanted.
  struct PrefixHit {
    int32_t tokens = 0;
    int32_t idle_blocks = 0;  // of the hit's blocks, those that nobody references
  };
  static PrefixHit find_prefix(const BlockPool& pool, std::span<const int32_t> tokens,
                               std::string_view salt);
  static int32_t cached_tokens(const BlockPool& pool, std::span<const int32_t> tokens,
                               std::string_view salt) {
    return find_prefix(pool, tokens, salt).tokens;
  }

  // Takes the blocks of the hit, into an empty table; returns their tokens.
  int32_t adopt_prefix(BlockPool& pool, std::span<const int32_t> tokens, std::string_view salt);

  // Makes room for `tokens` tokens in all, as far as the pool has blocks; returns how many tokens
  // there is room for, which may be more.
  int32_t grow(BlockPool& pool, int64_t tokens);

  // Publishes the blocks that `computed`, the tokens whose KV has been computed, fill.
  void publish(BlockPool& pool, std::span<const int32_t> computed, std::string_view salt);

  void release(BlockPool& pool);

 private:
  std::vector<int32_t> blocks_;
  int32_t published_ = 0;
};

}  // namespace sluice::kv
