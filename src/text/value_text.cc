// str(), repr() and json.dumps() of Python for Values.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/value.h"

namespace sluice::text {
namespace {

// Collects text until the budget is spent; one foreign string makes all of it foreign.
class Sink {
 public:
  explicit Sink(Budget& budget) : budget_(budget) {}
  bool put(std::string_view text) {
    if (!budget_.spend(1) || !budget_.allocate(text.size())) return false;
    out_ += text;
    return true;
  }
  void taint(const Text& text) { foreign_ |= text.trust() == Trust::kForeign; }
  Budget& budget() { return budget_; }
  Text take() { return {out_, foreign_ ? Trust::kForeign : Trust::kTemplate}; }

 private:
  Budget& budget_;
  std::string out_;
  bool foreign_ = false;
};

std::string int_to_string(int64_t number) { return std::to_string(number); }

void append_hex(std::string& out, uint32_t number, int digits) {
  for (int i = digits - 1; i >= 0; --i) out += "0123456789abcdef"[(number >> (4 * i)) & 15];
}

// What repr() escapes: controls, separators, formatting characters, private use, surrogates.
bool printable(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) return false;
  if (c >= 0x2000 && c <= 0x206F) {
    return !(c <= 0x200F || (c >= 0x2028 && c <= 0x202F) || c >= 0x205F);
  }
  return !(c == 0x1680 || c == 0x3000 || (c >= 0xD800 && c <= 0xF8FF) || c == 0xFEFF ||
           (c >= 0xFFF0 && c <= 0xFFFB) || c >= 0xE0000);
}

std::string python_quoted(std::string_view text) {
  const bool single = !text.contains('\'') || text.contains('"');
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = utf8_next(text, i);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (printable(c)) {
      out += text.substr(begin, i - begin);
    } else {
      out += c < 0x100 ? "\\x" : (c < 0x10000 ? "\\u" : "\\U");
      append_hex(out, c, c < 0x100 ? 2 : (c < 0x10000 ? 4 : 8));
    }
  }
  out += quote;
  return out;
}

void write_repr(Sink& sink, const Value& value);

void write_items(Sink& sink, const Value::List& list) {
  const bool tuple = list.kind == Value::ListKind::kTuple;
  sink.put(tuple ? "(" : "[");
  bool first = true;
  for (const Value& each : list.items) {
    if (!first) sink.put(", ");
    first = false;
    write_repr(sink, each);
    if (sink.budget().exhausted()) return;
  }
  sink.put(tuple ? (list.items.size() == 1 ? ",)" : ")") : "]");
}

void write_repr(Sink& sink, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined: sink.put("Undefined"); return;
    case Value::Kind::kNone: sink.put("None"); return;
    case Value::Kind::kBool: sink.put(value.as_bool() ? "True" : "False"); return;
    case Value::Kind::kInt: sink.put(int_to_string(value.as_int())); return;
    case Value::Kind::kDouble: sink.put(double_to_string(value.as_double())); return;
    case Value::Kind::kString:
      sink.taint(value.as_text());
      sink.put(python_quoted(value.as_string()));
      return;
    case Value::Kind::kList: write_items(sink, value.as_list()); return;
    case Value::Kind::kDict: {
      sink.put("{");
      bool first = true;
      for (const auto& [key, item] : value.as_dict().items) {
        if (!first) sink.put(", ");
        first = false;
        write_repr(sink, key);
        sink.put(": ");
        write_repr(sink, item);
        if (sink.budget().exhausted()) return;
      }
      sink.put("}");
      return;
    }
    case Value::Kind::kObject: sink.put("<" + std::string(value.type_name()) + ">"); return;
  }
}

class JsonDumper {
 public:
  JsonDumper(const JsonStyle& style, Sink& sink) : style_(style), sink_(sink) {}

