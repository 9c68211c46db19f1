#include "sampling/sampler.h"

namespace sluice::sampling {

namespace {

size_t slot_of(int32_t id, size_t slots) {
  return (static_cast<uint32_t>(id) * 0x9e3779b1u >> 4) & (slots - 1);
}

}  // namespace

void TokenCounts::add_prompt(std::span<const int32_t> ids) {
  for (int32_t id : ids) add(id, false);
}

void TokenCounts::add_answer(int32_t id) { add(id, true); }

void TokenCounts::add(int32_t id, bool answer) {
  if (slots_.size() < 2 * (entries_.size() + 1)) grow();
  size_t slot = slot_of(id, slots_.size());
  while (slots_[slot] >= 0 && entries_[static_cast<size_t>(slots_[slot])].id != id) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  if (slots_[slot] < 0) {
    slots_[slot] = static_cast<int32_t>(entries_.size());
    entries_.push_back({id, 0, 0});
  }
  Entry& entry = entries_[static_cast<size_t>(slots_[slot])];
  ++(answer ? entry.in_answer : entry.in_prompt);
}

void TokenCounts::grow() {
  slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), -1);
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = slot_of(entries_[i].id, slots_.size());
    while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<int32_t>(i);
  }
}

}  // namespace sluice::sampling
