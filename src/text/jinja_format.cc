// "%-5.2f" % values and "{:>5}".format(values), bounded in width.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

constexpr int kWidthMax = 1000;

struct Spec {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  bool center = false, right = false, comma = false;
  int width = 0;
  int precision = -1;
  char type = 's';
};

// Reads a number of at most kWidthMax.
Result<int> read_number(std::string_view text, size_t& at) {
  int number = 0;
  for (; at < text.size() && is_digit(static_cast<unsigned char>(text[at])); ++at) {
    number = number * 10 + (text[at] - '0');
    if (number > kWidthMax) return type_error("the width of a format is too large");
  }
  return number;
}

Text padded(const Text& text, const Spec& spec, bool numeric) {
  const size_t size = count_code_points(text.bytes);
  if (size >= static_cast<size_t>(spec.width)) return text;
  const size_t room = static_cast<size_t>(spec.width) - size;
  Text out;
  if (spec.zero && numeric && !spec.left) {
    const size_t sign = text.bytes.find_first_of("+- ") == 0 ? 1 : 0;
    out.append(text, 0, sign);
    out.append(std::string(room, '0'), Trust::kTemplate);
    out.append(text, sign, text.bytes.size());
    return out;
  }
  const size_t before = spec.left ? 0 : (spec.center ? room / 2 : room);
  out.append(std::string(before, ' '), Trust::kTemplate);
  out.append(text);
  out.append(std::string(room - before, ' '), Trust::kTemplate);
  return out;
}

std::string with_commas(std::string digits) {
  const size_t end = std::min(digits.find_first_of(".e"), digits.size());
  const size_t begin = digits.starts_with('-') || digits.starts_with('+') ? 1 : 0;
  for (size_t i = end; i > begin + 3;) digits.insert(i -= 3, ",");
  return digits;
}

Result<Text> format_number(const Value& value, const Spec& spec) {
  if (!value.is_number()) {
    return type_error("the format %" + std::string(1, spec.type) + " requires a number, not '" +
                      std::string(value.type_name()) + "'");
  }
  std::string digits;
  const bool integer = std::string_view("dixXo").contains(spec.type);
  if (integer) {
    const double number = value.as_double();
    if (value.is_double() && !(std::abs(number) < 9e18)) return type_error("not an integer");
    const int64_t whole = value.is_double() ? static_cast<int64_t>(number) : value.as_int();
    char buffer[80];
    const int base = spec.type == 'o' ? 8 : (spec.type == 'd' || spec.type == 'i' ? 10 : 16);
    digits.assign(buffer, std::to_chars(buffer, buffer + sizeof buffer, whole, base).ptr);
    if (spec.type == 'X') digits = upper(digits);
  } else {
    char pattern[] = "%.*f";
    pattern[3] = spec.type;
    char buffer[1400];  // 309 digits, a point and at most kWidthMax decimals
    const int precision = spec.precision < 0 ? 6 : spec.precision;
    std::snprintf(buffer, sizeof buffer, pattern, precision, value.as_double());
    digits = buffer;
  }
  if (spec.comma) digits = with_commas(std::move(digits));
  if (!digits.starts_with('-')) digits = (spec.plus ? "+" : (spec.space ? " " : "")) + digits;
  return Text(digits, Trust::kTemplate);
}

bool is_number_type(char type) { return std::string_view("dixXoeEfFgG").contains(type); }

Result<Text> format_one(Interpreter& interpreter, const Value& value, const Spec& spec) {
  Text text;
  if (is_number_type(spec.type)) {
    text = TRY(format_number(value, spec));
    return padded(text, spec, true);
  }
  if (spec.type == 'c' && value.is_int()) {
    if (value.as_int() < 0 || value.as_int() > 0x10FFFF) return type_error("%c is out of range");
    std::string character;
    utf8_append(character, static_cast<char32_t>(value.as_int()));
    text = Text(character, Trust::kTemplate);
  } else if (spec.type == 'r') {
    text = to_repr(value, interpreter.budget());
  } else if (spec.type == 's' || spec.type == 'c') {
    text = interpreter.text_of(value);
  } else {
    return type_error("unsupported format character '" + std::string(1, spec.type) + "'");
  }
  if (spec.precision >= 0) {
    text = text.slice(0, byte_of(text.bytes, static_cast<size_t>(spec.precision)));
  }
  return padded(text, spec, false);
}

Result<Spec> read_percent(std::string_view format, size_t& i) {
  Spec spec;
  for (; i < format.size() && std::string_view("-+ 0#").contains(format[i]); ++i) {
    spec.left |= format[i] == '-';
    spec.plus |= format[i] == '+';
    spec.space |= format[i] == ' ';
    spec.zero |= format[i] == '0';
    spec.alternate |= format[i] == '#';
  }
  spec.width = TRY(read_number(format, i));
  if (i < format.size() && format[i] == '.') spec.precision = TRY(read_number(format, ++i));
  if (i >= format.size()) return type_error("incomplete format");
  spec.type = format[i++];
  return spec;
}