  Status write(const Value& value) {
    switch (value.kind()) {
      case Value::Kind::kNone: sink_.put("null"); return {};
      case Value::Kind::kBool: sink_.put(value.as_bool() ? "true" : "false"); return {};
      case Value::Kind::kInt: sink_.put(int_to_string(value.as_int())); return {};
      case Value::Kind::kDouble: sink_.put(number(value.as_double())); return {};
      case Value::Kind::kString: quote(value.as_text()); return {};
      case Value::Kind::kList:
        if (value.as_list().kind == Value::ListKind::kGenerator) break;
        return write_list(value.as_list());
      case Value::Kind::kDict: return write_dict(value.as_dict());
      default: break;
    }
    return fail(Code::kInvalidArgument, "",
                "an object of type " + std::string(value.type_name()) + " has no JSON form");
  }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return double_to_string(value);
  }

  void new_line() {
    if (!style_.indented) return;
    sink_.put("\n");
    for (int i = 0; i < level_; ++i) sink_.put(style_.indent);
  }

  Status write_list(const Value::List& list) {
    if (list.items.empty()) return sink_.put("[]"), Status();
    sink_.put("[");
    ++level_;
    for (size_t i = 0; i < list.items.size() && !sink_.budget().exhausted(); ++i) {
      if (i > 0) sink_.put(style_.item_separator);
      new_line();
      TRY(write(list.items[i]));
    }
    --level_;
    new_line();
    sink_.put("]");
    return {};
  }

  Status write_dict(const Value::Dict& dict) {
    if (dict.items.empty()) return sink_.put("{}"), Status();
    std::vector<const Value::Item*> items;
    for (const auto& each : dict.items) items.push_back(&each);
    if (style_.sort_keys) {
      const auto by_text = [](const Value::Item* item) -> std::string_view {
        return item->first.is_string() ? std::string_view(item->first.as_string()) : "";
      };
      std::ranges::sort(items, {}, by_text);
    }
    sink_.put("{");
    ++level_;
    for (size_t i = 0; i < items.size() && !sink_.budget().exhausted(); ++i) {
      if (i > 0) sink_.put(style_.item_separator);
      new_line();
      TRY(write_key(items[i]->first));
      sink_.put(style_.key_separator);
      TRY(write(items[i]->second));
    }
    --level_;
    new_line();
    sink_.put("}");
    return {};
  }

  Status write_key(const Value& key) {
    if (key.is_string()) return quote(key.as_text()), Status();
    if (key.is_list() || key.is_dict() || key.is_undefined() || key.as_object() != nullptr) {
      return fail(Code::kInvalidArgument, "", "a JSON key cannot be of this type");
    }
    sink_.put("\"");
    TRY(write(key));
    sink_.put("\"");
    return {};
  }

  void quote(const Text& text) {
    sink_.taint(text);
    std::string out = "\"";
    for (size_t i = 0; i < text.bytes.size();) {
      const size_t begin = i;
      const char32_t c = utf8_next(text.bytes, i);
      switch (c) {
        case '"': out += "\\\""; continue;
        case '\\': out += "\\\\"; continue;
        case '\n': out += "\\n"; continue;
        case '\r': out += "\\r"; continue;
        case '\t': out += "\\t"; continue;
        case '\b': out += "\\b"; continue;
        case '\f': out += "\\f"; continue;
        default: break;
      }
      if (c >= 0x20 && (c < 0x7F || !style_.ensure_ascii)) {
        out.append(text.bytes, begin, i - begin);
      } else if (c < 0x10000) {
        out += "\\u";
        append_hex(out, c, 4);
      } else {
        out += "\\u";
        append_hex(out, 0xD800 + ((c - 0x10000) >> 10), 4);
        out += "\\u";
        append_hex(out, 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
      }
    }
    sink_.put(out + "\"");
  }

  const JsonStyle& style_;
  Sink& sink_;
  int level_ = 0;
};

}  // namespace

std::string double_to_string(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  const char* digits_begin = text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0);
  std::from_chars(digits_begin, end, exponent);
  // Python's repr: an exponent only beyond 1e16 and below 1e-4.
  if (exponent >= -4 && exponent < 16) {
    char plain[400];
    const auto plain_end =
        std::to_chars(plain, plain + sizeof plain, number, std::chars_format::fixed).ptr;
    std::string out(plain, plain_end);
    if (!out.contains('.')) out += ".0";
    return out;
  }
  return std::string(text);
}

Text to_text(const Value& value, Budget& budget) {
  if (value.is_string()) return value.as_text();
  if (value.is_undefined()) return {};
  return to_repr(value, budget);
}

Text to_repr(const Value& value, Budget& budget) {
  Sink sink(budget);
  write_repr(sink, value);
  return sink.take();
}

Result<Text> to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  Sink sink(budget);
  TRY(JsonDumper(style, sink).write(value));
  return sink.take();
}

}  // namespace sluice::text
