// Attention and the KV store, against softmax in double precision and against themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/ops/ops.h"

namespace sluice::kernels {
namespace {

struct IsaFunctions {
  const char* name;
  void (*store)(const KvLayout&, const float*, const float*, std::byte*, int32_t);
  void (*attend)(const AttentionTask&);
};

std::vector<IsaFunctions> functions() {
  std::vector<IsaFunctions> all = {{"scalar", kv_store_scalar, attention_scalar}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back({"avx2", kv_store_avx2, attention_avx2});
  }
  if (isa_supported(Isa::kAvx512)) all.push_back({"avx512", kv_store_avx512, attention_avx512});
  return all;
}

struct Shape {
  KvDType dtype = KvDType::kBF16;
  int32_t kv_heads = 2;
  int32_t group = 7;
  int32_t head_dim = 64;
  int32_t length = 100;
  float magnitude = 1.0f;
};

// One sequence whose keys and values lie in a shuffled block table of a poisoned pool.
class Case {
 public:
  Case(const Shape& shape, const IsaFunctions& isa) : shape_(shape), isa_(isa) {
    layout_ = {shape.dtype, shape.kv_heads, shape.head_dim};
    std::mt19937 random(static_cast<uint32_t>(shape.length * 31 + shape.head_dim));
    std::normal_distribution<float> normal(0.0f, shape.magnitude);
    const auto fill = [&](std::vector<float>& x, int32_t heads) {
      x.resize(static_cast<size_t>(shape.length) * static_cast<size_t>(heads * shape.head_dim));
      for (float& value : x) value = normal(random);
    };
    fill(k_, shape.kv_heads);
    fill(v_, shape.kv_heads);
    fill(q_, shape.kv_heads * shape.group);
    out_.assign(q_.size(), -7.0f);
    const int32_t blocks = (shape.length + kKvBlockTokens - 1) / kKvBlockTokens;
    pool_.resize(layout_.block_bytes() * static_cast<size_t>(blocks + 3));
    memset(pool_.data(), 0xff, pool_.size());  // NaN in both types
    for (int32_t i = 0; i < blocks + 3; ++i) table_.push_back(i);
    std::shuffle(table_.begin(), table_.end(), random);
    scratch_.resize(attention_scratch_floats(shape.length, shape.group, shape.head_dim) + 16,
                    std::numeric_limits<float>::quiet_NaN());
  }

  int32_t kv_width() const { return shape_.kv_heads * shape_.head_dim; }
  int32_t q_width() const { return kv_width() * shape_.group; }

  void store(int32_t begin, int32_t end) {
    for (int32_t t = begin; t < end; ++t) {
      const auto offset = static_cast<size_t>(t) * static_cast<size_t>(kv_width());
      const auto block = static_cast<size_t>(table_[static_cast<size_t>(t / 32)]);
      isa_.store(layout_, &k_[offset], &v_[offset], &pool_[block * layout_.block_bytes()], t % 32);
    }
  }

  void attend(int32_t begin, int32_t end) {
    for (int32_t head = 0; head < shape_.kv_heads; ++head) {
      const auto offset = static_cast<size_t>(begin) * static_cast<size_t>(q_width()) +
                          static_cast<size_t>(head * shape_.group * shape_.head_dim);
      AttentionTask task;
      task.q = &q_[offset];
      task.q_stride = q_width();
      task.out = &out_[offset];
      task.out_stride = q_width();
      task.tokens = end - begin;
      task.group = shape_.group;
      task.first_position = begin;
      task.scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
      task.layout = &layout_;
      task.pool = pool_.data();
      task.blocks = table_.data();
      task.kv_head = head;
      task.scratch = scratch_.data();
      isa_.attend(task);
    }
  }

  // Stores and attends in chunks, so that keys of later tokens are still NaN.
  std::vector<float> run(int32_t chunk) {
    for (int32_t begin = 0; begin < shape_.length; begin += chunk) {
      const int32_t end = std::min(begin + chunk, shape_.length);
      store(begin, end);
      attend(begin, end);
    }
    return out_;
  }

  // The largest error against double precision, over every third token and the last ones.
  double error(const std::vector<float>& out) const {
    double worst = 0;
    for (int32_t t = 0; t < shape_.length; ++t) {
      if (t % 3 != 0 && t + 3 < shape_.length) continue;
      for (int32_t head = 0; head < shape_.kv_heads * shape_.group; ++head) {
        worst = std::max(worst, row_error(out, t, head));
      }
    }
    return worst;
  }

 private:
  double row_error(const std::vector<float>& out, int32_t t, int32_t head) const {
    const auto d = static_cast<size_t>(shape_.head_dim);
    const size_t q_at =
        static_cast<size_t>(t) * static_cast<size_t>(q_width()) + static_cast<size_t>(head) * d;
    const size_t kv_at = static_cast<size_t>(head / shape_.group) * d;
    std::vector<double> scores(static_cast<size_t>(t) + 1);
    double max = -1e300;
    for (size_t s = 0; s < scores.size(); ++s) {
      for (size_t i = 0; i < d; ++i) {
        scores[s] += static_cast<double>(q_[q_at + i]) *
                     static_cast<double>(k_[s * static_cast<size_t>(kv_width()) + kv_at + i]);
      }
      scores[s] /= std::sqrt(static_cast<double>(d));
      max = std::max(max, scores[s]);
    }
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score - max);
    double worst = 0;
    for (size_t i = 0; i < d; ++i) {
      double expected = 0;
      for (size_t s = 0; s < scores.size(); ++s) {
        expected += scores[s] / sum *
                    static_cast<double>(v_[s * static_cast<size_t>(kv_width()) + kv_at + i]);
      }
      const double off = std::abs(expected - static_cast<double>(out[q_at + i]));
      worst = std::max(worst, std::isnan(off) ? 1e9 : off);
    }
    return worst;
  }

