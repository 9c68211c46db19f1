#include "http/request_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::http {
namespace {

constexpr size_t kMethodBytesMax = 32;
constexpr size_t kChunkLineBytesMax = 1024;

// RFC 9110, 5.6.2.
constexpr std::array<bool, 256> kTokenChar = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenChar[static_cast<unsigned char>(c)];
  });
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool valid_field_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return is_control(c) && c != '\t'; });
}

// A host name, IPv4 address or bracketed IPv6 address with an optional port; nothing that could
// be taken for user information, a path or a second field.
bool valid_host(std::string_view host) {
  return host.size() <= 300 && std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']' ||
                  c == '%' || c == '~';
         });
}

}  // namespace

void RequestParser::fail(int status, std::string_view what) {
  state_ = State::kFailed;
  failed_status_ = status;
  failure_ = what;
  keep_alive_ = false;
}

Request RequestParser::take_request() {
  Request out = std::move(request_);
  request_ = Request();
  state_ = State::kHead;
  part_ = Part::kRequestLine;
  raw_path_.clear();
  target_host_.clear();
  line_scanned_ = 0;
  header_bytes_ = 0;
  header_lines_ = 0;
  content_length_ = 0;
  body_left_ = 0;
  chunked_ = false;
  expects_continue_ = false;
  keep_alive_ = true;
  return out;
}

bool RequestParser::next_line(std::string_view bytes, size_t& used, std::string_view& line) {
  const std::string_view rest = bytes.substr(used);
  const size_t newline = rest.find('\n', std::min(line_scanned_, rest.size()));
  const size_t length = newline == std::string_view::npos ? rest.size() : newline + 1;
  // Not counted as headers: a body may have any number of chunks.
  const bool chunk_line = part_ == Part::kChunkSize || part_ == Part::kChunkEnd;
  if (chunk_line ? length > kChunkLineBytesMax : header_bytes_ + length > limits_.header_bytes) {
    if (chunk_line) {
      fail(400, "a chunk-size line of more than 1024 bytes");
    } else {
      fail(431,
           "request line and headers exceed " + std::to_string(limits_.header_bytes) + " bytes");
    }
    return false;
  }
  if (newline == std::string_view::npos) {
    line_scanned_ = rest.size();
    return false;
  }
  if (newline == 0 || rest[newline - 1] != '\r') {
    fail(400, "a line ends in a bare line feed");
    return false;
  }
  line = rest.substr(0, newline - 1);
  used += newline + 1;
  if (!chunk_line) header_bytes_ += newline + 1;
  line_scanned_ = 0;
  return true;
}

size_t RequestParser::feed(std::string_view bytes) {
  size_t used = 0;
  std::string_view line;
  while (state_ == State::kHead || state_ == State::kBody) {
    if (part_ == Part::kFixedBody || part_ == Part::kChunkData) {
      if (used == bytes.size()) break;
      take_body(bytes, used);
      continue;
    }
    if (!next_line(bytes, used, line)) break;
    switch (part_) {
      case Part::kRequestLine:
        // An empty line before a request is left over from a sloppy client's last body
        // (RFC 9112, 2.2); header_bytes_ bounds how many there can be.
        if (!line.empty()) parse_request_line(line);
        break;
      case Part::kHeaders:
        if (line.empty()) {
          finish_head();
        } else {
          parse_header_line(line);
        }
        break;
      case Part::kChunkSize: parse_chunk_size(line); break;
      case Part::kChunkEnd:
        if (line.empty()) {
          part_ = Part::kChunkSize;
        } else {
          fail(400, "a chunk is longer than its size");
        }
        break;
      case Part::kTrailers:
        if (line.empty()) {
          state_ = State::kComplete;
        } else {
          parse_header_line(line);
        }
        break;
      case Part::kFixedBody:
      case Part::kChunkData: break;
    }
  }
  return used;
}

void RequestParser::parse_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) {
    return fail(400, "the request line is not METHOD TARGET VERSION");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || method.size() > kMethodBytesMax) {
    return fail(400, "the method is not a token");
  }
  // Bytes above 0x7F are against the letter of RFC 3986, but curl sends them as they are typed.
  if (target.empty() ||
      std::any_of(target.begin(), target.end(), [](char c) { return is_control(c) || c == ' '; })) {
    return fail(400, "the request target holds a blank or a control character");
  }
  const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") &&
                           version[6] == '.' && version[5] >= '0' && version[5] <= '9' &&
                           version[7] >= '0' && version[7] <= '9';
  if (!well_formed) return fail(400, "the protocol version is malformed");
  if (version[5] != '1') return fail(505, "only HTTP/1.0 and HTTP/1.1 are served");
  request_.http_minor = version[7] == '0' ? 0 : 1;
  request_.method = method;
  request_.target = target;
  part_ = Part::kHeaders;
  parse_target(target);
}

void RequestParser::parse_target(std::string_view target) {
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    const size_t slash = std::min(target.find_first_of("/?#"), target.size());
    target_host_ = target.substr(0, slash);
    target.remove_prefix(slash);
    if (target_host_.empty() || !valid_host(target_host_)) {
      return fail(400, "the request target names no valid host");
    }
  } else if (target[0] != '/' && !(target == "*" && request_.method == "OPTIONS")) {
    return fail(400, "the request target is not a path");
  }
  target = target.substr(0, target.find('#'));
  const size_t question = target.find('?');
  raw_path_ = target.substr(0, question);
  if (raw_path_.empty()) raw_path_ = "/";
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  if (raw_path_.find('%') == std::string::npos) {
    request_.path = raw_path_;
    return;
  }
  auto path = percent_decode(raw_path_);
  if (!path) return fail(400, "the path holds a malformed percent escape");
  request_.path = std::move(*path);
}

