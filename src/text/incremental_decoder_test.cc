#include "text/incremental_decoder.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "text/test_vocabulary.h"

namespace sluice::text {
namespace {

TEST(IncrementalDecoder, HoldsBackHalfCharactersOnly) {
  const auto t = *Tokenizer::create(test_spec());
  IncrementalDecoder decoder(*t);
  EXPECT_EQ(decoder.push('a'), "a");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.held_bytes(), 3U);
  EXPECT_EQ(decoder.push(0x80), "\U0001F600");
  EXPECT_EQ(decoder.held_bytes(), 0U);
  EXPECT_EQ(decoder.flush(), "");
}

TEST(IncrementalDecoder, BrokenCharactersBecomeOneReplacementEach) {
  const auto t = *Tokenizer::create(test_spec());
  IncrementalDecoder decoder(*t);
  EXPECT_EQ(decoder.push(0xE4), "");
  EXPECT_EQ(decoder.push('a'), "\uFFFDa");
  EXPECT_EQ(decoder.push(0xFF), "\uFFFD");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.flush(), "\uFFFD");
  EXPECT_EQ(decoder.flush(), "");
  EXPECT_EQ(decoder.push('b'), "b");
}

TEST(IncrementalDecoder, ControlTokensAndStrangeIdsAddNothing) {
  const auto t = *Tokenizer::create(test_spec());
  IncrementalDecoder decoder(*t);
  EXPECT_EQ(decoder.push(*t->find("<|im_end|>")), "");
  EXPECT_EQ(decoder.push(-1), "");
  EXPECT_EQ(decoder.push(t->vocab_size()), "");
  EXPECT_EQ(decoder.push(0xC3), "");
  EXPECT_EQ(decoder.push(*t->find("<|im_end|>")), "");
  EXPECT_EQ(decoder.push(0xA9), "\u00E9");
}

// Unicode 15, table 3-8: what to replace in ill-formed text.
TEST(IncrementalDecoder, ReplacesMaximalParts) {
  EXPECT_EQ(replace_invalid_utf8("a\xF1\x80\x80\xE1\x80\xC2z"), "a\uFFFD\uFFFD\uFFFDz");
  EXPECT_EQ(replace_invalid_utf8("\xE0\x80\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\u00E9"), "\u00E9");
}

TEST(IncrementalDecoder, PiecesAddUpToTheDecodedWhole) {
  const auto t = *Tokenizer::create(test_spec());
  std::mt19937 random(3);
  // Bytes near the borders of well-formedness, and whatever else.
  constexpr uint8_t kBytes[] = {0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF,
                                0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF, 'a'};
  for (int round = 0; round < 20000; ++round) {
    std::vector<int32_t> ids(random() % 12);
    for (int32_t& id : ids) {
      id = random() % 4 == 0 ? static_cast<int32_t>(random() % 300) - 10
                             : kBytes[random() % std::size(kBytes)];
    }
    IncrementalDecoder decoder(*t);
    std::string text;
    for (const int32_t id : ids) {
      const std::string_view piece = decoder.push(id);
      EXPECT_TRUE(utf8_valid(piece));
      text += piece;
    }
    text += decoder.flush();
    EXPECT_EQ(text, replace_invalid_utf8(t->decode(ids, true)));
  }
}

}  // namespace
}  // namespace sluice::text
