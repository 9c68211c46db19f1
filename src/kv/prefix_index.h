// PrefixIndex: which block holds the KV of which tokens.
//
// A published block is a node of a forest: its key is (parent block, its tokens, and for a first
// block the salt). A look-up compares the tokens themselves, so that two prefixes are the same only
// if all their tokens are; the hash just finds the candidates. Owned by a BlockPool, one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kv {

constexpr int32_t kBlockTokens = 32;
constexpr int32_t kNoBlock = -1;

class PrefixIndex {
 public:
  explicit PrefixIndex(int32_t block_count);

  // The block whose parent is `parent` (kNoBlock: the block is the first) and that holds `tokens`
  // (kBlockTokens of them), or kNoBlock. `salt` counts for first blocks only; the others inherit
  // it from their parent.
  int32_t find(int32_t parent, std::span<const int32_t> tokens, std::string_view salt) const;

  // `block` must not be in the index, nor its key; `parent` must be in it unless kNoBlock.
  void insert(int32_t block, int32_t parent, std::span<const int32_t> tokens,
              std::string_view salt);

  // `block` must be in the index and have no children.
  void erase(int32_t block);

  bool contains(int32_t block) const { return node(block).present; }
  int32_t parent(int32_t block) const { return node(block).parent; }
  int32_t children(int32_t block) const { return node(block).children; }
  int32_t size() const { return size_; }

  // CHECKs every invariant; for tests and idle moments. Time linear in the number of blocks.
  void check_integrity() const;

 private:
  struct Node {
    bool present = false;
    int32_t parent = kNoBlock;
    int32_t children = 0;
    int32_t next = kNoBlock;  // in the same bucket
    uint64_t hash = 0;        // of the whole chain
    std::string salt;         // of first blocks
  };

  const Node& node(int32_t block) const { return nodes_[static_cast<size_t>(block)]; }
  Node& node(int32_t block) { return nodes_[static_cast<size_t>(block)]; }
  std::span<const int32_t> tokens_of(int32_t block) const;
  uint64_t hash_of(int32_t parent, std::span<const int32_t> tokens, std::string_view salt) const;
  int32_t& bucket(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  int32_t bucket(uint64_t hash) const { return buckets_[hash & (buckets_.size() - 1)]; }

  std::vector<Node> nodes_;       // by block
  std::vector<int32_t> tokens_;   // [block][kBlockTokens]
  std::vector<int32_t> buckets_;  // first block of each, a power of two
  int32_t size_ = 0;
};

}  // namespace sluice::kv
