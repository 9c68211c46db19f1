// The methods of str, list, tuple and dict that do not change their object.
#include <algorithm>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

Value boolean(bool flag) { return Value::boolean(flag); }

template <bool kLeft, bool kRight>
Result<Value> str_strip(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("strip", args, {"chars"}));
  const Text& text = self.as_text();
  Text chars;
  const bool given = bound.has(0) && !bound[0].is_none();
  if (given) chars = TRY(bound.text(0, ""));
  interpreter.budget().read(text.bytes.size() * (1 + chars.bytes.size() / 16));
  const Bounds kept = strip(text.bytes, given ? &chars.bytes : nullptr, kLeft, kRight);
  return interpreter.make(text.slice(kept.begin, kept.end));
}

// The pieces between white space; at most `limit` cuts, counted from the side it begins at.
std::vector<Bounds> split_at_space(std::string_view text, int64_t limit, bool from_right) {
  std::vector<Bounds> words;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i + strip(text.substr(i), nullptr, true, false).begin;
    if (begin == text.size()) break;
    size_t end = begin;
    while (end < text.size()) {
      size_t next = end;
      if (is_space(utf8_next(text, next))) break;
      end = next;
    }
    words.push_back({begin, end});
    i = end;
  }
  if (limit < 0 || words.size() <= static_cast<size_t>(limit)) return words;
  const auto cuts = static_cast<size_t>(limit);
  if (from_right) {
    const size_t merged = words.size() - cuts;
    const size_t end = words[merged - 1].end;
    words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(merged - 1));
    words[0] = {0, end};
  } else {
    words.resize(cuts + 1);
    words.back().end = text.size();
  }
  return words;
}

std::vector<Bounds> split_at(std::string_view text, std::string_view separator, int64_t limit,
                             bool from_right) {
  std::vector<Bounds> parts;
  if (from_right) {
    size_t end = text.size();
    while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
      const size_t at =
          end < separator.size() ? text.npos : text.rfind(separator, end - separator.size());
      if (at == text.npos) break;
      parts.push_back({at + separator.size(), end});
      end = at;
    }
    parts.push_back({0, end});
    std::ranges::reverse(parts);
    return parts;
  }
  size_t begin = 0;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const size_t at = text.find(separator, begin);
    if (at == text.npos) break;
    parts.push_back({begin, at});
    begin = at + separator.size();
  }
  parts.push_back({begin, text.size()});
  return parts;
}

Result<Value> pieces(Interpreter& interpreter, const Text& text, const std::vector<Bounds>& parts) {
  std::vector<Value> items;
  for (const Bounds& part : parts) {
    items.push_back(interpreter.make(text.slice(part.begin, part.end)));
    if (interpreter.budget().exhausted()) break;
  }
  return interpreter.make_list(std::move(items));
}

template <bool kFromRight>
Result<Value> str_split(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("split", args, {"sep", "maxsplit"}));
  const int64_t limit = TRY(bound.integer(1, -1));
  const Text& text = self.as_text();
  // A piece takes 16 bytes before it becomes a value.
  if (!interpreter.budget().allocate(text.bytes.size() * sizeof(Bounds))) return self;
  if (!bound.has(0) || bound[0].is_none()) {
    return pieces(interpreter, text, split_at_space(text.bytes, limit, kFromRight));
  }
  const Text separator = TRY(bound.text(0, ""));
  if (separator.bytes.empty()) return type_error("empty separator");
  return pieces(interpreter, text, split_at(text.bytes, separator.bytes, limit, kFromRight));
}

Result<Value> str_splitlines(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("splitlines", args, {"keepends"}));
  const bool keep = bound.flag(0, false);
  const Text& text = self.as_text();
  if (!interpreter.budget().allocate(text.bytes.size() * sizeof(Bounds))) return self;
  std::vector<Bounds> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.bytes.size();) {
    const size_t end = i;
    const char32_t c = utf8_next(text.bytes, i);
    const bool ends = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
                      c == 0x2028 || c == 0x2029;
    if (!ends) continue;
    if (c == '\r' && i < text.bytes.size() && text.bytes[i] == '\n') ++i;
    lines.push_back({begin, keep ? i : end});
    begin = i;
  }
  if (begin < text.bytes.size()) lines.push_back({begin, text.bytes.size()});
  return pieces(interpreter, text, lines);
}

template <bool kStart>
Result<Value> str_with(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("startswith", args, {"prefix"}, 1));
  const Value candidates = bound[0].is_string() ? TRY(interpreter.make_list({bound[0]})) : bound[0];
  if (!candidates.is_list()) return type_error("expected a string or a tuple of strings");
  for (const Value& each : candidates.as_list().items) {
    if (!each.is_string()) return type_error("expected a string or a tuple of strings");
    const std::string& part = each.as_string();
    if (!interpreter.budget().spend(1) || !interpreter.budget().read(part.size())) break;
    if (kStart ? self.as_string().starts_with(part) : self.as_string().ends_with(part)) {
      return boolean(true);
    }
  }
  return boolean(false);
}

