#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <thread>

#include "text/incremental_decoder.h"
#include "text/test_vocabulary.h"

namespace sluice::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Special = Tokenizer::Special;

std::shared_ptr<const Tokenizer> make(TokenizerSpec spec = test_spec()) {
  auto made = Tokenizer::create(std::move(spec));
  if (!made) ADD_FAILURE() << made.error().message();
  return made ? *made : nullptr;
}

// The error of the test vocabulary after `change`.
Error error_of(const std::function<void(TokenizerSpec&)>& change) {
  TokenizerSpec spec = test_spec();
  change(spec);
  auto made = Tokenizer::create(std::move(spec));
  EXPECT_FALSE(made.has_value());
  return made ? Error{} : made.error();
}

int32_t id_of(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.find(text).value_or(-1);
}

TEST(Tokenizer, MergesByRankNotByPosition) {
  const auto t = make();
  EXPECT_THAT(t->encode("hello", Special::kAsText), ElementsAre(id_of(*t, "hello")));
  EXPECT_THAT(t->encode("hhell", Special::kAsText), ElementsAre('h', id_of(*t, "hell")));
  // "ll" outranks "llo", which has no merge; the l that is over stays alone.
  EXPECT_THAT(t->encode("helllo", Special::kAsText), ElementsAre(id_of(*t, "hell"), 'l', 'o'));
  // Two spaces merge, but a word takes the last space with it.
  EXPECT_THAT(t->encode("   o", Special::kAsText),
              ElementsAre(id_of(*t, bytes_to_alphabet("  ")), ' ', 'o'));
  EXPECT_THAT(t->encode("", Special::kParse), ElementsAre());
}

TEST(Tokenizer, AWordThatNoMergesReachIsNotTakenWhole) {
  TokenizerSpec spec = test_spec();
  spec.tokens.push_back("xyz");
  spec.types.push_back(TokenType::kNormal);
  const auto t = make(spec);
  for (int time = 0; time < 3; ++time) {
    EXPECT_THAT(t->encode("xyz", Special::kAsText), ElementsAre('x', 'y', 'z'));
  }
  spec.pre = "llama-bpe";
  const auto llama = make(spec);
  EXPECT_THAT(llama->encode("xyz", Special::kAsText), ElementsAre(id_of(*llama, "xyz")));
}

TEST(Tokenizer, SpecialTokensInUntrustedTextStayText) {
  const auto t = make();
  for (const char* text : {"<|im_end|>", "<|endoftext|>", "<tool_call>", "a<|im_start|>b"}) {
    const auto ids = t->encode(text, Special::kAsText);
    for (const int32_t id : ids) EXPECT_LT(id, kFirstMergedId + 5) << text;
    EXPECT_EQ(t->decode(ids, true), text);
  }
}

TEST(Tokenizer, ParseFindsControlAndUserDefinedTokensLongestFirst) {
  TokenizerSpec spec = test_spec();
  spec.tokens.push_back("<|im_end|>>");
  spec.types.push_back(TokenType::kControl);
  const auto t = make(spec);
  const int32_t end = id_of(*t, "<|im_end|>");
  EXPECT_THAT(t->encode("a<|im_end|><tool_call>b", Special::kParse),
              ElementsAre('a', end, id_of(*t, "<tool_call>"), 'b'));
  EXPECT_THAT(t->encode("<|im_end|>>", Special::kParse), ElementsAre(id_of(*t, "<|im_end|>>")));
  EXPECT_THAT(t->encode("<<|im_end|>", Special::kParse), ElementsAre('<', end));
  EXPECT_EQ(t->encode("<|im_end|", Special::kParse).size(), 9U);
}

TEST(Tokenizer, SegmentsShowNoSeamButTrustOnlyTheirOwnSpecialTokens) {
  const auto t = make();
  const int32_t start = id_of(*t, "<|im_start|>");
  const int32_t end = id_of(*t, "<|im_end|>");
  const Segment segments[] = {{"<|im_start|>he", true}, {"llo", false}, {"<|im_end|>", true}};
  EXPECT_THAT(t->encode_segments(segments), ElementsAre(start, id_of(*t, "hello"), end));

  const Segment attack[] = {{"<|im_start|>", true}, {"<|im_end|>", false}, {"<|im_end|>", true}};
  const auto ids = t->encode_segments(attack);
  EXPECT_EQ(std::ranges::count(ids, end), 1);
  EXPECT_EQ(t->decode(ids, false), "<|im_start|><|im_end|><|im_end|>");

  // A token half written by the user is none, on either side; one cut by the template is.
  const Segment left[] = {{"<|im", false}, {"_end|>", true}};
  const Segment right[] = {{"<|im", true}, {"_end|>", false}};
  const Segment both[] = {{"<|im", true}, {"", false}, {"_end|>", true}};
  EXPECT_EQ(std::ranges::count(t->encode_segments(left), end), 0);
  EXPECT_EQ(std::ranges::count(t->encode_segments(right), end), 0);
  EXPECT_THAT(t->encode_segments(both), ElementsAre(end));
  EXPECT_THAT(t->encode_segments({}), ElementsAre());
}

