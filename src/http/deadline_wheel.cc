#include "http/deadline_wheel.h"

#include <algorithm>

namespace sluice::http {

void DeadlineEntry::unlink() {
  if (!head_) return;
  if (previous_) {
    previous_->next_ = next_;
  } else {
    *head_ = next_;
  }
  if (next_) next_->previous_ = previous_;
  previous_ = next_ = nullptr;
  head_ = nullptr;
}

void DeadlineWheel::link(DeadlineEntry& entry) {
  entry.unlink();
  // Rounded up, so that nothing fires early; past the ring's end it waits in the last slot and is
  // linked again from there.
  entry.tick_ = std::clamp(entry.deadline_ns_ / tick_ns_ + 1, current_ + 1, current_ + kSlots - 1);
  DeadlineEntry*& head = slots_[static_cast<size_t>(entry.tick_ % kSlots)];
  entry.next_ = head;
  if (head) head->previous_ = &entry;
  head = &entry;
  entry.head_ = &head;
}

void DeadlineWheel::set(DeadlineEntry& entry, TimeNs deadline_ns) {
  entry.deadline_ns_ = std::max<TimeNs>(deadline_ns, 1);
  if (entry.head_ && entry.tick_ <= entry.deadline_ns_ / tick_ns_ + 1) return;
  link(entry);
}

void DeadlineWheel::advance(TimeNs now_ns) {
  const TimeNs target = now_ns / tick_ns_;
  // After a long stall one turn reaches every slot.
  current_ = std::max(current_, target - kSlots);
  while (current_ < target) {
    ++current_;
    DeadlineEntry*& head = slots_[static_cast<size_t>(current_ % kSlots)];
    while (DeadlineEntry* entry = head) {
      entry->unlink();
      if (entry->deadline_ns_ == 0) continue;
      if (entry->deadline_ns_ > now_ns) {
        link(*entry);
        continue;
      }
      entry->deadline_ns_ = 0;
      entry->on_deadline();
    }
  }
}

}  // namespace sluice::http
