#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace sluice::text {
namespace {

TEST(StopMatcher, NeverLeaksAPartOfAStopString) {
  StopMatcher matcher({"<end>"});
  EXPECT_EQ(matcher.push("a<e").text, "a");
  EXPECT_EQ(matcher.held_bytes(), 2U);
  EXPECT_EQ(matcher.push("n").text, "");
  const auto out = matcher.push("d> more");
  EXPECT_EQ(out.text, "");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(matcher.matched(), "<end>");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, LetsAFalseStartThrough) {
  StopMatcher matcher({"<end>"});
  EXPECT_EQ(matcher.push("x<en").text, "x");
  EXPECT_EQ(matcher.push("joy<").text, "<enjoy");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.flush(), "<");
  EXPECT_EQ(matcher.matched(), "");
}

TEST(StopMatcher, AFalseStartMayHoldTheTrueOne) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.push("a").text, "");
  EXPECT_EQ(matcher.push("aa").text, "a");
  const auto out = matcher.push("b");
  EXPECT_EQ(out.text, "");
  EXPECT_TRUE(out.stopped);
}

TEST(StopMatcher, IncludesTheStopStringIfAsked) {
  StopMatcher matcher({"END"}, /*include_in_output=*/true);
  EXPECT_EQ(matcher.push("xE").text, "x");
  const auto out = matcher.push("NDy");
  EXPECT_EQ(out.text, "END");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(matcher.push("z").text, "");
  EXPECT_TRUE(matcher.push("z").stopped);
}

TEST(StopMatcher, TheFirstCompleteStopWinsAndTheLongestOfThose) {
  StopMatcher first({"zz", "b", "cd"});
  EXPECT_EQ(first.push("abcdzz").text, "a");
  EXPECT_EQ(first.matched(), "b");
  StopMatcher longest({"c", "abc", "bc"});
  EXPECT_EQ(longest.push("xabc").text, "x");
  EXPECT_EQ(longest.matched(), "abc");
  StopMatcher prefix({"ab", "abc"});
  EXPECT_EQ(prefix.push("abc").text, "");
  EXPECT_EQ(prefix.matched(), "ab");
}

TEST(StopMatcher, WithoutStopsItHoldsNothing) {
  StopMatcher none({});
  EXPECT_EQ(none.push("abc").text, "abc");
  StopMatcher empty({"", ""});
  EXPECT_EQ(empty.push("abc").text, "abc");
  EXPECT_FALSE(empty.stopped());
}

// Looks at every prefix of the text, longest stop first.
std::string expected_text(const std::string& text, std::vector<std::string> stops, bool include) {
  std::ranges::sort(stops, std::greater{}, &std::string::size);
  for (size_t end = 1; end <= text.size(); ++end) {
    for (const std::string& stop : stops) {
      if (!text.substr(0, end).ends_with(stop)) continue;
      return text.substr(0, include ? end : end - stop.size());
    }
  }
  return text;
}

TEST(StopMatcher, TheResultDoesNotDependOnThePieces) {
  std::mt19937 random(5);
  const auto word = [&](size_t longest) {
    std::string out(1 + random() % longest, 'a');
    for (char& c : out) c = static_cast<char>('a' + random() % 2);
    return out;
  };
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) stop = word(5);
    const std::string text = word(14);
    const bool include = random() % 2 == 0;
    StopMatcher matcher(stops, include);
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t length = random() % 4;
      out += matcher.push(std::string_view(text).substr(at, length)).text;
      at += length;
      // No more is held than the longest end that begins a stop string.
      EXPECT_LT(matcher.held_bytes(), 5U);
    }
    out += matcher.flush();
    EXPECT_EQ(out, expected_text(text, stops, include)) << text;
  }
}

TEST(StopMatcher, LongStopsInLongTextTakeLinearTime) {
  const std::string stop = std::string(100'000, 'a') + "b";
  StopMatcher matcher({stop});
  size_t shown = 0;
  for (int i = 0; i < 1'000; ++i) shown += matcher.push(std::string(1'000, 'a')).text.size();
  EXPECT_EQ(shown, 900'000U);
  EXPECT_TRUE(matcher.push("b").stopped);
}

}  // namespace
}  // namespace sluice::text