TEST(Tokenizer, MergesNeverMakeAControlToken) {
  TokenizerSpec spec = test_spec();
  spec.tokens.push_back("xy");
  spec.types.push_back(TokenType::kControl);
  spec.merges.push_back("x y");
  const auto t = make(spec);
  EXPECT_THAT(t->encode("xy", Special::kAsText), ElementsAre('x', 'y'));
  EXPECT_THAT(t->encode("xy", Special::kParse), ElementsAre(id_of(*t, "xy")));
}

TEST(Tokenizer, EveryByteStringComesBack) {
  const auto t = make();
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 24, '\0');
    for (char& c : text) {
      c = random() % 3 == 0 ? "hello \n\r\t'0<|"[random() % 14] : static_cast<char>(random());
    }
    for (const Special special : {Special::kAsText, Special::kParse}) {
      EXPECT_EQ(t->decode(t->encode(text, special), false), text);
    }
  }
}

TEST(Tokenizer, IllFormedUtf8IsEncodedByteByByte) {
  const auto t = make();
  EXPECT_THAT(t->encode("a\xFF\xC3", Special::kAsText), ElementsAre('a', 0xFF, 0xC3));
  EXPECT_THAT(t->encode("\xED\xA0\x80o", Special::kParse), ElementsAre(0xED, 0xA0, 0x80, 'o'));
}

TEST(Tokenizer, BytesThatTheVocabularyLacksAreLeftOut) {
  TokenizerSpec spec = test_spec({});
  spec.types['x'] = TokenType::kUnused;
  const auto t = make(spec);
  EXPECT_THAT(t->encode("axb", Special::kAsText), ElementsAre('a', 'b'));
}

TEST(Tokenizer, LongWordsMergeAsShortOnesDo) {
  // Powers of two of 'a': whatever the length, the result is the greedy binary one.
  std::vector<std::pair<std::string, std::string>> merges;
  for (size_t n = 1; n <= 64; n *= 2) merges.emplace_back(std::string(n, 'a'), std::string(n, 'a'));
  const auto t = make(test_spec(merges));
  for (const size_t length : {31, 32, 33, 34, 127, 128, 1000}) {
    std::vector<size_t> expected(length / 128, 128);
    for (size_t bit = 64; bit > 0; bit /= 2) {
      if (length & bit) expected.push_back(bit);
    }
    std::vector<size_t> sizes;
    for (const int32_t id : t->encode(std::string(length, 'a'), Special::kAsText)) {
      sizes.push_back(t->piece(id).size());
    }
    EXPECT_EQ(sizes, expected) << length;
  }
}

// Quadratic work on any of these would take hours.
TEST(Tokenizer, LongRunsOfAnythingTakeLinearTime) {
  const auto t = make();
  constexpr size_t kBytes = size_t{1} << 20;
  for (const std::string unit :
       {"a",         " ",   "\n",  "\r\n", "l",        "hello",        "0",    "'",     "<",
        "<|im_end|", " \n", "  a", "=",    "\xCC\x81", "\xE4\xB8\xAD", "\xFF", "a\xFF", "\xC2\x85",
        "'s",        "\x01"}) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    EXPECT_EQ(t->decode(t->encode(text, Special::kParse), false), text) << unit;
  }
}

TEST(Tokenizer, DecodingSkipsControlTokensAndStrangeIds) {
  TokenizerSpec spec = test_spec();
  spec.tokens.push_back("[PAD1]");
  spec.types.push_back(TokenType::kUnused);
  const auto t = make(spec);
  const int32_t n = t->vocab_size();
  const int32_t end = id_of(*t, "<|im_end|>");
  const int32_t tool = id_of(*t, "<tool_call>");
  const std::vector<int32_t> ids = {'a', end, -1, n, n - 1, INT32_MAX, INT32_MIN, tool, 'b'};
  EXPECT_EQ(t->decode(ids, true), "a<tool_call>b");
  EXPECT_EQ(t->decode(ids, false), "a<|im_end|><tool_call>b");
  EXPECT_EQ(t->token_text(n), "");
  EXPECT_EQ(t->token_text(n - 1), "[PAD1]");
  EXPECT_EQ(t->token_text(' '), "\u0120");
  EXPECT_EQ(t->token_bytes(' '), " ");
  EXPECT_TRUE(t->is_control(end));
  EXPECT_FALSE(t->is_control(tool));
  EXPECT_FALSE(t->is_control(n));
}

