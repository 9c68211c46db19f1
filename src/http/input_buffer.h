// The bytes a session has read and not yet parsed. One owner, one thread.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::http {

class InputBuffer {
 public:
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void consume(size_t count) { begin_ += count; }
  void commit(size_t count) { end_ += count; }

  // Room for a read of at most `limit` bytes (> 0). Moves the bytes, so that earlier views die; the
  // room must stay untouched until commit. `eager`: the last read filled its room, take more.
  std::span<char> prepare(size_t limit, bool eager) {
    size_t wanted = eager ? std::min(capacity_ * 2, kEagerBytes) : kIdleBytes;
    if (empty() && capacity_ > kIdleBytes && !eager) {
      data_.reset();
      capacity_ = 0;
    }
    wanted = std::max({wanted, size() + std::min(limit, kReadBytesMin), capacity_});
    if (wanted > capacity_) {
      auto grown = std::make_unique_for_overwrite<char[]>(wanted);
      if (!empty()) std::memcpy(grown.get(), data_.get() + begin_, size());
      data_ = std::move(grown);
      capacity_ = wanted;
    } else if (!empty() && begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, size());
    }
    end_ = size();
    begin_ = 0;
    return {data_.get() + end_, std::min(limit, capacity_ - end_)};
  }

 private:
  static constexpr size_t kIdleBytes = 4096;
  static constexpr size_t kReadBytesMin = 2048;
  static constexpr size_t kEagerBytes = size_t{128} << 10;

  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace sluice::http
