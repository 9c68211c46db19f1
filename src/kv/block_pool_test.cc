#include "kv/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "kv/block_table.h"

namespace sluice::kv {
namespace {

// One letter stands for a block full of that token.
std::vector<int32_t> tokens_of(std::string_view letters, int extra = 0) {
  std::vector<int32_t> tokens;
  for (const char letter : letters) tokens.insert(tokens.end(), kBlockTokens, letter);
  tokens.insert(tokens.end(), static_cast<size_t>(extra), '.');
  return tokens;
}

// A table that has computed and published `letters`.
void fill(BlockPool& pool, BlockTable& table, std::string_view letters,
          std::string_view salt = "") {
  const std::vector<int32_t> tokens = tokens_of(letters);
  ASSERT_GE(table.grow(pool, static_cast<int64_t>(tokens.size())),
            static_cast<int64_t>(tokens.size()));
  table.publish(pool, tokens, salt);
}

TEST(BlockPool, HandsOutEachBlockOnce) {
  BlockPool pool(3);
  std::vector<int32_t> blocks = {pool.allocate(), pool.allocate(), pool.allocate()};
  std::ranges::sort(blocks);
  EXPECT_EQ(blocks, (std::vector{0, 1, 2}));
  EXPECT_EQ(pool.allocate(), kNoBlock);
  for (const int32_t block : blocks) pool.release(block);
  EXPECT_EQ(pool.available(), 3);
  pool.check_integrity();
}

TEST(BlockPool, EmptyPoolHasNothing) {
  BlockPool pool(0);
  EXPECT_EQ(pool.allocate(), kNoBlock);
  pool.check_integrity();
}

TEST(BlockPool, FreesSharedPrefixOnlyAtLastRelease) {
  BlockPool pool(4);
  BlockTable first;
  BlockTable second;
  fill(pool, first, "ab");
  EXPECT_EQ(second.adopt_prefix(pool, tokens_of("ab", 1), ""), 2 * kBlockTokens);
  EXPECT_TRUE(std::ranges::equal(second.blocks(), first.blocks()));
  first.release(pool);
  EXPECT_EQ(pool.stats().used, 2);
  second.release(pool);
  EXPECT_EQ(pool.stats().used, 0);
  EXPECT_EQ(pool.stats().cached, 2);
  pool.check_integrity();
}

TEST(BlockPool, HitLeavesTheLastTokenToCompute) {
  BlockPool pool(4);
  BlockTable table;
  fill(pool, table, "ab");
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab"), ""), kBlockTokens);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab", 1), ""), 2 * kBlockTokens);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("a", 31), ""), kBlockTokens);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("", 31), ""), 0);
  EXPECT_EQ(BlockTable::cached_tokens(pool, {}, ""), 0);
  table.release(pool);
}

TEST(BlockPool, SaltSeparatesEqualPrefixes) {
  BlockPool pool(8);
  BlockTable table;
  fill(pool, table, "ab", "tenant-1");
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab", 1), "tenant-2"), 0);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab", 1), ""), 0);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab", 1), "tenant-1"), 2 * kBlockTokens);
  table.release(pool);
}

TEST(BlockPool, SameTokensAfterAnotherPrefixAreAnotherBlock) {
  BlockPool pool(8);
  BlockTable table;
  fill(pool, table, "ab");
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("cb", 1), ""), 0);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("b", 1), ""), 0);
  table.release(pool);
}

TEST(BlockPool, EqualBlocksOfTwoSequencesBecomeOne) {
  BlockPool pool(8);
  BlockTable first;
  BlockTable second;
  fill(pool, first, "ab");
  fill(pool, second, "abc");
  EXPECT_EQ(pool.stats().used, 3);
  EXPECT_EQ(second.blocks()[1], first.blocks()[1]);
  first.release(pool);
  second.release(pool);
  pool.check_integrity();
}

TEST(BlockPool, EvictsLeastRecentlyUsedLeavesFirst) {
  BlockPool pool(4);
  BlockTable table;
  fill(pool, table, "abcd");
  table.release(pool);
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("abcd", 1), ""), 4 * kBlockTokens);
  const int32_t taken = pool.allocate();
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("abcd", 1), ""), 3 * kBlockTokens);
  EXPECT_EQ(pool.stats().evictions, 1);
  pool.release(taken);
  pool.check_integrity();
}

TEST(BlockPool, NothingIsSharedWhenSharingIsOff) {
  BlockPool pool(4, false);
  BlockTable table;
  fill(pool, table, "ab");
  EXPECT_EQ(BlockTable::cached_tokens(pool, tokens_of("ab", 1), ""), 0);
  table.release(pool);
  EXPECT_EQ(pool.stats().cached, 0);
  EXPECT_EQ(pool.available(), 4);
}

TEST(BlockTable, GrowsAsFarAsThePoolGoes) {
  BlockPool pool(2);
  BlockTable table;
  EXPECT_EQ(table.grow(pool, 1), kBlockTokens);
  EXPECT_EQ(table.grow(pool, kBlockTokens), kBlockTokens);
  EXPECT_EQ(table.grow(pool, 1000), 2 * kBlockTokens);
  EXPECT_EQ(pool.available(), 0);
  table.release(pool);
}

