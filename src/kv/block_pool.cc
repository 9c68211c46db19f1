#include "kv/block_pool.h"

#include "base/check.h"

namespace sluice::kv {

BlockPool::BlockPool(int32_t block_count, bool sharing)
    : sharing_(sharing), blocks_(static_cast<size_t>(block_count)), index_(block_count) {
  free_.reserve(blocks_.size());
  // Low ids first: the runner's memory is touched from its beginning.
  for (int32_t block = block_count - 1; block >= 0; --block) free_.push_back(block);
}

PoolStats BlockPool::stats() const {
  return {
      .blocks = size(), .used = size() - available(), .cached = cached_, .evictions = evictions_};
}

int32_t BlockPool::allocate() {
  int32_t block = kNoBlock;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else if (oldest_ != kNoBlock) {
    block = oldest_;
    unlink(block);
    index_.erase(block);
    ++evictions_;
  } else {
    return kNoBlock;
  }
  at(block).references = 1;
  at(block).is_free = false;
  return block;
}

void BlockPool::retain(int32_t block) {
  DCHECK(!at(block).is_free);
  if (at(block).references++ == 0) unlink(block);
}

void BlockPool::release(int32_t block) {
  CHECK(at(block).references > 0);
  if (--at(block).references > 0) return;
  if (index_.contains(block)) {
    link_newest(block);
  } else {
    at(block).is_free = true;
    free_.push_back(block);
  }
}

int32_t BlockPool::find(int32_t parent, std::span<const int32_t> tokens,
                        std::string_view salt) const {
  return sharing_ ? index_.find(parent, tokens, salt) : kNoBlock;
}

int32_t BlockPool::publish(int32_t block, int32_t parent, std::span<const int32_t> tokens,
                           std::string_view salt) {
  CHECK(at(block).references > 0);
  if (!sharing_) return block;
  const int32_t same = index_.find(parent, tokens, salt);
  if (same == kNoBlock) {
    index_.insert(block, parent, tokens, salt);
    return block;
  }
  CHECK(same != block);
  retain(same);
  release(block);
  return same;
}

void BlockPool::link_newest(int32_t block) {
  at(block).older = newest_;
  at(block).newer = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : at(newest_).newer) = block;
  newest_ = block;
  ++cached_;
}

void BlockPool::unlink(int32_t block) {
  const Block gone = at(block);
  (gone.older == kNoBlock ? oldest_ : at(gone.older).newer) = gone.newer;
  (gone.newer == kNoBlock ? newest_ : at(gone.newer).older) = gone.older;
  at(block).older = at(block).newer = kNoBlock;
  --cached_;
}

void BlockPool::check_integrity() const {
  index_.check_integrity();
  std::vector<char> seen(blocks_.size(), 0);
  for (const int32_t block : free_) {
    CHECK(at(block).is_free && at(block).references == 0 && !index_.contains(block));
    CHECK(seen[static_cast<size_t>(block)]++ == 0);
  }
  int32_t cached = 0;
  int32_t older = kNoBlock;
  for (int32_t block = oldest_; block != kNoBlock; block = at(block).newer) {
    CHECK(!at(block).is_free && at(block).references == 0 && index_.contains(block));
    CHECK(at(block).older == older && seen[static_cast<size_t>(block)] == 0);
    // Whatever continues this block has been passed already: it is evicted first.
    const int32_t parent = index_.parent(block);
    CHECK(parent == kNoBlock || seen[static_cast<size_t>(parent)] == 0);
    seen[static_cast<size_t>(block)] = 1;
    older = block;
    ++cached;
  }
  CHECK(older == newest_ && cached == cached_);
  for (int32_t block = 0; block < size(); ++block) {
    CHECK(seen[static_cast<size_t>(block)] != 0 || at(block).references > 0);
    CHECK(at(block).references >= 0);
    // A block in use keeps what it continues in use.
    if (at(block).references > 0 && index_.contains(block) && index_.parent(block) != kNoBlock) {
      CHECK(at(index_.parent(block)).references > 0);
    }
  }
}

}  // namespace sluice::kv
