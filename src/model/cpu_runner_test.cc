#include "model/cpu_runner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <random>

namespace sluice::model {
namespace {

constexpr int32_t kBlocks = 64;

std::string golden(const std::string& name) {
  return std::string(SLUICE_SOURCE_DIR) + "/tests/golden/" + name;
}

// What NumPy computed (tests/golden/make_tiny_models.py).
struct Recorded {
  std::vector<int32_t> ids;
  uint32_t vocab = 0;
  uint32_t rows = 0;
  std::vector<float> logits;
};

Recorded read_recorded(const std::string& name) {
  std::ifstream file(golden(name), std::ios::binary);
  Recorded out;
  uint32_t head[3];
  file.read(reinterpret_cast<char*>(head), sizeof head);
  out.ids.resize(head[0]);
  out.vocab = head[1];
  out.rows = head[2];
  out.logits.resize(static_cast<size_t>(out.rows) * out.vocab);
  file.read(reinterpret_cast<char*>(out.ids.data()), static_cast<std::streamsize>(4 * head[0]));
  file.read(reinterpret_cast<char*>(out.logits.data()),
            static_cast<std::streamsize>(4 * out.logits.size()));
  EXPECT_TRUE(file.good()) << name;
  return out;
}

// A runner with everything it needs.
struct Fixture {
  Team team;
  std::unique_ptr<CpuRunner> runner;

