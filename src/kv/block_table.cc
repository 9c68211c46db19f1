#include "kv/block_table.h"

#include <limits>

#include "base/check.h"

namespace sluice::kv {
namespace {

// Calls take(block) for each published block that `tokens` begin with.
template <typename Take>
void for_each_hit(const BlockPool& pool, std::span<const int32_t> tokens, std::string_view salt,
                  Take take) {
  int32_t parent = kNoBlock;
  for (size_t at = 0; at + kBlockTokens < tokens.size(); at += kBlockTokens) {
    const int32_t block = pool.find(parent, tokens.subspan(at, kBlockTokens), salt);
    if (block == kNoBlock) return;
    take(block);
    parent = block;
  }
}

}  // namespace

BlockTable::~BlockTable() { CHECK(blocks_.empty()); }

BlockTable::PrefixHit BlockTable::find_prefix(const BlockPool& pool,
                                              std::span<const int32_t> tokens,
                                              std::string_view salt) {
  PrefixHit hit;
  for_each_hit(pool, tokens, salt, [&](int32_t block) {
    hit.tokens += kBlockTokens;
    if (pool.references(block) == 0) ++hit.idle_blocks;
  });
  return hit;
}

int32_t BlockTable::adopt_prefix(BlockPool& pool, std::span<const int32_t> tokens,
                                 std::string_view salt) {
  CHECK(blocks_.empty());
  for_each_hit(pool, tokens, salt, [&](int32_t block) {
    pool.retain(block);
    blocks_.push_back(block);
  });
  published_ = static_cast<int32_t>(blocks_.size());
  return token_capacity();
}

int32_t BlockTable::grow(BlockPool& pool, int64_t tokens) {
  CHECK(tokens <= std::numeric_limits<int32_t>::max() - kBlockTokens);
  while (token_capacity() < tokens) {
    const int32_t block = pool.allocate();
    if (block == kNoBlock) break;
    blocks_.push_back(block);
  }
  return token_capacity();
}

void BlockTable::publish(BlockPool& pool, std::span<const int32_t> computed,
                         std::string_view salt) {
  const auto full = static_cast<int32_t>(computed.size() / kBlockTokens);
  CHECK(static_cast<size_t>(full) <= blocks_.size());
  for (; published_ < full; ++published_) {
    const auto i = static_cast<size_t>(published_);
    const int32_t parent = i == 0 ? kNoBlock : blocks_[i - 1];
    blocks_[i] =
        pool.publish(blocks_[i], parent, computed.subspan(i * kBlockTokens, kBlockTokens), salt);
  }
}

void BlockTable::release(BlockPool& pool) {
  // From the end, so that a block is never older in the cache than what continues it.
  for (; !blocks_.empty(); blocks_.pop_back()) pool.release(blocks_.back());
  published_ = 0;
}

}  // namespace sluice::kv
