#include "kv/prefix_index.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"

namespace sluice::kv {
namespace {

uint64_t mix(uint64_t hash, uint64_t value) {
  const auto product =
      static_cast<unsigned __int128>(hash ^ value ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

PrefixIndex::PrefixIndex(int32_t block_count)
    : nodes_(static_cast<size_t>(block_count)),
      tokens_(static_cast<size_t>(block_count) * kBlockTokens),
      buckets_(std::bit_ceil(static_cast<size_t>(std::max(1, block_count)) * 2), kNoBlock) {}

std::span<const int32_t> PrefixIndex::tokens_of(int32_t block) const {
  return std::span(tokens_).subspan(static_cast<size_t>(block) * kBlockTokens, kBlockTokens);
}

uint64_t PrefixIndex::hash_of(int32_t parent, std::span<const int32_t> tokens,
                              std::string_view salt) const {
  uint64_t hash =
      parent == kNoBlock ? mix(1, std::hash<std::string_view>{}(salt)) : node(parent).hash;
  for (const int32_t token : tokens) hash = mix(hash, static_cast<uint32_t>(token));
  return hash;
}

int32_t PrefixIndex::find(int32_t parent, std::span<const int32_t> tokens,
                          std::string_view salt) const {
  DCHECK(tokens.size() == kBlockTokens);
  const uint64_t hash = hash_of(parent, tokens, salt);
  for (int32_t block = bucket(hash); block != kNoBlock; block = node(block).next) {
    const Node& candidate = node(block);
    if (candidate.hash == hash && candidate.parent == parent &&
        std::ranges::equal(tokens_of(block), tokens) &&
        (parent != kNoBlock || candidate.salt == salt)) {
      return block;
    }
  }
  return kNoBlock;
}

void PrefixIndex::insert(int32_t block, int32_t parent, std::span<const int32_t> tokens,
                         std::string_view salt) {
  DCHECK(find(parent, tokens, salt) == kNoBlock);
  Node& added = node(block);
  CHECK(!added.present && tokens.size() == kBlockTokens);
  added.hash = hash_of(parent, tokens, salt);
  added.present = true;
  added.parent = parent;
  added.children = 0;
  if (parent == kNoBlock) {
    added.salt = salt;
  } else {
    CHECK(node(parent).present);
    ++node(parent).children;
  }
  std::ranges::copy(tokens, tokens_.begin() + static_cast<ptrdiff_t>(block) * kBlockTokens);
  added.next = bucket(added.hash);
  bucket(added.hash) = block;
  ++size_;
}

void PrefixIndex::erase(int32_t block) {
  Node& gone = node(block);
  CHECK(gone.present && gone.children == 0);
  int32_t* link = &bucket(gone.hash);
  while (*link != block) link = &node(*link).next;
  *link = gone.next;
  if (gone.parent != kNoBlock) --node(gone.parent).children;
  gone.present = false;
  gone.parent = gone.next = kNoBlock;
  gone.salt.clear();
  --size_;
}

void PrefixIndex::check_integrity() const {
  std::vector<int32_t> children(nodes_.size(), 0);
  int32_t present = 0;
  for (size_t block = 0; block < nodes_.size(); ++block) {
    const Node& here = nodes_[block];
    if (!here.present) {
      CHECK(here.children == 0);
      continue;
    }
    ++present;
    const auto id = static_cast<int32_t>(block);
    CHECK(here.hash == hash_of(here.parent, tokens_of(id), here.salt));
    CHECK(find(here.parent, tokens_of(id), here.salt) == id);
    if (here.parent != kNoBlock) {
      CHECK(node(here.parent).present);
      ++children[static_cast<size_t>(here.parent)];
    }
  }
  CHECK(present == size_);
  for (size_t block = 0; block < nodes_.size(); ++block) {
    CHECK(children[block] == nodes_[block].children);
  }
}

}  // namespace sluice::kv
