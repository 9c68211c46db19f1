#include "engine/model_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_support.h"
#include "loader/gguf.h"
#include "tests/support/gguf_builder.h"
#include "text/byte_alphabet.h"

namespace sluice::engine {
namespace {

using sluice::testing::GgufBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kI32 = 5;

// 256 bytes, "he", and two control tokens.
GgufBuilder vocabulary(int32_t type_of_last = 3) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(text::bytes_to_alphabet(std::string(1, static_cast<char>(byte))));
  }
  tokens.insert(tokens.end(), {"he", "<|begin|>", "<|over|>"});
  std::vector<int32_t> types(tokens.size(), 1);
  types[257] = 3;
  types[258] = type_of_last;
  GgufBuilder file;
  file.string("tokenizer.ggml.model", "gpt2")
      .string("tokenizer.ggml.pre", "qwen2")
      .strings("tokenizer.ggml.tokens", tokens)
      .strings("tokenizer.ggml.merges", {"h e"})
      .numbers("tokenizer.ggml.token_type", kI32, types)
      .u32("tokenizer.ggml.bos_token_id", 257)
      .u32("tokenizer.ggml.eos_token_id", 258)
      .boolean("tokenizer.ggml.add_bos_token", true);
  return file;
}

Result<text::TokenizerSpec> spec_of(GgufBuilder builder) {
  const std::vector<std::byte> bytes = builder.build();
  const auto file = loader::GgufFile::parse("test.gguf", bytes);
  if (!file) return std::unexpected(file.error());
  return tokenizer_spec(**file);
}

std::unique_ptr<sampling::Sampler> any_sampler() {
  return std::make_unique<sampling::Sampler>(kernels::kernels_for(kernels::Isa::kScalar));
}

TEST(ModelBundle, ReadsTheVocabularyOfAFile) {
  const auto spec = spec_of(vocabulary());
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(spec->tokens.size(), 259u);
  EXPECT_EQ(spec->types[258], text::TokenType::kControl);
  EXPECT_EQ(spec->bos_id, 257);
  EXPECT_EQ(spec->pad_id, -1);
  EXPECT_TRUE(spec->add_bos);
  const auto tokenizer = text::Tokenizer::create(*spec);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  EXPECT_THAT((*tokenizer)->encode("he<|over|>", text::Tokenizer::Special::kParse),
              ElementsAre(256, 258));
  EXPECT_TRUE((*tokenizer)->is_end_of_generation(258));
}

TEST(ModelBundle, BrokenVocabulariesAreErrorsThatNameTheKey) {
  const auto bad_type = spec_of(vocabulary(7));
  ASSERT_FALSE(bad_type);
  EXPECT_THAT(bad_type.error().message(), HasSubstr("tokenizer.ggml.token_type"));
  const auto none = spec_of(GgufBuilder());
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("tokenizer.ggml.model"));
  EXPECT_FALSE(spec_of(vocabulary().string("tokenizer.ggml.unknown_token_id", "x")));
}

TEST(ModelBundle, TakesTheTemplateOfTheFileOrTheOneGiven) {
  GgufBuilder builder = vocabulary();
  builder.string("tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
  const std::vector<std::byte> bytes = builder.build();
  const auto file = loader::GgufFile::parse("test.gguf", bytes).value();
  for (const bool given : {false, true}) {
    const auto bundle =
        load_bundle(*file, given ? "{{ eos_token }}" : "", {"a", "b"},
                    std::make_unique<model::FakeRunner>(model::FakeRunnerOptions()), any_sampler());
    ASSERT_TRUE(bundle) << bundle.error().message();
    text::ChatTemplate::Input input;
    input.messages = text::Value::list(
        {text::Value::dict({{text::Value::string("content"), text::Value::string("<|over|>")}})});
    EXPECT_EQ(bundle->chat_template->render_text(input).value(),
              given ? "<|over|>" : "<|begin|><|over|>");
    EXPECT_EQ(bundle->context_length, 32768);
    EXPECT_EQ(bundle->architecture, "fake");
  }
  const auto broken =
      load_bundle(*file, "{% if %}", {"a"},
                  std::make_unique<model::FakeRunner>(model::FakeRunnerOptions()), any_sampler());
  EXPECT_FALSE(broken);
}

TEST(ModelBundle, VocabularyLargerThanTheModelIsRefused) {
  const std::vector<std::byte> bytes = vocabulary().build();
  const auto file = loader::GgufFile::parse("test.gguf", bytes).value();
  model::FakeRunnerOptions small;
  small.vocab_size = 258;
  small.end_id = 1;
  EXPECT_FALSE(
      load_bundle(*file, "", {"a"}, std::make_unique<model::FakeRunner>(small), any_sampler()));
  // Without a template of its own the model has none.
  const auto bundle =
      load_bundle(*file, "", {"a"}, std::make_unique<model::FakeRunner>(model::FakeRunnerOptions()),
                  any_sampler());
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->chat_template, nullptr);
}