  Shape shape_;
  IsaFunctions isa_;
  KvLayout layout_;
  std::vector<float> k_, v_, q_, out_, scratch_;
  std::vector<std::byte> pool_;
  std::vector<int32_t> table_;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Attention, AgreesWithSoftmaxInDoublePrecision) {
  const IsaFunctions isa = functions().back();
  for (KvDType dtype : {KvDType::kF32, KvDType::kBF16}) {
    for (int32_t length : {1, 31, 32, 33, 255, 256, 257, 520}) {
      Case c({.dtype = dtype, .group = 3, .length = length, .magnitude = 0.5f}, isa);
      const double error = c.error(c.run(64));
      EXPECT_LT(error, dtype == KvDType::kF32 ? 1e-5 : 5e-3) << length;
    }
    for (int32_t head_dim : {16, 48, 80, 128, 256}) {
      Case c({.dtype = dtype, .head_dim = head_dim, .length = 70, .magnitude = 0.5f}, isa);
      EXPECT_LT(c.error(c.run(70)), dtype == KvDType::kF32 ? 1e-5 : 5e-3) << head_dim;
    }
  }
}

// Keys and values of later tokens are NaN while a token is computed: had one been read, the answer
// would show it.
TEST(Attention, ATokenIsTheSameAloneAndAmongOthers) {
  const IsaFunctions isa = functions().back();
  for (KvDType dtype : {KvDType::kF32, KvDType::kBF16}) {
    for (int32_t group : {1, 2, 7, 16}) {
      const Shape shape{.dtype = dtype, .kv_heads = 1, .group = group, .length = 333};
      Case alone(shape, isa);
      const std::vector<float> expected = alone.run(1);
      for (float x : expected) ASSERT_FALSE(std::isnan(x));
      for (int32_t chunk : {2, 7, 32, 61, 256, 333}) {
        Case c(shape, isa);
        EXPECT_TRUE(same_bits(c.run(chunk), expected)) << group << " " << chunk;
      }
    }
  }
}

TEST(Attention, EveryIsaGivesTheSameBits) {
  for (KvDType dtype : {KvDType::kF32, KvDType::kBF16}) {
    for (int32_t length : {1, 31, 33, 257, 300}) {
      for (int32_t head_dim : {16, 48, 64}) {
        const Shape shape{
            .dtype = dtype, .kv_heads = 2, .group = 3, .head_dim = head_dim, .length = length};
        Case scalar(shape, functions().front());
        const std::vector<float> expected = scalar.run(50);
        for (const IsaFunctions& isa : functions()) {
          Case c(shape, isa);
          EXPECT_TRUE(same_bits(c.run(50), expected)) << isa.name << " " << length;
        }
      }
    }
  }
}

TEST(Attention, ALongSequenceMatchesItsDecode) {
  const IsaFunctions isa = functions().back();
  const Shape shape{.kv_heads = 1, .length = 1000, .magnitude = 0.7f};
  Case whole(shape, isa);
  const std::vector<float> expected = whole.run(1000);
  EXPECT_LT(whole.error(expected), 5e-3);
  Case last(shape, isa);
  last.store(0, 1000);
  last.attend(999, 1000);
  Case later(shape, isa);
  later.store(0, 1000);
  later.attend(0, 1000);
  EXPECT_TRUE(same_bits(later.run(1000), expected));
}

TEST(Attention, ExtremeScoresStayFinite) {
  for (const IsaFunctions& isa : functions()) {
    Case c({.dtype = KvDType::kF32, .kv_heads = 1, .group = 2, .length = 300, .magnitude = 60.0f},
           isa);
    for (float x : c.run(300)) ASSERT_TRUE(std::isfinite(x));
  }
}

TEST(Attention, ScratchDoesNotGrowWithTokens) {
  EXPECT_EQ(attention_scratch_floats(1, 1, 64), attention_scratch_floats(100000, 64, 64));
}

TEST(KvStore, RoundsToNearestEvenAndKeepsNan) {
  for (const IsaFunctions& isa : functions()) {
    const KvLayout layout{KvDType::kBF16, 1, 16};
    std::vector<std::byte> block(layout.block_bytes());
    std::vector<float> k(16), v(16, 1.0f);
    const uint32_t bits[] = {0x3f808000u, 0x3f818000u, 0x3f808001u, 0x7fffffffu,
                             0x7f800000u, 0x7f7fffffu, 0x7f800001u, 0x80000000u};
    memcpy(k.data(), bits, sizeof(bits));
    isa.store(layout, k.data(), v.data(), block.data(), 5);
    const uint16_t expected[] = {0x3f80, 0x3f82, 0x3f81, 0x7fff, 0x7f80, 0x7f80, 0x7fc0, 0x8000};
    for (size_t d = 0; d < 8; ++d) {
      uint16_t stored;
      memcpy(&stored, &block[((d / 2 * 32 + 5) * 2 + d % 2) * 2], 2);
      EXPECT_EQ(stored, expected[d]) << isa.name << " " << d;
    }
  }
}

TEST(KvLayout, CountsBytes) {
  EXPECT_EQ((KvLayout{KvDType::kBF16, 2, 64}.block_bytes()), 2u * 2 * 32 * 64 * 2);
  EXPECT_EQ((KvLayout{KvDType::kF32, 3, 16}.block_bytes()), 3u * 2 * 32 * 16 * 4);
}

}  // namespace
}  // namespace sluice::kernels
