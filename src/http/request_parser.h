// The bytes of HTTP/1.x requests to Requests (RFC 9112), without a socket: a session and the fuzz
// target feed it alike. One parser a connection, one thread.
//
// It is stricter than Beast's, which unfolds obs-fold, takes a repeated Content-Length and keeps a
// field container of its own: whatever two parsers could read differently (bare line feeds,
// folded lines, two lengths, a length and chunking, blanks before a colon) is refused, because a
// proxy in front might have read it the other way (request smuggling).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

namespace sluice::http {

struct ParserLimits {
  size_t header_bytes = size_t{64} << 10;  // request line, header lines and trailers together
  int header_lines = 100;                  // trailers included
  size_t body_bytes = size_t{16} << 20;
};

class RequestParser {
 public:
  enum class State {
    kHead,      // reading the request line and headers
    kHeadDone,  // the head is in request(); start_body() goes on
    kBody,      // reading the body
    kComplete,  // the request is whole; take_request() starts the next
    kFailed,    // failed_status() and failure() say why; the connection cannot go on
  };

  explicit RequestParser(ParserLimits limits) : limits_(limits) {}

  // Takes as much of `bytes` as it can and returns how much that was; the rest must be offered
  // again, with more behind it. Stops at kHeadDone, kComplete and kFailed.
  size_t feed(std::string_view bytes);

  // From kHeadDone to kBody, or to kComplete or kFailed (413 for a declared length past the
  // limit).
  void start_body();

  State state() const { return state_; }
  int failed_status() const { return failed_status_; }
  const std::string& failure() const { return failure_; }

  const Request& request() const { return request_; }
  Request& request() { return request_; }
  std::string_view raw_path() const { return raw_path_; }  // as sent, without the query
  bool has_body() const { return chunked_ || content_length_ > 0; }
  bool expects_continue() const { return expects_continue_; }
  bool keep_alive() const { return keep_alive_; }
  bool head_begun() const { return header_bytes_ > 0 || line_scanned_ > 0; }

  // The request read so far; the parser is ready for the next one.
  Request take_request();

 private:
  enum class Part {
    kRequestLine,
    kHeaders,
    kFixedBody,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers
  };

  void fail(int status, std::string_view what);
  // The next line without its CRLF; false if it is not there yet or failed. `used` moves past it.
  bool next_line(std::string_view bytes, size_t& used, std::string_view& line);
  void parse_request_line(std::string_view line);
  void parse_target(std::string_view target);
  void parse_header_line(std::string_view line);
  void parse_chunk_size(std::string_view line);
  void finish_head();
  void check_host();
  void check_body_framing();
  void check_expectations();
  void take_body(std::string_view bytes, size_t& used);

  const ParserLimits limits_;
  State state_ = State::kHead;
  Part part_ = Part::kRequestLine;
  Request request_;
  std::string raw_path_;
  std::string target_host_;  // of an absolute-form target
  size_t line_scanned_ = 0;  // bytes of the unfinished line that are known to hold no LF
  size_t header_bytes_ = 0;
  int header_lines_ = 0;
  uint64_t content_length_ = 0;
  uint64_t body_left_ = 0;  // of the fixed body or of the chunk
  bool chunked_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
  int failed_status_ = 0;
  std::string failure_;
};

}  // namespace sluice::http
