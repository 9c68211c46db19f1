// An append-only JSON writer over std::to_chars: 0.7f is written as 0.7, non-ASCII is sent raw,
// control characters and lone surrogate bytes are escaped or replaced. It never fails; unbalanced
// begin/end is a bug (DCHECK).
//
//   JsonWriter w(out);
//   w.begin_object().key("id").value("x").key("n").value(3).end_object();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

class JsonWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);  // invalid UTF-8 becomes U+FFFD
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(float number);  // shortest form that reads back equal; NaN and inf are null
  JsonWriter& value(double number);
  JsonWriter& value(int32_t number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  JsonWriter& value(int64_t number);
  JsonWriter& value(uint64_t number);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // a value that is JSON already

  template <typename T>
  JsonWriter& field(std::string_view name, T&& v) {
    return key(name).value(std::forward<T>(v));
  }

 private:
  void separate();

  std::string& out_;
  bool need_comma_ = false;
  int depth_ = 0;
};

// `text` as a JSON string literal with its quotes.
std::string json_quote(std::string_view text);

}  // namespace sluice
