// Filters over strings and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

template <std::string (*kMap)(std::string_view)>
Result<Value> mapped(Interpreter& interpreter, const Value& input, const Args&) {
  const Text text = interpreter.text_of(input);
  interpreter.budget().allocate(text.bytes.size());
  return interpreter.make(kMap(text.bytes), text.trust());
}

// jinja2's title: a word begins after white space, a dash or an opening bracket.
std::string filter_title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = utf8_next(text, i);
    utf8_append(out, inside ? to_lower(c) : to_upper(c));
    inside = !(is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<');
  }
  return out;
}

Result<Value> trim(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("trim", args, {"chars"}));
  const Text text = interpreter.text_of(input);
  const bool given = bound.has(0) && !bound[0].is_none();
  Text chars;
  if (given) chars = TRY(bound.text(0, ""));
  interpreter.budget().read(text.bytes.size() * (1 + chars.bytes.size() / 16));
  const Bounds kept = strip(text.bytes, given ? &chars.bytes : nullptr, true, true);
  return interpreter.make(text.slice(kept.begin, kept.end));
}

Result<Value> replace(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("replace", args, {"old", "new", "count"}, 2));
  const Text text = interpreter.text_of(input);
  const Text from = interpreter.text_of(bound[0]), to = interpreter.text_of(bound[1]);
  int64_t count = bound.has(2) && !bound[2].is_none() ? TRY(bound.integer(2, -1)) : -1;
  Budget& budget = interpreter.budget();
  Text out;
  size_t at = 0;
  const auto put = [&](const Text& part, size_t begin, size_t end) {
    if (budget.allocate(end - begin + 8)) out.append(part, begin, end);
  };
  while (count != 0 && !budget.exhausted()) {
    const size_t found = text.bytes.find(from.bytes, at);
    if (found == text.bytes.npos) break;
    put(text, at, found);
    put(to, 0, to.bytes.size());
    at = found + from.bytes.size();
    --count;
    if (!from.bytes.empty()) continue;
    if (at == text.bytes.size()) break;
    utf8_next(text.bytes, at);
    put(text, found, at);
  }
  put(text, at, text.bytes.size());
  return Value::string(std::move(out));
}

Result<Value> fallback(Interpreter&, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("default", args, {"default_value", "boolean"}));
  if (!input.is_undefined() && !(bound.flag(1, false) && !input.truthy())) return input;
  return bound.has(0) ? bound[0] : Value::string("", Trust::kTemplate);
}

Result<Value> tojson(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound =
      TRY(Bound::bind("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = bound.flag(0, false);
  style.sort_keys = bound.flag(3, false);
  if (bound.has(1) && !bound[1].is_none()) {
    style.indented = true;
    style.item_separator = ",";
    if (bound[1].is_string()) {
      style.indent = bound[1].as_string();
    } else {
      const int64_t width = TRY(bound.integer(1, 0));
      if (width > 1000) return type_error("the indent is too wide");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
  }
  if (bound.has(2) && !bound[2].is_none()) {
    const Value pair = TRY(interpreter.iterate(bound[2]));
    const auto& parts = pair.as_list().items;
    if (parts.size() != 2 || !parts[0].is_string() || !parts[1].is_string()) {
      return type_error("separators must be two strings");
    }
    style.item_separator = parts[0].as_string();
    style.key_separator = parts[1].as_string();
  }
  Text text = TRY(to_json(input, style, interpreter.budget()));
  return interpreter.make(std::move(text));
}

Result<Value> as_string(Interpreter& interpreter, const Value& input, const Args&) {
  return input.is_string() ? input : interpreter.make(interpreter.text_of(input));
}

double parse_double(std::string_view text, bool& valid) {
  const Bounds kept = strip(text, nullptr, true, true);
  text = text.substr(kept.begin, kept.end - kept.begin);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  valid = failed == std::errc() && end == text.data() + text.size();
  return number;
}

Result<Value> as_integer(Interpreter&, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("int", args, {"default", "base"}));
  const int64_t base = TRY(bound.integer(1, 10));
  if (base != 0 && (base < 2 || base > 36)) return type_error("int() base must be 2 to 36");
  const Value other = bound.has(0) ? bound[0] : Value::integer(0);
  double number = 0;
  if (input.is_int() || input.is_bool()) return Value::integer(input.as_int());
  if (input.is_double()) {
    number = input.as_double();
  } else if (input.is_string()) {
    std::string text = input.as_string();
    const Bounds kept = strip(text, nullptr, true, true);
    text = text.substr(kept.begin, kept.end - kept.begin);
    if (text.starts_with('+')) text.erase(0, 1);
    const std::string prefix = base == 16 ? "0x" : (base == 8 ? "0o" : "0b");
    if ((base == 16 || base == 8 || base == 2) && lower(text).starts_with(prefix)) text.erase(0, 2);
    int64_t whole = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), whole,
                                               base == 0 ? 10 : static_cast<int>(base));
    if (failed == std::errc() && end == text.data() + text.size()) return Value::integer(whole);
    bool valid = false;
    number = parse_double(text, valid);
    if (!valid) return other;
  } else if (input.is_undefined()) {
    return type_error(input.hint());
  } else {
    return other;
  }
  if (!(std::abs(number) < 9.2e18)) return other;
  return Value::integer(static_cast<int64_t>(number));
}

Result<Value> as_float(Interpreter&, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("float", args, {"default"}));
  if (input.is_number()) return Value::number(input.as_double());
  if (input.is_undefined()) return type_error(input.hint());
  bool valid = false;
  double number = 0;
  if (input.is_string()) number = parse_double(input.as_string(), valid);
  if (valid) return Value::number(number);
  return bound.has(0) ? bound[0] : Value::number(0);
}

