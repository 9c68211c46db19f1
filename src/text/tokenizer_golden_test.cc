// Compares with what Hugging Face `tokenizers` made of the same texts and vocabularies; the files
// are written by tests/golden/make_tokenizer_goldens.py.
#include <gtest/gtest.h>
#include <simdjson.h>

#include "text/tokenizer.h"

namespace sluice::text {
namespace {

std::vector<std::string> strings_of(simdjson::dom::array array) {
  std::vector<std::string> out;
  for (const simdjson::dom::element each : array) {
    out.emplace_back(std::string_view(each.get_string().value()));
  }
  return out;
}

std::vector<int32_t> ids_of(simdjson::dom::array array) {
  std::vector<int32_t> out;
  for (const simdjson::dom::element each : array) {
    out.push_back(static_cast<int32_t>(each.get_int64().value()));
  }
  return out;
}

// What is compared: a file of tests/golden, encoded as its own model does or with another
// pre-tokenizer, whose ids have their own key.
struct Golden {
  const char* file;
  const char* pre;
  const char* key;
};

class TokenizerGolden : public ::testing::TestWithParam<Golden> {};

TEST_P(TokenizerGolden, AgreesWithHuggingFace) {
  simdjson::dom::parser parser;
  const simdjson::dom::element golden =
      parser.load(std::string(SLUICE_SOURCE_DIR "/tests/golden/") + GetParam().file);
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = GetParam().pre;
  spec.tokens = strings_of(golden["tokens"]);
  spec.merges = strings_of(golden["merges"]);
  for (const int32_t type : ids_of(golden["types"])) {
    spec.types.push_back(static_cast<TokenType>(type - 1));
  }
  const auto made = Tokenizer::create(std::move(spec));
  ASSERT_TRUE(made) << made.error().message();
  const Tokenizer& tokenizer = **made;

  size_t cases = 0;
  for (const simdjson::dom::element each : simdjson::dom::array(golden["cases"])) {
    const std::string_view text = each["text"];
    EXPECT_EQ(tokenizer.encode(text, Tokenizer::Special::kAsText), ids_of(each[GetParam().key]))
        << text;
    ++cases;
    if (std::string_view(GetParam().key) != "as_text") continue;
    const auto parsed = tokenizer.encode(text, Tokenizer::Special::kParse);
    EXPECT_EQ(parsed, ids_of(each["parsed"])) << text;
    const Segment halves[] = {{text.substr(0, text.size() / 2), true},
                              {text.substr(text.size() / 2), true}};
    EXPECT_EQ(tokenizer.encode_segments(halves), parsed) << text;
  }
  EXPECT_GT(cases, 200U);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerGolden,
                         ::testing::Values(Golden{"tokenizer_qwen2.json", "qwen2", "as_text"},
                                           Golden{"tokenizer_smollm.json", "smollm", "as_text"},
                                           Golden{"tokenizer_qwen2.json", "llama-bpe", "llama-bpe"},
                                           Golden{"tokenizer_qwen2.json", "gpt-2", "gpt-2"}));

}  // namespace
}  // namespace sluice::text
