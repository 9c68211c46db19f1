// The request log: one line a request on standard output, JSON or, on a terminal, text. Lines are
// queued and written by a thread of their own; a full queue drops lines and counts them, so that a
// blocked pipe never blocks an io loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "base/bounded_queue.h"

namespace sluice::telemetry {

// What the handler knows of a request and the server does not; -1 and empty are left out.
struct RequestNote {
  std::string model;
  std::string finish_reason;
  std::string key_name;
  std::string error;
  int64_t prompt_tokens = -1;
  int64_t cached_tokens = -1;
  int64_t completion_tokens = -1;
  int64_t queue_ns = -1;
  int64_t first_token_ns = -1;
};

struct AccessRecord {
  std::string id;
  std::string method;
  std::string route;  // the pattern, never the query: it may hold prompts and keys
  std::string address;
  int status = 0;
  int64_t total_ns = 0;
  uint64_t bytes = 0;
  bool aborted = false;
  RequestNote note;
};

std::string access_line_json(const AccessRecord& record, int64_t unix_ms);
std::string access_line_text(const AccessRecord& record, int64_t unix_ms);

class AccessLog {
 public:
  // Writes to `fd`, which stays the caller's.
  AccessLog(int fd, bool readable, size_t capacity = 8192);
  ~AccessLog();  // writes what is queued, unless nobody takes it for a second
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Any thread; never waits.
  void write(const AccessRecord& record);
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void run();
  void write_all(std::string_view text);

  const int fd_;
  const bool readable_;
  BoundedQueue<std::string> queue_;
  std::atomic<uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace sluice::telemetry
