// StringIndex: from strings that lie elsewhere to their position there, in one flat table. A lookup
// costs one or two cache misses where std::unordered_map costs three. Filled by one thread, then
// immutable.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

class StringIndex {
 public:
  StringIndex() : slots_(2) {}
  explicit StringIndex(size_t count) : slots_(std::bit_ceil(count * 2 + 2)) {}

  // False if an equal string is there. `strings` is the same at every call, and adds are at most
  // the constructor's count.
  bool add(std::span<const std::string> strings, int32_t id) {
    const std::string_view key = strings[static_cast<size_t>(id)];
    const uint32_t hash = hash_of(key);
    Slot& slot = slots_[slot_of(strings, key, hash)];
    if (slot.id >= 0) return false;
    slot = {hash, id};
    return true;
  }

  std::optional<int32_t> find(std::span<const std::string> strings, std::string_view key) const {
    const Slot& slot = slots_[slot_of(strings, key, hash_of(key))];
    return slot.id < 0 ? std::nullopt : std::optional(slot.id);
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    int32_t id = -1;
  };

  static uint32_t hash_of(std::string_view key) {
    return static_cast<uint32_t>(std::hash<std::string_view>{}(key));
  }

  size_t slot_of(std::span<const std::string> strings, std::string_view key, uint32_t hash) const {
    const size_t mask = slots_.size() - 1;
    size_t i = hash & mask;
    while (slots_[i].id >= 0 &&
           (slots_[i].hash != hash || strings[static_cast<size_t>(slots_[i].id)] != key)) {
      i = (i + 1) & mask;
    }
    return i;
  }

  std::vector<Slot> slots_;  // at most half full, a power of two
};

}  // namespace sluice::text