void RequestParser::parse_header_line(std::string_view line) {
  if (++header_lines_ > limits_.header_lines) {
    return fail(431, "more than " + std::to_string(limits_.header_lines) + " header lines");
  }
  if (line.front() == ' ' || line.front() == '\t') {
    return fail(400, "a folded header line");
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return fail(400, "a header line without a valid name");
  }
  const std::string_view value = trim(line.substr(colon + 1));
  if (!valid_field_value(value)) return fail(400, "a header value holds a control character");
  // Trailers are checked and dropped: nothing here reads them, and merged into the headers they
  // could undo what the doors have checked.
  if (part_ == Part::kHeaders) request_.headers.add(line.substr(0, colon), value);
}

void RequestParser::finish_head() {
  check_host();
  if (state_ != State::kFailed) check_body_framing();
  if (state_ != State::kFailed) check_expectations();
  if (state_ == State::kFailed) return;
  const Headers& headers = request_.headers;
  if (headers.has("connection")) {
    keep_alive_ = request_.http_minor == 1 ? !headers.has_token("connection", "close")
                                           : headers.has_token("connection", "keep-alive") &&
                                                 !headers.has_token("connection", "close");
  } else {
    keep_alive_ = request_.http_minor == 1;
  }
  state_ = State::kHeadDone;
}

void RequestParser::check_host() {
  const size_t count = request_.headers.count("host");
  if (count > 1) return fail(400, "more than one Host header");
  if (count == 0 && request_.http_minor == 1) return fail(400, "no Host header");
  if (count == 1 && !valid_host(*request_.headers.get("host"))) {
    return fail(400, "the Host header is malformed");
  }
  // RFC 9112, 3.2.2: the target's host wins.
  if (!target_host_.empty()) request_.headers.set("host", target_host_);
}

void RequestParser::check_body_framing() {
  const Headers& headers = request_.headers;
  const size_t lengths = headers.count("content-length");
  const size_t codings = headers.count("transfer-encoding");
  if (lengths > 0 && codings > 0) {
    return fail(400, "both Content-Length and Transfer-Encoding");
  }
  if (lengths > 1) return fail(400, "more than one Content-Length");
  if (lengths == 1) {
    const std::string_view text = *headers.get("content-length");
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return fail(400, "Content-Length is not a number");
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), content_length_);
    // A number past 64 bits is a valid length that is too large, as any other.
    if (parsed.ec != std::errc()) content_length_ = UINT64_MAX;
  }
  if (codings > 0) {
    if (request_.http_minor == 0) return fail(400, "Transfer-Encoding in an HTTP/1.0 request");
    if (codings > 1) return fail(400, "more than one Transfer-Encoding");
    if (!equal_ignoring_case(*headers.get("transfer-encoding"), "chunked")) {
      return fail(501, "the only transfer coding served is chunked");
    }
    chunked_ = true;
  }
}

void RequestParser::check_expectations() {
  const Headers& headers = request_.headers;
  for (const auto& [name, value] : headers) {
    if (equal_ignoring_case(name, "content-encoding") && !equal_ignoring_case(value, "identity")) {
      return fail(415, "the body's Content-Encoding is not supported; send it as it is");
    }
  }
  if (const auto expect = headers.get("expect")) {
    if (!equal_ignoring_case(*expect, "100-continue")) {
      return fail(417, "the only expectation that can be met is 100-continue");
    }
    expects_continue_ = request_.http_minor == 1 && has_body();
  }
}

void RequestParser::start_body() {
  if (state_ != State::kHeadDone) return;
  if (!has_body()) {
    state_ = State::kComplete;
    return;
  }
  if (content_length_ > limits_.body_bytes) {
    return fail(413, "the body exceeds " + std::to_string(limits_.body_bytes) + " bytes");
  }
  state_ = State::kBody;
  part_ = chunked_ ? Part::kChunkSize : Part::kFixedBody;
  body_left_ = content_length_;
}

void RequestParser::parse_chunk_size(std::string_view line) {
  const size_t end = std::min(line.find_first_of("; \t"), line.size());
  uint64_t size = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + end, size, 16);
  if (end == 0 || parsed.ec != std::errc() || parsed.ptr != line.data() + end ||
      line.front() == '-') {
    return fail(400, "a chunk size is not a hexadecimal number");
  }
  const std::string_view extension = trim(line.substr(end));
  if (!extension.empty() && (extension.front() != ';' || !valid_field_value(extension))) {
    return fail(400, "a chunk extension is malformed");
  }
  if (size > limits_.body_bytes - request_.body.size()) {
    return fail(413, "the body exceeds " + std::to_string(limits_.body_bytes) + " bytes");
  }
  body_left_ = size;
  part_ = size == 0 ? Part::kTrailers : Part::kChunkData;
}

void RequestParser::take_body(std::string_view bytes, size_t& used) {
  const size_t count = static_cast<size_t>(std::min<uint64_t>(body_left_, bytes.size() - used));
  request_.body.append(bytes.substr(used, count));
  used += count;
  body_left_ -= count;
  if (body_left_ > 0) return;
  if (part_ == Part::kChunkData) {
    part_ = Part::kChunkEnd;
  } else {
    state_ = State::kComplete;
  }
}

}  // namespace sluice::http
