#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/suggest.h"
#include "base/team.h"
#include "base/utf8.h"

namespace sluice {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::kInvalidArgument, "n", "odd", "give an even one");
  return n / 2;
}

Result<int> quarter(int n) {
  const int once = TRY(half(n));
  return half(once);
}

TEST(Error, TryReturnsTheFirstFailure) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message(), "n: odd; give an even one");
}

TEST(JsonWriter, WritesNestedValuesAndShortestNumbers) {
  std::string out;
  JsonWriter w(out);
  w.begin_object()
      .field("a", 0.7f)
      .field("b", 0.1)
      .key("c")
      .begin_array()
      .value(1)
      .value(true)
      .null();
  w.end_array()
      .field("d", "x")
      .key("e")
      .begin_object()
      .end_object()
      .key("f")
      .raw("[1]")
      .end_object();
  EXPECT_EQ(out, R"({"a":0.7,"b":0.1,"c":[1,true,null],"d":"x","e":{},"f":[1]})");
}

TEST(JsonWriter, EscapesControlsAndReplacesBrokenUtf8) {
  EXPECT_EQ(json_quote(std::string_view("a\"\\\n\x01\0z", 7)), "\"a\\\"\\\\\\n\\u0001\\u0000z\"");
  EXPECT_EQ(json_quote("\xE4\xBD\xA0\xF0\x9F\x98\x80"), "\"\xE4\xBD\xA0\xF0\x9F\x98\x80\"");
  EXPECT_EQ(json_quote("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(json_quote("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Utf8, KnowsWellFormedSequencesAndUnfinishedTails) {
  EXPECT_TRUE(utf8_valid("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3"}) {
    EXPECT_FALSE(utf8_valid(bad)) << bad;
  }
  EXPECT_EQ(utf8_incomplete_tail("ab"), 0u);
  EXPECT_EQ(utf8_incomplete_tail("a\xF0\x9F\x98"), 3u);
  EXPECT_EQ(utf8_incomplete_tail("a\xE2"), 1u);
  EXPECT_EQ(utf8_incomplete_tail("a\xED\xA0"), 0u);
  EXPECT_EQ(utf8_incomplete_tail("\xF0\x9F\x98\x80"), 0u);
}

TEST(Suggest, FindsSlipsAndNothingElse) {
  const std::string_view names[] = {"port", "host", "model"};
  EXPECT_EQ(nearest_name("prot", names), "port");
  EXPECT_EQ(nearest_name("modle", names), "model");
  EXPECT_EQ(nearest_name("frobnicate", names), "");
}

TEST(BoundedQueue, RefusesPastItsCapacityAndAfterClosing) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_TRUE(queue.try_push(2));
  EXPECT_FALSE(queue.try_push(3));
  std::vector<int> taken;
  queue.take_all(taken);
  EXPECT_EQ(taken, (std::vector<int>{1, 2}));
  queue.close();
  EXPECT_FALSE(queue.try_push(4));
  queue.wait();
}

TEST(Team, EveryWorkerRunsEveryJobAndBarriersKeepThemInStep) {
  for (int size = 1; size <= 4; ++size) {
    Team team(size);
    std::vector<int> stage(static_cast<size_t>(size));
    for (int round = 0; round < 200; ++round) {
      std::atomic<int> mismatches{0};
      team.run([&](int worker) {
        bool sense = false;
        for (int step = 1; step <= 5; ++step) {
          stage[static_cast<size_t>(worker)] = round * 10 + step;
          team.barrier(sense);
          for (const int other : stage) mismatches += other != round * 10 + step;
          team.barrier(sense);
        }
      });
      ASSERT_EQ(mismatches.load(), 0);
    }
  }
}

}  // namespace
}  // namespace sluice
