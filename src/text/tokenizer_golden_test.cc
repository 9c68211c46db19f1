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

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, AgreesWithHuggingFace) {
  simdjson::dom::parser parser;
  const simdjson::dom::element golden =
      parser.load(std::string(SLUICE_SOURCE_DIR "/tests/golden/tokenizer_") + GetParam() + ".json");
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = std::string(std::string_view(golden["pre"]));
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
    EXPECT_EQ(tokenizer.encode(text, Tokenizer::Special::kAsText), ids_of(each["as_text"])) << text;
    const auto parsed = tokenizer.encode(text, Tokenizer::Special::kParse);
    EXPECT_EQ(parsed, ids_of(each["parsed"])) << text;
    const Segment whole[] = {{text.substr(0, text.size() / 2), true},
                             {text.substr(text.size() / 2), true}};
    EXPECT_EQ(tokenizer.encode_segments(whole), parsed) << text;
    ++cases;
  }
  EXPECT_GT(cases, 200U);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerGolden, ::testing::Values("qwen2", "smollm"));

}  // namespace
}  // namespace sluice::text