template <std::string (*kMap)(std::string_view)>
Result<Value> str_map(Interpreter& interpreter, const Value& self, const Args& args) {
  TRY(Bound::bind("the method", args, {}));
  if (!interpreter.budget().allocate(self.as_string().size())) return self;
  return interpreter.make(kMap(self.as_string()), self.as_text().trust());
}

std::string swap_case(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = utf8_next(text, i);
    utf8_append(out, is_upper(c) ? to_lower(c) : to_upper(c));
  }
  return out;
}

Result<Value> str_replace(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("replace", args, {"old", "new", "count"}, 2));
  Args passed = args;
  TRY(bound.text(0, ""));
  TRY(bound.text(1, ""));
  return interpreter.filter("replace", self, passed);
}

Result<Value> str_join(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("join", args, {"iterable"}, 1));
  const Value items = TRY(interpreter.iterate(bound[0]));
  for (const Value& each : items.as_list().items) {
    if (!each.is_string()) return type_error("sequence item: expected str instance");
  }
  return interpreter.filter("join", items, Args{{self}, {}});
}

enum class Find : uint8_t { kFirst, kLast };

template <Find kFind, bool kMust>
Result<Value> str_find(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("find", args, {"sub"}, 1));
  const Text part = TRY(bound.text(0, ""));
  const std::string& text = self.as_string();
  interpreter.budget().read(2 * text.size());
  const size_t at = kFind == Find::kFirst ? text.find(part.bytes) : text.rfind(part.bytes);
  if (at == text.npos) {
    if (kMust) return type_error("substring not found");
    return Value::integer(-1);
  }
  return Value::integer(
      static_cast<int64_t>(count_code_points(std::string_view(text).substr(0, at))));
}

Result<Value> str_count(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("count", args, {"sub"}, 1));
  const Text part = TRY(bound.text(0, ""));
  const std::string& text = self.as_string();
  interpreter.budget().read(text.size());
  int64_t count = 0;
  if (part.bytes.empty()) return Value::integer(int64_t(count_code_points(text)) + 1);
  for (size_t i = text.find(part.bytes); i != text.npos;
       i = text.find(part.bytes, i + part.bytes.size())) {
    ++count;
  }
  return Value::integer(count);
}

template <bool kSuffix>
Result<Value> str_remove(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("removeprefix", args, {"affix"}, 1));
  const Text part = TRY(bound.text(0, ""));
  const Text& text = self.as_text();
  if (kSuffix ? !text.bytes.ends_with(part.bytes) : !text.bytes.starts_with(part.bytes)) {
    return self;
  }
  const size_t cut = part.bytes.size();
  return interpreter.make(kSuffix ? text.slice(0, text.bytes.size() - cut)
                                  : text.slice(cut, text.bytes.size()));
}

template <bool kRight>
Result<Value> str_partition(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("partition", args, {"sep"}, 1));
  const Text part = TRY(bound.text(0, ""));
  if (part.bytes.empty()) return type_error("empty separator");
  const Text& text = self.as_text();
  const size_t at = kRight ? text.bytes.rfind(part.bytes) : text.bytes.find(part.bytes);
  const Value empty = interpreter.make(Text());
  std::vector<Value> items;
  if (at != text.bytes.npos) {
    const size_t after = at + part.bytes.size();
    items = {interpreter.make(text.slice(0, at)), interpreter.make(text.slice(at, after)),
             interpreter.make(text.slice(after, text.bytes.size()))};
  } else {
    items = kRight ? std::vector{empty, empty, self} : std::vector{self, empty, empty};
  }
  return interpreter.make_list(std::move(items), Value::ListKind::kTuple);
}

// -1, 0 and 1: the text at the left, in the middle, at the right.
template <int kSide>
Result<Value> str_justify(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("justify", args, {"width", "fillchar"}, 1));
  const int64_t width = TRY(bound.integer(0, 0));
  const Text fill = TRY(bound.text(1, " "));
  if (count_code_points(fill.bytes) != 1) return type_error("the fill must be one character");
  const auto size = static_cast<int64_t>(count_code_points(self.as_string()));
  if (width <= size) return self;
  const int64_t room = width - size;
  const int64_t left = kSide < 0 ? 0 : (kSide > 0 ? room : room / 2 + (room & width & 1));
  Text out;
  for (int64_t i = 0; i <= room; ++i) {
    if (i == left) out.append(self.as_text());
    if (i == room || !interpreter.budget().allocate(fill.bytes.size() + 16)) break;
    out.append(fill);
  }
  return interpreter.make(std::move(out));
}

Result<Value> str_zfill(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("zfill", args, {"width"}, 1));
  const int64_t width = TRY(bound.integer(0, 0));
  const std::string& text = self.as_string();
  const auto size = static_cast<int64_t>(count_code_points(text));
  if (width <= size) return self;
  if (!interpreter.budget().allocate(static_cast<uint64_t>(width - size))) return self;
  const size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  Text out;
  out.append(self.as_text(), 0, sign);
  out.append(std::string(static_cast<size_t>(width - size), '0'), Trust::kTemplate);
  out.append(self.as_text(), sign, text.size());
  return interpreter.make(std::move(out));
}

