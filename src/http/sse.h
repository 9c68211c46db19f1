// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) over an
// Exchange; used from its io loop.
#pragma once

#include <string>
#include <string_view>

#include "http/exchange.h"

namespace sluice::http {

class SseWriter {
 public:
  explicit SseWriter(Exchange& exchange) : exchange_(exchange) {}

  // Status 200 and the headers of an event stream that no proxy should buffer.
  Awaitable<Status> start(Headers extra = {});
  Awaitable<Status> event(std::string_view data, std::string_view event_name = {},
                          std::string_view id = {}, int retry_ms = 0);
  // A line that clients ignore, to show that the connection lives.
  Awaitable<Status> comment(std::string_view text);
  // What format_event made, several events at once if wanted: one chunk.
  Awaitable<Status> write(std::string formatted);
  Awaitable<Status> finish();

  // One event with its empty line. Data with line ends becomes several data lines; line ends in
  // name and id are dropped.
  static std::string format_event(std::string_view data, std::string_view event_name = {},
                                  std::string_view id = {}, int retry_ms = 0);
  static void append_event(std::string& out, std::string_view data,
                           std::string_view event_name = {}, std::string_view id = {},
                           int retry_ms = 0);

 private:
  Exchange& exchange_;
};

}  // namespace sluice::http
