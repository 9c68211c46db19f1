#include "http/sse.h"

#include <algorithm>
#include <utility>

namespace sluice::http {
namespace {

void append_single_line(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
}

}  // namespace

void SseWriter::append_event(std::string& out, std::string_view data, std::string_view event_name,
                             std::string_view id, int retry_ms) {
  if (!event_name.empty()) {
    out += "event: ";
    append_single_line(out, event_name);
    out += '\n';
  }
  if (!id.empty()) {
    out += "id: ";
    append_single_line(out, id);
    out += '\n';
  }
  if (retry_ms > 0) {
    out += "retry: ";
    out += std::to_string(retry_ms);
    out += '\n';
  }
  // CR, LF and CRLF all end a line for the reader.
  while (true) {
    const size_t end = std::min(data.find_first_of("\r\n"), data.size());
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == data.size()) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out += '\n';
}

std::string SseWriter::format_event(std::string_view data, std::string_view event_name,
                                    std::string_view id, int retry_ms) {
  std::string out;
  out.reserve(data.size() + event_name.size() + id.size() + 48);
  append_event(out, data, event_name, id, retry_ms);
  return out;
}

Awaitable<Status> SseWriter::start(Headers extra) {
  Headers headers = std::move(extra);
  headers.set("content-type", "text/event-stream; charset=utf-8");
  headers.set("cache-control", "no-cache");
  headers.set("x-accel-buffering", "no");
  return exchange_.start(200, std::move(headers));
}

// No coroutines: the views are used up before the caller's expression ends.
Awaitable<Status> SseWriter::event(std::string_view data, std::string_view event_name,
                                   std::string_view id, int retry_ms) {
  return exchange_.write(format_event(data, event_name, id, retry_ms));
}

Awaitable<Status> SseWriter::comment(std::string_view text) {
  std::string line = ": ";
  append_single_line(line, text);
  line += "\n\n";
  return exchange_.write(std::move(line));
}

Awaitable<Status> SseWriter::write(std::string formatted) {
  return exchange_.write(std::move(formatted));
}

Awaitable<Status> SseWriter::finish() { return exchange_.finish(); }

}  // namespace sluice::http