Result<Value> absolute(Interpreter& interpreter, const Value& input, const Args&) {
  if (!input.is_number()) return type_error("bad operand type for abs()");
  const bool negative = input.as_double() < 0;
  if (input.is_double()) return Value::number(std::abs(input.as_double()));
  return negative ? arithmetic(interpreter, Op::kSub, Value::integer(0), input)
                  : Result<Value>(Value::integer(input.as_int()));
}

Result<Value> rounded(Interpreter&, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("round", args, {"precision", "method"}));
  const int64_t precision = std::clamp<int64_t>(TRY(bound.integer(0, 0)), -300, 300);
  const Text method = TRY(bound.text(1, "common"));
  if (!input.is_number()) return type_error("a number is needed to round");
  const double number = input.as_double();
  if (method.bytes == "common") {
    // Of the decimal text, as Python rounds: half to even only where the double is exactly half.
    if (precision >= 0) {
      char buffer[700];
      const int length = std::snprintf(buffer, sizeof buffer, "%.*f", int(precision), number);
      double result = 0;
      std::from_chars(buffer, buffer + length, result);
      return input.is_double() ? Value::number(result) : Value::integer(input.as_int());
    }
    const double scale = std::pow(10.0, double(-precision));
    const double result = std::nearbyint(number / scale) * scale;
    return input.is_double() || std::abs(result) > 9e18
               ? Value::number(result)
               : Value::integer(static_cast<int64_t>(result));
  }
  if (method.bytes != "ceil" && method.bytes != "floor") {
    return type_error("the method of round must be common, ceil or floor");
  }
  const double scale = std::pow(10.0, double(precision));
  const double scaled = number * scale;
  return Value::number((method.bytes == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> indent(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("indent", args, {"width", "first", "blank"}));
  Text margin;
  if (bound.has(0) && bound[0].is_string()) {
    margin = bound[0].as_text();
  } else {
    const int64_t width = TRY(bound.integer(0, 4));
    if (width > 1000) return type_error("the indent is too wide");
    margin =
        Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '), Trust::kTemplate);
  }
  const Text text = interpreter.text_of(input);
  const bool blank = bound.flag(2, false);
  Text out;
  for (size_t begin = 0; begin <= text.bytes.size();) {
    const size_t end = std::min(text.bytes.find('\n', begin), text.bytes.size());
    const bool indented = begin == 0 ? bound.flag(1, false) : blank || end > begin;
    if (!interpreter.budget().allocate(end - begin + margin.bytes.size() + 8)) break;
    if (indented) out.append(margin);
    out.append(text, begin, std::min(end + 1, text.bytes.size()));
    begin = end + 1;
  }
  return interpreter.make(std::move(out));
}

Result<Value> escape(Interpreter& interpreter, const Value& input, const Args&) {
  const Text text = interpreter.text_of(input);
  Text out;
  size_t plain = 0;
  for (size_t i = 0; i < text.bytes.size() && !interpreter.budget().exhausted(); ++i) {
    const size_t which = std::string_view("&<>'\"").find(text.bytes[i]);
    if (which == std::string_view::npos) continue;
    static constexpr std::string_view kNames[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    interpreter.budget().allocate(8);
    out.append(text, plain, i);
    out.append(kNames[which], Trust::kTemplate);
    plain = i + 1;
  }
  out.append(text, plain, text.bytes.size());
  return interpreter.make(std::move(out));
}

Result<Value> wordcount(Interpreter& interpreter, const Value& input, const Args&) {
  const Text text = interpreter.text_of(input);
  int64_t count = 0;
  bool inside = false;
  for (size_t i = 0; i < text.bytes.size();) {
    const char32_t c = utf8_next(text.bytes, i);
    const bool word = is_alpha(c) || is_digit(c) || c == '_';
    count += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value::integer(count);
}

Result<Value> format(Interpreter& interpreter, const Value& input, const Args& args) {
  const Text text = interpreter.text_of(input);
  if (args.named.empty()) {
    return format_percent(interpreter, text,
                          TRY(interpreter.make_list(args.positional, Value::ListKind::kTuple)));
  }
  if (!args.positional.empty()) return type_error("format takes positions or names, not both");
  std::vector<Value::Item> items;
  for (const auto& [name, value] : args.named) items.emplace_back(Value::string(name), value);
  return format_percent(interpreter, text, TRY(interpreter.make_dict(std::move(items))));
}

Result<Value> centered(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("center", args, {"width"}));
  const Value width = bound.has(0) ? bound[0] : Value::integer(80);
  const Value text = TRY(as_string(interpreter, input, {}));
  return find_string_method("center")(interpreter, text, Args{{width}, {}});
}

struct Entry {
  std::string_view name;
  FilterFunction function;
};

constexpr Entry kFilters[] = {{"trim", trim},
                              {"upper", mapped<upper>},
                              {"lower", mapped<lower>},
                              {"title", mapped<filter_title>},
                              {"capitalize", mapped<capitalize>},
                              {"replace", replace},
                              {"default", fallback},
                              {"d", fallback},
                              {"tojson", tojson},
                              {"string", as_string},
                              {"safe", as_string},
                              {"int", as_integer},
                              {"float", as_float},
                              {"abs", absolute},
                              {"round", rounded},
                              {"indent", indent},
                              {"escape", escape},
                              {"e", escape},
                              {"forceescape", escape},
                              {"wordcount", wordcount},
                              {"format", format},
                              {"center", centered}};

}  // namespace

FilterFunction find_text_filter(std::string_view name) {
  for (const Entry& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace sluice::text::jinja
