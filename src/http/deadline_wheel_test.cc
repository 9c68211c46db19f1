#include "http/deadline_wheel.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::http {
namespace {

struct Entry final : DeadlineEntry {
  void on_deadline() override { ++fired; }
  int fired = 0;
};

// A tick of 10 ns keeps the numbers readable.
TEST(DeadlineWheel, FiresOnceAndNeverEarly) {
  for (const TimeNs deadline : {1, 9, 10, 11, 500, 5110, 5120, 5130, 20000}) {
    DeadlineWheel wheel(10, 0);
    Entry entry;
    wheel.set(entry, deadline);
    for (TimeNs now = 0; now < deadline; now += 7) {
      wheel.advance(now);
      ASSERT_EQ(entry.fired, 0) << deadline << " at " << now;
    }
    wheel.advance(deadline + 20);
    EXPECT_EQ(entry.fired, 1) << deadline;
    wheel.advance(deadline + 20000);
    EXPECT_EQ(entry.fired, 1) << deadline;
  }
}

TEST(DeadlineWheel, MovesDeadlinesBothWays) {
  DeadlineWheel wheel(10, 0);
  Entry later, sooner, none;
  wheel.set(later, 100);
  wheel.set(later, 300);
  wheel.set(sooner, 300);
  wheel.set(sooner, 100);
  wheel.set(none, 100);
  DeadlineWheel::clear(none);
  wheel.advance(200);
  EXPECT_EQ(later.fired, 0);
  EXPECT_EQ(sooner.fired, 1);
  wheel.advance(320);
  EXPECT_EQ(later.fired, 1);
  EXPECT_EQ(none.fired, 0);
}

TEST(DeadlineWheel, EntriesMayDieInOrWithTheirSlot) {
  DeadlineWheel wheel(10, 0);
  struct Killer final : DeadlineEntry {
    void on_deadline() override { victim.reset(); }
    std::unique_ptr<Entry> victim = std::make_unique<Entry>();
  };
  Killer killer;
  wheel.set(killer, 50);
  wheel.set(*killer.victim, 55);
  {  // Gone before its time.
    Entry brief;
    wheel.set(brief, 52);
  }
  wheel.advance(1000);
  Entry late;
  wheel.set(late, 10);  // already past
  wheel.advance(1020);
  EXPECT_EQ(late.fired, 1);
}

TEST(DeadlineWheel, AStallLongerThanTheRingMissesNothing) {
  DeadlineWheel wheel(10, 0);
  Entry entries[3];
  wheel.set(entries[0], 20);
  wheel.set(entries[1], 5000);
  wheel.set(entries[2], 9000);
  wheel.advance(1'000'000);
  for (const Entry& entry : entries) EXPECT_EQ(entry.fired, 1);
}

}  // namespace
}  // namespace sluice::http