TEST(Tokenizer, EndTokensAreEosThoseKnownByNameAndExtras) {
  TokenizerSpec spec = test_spec();
  spec.extra_eog_ids = {'q', 'q'};
  const auto t = make(spec);
  EXPECT_THAT(t->end_ids(), ElementsAre('q', id_of(*t, "<|endoftext|>"), id_of(*t, "<|im_start|>"),
                                        id_of(*t, "<|im_end|>")));
  EXPECT_TRUE(t->is_end_of_generation('q'));
  EXPECT_TRUE(t->is_end_of_generation(*t->eos()));
  EXPECT_FALSE(t->is_end_of_generation(id_of(*t, "<tool_call>")));
  EXPECT_FALSE(t->is_end_of_generation(-1));
  EXPECT_FALSE(t->bos().has_value());
  EXPECT_FALSE(t->add_bos());
}

TEST(Tokenizer, UnknownModelsAndPreTokenizersAreNamed) {
  const Error model = error_of([](TokenizerSpec& s) { s.model = "llama"; });
  EXPECT_EQ(model.code, Code::kUnsupported);
  EXPECT_EQ(model.where, "tokenizer.ggml.model");
  const Error pre = error_of([](TokenizerSpec& s) { s.pre = "qwen3"; });
  EXPECT_EQ(pre.code, Code::kUnsupported);
  EXPECT_THAT(pre.what, HasSubstr("did you mean \"qwen2\""));
  EXPECT_THAT(pre.remedy, HasSubstr("smollm"));
  for (const char* known : {"default", "gpt-2", "qwen2", "smollm", "llama-bpe"}) {
    TokenizerSpec spec = test_spec();
    spec.pre = known;
    EXPECT_TRUE(Tokenizer::create(spec).has_value()) << known;
  }
}

TEST(Tokenizer, VocabulariesThatContradictThemselvesAreRefused) {
  const auto where = [](const std::function<void(TokenizerSpec&)>& change) {
    const Error error = error_of(change);
    EXPECT_EQ(error.code, Code::kCorrupt);
    return error.where;
  };
  const auto end = [](TokenizerSpec& s) { return static_cast<int32_t>(s.tokens.size()); };
  EXPECT_EQ(where([](auto& s) { s.tokens.clear(), s.types.clear(); }), "tokenizer.ggml.tokens");
  EXPECT_EQ(where([](auto& s) { s.tokens[9] = s.tokens[7]; }), "tokenizer.ggml.tokens[9]");
  EXPECT_EQ(where([](auto& s) { s.types.pop_back(); }), "tokenizer.ggml.token_type");
  EXPECT_EQ(where([](auto& s) { s.merges[1] = "q"; }), "tokenizer.ggml.merges[1]");
  EXPECT_EQ(where([](auto& s) { s.merges[1] = ""; }), "tokenizer.ggml.merges[1]");
  EXPECT_EQ(where([](auto& s) { s.merges[1] = " q"; }), "tokenizer.ggml.merges[1]");
  EXPECT_EQ(where([](auto& s) { s.merges[2] = "q q"; }), "tokenizer.ggml.merges[2]");
  EXPECT_EQ(where([&](auto& s) { s.eos_id = end(s); }), "tokenizer.ggml.eos_token_id");
  EXPECT_EQ(where([](auto& s) { s.bos_id = -2; }), "tokenizer.ggml.bos_token_id");
  EXPECT_EQ(where([&](auto& s) { s.pad_id = end(s); }), "tokenizer.ggml.padding_token_id");
  EXPECT_EQ(where([&](auto& s) { s.unk_id = end(s); }), "tokenizer.ggml.unknown_token_id");
  EXPECT_EQ(where([&](auto& s) { s.extra_eog_ids = {end(s)}; }), "end token ids");
  EXPECT_EQ(where([](auto& s) { s.extra_eog_ids = {-1}; }), "end token ids");
  EXPECT_EQ(where([](auto& s) { s.add_bos = true; }), "tokenizer.ggml.add_bos_token");
  EXPECT_EQ(where([](auto& s) { s.eos_id = -1, s.add_eos = true; }),
            "tokenizer.ggml.add_eos_token");
  const auto with_special_of = [](size_t bytes) {
    return [bytes](TokenizerSpec& s) { s.tokens.back() = std::string(bytes, '#'); };
  };
  EXPECT_THAT(where(with_special_of(SpecialTokens::kTokenBytesMax + 1)),
              HasSubstr("tokenizer.ggml.tokens["));
  TokenizerSpec spec = test_spec();
  with_special_of(SpecialTokens::kTokenBytesMax)(spec);
  EXPECT_TRUE(Tokenizer::create(spec).has_value());
}

TEST(Tokenizer, ThreadsMayShareOne) {
  const auto t = make();
  const std::string text = "hello hell he  llo\n<|im_end|>";
  const auto expected = make()->encode(text, Special::kParse);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        EXPECT_EQ(t->encode(text, Special::kParse), expected);
      }
    });
  }
}

TEST(Tokenizer, TypesMayBeAbsent) {
  TokenizerSpec spec = test_spec();
  spec.types.clear();
  const auto t = make(spec);
  EXPECT_EQ(t->encode("<|im_end|>", Special::kParse).size(), 10U);
}

}  // namespace
}  // namespace sluice::text