  Fixture(const std::string& model, const RunnerOptions& options, int threads) : team(threads) {
    auto file = loader::GgufFile::open(golden(model));
    EXPECT_TRUE(file.has_value()) << file.error().message();
    auto made = CpuRunner::create(**file, options, team);
    EXPECT_TRUE(made.has_value()) << made.error().message();
    runner = std::move(*made);
  }
};

RunnerOptions options_for(kernels::Isa isa, bool as_float) {
  RunnerOptions options;
  options.isa = isa;
  options.kv_dtype = as_float ? kernels::KvDType::kF32 : kernels::KvDType::kBF16;
  options.float_weights = as_float;
  options.block_count = kBlocks;
  options.step_tokens_max = 512;
  options.sampled_rows_max = 512;
  return options;
}

// One sequence as a test drives it: its tokens so far and its blocks.
struct Sequence {
  uint64_t id = 0;
  std::vector<int32_t> ids;
  std::vector<int32_t> blocks;
  int32_t done = 0;
};

// Computes the next `counts[i]` tokens of each sequence in one step; the logits of all these tokens
// are appended to `logits[id]`.
void step(CpuRunner& runner, std::vector<Sequence*> sequences, const std::vector<int32_t>& counts,
          std::map<uint64_t, std::vector<float>>& logits) {
  std::vector<SequenceSlice> slices;
  for (size_t i = 0; i < sequences.size(); ++i) {
    Sequence& sequence = *sequences[i];
    SequenceSlice slice;
    slice.sequence_id = sequence.id;
    slice.tokens = std::span<const int32_t>(sequence.ids)
                       .subspan(static_cast<size_t>(sequence.done), static_cast<size_t>(counts[i]));
    slice.position = sequence.done;
    slice.blocks = sequence.blocks;
    slice.sampled_rows = counts[i];
    slices.push_back(slice);
  }
  ASSERT_TRUE(runner.submit({slices}));
  const auto output = runner.wait();
  ASSERT_TRUE(output.has_value());
  const auto vocab = static_cast<size_t>(runner.info().vocab_size);
  size_t row = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::vector<float>& out = logits[sequences[i]->id];
    for (int32_t t = 0; t < counts[i]; ++t, ++row) {
      const auto view = output->logits.subspan(row * vocab, vocab);
      out.insert(out.end(), view.begin(), view.end());
    }
    sequences[i]->done += counts[i];
  }
}

std::vector<Sequence> make_sequences(const std::vector<int32_t>& ids, int count, int32_t length) {
  std::mt19937 random(5);
  std::vector<int32_t> blocks(kBlocks);
  std::iota(blocks.begin(), blocks.end(), 0);
  std::shuffle(blocks.begin(), blocks.end(), random);
  const int32_t each = (length + kBlockTokens - 1) / kBlockTokens;
  std::vector<Sequence> out;
  for (int s = 0; s < count; ++s) {
    Sequence sequence;
    sequence.id = static_cast<uint64_t>(s) + 1;
    for (int32_t i = 0; i < length; ++i) {
      sequence.ids.push_back(ids[static_cast<size_t>(i + 7 * s) % ids.size()]);
    }
    sequence.blocks.assign(blocks.begin() + s * each, blocks.begin() + (s + 1) * each);
    out.push_back(std::move(sequence));
  }
  return out;
}

std::vector<float> alone(CpuRunner& runner, Sequence sequence) {
  std::map<uint64_t, std::vector<float>> logits;
  step(runner, {&sequence}, {static_cast<int32_t>(sequence.ids.size())}, logits);
  return logits[sequence.id];
}

class TinyModel : public testing::TestWithParam<const char*> {};

TEST_P(TinyModel, ScalarFloatPathAgreesWithNumPy) {
  const std::string arch = GetParam();
  const Recorded recorded = read_recorded("tiny_" + arch + ".logits");
  Fixture fixture("tiny_" + arch + ".gguf", options_for(kernels::Isa::kScalar, true), 1);
  const std::vector<Sequence> one =
      make_sequences(recorded.ids, 1, static_cast<int32_t>(recorded.ids.size()));
  const std::vector<float> logits = alone(*fixture.runner, one[0]);
  ASSERT_GE(logits.size(), recorded.logits.size());
  const float* tail = logits.data() + logits.size() - recorded.logits.size();
  double largest = 0;
  for (const float value : recorded.logits) largest = std::max(largest, std::fabs(double{value}));
  for (size_t i = 0; i < recorded.logits.size(); ++i) {
    ASSERT_NEAR(tail[i], recorded.logits[i], 1e-4 * largest) << i;
  }
}

TEST_P(TinyModel, EveryIsaStaysNearTheFloatPath) {
  const std::string arch = GetParam();
  const Recorded recorded = read_recorded("tiny_" + arch + ".logits");
  for (const kernels::Isa isa :
       {kernels::Isa::kScalar, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    if (!kernels::isa_supported(isa)) continue;
    Fixture fixture("tiny_" + arch + ".gguf", options_for(isa, true), 2);
    const std::vector<Sequence> one =
        make_sequences(recorded.ids, 1, static_cast<int32_t>(recorded.ids.size()));
    const std::vector<float> logits = alone(*fixture.runner, one[0]);
    const float* tail = logits.data() + logits.size() - recorded.logits.size();
    for (size_t i = 0; i < recorded.logits.size(); ++i) {
      ASSERT_NEAR(tail[i], recorded.logits[i], 3e-3) << kernels::isa_name(isa) << " " << i;
    }
  }
}

// Promise 1: the same bits whatever the batch, the chunking, the threads and the blocks.
TEST_P(TinyModel, LogitsAreBitIdenticalInAnyCompanyAndChunking) {
  const std::string arch = GetParam();
  const Recorded recorded = read_recorded("tiny_" + arch + ".logits");
  constexpr int32_t kLength = 45;
  for (const kernels::Isa isa :
       {kernels::Isa::kScalar, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    if (!kernels::isa_supported(isa)) continue;
    Fixture quiet("tiny_" + arch + ".gguf", options_for(isa, false), 1);
    std::vector<std::vector<float>> expected;
    for (const Sequence& sequence : make_sequences(recorded.ids, 16, kLength)) {
      expected.push_back(alone(*quiet.runner, sequence));
    }
    std::mt19937 random(11);
    for (int threads = 1; threads <= 4; ++threads) {
      Fixture busy("tiny_" + arch + ".gguf", options_for(isa, false), threads);
      // Every company once on the quick kernels; one is enough for each further team.
      const std::vector<int> companies = isa == kernels::best_isa() && threads == 2
                                             ? std::vector<int>{1, 3, 7, 16}
                                             : std::vector<int>{7};
      for (const int company : companies) {
        std::vector<Sequence> sequences = make_sequences(recorded.ids, company, kLength);
        std::map<uint64_t, std::vector<float>> logits;
        while (true) {
          std::vector<Sequence*> chosen;
          std::vector<int32_t> counts;
          for (Sequence& sequence : sequences) {
            const int32_t left = kLength - sequence.done;
            if (left == 0 || random() % 4 == 0) continue;
            chosen.push_back(&sequence);
            const int32_t most = std::min(left, 1 + static_cast<int32_t>(random() % 40));
            counts.push_back(random() % 3 == 0 ? 1 : most);
          }
          if (!chosen.empty()) step(*busy.runner, chosen, counts, logits);
          bool finished = true;
          for (const Sequence& sequence : sequences) finished &= sequence.done == kLength;
          if (finished) break;
        }
        for (int s = 0; s < company; ++s) {
          const std::vector<float>& got = logits[static_cast<uint64_t>(s) + 1];
          const std::vector<float>& want = expected[static_cast<size_t>(s)];
          ASSERT_EQ(got.size(), want.size());
          ASSERT_EQ(0, std::memcmp(got.data(), want.data(), got.size() * sizeof(float)))
              << kernels::isa_name(isa) << ", " << threads << " threads, " << company << " streams";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, TinyModel, testing::Values("qwen2", "llama", "mixed"));

TEST(CpuRunner, ArgmaxIdsAgreeWithTheLogits) {
  const Recorded recorded = read_recorded("tiny_qwen2.logits");
  Fixture fixture("tiny_qwen2.gguf", options_for(kernels::best_isa(), false), 2);
  const std::vector<Sequence> one = make_sequences(recorded.ids, 1, 40);
  SequenceSlice slice;
  slice.tokens = one[0].ids;
  slice.blocks = one[0].blocks;
  slice.sampled_rows = 5;
  slice.argmax_is_enough = true;
  const SequenceSlice slices[] = {slice};
  ASSERT_TRUE(fixture.runner->submit({slices}));
  const auto output = fixture.runner->wait();
  ASSERT_TRUE(output.has_value());
  ASSERT_EQ(output->ids.size(), 5u);
  for (size_t row = 0; row < 5; ++row) {
    const auto logits = output->logits.subspan(row * recorded.vocab, recorded.vocab);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    EXPECT_EQ(output->ids[row], best);
  }
}

TEST(DescribeModel, NamesTheKeyThatIsWrong) {
  auto file = loader::GgufFile::open(golden("tiny_qwen2.gguf"));
  ASSERT_TRUE(file.has_value());
  const auto spec = describe_model(**file);
  ASSERT_TRUE(spec.has_value());
  EXPECT_EQ(spec->heads, 4);
  EXPECT_EQ(spec->kv_heads, 2);
  EXPECT_EQ(spec->vocab_size, 90);
  EXPECT_TRUE(spec->qkv_bias);
  const auto other = describe_decoder(**file, "llama");
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.error().message().find("llama.block_count"), std::string::npos);
}

// tiny_qwen2.gguf, changed.
class ChangedFile : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(golden("tiny_qwen2.gguf"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    ASSERT_GT(bytes_.size(), 1000u);
  }
  void TearDown() override { std::remove(path_.c_str()); }

  void put(size_t at, auto value) { std::memcpy(&bytes_[at], &value, sizeof value); }

  // Metadata of type F32 in front of the file's own. A second key keeps the data's alignment.
  void add_f32(const std::string& key, float value) {
    std::string pairs;
    const auto add = [&pairs](auto number) {
      pairs.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    add(uint64_t{key.size()});
    pairs += key;
    add(uint32_t{6});
    add(value);
    add(uint64_t{1});
    pairs += "x";
    add(uint32_t{8});
    const size_t padding = 64 - (pairs.size() + sizeof(uint64_t)) % 64;
    add(uint64_t{padding});
    pairs.append(padding, ' ');
    uint64_t count = 0;
    std::memcpy(&count, &bytes_[16], sizeof count);
    put(16, count + 2);
    bytes_.insert(24, pairs);
  }

  Status load() {
    std::ofstream(path_, std::ios::binary) << bytes_;
    const auto file = TRY(loader::GgufFile::open(path_));
    Team team(1);
    TRY(CpuRunner::create(*file, options_for(kernels::Isa::kScalar, false), team));
    return {};
  }

  std::string bytes_;
  const std::string path_ = testing::TempDir() + "/" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + ".gguf";
};

TEST_F(ChangedFile, WithATensorThatNothingComputesWithIsRefused) {
  const std::string key = "qwen2.block_count";
  put(bytes_.find(key) + key.size() + sizeof(uint32_t), uint32_t{1});  // the file has two
  const Status status = load();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnsupported);
  EXPECT_NE(status.error().where.find("tensor 'blk.1."), std::string::npos);
}

// Its float32 neighbours read the same activations: all of them take floats then, so that this file
// is computed as the float path computes it.
TEST_F(ChangedFile, WithAQuantisedMatrixBesideFloatOnesIsComputed) {
  for (const std::string name : {"blk.0.attn_k.weight", "blk.1.ffn_up.weight"}) {
    const size_t dimensions = bytes_.find(name) + name.size();
    put(dimensions + sizeof(uint32_t) + 2 * sizeof(uint64_t), uint32_t{8});  // Q8_0 is shorter
  }
  std::ofstream(path_, std::ios::binary) << bytes_;
  const auto file = loader::GgufFile::open(path_);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  std::vector<std::vector<float>> logits;
  for (const bool as_float : {false, true}) {
    RunnerOptions options = options_for(kernels::best_isa(), true);
    options.float_weights = as_float;
    Team team(2);
    const auto runner = CpuRunner::create(**file, options, team);
    ASSERT_TRUE(runner.has_value()) << runner.error().message();
    logits.push_back(alone(**runner, make_sequences({1, 2, 3, 5, 8}, 1, 40)[0]));
  }
  ASSERT_EQ(logits[0].size(), logits[1].size());
  EXPECT_EQ(0, std::memcmp(logits[0].data(), logits[1].data(), logits[0].size() * sizeof(float)));
}

TEST_F(ChangedFile, WithScaledRopeIsRefusedUnderEveryKey) {
  for (const char* key : {"qwen2.rope.scaling.factor", "qwen2.rope.scale_linear"}) {
    const std::string unchanged = bytes_;
    add_f32(key, 1.0f);
    EXPECT_TRUE(load()) << "a factor of one scales nothing";
    bytes_ = unchanged;
    add_f32(key, 4.0f);
    const Status status = load();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kUnsupported);
    EXPECT_NE(status.error().where.find(key), std::string::npos);
    bytes_ = unchanged;
  }
}

}  // namespace
}  // namespace sluice::model
