// Coarse deadlines for many owners with one timer: a ring of slots, one a tick. An owner that moves
// its deadline further away only stores the new time; the wheel finds out when it gets to the old
// slot. So a deadline a write costs two stores. Belongs to one io loop.
#pragma once

#include <array>
#include <cstddef>

#include "base/clock.h"

namespace sluice::http {

// What has a deadline. It leaves the wheel when destroyed.
class DeadlineEntry {
 public:
  DeadlineEntry() = default;
  virtual ~DeadlineEntry() { unlink(); }
  DeadlineEntry(const DeadlineEntry&) = delete;
  DeadlineEntry& operator=(const DeadlineEntry&) = delete;

  // Called by advance() at most once for each deadline set, with the deadline cleared.
  virtual void on_deadline() = 0;

 private:
  friend class DeadlineWheel;
  void unlink();

  DeadlineEntry* previous_ = nullptr;
  DeadlineEntry* next_ = nullptr;
  DeadlineEntry** head_ = nullptr;  // of the slot that holds it; null when not linked
  TimeNs deadline_ns_ = 0;          // 0: none
  TimeNs tick_ = 0;                 // of the slot
};

class DeadlineWheel {
 public:
  DeadlineWheel(TimeNs tick_ns, TimeNs now_ns) : tick_ns_(tick_ns), current_(now_ns / tick_ns) {}

  TimeNs tick_ns() const { return tick_ns_; }
  // Fires within two ticks after `deadline_ns`, never before.
  void set(DeadlineEntry& entry, TimeNs deadline_ns);
  static void clear(DeadlineEntry& entry) { entry.deadline_ns_ = 0; }
  // Fires what is due. Entries may set deadlines or die meanwhile, themselves included.
  void advance(TimeNs now_ns);

 private:
  static constexpr TimeNs kSlots = 512;

  void link(DeadlineEntry& entry);

  const TimeNs tick_ns_;
  TimeNs current_;  // the last tick that was handled
  std::array<DeadlineEntry*, kSlots> slots_{};
};

}  // namespace sluice::http