// The pool as one would write it without a thought of speed: prefixes are strings of letters.
class NaiveCache {
 public:
  struct Sequence {
    std::string letters;
    std::string salt;
    BlockTable table;
    size_t done = 0;  // letters whose blocks are published
  };

  NaiveCache(int32_t block_count, uint64_t seed) : pool_(block_count), random_(seed) {}
  ~NaiveCache() {
    while (!sequences_.empty()) end(0);
    EXPECT_EQ(pool_.stats().used, 0);
    pool_.check_integrity();
  }

  void run(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
      const uint64_t choice = random_() % 8;
      if (sequences_.empty() || (choice == 0 && sequences_.size() < 12)) {
        begin();
      } else if (choice == 1) {
        end(random_() % sequences_.size());
      } else {
        extend(*sequences_[random_() % sequences_.size()]);
      }
      if (i % 1024 == 0) pool_.check_integrity();
    }
  }

 private:
  static std::string key(const Sequence& s, size_t count) {
    return s.salt + "/" + s.letters.substr(0, count);
  }

  void begin() {
    auto s = std::make_unique<Sequence>();
    s->salt = std::string(random_() % 4 == 0 ? 1 : 0, 's');
    for (size_t n = random_() % 6; n > 0; --n) s->letters += static_cast<char>('a' + random_() % 2);
    size_t hit = 0;
    while (hit < s->letters.size() && published_.contains(key(*s, hit + 1))) ++hit;
    ASSERT_EQ(s->table.adopt_prefix(pool_, tokens_of(s->letters, 1), s->salt),
              static_cast<int32_t>(hit) * kBlockTokens);
    for (size_t i = 0; i < hit; ++i) {
      ASSERT_EQ(s->table.blocks()[i], published_.at(key(*s, i + 1)));
      use(s->table.blocks()[i]);
    }
    s->letters.resize(hit);
    s->done = hit;
    sequences_.push_back(std::move(s));
  }

  void extend(Sequence& s) {
    if (s.letters.size() >= 10) return;
    const size_t had = s.table.blocks().size();
    if (had == s.done) {
      const bool room = static_cast<size_t>(pool_.size()) > references_.size();
      s.table.grow(pool_, static_cast<int64_t>(had + 1) * kBlockTokens);
      ASSERT_EQ(s.table.blocks().size(), had + (room ? 1 : 0));
      if (!room) return;
      const int32_t block = s.table.blocks().back();
      ASSERT_FALSE(references_.contains(block)) << "a used block was handed out";
      const auto evicted =
          std::ranges::find_if(published_, [&](const auto& p) { return p.second == block; });
      if (evicted != published_.end()) {
        ASSERT_EQ(lru_.size() + references_.size(), static_cast<size_t>(pool_.size()));
        ASSERT_EQ(lru_.front(), block) << "not the least recently used";
        lru_.erase(lru_.begin());
        published_.erase(evicted);
      }
      references_[block] = 1;
      if (random_() % 4 == 0) return;  // allocated, computed in a later step
    }
    s.letters += static_cast<char>('a' + random_() % 2);
    const int32_t mine = s.table.blocks()[s.done];
    s.table.publish(pool_, tokens_of(s.letters), s.salt);
    const auto [known, is_new] = published_.try_emplace(key(s, s.done + 1), mine);
    ASSERT_EQ(s.table.blocks()[s.done], known->second);
    if (!is_new) {
      references_.erase(mine);
      use(known->second);
    }
    ++s.done;
  }

  void end(size_t i) {
    Sequence& s = *sequences_[i];
    const std::vector<int32_t> blocks(s.table.blocks().begin(), s.table.blocks().end());
    const size_t done = s.done;
    s.table.release(pool_);
    for (size_t b = blocks.size(); b-- > 0;) {
      if (--references_.at(blocks[b]) > 0) continue;
      references_.erase(blocks[b]);
      if (b < done) lru_.push_back(blocks[b]);
    }
    sequences_.erase(sequences_.begin() + static_cast<ptrdiff_t>(i));
    ASSERT_EQ(pool_.stats().used, static_cast<int32_t>(references_.size()));
    ASSERT_EQ(pool_.stats().cached, static_cast<int32_t>(lru_.size()));
  }

  void use(int32_t block) {
    if (references_[block]++ == 0) std::erase(lru_, block);
  }

  BlockPool pool_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::map<std::string, int32_t> published_;
  std::map<int32_t, int> references_;
  std::vector<int32_t> lru_;  // oldest first
};

TEST(BlockPool, AgreesWithNaiveModelOverRandomOperations) {
  for (const int32_t block_count : {1, 2, 7, 24, 100}) {
    NaiveCache(block_count, static_cast<uint64_t>(block_count)).run(300'000);
  }
}

}  // namespace
}  // namespace sluice::kv