template <bool (*kAccept)(char32_t)>
Result<Value> str_all(Interpreter& interpreter, const Value& self, const Args&) {
  const std::string& text = self.as_string();
  interpreter.budget().read(text.size());
  for (size_t i = 0; i < text.size();) {
    if (!kAccept(utf8_next(text, i))) return boolean(false);
  }
  return boolean(!text.empty());
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_digit(c); }

Result<Value> list_count(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("count", args, {"value"}, 1));
  return Value::integer(std::ranges::count_if(self.as_list().items, [&](const Value& each) {
    return equal(each, bound[0], interpreter.budget());
  }));
}

Result<Value> list_index(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("index", args, {"value"}, 1));
  const auto& items = self.as_list().items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (equal(items[i], bound[0], interpreter.budget())) {
      return Value::integer(static_cast<int64_t>(i));
    }
  }
  return type_error("the value is not in the list");
}

Result<Value> dict_keys(Interpreter& interpreter, const Value& self, const Args&) {
  return interpreter.iterate(self);
}

Result<Value> dict_values(Interpreter& interpreter, const Value& self, const Args&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict().items) {
    if (!interpreter.budget().allocate(sizeof(Value))) break;
    items.push_back(value);
  }
  return interpreter.make_list(std::move(items));
}

Result<Value> dict_items(Interpreter& interpreter, const Value& self, const Args&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict().items) {
    items.push_back(TRY(interpreter.make_list({key, value}, Value::ListKind::kTuple)));
    if (interpreter.budget().exhausted()) break;
  }
  return interpreter.make_list(std::move(items));
}

Result<Value> dict_get(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound = TRY(Bound::bind("get", args, {"key", "default"}, 1));
  interpreter.budget().spend(bound[0].is_string() ? 1 : self.as_dict().items.size());
  const Value* found = self.as_dict().find(bound[0]);
  if (found != nullptr) return *found;
  return bound.has(1) ? bound[1] : Value::none();
}

Result<Value> copy(Interpreter&, const Value& self, const Args&) { return self; }

struct Entry {
  std::string_view name;
  MethodFunction function;
};

constexpr Entry kStringMethods[] = {
    {"strip", str_strip<true, true>},
    {"lstrip", str_strip<true, false>},
    {"rstrip", str_strip<false, true>},
    {"split", str_split<false>},
    {"rsplit", str_split<true>},
    {"splitlines", str_splitlines},
    {"startswith", str_with<true>},
    {"endswith", str_with<false>},
    {"upper", str_map<upper>},
    {"lower", str_map<lower>},
    {"casefold", str_map<lower>},
    {"title", str_map<title>},
    {"capitalize", str_map<capitalize>},
    {"swapcase", str_map<swap_case>},
    {"replace", str_replace},
    {"join", str_join},
    {"find", str_find<Find::kFirst, false>},
    {"rfind", str_find<Find::kLast, false>},
    {"index", str_find<Find::kFirst, true>},
    {"rindex", str_find<Find::kLast, true>},
    {"count", str_count},
    {"removeprefix", str_remove<false>},
    {"removesuffix", str_remove<true>},
    {"partition", str_partition<false>},
    {"rpartition", str_partition<true>},
    {"ljust", str_justify<-1>},
    {"center", str_justify<0>},
    {"rjust", str_justify<1>},
    {"zfill", str_zfill},
    {"isspace", str_all<is_space>},
    {"isdigit", str_all<is_digit>},
    {"isdecimal", str_all<is_digit>},
    {"isnumeric", str_all<is_digit>},
    {"isalpha", str_all<is_alpha>},
    {"isalnum", str_all<is_alnum>},
    {"isupper",
     [](auto& i, auto& v, auto& a) -> Result<Value> {
       return Value::boolean(TRY(i.test("upper", v, a)));
     }},
    {"islower",
     [](auto& i, auto& v, auto& a) -> Result<Value> {
       return Value::boolean(TRY(i.test("lower", v, a)));
     }},
    {"format", [](auto& i, auto& v, auto& a) { return format_braces(i, v.as_text(), a); }},
};

constexpr Entry kListMethods[] = {{"count", list_count}, {"index", list_index}, {"copy", copy}};
constexpr Entry kDictMethods[] = {{"keys", dict_keys},
                                  {"values", dict_values},
                                  {"items", dict_items},
                                  {"get", dict_get},
                                  {"copy", copy}};

template <size_t kSize>
MethodFunction find_in(const Entry (&entries)[kSize], std::string_view name) {
  for (const Entry& each : entries) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace

MethodFunction find_string_method(std::string_view name) { return find_in(kStringMethods, name); }

MethodFunction find_container_method(const Value& receiver, std::string_view name) {
  if (receiver.is_dict()) return find_in(kDictMethods, name);
  if (receiver.as_list().kind == Value::ListKind::kGenerator) return nullptr;
  return find_in(kListMethods, name);
}

}  // namespace sluice::text::jinja
