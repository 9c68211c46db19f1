// Deals the units of one stage (panels, rows, tasks) to the workers of a team: each has a
// contiguous range, taken in pieces, and helps the others when its own is done. Who computes a unit
// never changes its result.
//
// Two sets of ranges alternate, so that a worker can prepare its range of the next stage while
// others still take from this one; a team barrier lies between stages.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/team.h"

namespace sluice::model {

struct UnitRange {
  int32_t begin = 0;
  int32_t end = 0;
  bool empty() const { return begin >= end; }
};

class WorkSplit {
 public:
  // Each worker's contiguous share of `units`.
  static UnitRange share(int32_t units, int worker, int workers) {
    const int64_t n = units;
    return {static_cast<int32_t>(n * worker / workers),
            static_cast<int32_t>(n * (worker + 1) / workers)};
  }

  // Prepares this worker's share of stage `stage`; before the barrier that precedes the stage.
  void prepare(int stage, int worker, int workers, int32_t units) {
    Slot& slot = slots_[stage & 1][worker];
    const UnitRange mine = share(units, worker, workers);
    slot.end = mine.end;
    slot.piece = std::max(1, (mine.end - mine.begin + 3) / 4);
    slot.next.store(mine.begin, std::memory_order_relaxed);
  }

  // The next piece for this worker, at most `piece_max` units: its own first, then others'. Empty
  // when the stage has none left.
  UnitRange take(int stage, int worker, int workers, int32_t piece_max) {
    for (int i = 0; i < workers; ++i) {
      const int owner = worker + i < workers ? worker + i : worker + i - workers;
      Slot& slot = slots_[stage & 1][owner];
      if (slot.next.load(std::memory_order_relaxed) >= slot.end) continue;
      const int32_t piece = std::min(slot.piece, piece_max);
      const int32_t begin = slot.next.fetch_add(piece, std::memory_order_relaxed);
      if (begin < slot.end) return {begin, std::min(begin + piece, slot.end)};
    }
    return {};
  }

 private:
  struct alignas(64) Slot {
    std::atomic<int32_t> next{0};
    int32_t end = 0;
    int32_t piece = 1;
  };
  Slot slots_[2][kTeamSizeMax];
};

}  // namespace sluice::model