// The fake must show what it is for: reading the wrong block changes the text.
TEST(FakeRunner, MixedUpBlocksChangeTheAnswer) {
  model::FakeRunner runner({.words = test_words(), .spend = {}});
  const std::vector<int32_t> prompt(70, 'x');
  const auto ask = [&](std::vector<int32_t> write, std::vector<int32_t> read) {
    const model::SequenceSlice first{
        .sequence_id = 1, .tokens = std::span(prompt).first(69), .blocks = write};
    EXPECT_TRUE(runner.submit({.slices = std::span(&first, 1)}));
    EXPECT_TRUE(runner.wait());
    std::vector<float> row;
    const model::SequenceSlice last{.sequence_id = 1,
                                    .tokens = std::span(prompt).last(1),
                                    .position = 69,
                                    .blocks = read,
                                    .sampled_rows = 1};
    EXPECT_TRUE(runner.submit({.slices = std::span(&last, 1)}));
    const auto logits = runner.wait()->logits;
    row.assign(logits.begin(), logits.end());
    return row;
  };
  const auto right = ask({0, 1, 2}, {0, 1, 2});
  EXPECT_EQ(ask({7, 5, 3}, {7, 5, 3}), right) << "where the blocks lie is of no account";
  EXPECT_NE(ask({0, 1, 2}, {0, 9, 2}), right);
}

TEST(ModelBundle, SamplingDefaultsAreTheFilesThenTheArchitectures) {
  const std::vector<std::byte> plain = vocabulary().build();
  const auto file = loader::GgufFile::parse("plain", plain);
  ASSERT_TRUE(file.has_value());
  const auto qwen = sampling_defaults_of(**file, "qwen2");
  ASSERT_TRUE(qwen.has_value());
  EXPECT_EQ(qwen->temperature, 0.7f);
  EXPECT_EQ(qwen->top_k, 20);
  EXPECT_EQ(qwen->repetition_penalty, 1.1f);
  const auto llama = sampling_defaults_of(**file, "llama");
  ASSERT_TRUE(llama.has_value());
  EXPECT_FALSE(llama->temperature.has_value());

  const std::vector<std::byte> own =
      vocabulary().u32("general.sampling.temp", 1).u32("general.sampling.top_k", 7).build();
  const auto stated = loader::GgufFile::parse("own", own);
  ASSERT_TRUE(stated.has_value()) << stated.error().message();
  const auto defaults = sampling_defaults_of(**stated, "qwen2");
  ASSERT_TRUE(defaults.has_value()) << defaults.error().message();
  EXPECT_EQ(defaults->temperature, 1.0f);
  EXPECT_EQ(defaults->top_k, 7);
  EXPECT_EQ(defaults->top_p, 0.8f);

  const std::vector<std::byte> bad = vocabulary().u32("general.sampling.temp", 3).build();
  EXPECT_FALSE(sampling_defaults_of(**loader::GgufFile::parse("bad", bad), "qwen2").has_value());
}

}  // namespace
}  // namespace sluice::engine
