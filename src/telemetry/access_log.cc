#include "telemetry/access_log.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ctime>
#include <vector>

#include "base/json_writer.h"

namespace sluice::telemetry {
namespace {

double to_ms(int64_t ns) {
  // Microseconds are the last digits worth reading.
  return static_cast<double>(ns / 1000) / 1000;
}

std::string utc_time(int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string millis = std::to_string(1000 + unix_ms % 1000);
  millis[0] = '.';
  return std::string(text, length) + millis + "Z";
}

// Control characters in a client's words must not move a terminal's cursor.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

}  // namespace

std::string access_line_json(const AccessRecord& record, int64_t unix_ms) {
  const RequestNote& note = record.note;
  std::string line;
  JsonWriter w(line);
  const auto text = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) w.field(key, value);
  };
  const auto count = [&](std::string_view key, int64_t value) {
    if (value >= 0) w.field(key, value);
  };
  w.begin_object().field("time", utc_time(unix_ms)).field("id", record.id);
  text("key", note.key_name);
  w.field("method", record.method).field("route", record.route);
  text("model", note.model);
  w.field("status", record.status);
  text("finish_reason", note.finish_reason);
  count("prompt_tokens", note.prompt_tokens);
  count("cached_tokens", note.cached_tokens);
  count("completion_tokens", note.completion_tokens);
  if (note.queue_ns >= 0) w.field("queue_ms", to_ms(note.queue_ns));
  if (note.first_token_ns >= 0) w.field("ttft_ms", to_ms(note.first_token_ns));
  w.field("total_ms", to_ms(record.total_ns)).field("bytes", record.bytes);
  w.field("address", record.address);
  if (record.aborted) w.field("aborted", true);
  text("error", note.error);
  w.end_object();
  line += '\n';
  return line;
}

std::string access_line_text(const AccessRecord& record, int64_t unix_ms) {
  const RequestNote& note = record.note;
  std::string line = utc_time(unix_ms).substr(11, 12);
  line += ' ' + std::to_string(record.status) + ' ' + printable(record.method) + ' ' +
          printable(record.route);
  if (note.prompt_tokens >= 0) {
    line += "  " + std::to_string(note.prompt_tokens) + " -> " +
            std::to_string(std::max<int64_t>(note.completion_tokens, 0)) + " tokens";
  }
  if (!note.finish_reason.empty()) line += " (" + note.finish_reason + ")";
  line += "  " + std::to_string(record.total_ns / 1'000'000) + " ms";
  if (note.first_token_ns >= 0) {
    line += ", first token " + std::to_string(note.first_token_ns / 1'000'000) + " ms";
  }
  if (record.aborted) line += "  aborted";
  if (!note.error.empty()) line += "  " + printable(note.error);
  line += '\n';
  return line;
}

AccessLog::AccessLog(int fd, bool readable, size_t capacity)
    : fd_(fd), readable_(readable), queue_(capacity), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "access_log");
}

// A pipe that nobody reads must not keep the process from ending, so every write is one that does
// not block, and once the log is closed a standstill ends it.
void AccessLog::write_all(std::string_view text) {
  constexpr int kLookMs = 100;
  constexpr int kLooksOnceClosed = 10;
  int looks_left = kLooksOnceClosed;
  while (!text.empty()) {
    pollfd ready{fd_, POLLOUT, 0};
    const int count = ::poll(&ready, 1, kLookMs);
    if (count < 0 && errno != EINTR) return;
    if (count <= 0) {
      if (queue_.closed() && --looks_left == 0) return;
      continue;
    }
    // A pipe that says it is ready takes this much at once (pipe(7)).
    const ssize_t written = ::write(fd_, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) return;  // nobody reads: the log is the last thing to fail for
    text.remove_prefix(static_cast<size_t>(written));
    looks_left = kLooksOnceClosed;
  }
}

AccessLog::~AccessLog() {
  queue_.close();
  thread_.join();
}

void AccessLog::write(const AccessRecord& record) {
  const int64_t unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
  std::string line =
      readable_ ? access_line_text(record, unix_ms) : access_line_json(record, unix_ms);
  if (!queue_.try_push(std::move(line))) dropped_.fetch_add(1, std::memory_order_relaxed);
}

void AccessLog::run() {
  std::vector<std::string> lines;
  std::string block;
  while (true) {
    queue_.wait();
    const bool closed = queue_.closed();
    queue_.take_all(lines);
    block.clear();
    for (const std::string& line : lines) block += line;
    write_all(block);
    if (closed) return;
  }
}

}  // namespace sluice::telemetry