// [align][sign][0][width][,][.precision][type]
Result<Spec> read_braces_spec(std::string_view text, bool numeric) {
  Spec spec;
  spec.left = !numeric;
  size_t i = 0;
  const auto take = [&](char c) { return i < text.size() && text[i] == c ? (++i, true) : false; };
  if (take('<')) {
    spec.left = true;
  } else if (take('>')) {
    spec.left = false;
  } else if (take('^')) {
    spec.left = false;
    spec.center = true;
  }
  spec.plus = take('+');
  if (!spec.plus) spec.space = take(' ');
  spec.zero = take('0');
  spec.width = TRY(read_number(text, i));
  spec.comma = take(',');
  if (take('.')) spec.precision = TRY(read_number(text, i));
  if (i < text.size()) spec.type = text[i++];
  if (i < text.size()) return type_error("invalid format specifier");
  return spec;
}

Result<Text> format_field(Interpreter& interpreter, const Value& value, std::string_view text) {
  Spec spec = TRY(read_braces_spec(text, value.is_number() && !value.is_bool()));
  if (spec.type == '%' && value.is_number()) {
    spec.type = 'f';
    Text number = TRY(format_number(Value::number(value.as_double() * 100), spec));
    number.append("%", Trust::kTemplate);
    return padded(number, spec, true);
  }
  const bool untyped = text.empty() || !is_number_type(text.back());
  if (untyped && value.is_double() && spec.precision >= 0) spec.type = 'g';
  if (untyped && value.is_int()) spec.type = 'd';
  return format_one(interpreter, value, spec);
}

}  // namespace

Result<Value> format_percent(Interpreter& interpreter, const Text& format, const Value& values) {
  const bool tuple = values.is_list() && values.as_list().kind == Value::ListKind::kTuple;
  const size_t count = tuple ? values.as_list().items.size() : 1;
  const std::string& text = format.bytes;
  size_t used = 0;
  bool by_name = false;
  Text out;
  for (size_t i = 0; i < text.size();) {
    const size_t percent = std::min(text.find('%', i), text.size());
    out.append(format, i, percent);
    if ((i = percent + 1) > text.size()) break;
    if (i < text.size() && text[i] == '%') {
      out.append("%", format.trust());
      ++i;
      continue;
    }
    Value value;
    if (i < text.size() && text[i] == '(') {
      const size_t close = text.find(')', i);
      if (close == text.npos || !values.is_dict()) return type_error("format requires a mapping");
      const Value* found =
          values.as_dict().find(std::string_view(text).substr(i + 1, close - i - 1));
      if (found == nullptr) return type_error("the format names a key that is missing");
      value = *found;
      by_name = true;
      i = close + 1;
    } else {
      if (used >= count) return type_error("not enough arguments for format string");
      value = tuple ? values.as_list().items[used] : values;
      ++used;
    }
    const Spec spec = TRY(read_percent(text, i));
    const Text piece = TRY(format_one(interpreter, value, spec));
    if (!interpreter.budget().allocate(piece.bytes.size() + 16)) break;
    out.append(piece);
  }
  if (used < count && !by_name && !values.is_dict()) {
    return type_error("not all arguments converted during string formatting");
  }
  return interpreter.make(std::move(out));
}

Result<Value> format_braces(Interpreter& interpreter, const Text& format, const Args& args) {
  const std::string& text = format.bytes;
  size_t next = 0;
  Text out;
  for (size_t i = 0; i < text.size();) {
    const size_t brace = std::min(text.find_first_of("{}", i), text.size());
    out.append(format, i, brace);
    i = brace;
    if (i == text.size()) break;
    if (i + 1 < text.size() && text[i + 1] == text[i]) {
      out.append(format, i, i + 1);
      i += 2;
      continue;
    }
    const size_t close = text.find('}', i);
    if (text[i] == '}' || close == text.npos) return type_error("single brace in format string");
    const std::string_view field = std::string_view(text).substr(i + 1, close - i - 1);
    const size_t colon = std::min(field.find(':'), field.size());
    const std::string_view name = field.substr(0, colon);
    if (field.find_first_of("{!") != field.npos) return type_error("unsupported format field");
    const size_t dot = std::min(name.find('.'), name.size());
    const std::string_view head = name.substr(0, dot);
    Value value;
    const bool number = head.find_first_not_of("0123456789") == head.npos && head.size() < 5;
    if (number) {
      const size_t at = head.empty() ? next++ : std::stoul(std::string(head));
      if (at >= args.positional.size()) return type_error("replacement index out of range");
      value = args.positional[at];
    } else {
      const auto found = std::ranges::find(args.named, head, &std::pair<std::string, Value>::first);
      if (found == args.named.end()) return type_error("the format names a missing argument");
      value = found->second;
    }
    if (dot < name.size()) value = TRY(interpreter.attribute(value, name.substr(dot + 1)));
    const std::string_view spec = colon < field.size() ? field.substr(colon + 1) : "";
    const Text piece = TRY(format_field(interpreter, value, spec));
    if (!interpreter.budget().allocate(piece.bytes.size() + 16)) break;
    out.append(piece);
    i = close + 1;
  }
  return interpreter.make(std::move(out));
}

}  // namespace sluice::text::jinja
