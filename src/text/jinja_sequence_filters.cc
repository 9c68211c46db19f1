// Filters over lists, dicts and whatever else can be iterated.
#include <algorithm>

#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

using ListKind = Value::ListKind;

Result<Value> length(Interpreter& interpreter, const Value& input, const Args&) {
  const auto count = [](size_t size) { return Value::integer(static_cast<int64_t>(size)); };
  if (input.is_undefined()) return count(0);
  if (input.is_dict()) return count(input.as_dict().items.size());
  if (input.is_string()) {
    interpreter.budget().read(input.as_string().size());
    return count(count_code_points(input.as_string()));
  }
  if (input.is_list() && input.as_list().kind != ListKind::kGenerator) {
    return count(input.as_list().items.size());
  }
  return type_error("object of type '" + std::string(input.type_name()) + "' has no len()");
}

// The items with `attribute` looked up, when it is given.
Result<Value> project(Interpreter& interpreter, const Value& item, const Value& attribute) {
  if (attribute.is_undefined() || attribute.is_none()) return item;
  return interpreter.path(item, attribute);
}

// What sorting and uniqueness compare: text in lower case unless case counts.
Value folded(Interpreter& interpreter, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return interpreter.make(lower(value.as_string()), Trust::kTemplate);
}

Result<std::vector<Value>> keys_of(Interpreter& interpreter, const std::vector<Value>& items,
                                   const Value& attribute, bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& each : items) {
    const Value key = TRY(project(interpreter, each, attribute));
    keys.push_back(folded(interpreter, key, case_sensitive));
    if (!interpreter.budget().allocate(sizeof(Value))) break;
  }
  keys.resize(items.size());
  return keys;
}

Result<Value> join(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("join", args, {"d", "attribute"}));
  const Text separator = interpreter.text_of(bound[0]);
  const Value items = TRY(interpreter.iterate(input));
  Text out;
  bool first = true;
  for (const Value& each : items.as_list().items) {
    const Value item = TRY(project(interpreter, each, bound[1]));
    const Text text = interpreter.text_of(item);
    if (!interpreter.budget().allocate(text.bytes.size() + separator.bytes.size() + 16)) break;
    if (!first) out.append(separator);
    first = false;
    out.append(text);
  }
  return Value::string(std::move(out));
}

Result<Value> first(Interpreter& interpreter, const Value& input, const Args&) {
  const Value items = TRY(interpreter.iterate(input));
  if (items.as_list().items.empty()) return Value::undefined("no first item, sequence was empty");
  return items.as_list().items.front();
}

Result<Value> last(Interpreter& interpreter, const Value& input, const Args&) {
  const Value items = TRY(interpreter.iterate(input));
  if (items.as_list().items.empty()) return Value::undefined("no last item, sequence was empty");
  return items.as_list().items.back();
}

Result<Value> as_list(Interpreter& interpreter, const Value& input, const Args&) {
  const Value items = TRY(interpreter.iterate(input));
  return interpreter.make_list(items.as_list().items);
}

Result<Value> map(Interpreter& interpreter, const Value& input, const Args& args) {
  const Value items = TRY(interpreter.iterate(input));
  std::vector<Value> out;
  Args rest = args;
  Value name;
  const bool by_attribute = args.positional.empty();
  Bound bound;
  if (by_attribute) {
    bound = TRY(Bound::bind("map", args, {"attribute", "default"}, 1));
  } else {
    name = args.positional[0];
    if (!name.is_string()) return type_error("map requires the name of a filter");
    rest.positional.erase(rest.positional.begin());
  }
  for (const Value& each : items.as_list().items) {
    Value value;
    if (by_attribute) {
      const bool fallback = bound.has(1) && !bound[1].is_none();
      value = TRY(interpreter.path(each, bound[0], fallback ? &bound[1] : nullptr));
    } else {
      value = TRY(interpreter.filter(name.as_string(), each, rest));
    }
    out.push_back(std::move(value));
    if (!interpreter.budget().spend(1)) break;
  }
  return interpreter.make_list(std::move(out), ListKind::kGenerator);
}

template <bool kKeep, bool kAttribute>
Result<Value> select(Interpreter& interpreter, const Value& input, const Args& args) {
  const Value items = TRY(interpreter.iterate(input));
  Args rest = args;
  Value attribute;
  if (kAttribute) {
    if (rest.positional.empty()) return type_error("missing parameter for attribute name");
    attribute = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
  }
  std::string test;
  if (!rest.positional.empty()) {
    if (!rest.positional[0].is_string()) return type_error("expected the name of a test");
    test = rest.positional[0].as_string();
    rest.positional.erase(rest.positional.begin());
  }
  std::vector<Value> out;
  for (const Value& each : items.as_list().items) {
    const Value value = TRY(project(interpreter, each, attribute));
    const bool holds = test.empty() ? value.truthy() : TRY(interpreter.test(test, value, rest));
    if (holds == kKeep) out.push_back(each);
    if (!interpreter.budget().spend(1)) break;
  }
  return interpreter.make_list(std::move(out), ListKind::kGenerator);
}

Result<Value> sort(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("sort", args, {"reverse", "case_sensitive", "attribute"}));
  const Value source = TRY(interpreter.iterate(input));
  std::vector<Value> items = source.as_list().items;
  std::vector<Value> keys = TRY(keys_of(interpreter, items, bound[2], bound.flag(1, false)));
  TRY(sort_values(interpreter, keys, items, bound.flag(0, false)));
  return interpreter.make_list(std::move(items));
}

Result<Value> unique(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("unique", args, {"case_sensitive", "attribute"}));
  const Value source = TRY(interpreter.iterate(input));
  const auto& items = source.as_list().items;
  const std::vector<Value> keys = TRY(keys_of(interpreter, items, bound[1], bound.flag(0, false)));
  std::vector<Value> kept, seen;
  for (size_t i = 0; i < items.size() && !interpreter.budget().exhausted(); ++i) {
    const bool known = std::ranges::any_of(
        seen, [&](const Value& each) { return equal(each, keys[i], interpreter.budget()); });
    if (known) continue;
    seen.push_back(keys[i]);
    kept.push_back(items[i]);
  }
  return interpreter.make_list(std::move(kept), ListKind::kGenerator);
}

Result<Value> reverse(Interpreter& interpreter, const Value& input, const Args&) {
  if (input.is_string()) {
    return slice(interpreter, input, Value::none(), Value::none(), Value::integer(-1));
  }
  const Value source = TRY(interpreter.iterate(input));
  std::vector<Value> items = source.as_list().items;
  std::ranges::reverse(items);
  return interpreter.make_list(std::move(items), ListKind::kGenerator);
}

Result<Value> sum(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("sum", args, {"attribute", "start"}));
  const Value items = TRY(interpreter.iterate(input));
  Value total = bound.has(1) ? bound[1] : Value::integer(0);
  for (const Value& each : items.as_list().items) {
    const Value item = TRY(project(interpreter, each, bound[0]));
    total = TRY(arithmetic(interpreter, Op::kAdd, total, item));
    if (!interpreter.budget().spend(1)) break;
  }
  return total;
}

template <int kOrder>
Result<Value> extreme(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("min", args, {"case_sensitive", "attribute"}));
  const Value source = TRY(interpreter.iterate(input));
  const auto& items = source.as_list().items;
  if (items.empty()) return Value::undefined("no aggregated item, sequence was empty");
  const std::vector<Value> keys = TRY(keys_of(interpreter, items, bound[1], bound.flag(0, false)));
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    if (TRY(compare(keys[i], keys[best], interpreter.budget())) == kOrder) best = i;
  }
  return items[best];
}

Result<Value> items_of(Interpreter& interpreter, const Value& input, const Args&) {
  if (input.is_undefined()) return interpreter.make_list({}, ListKind::kGenerator);
  if (!input.is_dict()) return type_error("can only get item pairs from a mapping");
  const Value pairs = TRY(find_container_method(input, "items")(interpreter, input, {}));
  return interpreter.make_list(pairs.as_list().items, ListKind::kGenerator);
}

Result<Value> dictsort(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("dictsort", args, {"case_sensitive", "by", "reverse"}));
  const Text by = TRY(bound.text(1, "key"));
  if (by.bytes != "key" && by.bytes != "value") {
    return type_error("you can only sort by either \"key\" or \"value\"");
  }
  const Value pairs = TRY(items_of(interpreter, input, {}));
  std::vector<Value> items = pairs.as_list().items;
  std::vector<Value> keys =
      TRY(keys_of(interpreter, items, Value::integer(by.bytes == "value"), bound.flag(0, false)));
  TRY(sort_values(interpreter, keys, items, bound.flag(2, false)));
  return interpreter.make_list(std::move(items));
}

Result<Value> batch(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("batch", args, {"linecount", "fill_with"}, 1));
  const int64_t count = TRY(bound.integer(0, 1));
  const Value source = TRY(interpreter.iterate(input));
  std::vector<Value> rows, row;
  const auto flush = [&]() -> Status {
    rows.push_back(TRY(interpreter.make_list(std::exchange(row, {}))));
    return {};
  };
  for (const Value& each : source.as_list().items) {
    if (static_cast<int64_t>(row.size()) == count) TRY(flush());
    row.push_back(each);
    if (interpreter.budget().exhausted()) break;
  }
  if (bound.has(1) && !bound[1].is_none() && !row.empty()) {
    while (static_cast<int64_t>(row.size()) < count) {
      if (!interpreter.budget().allocate(sizeof(Value))) break;
      row.push_back(bound[1]);
    }
  }
  if (!row.empty()) TRY(flush());
  return interpreter.make_list(std::move(rows), ListKind::kGenerator);
}

Result<Value> slices(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound = TRY(Bound::bind("slice", args, {"slices", "fill_with"}, 1));
  const int64_t count = TRY(bound.integer(0, 1));
  const Value source = TRY(interpreter.iterate(input));
  const auto& items = source.as_list().items;
  if (count < 1) return type_error("slice needs at least one slice");
  const size_t parts = static_cast<size_t>(count);
  const size_t each = items.size() / parts, more = items.size() % parts;
  std::vector<Value> columns;
  size_t at = 0;
  for (size_t i = 0; i < parts && interpreter.budget().spend(1); ++i) {
    const size_t size = each + (i < more ? 1 : 0);
    const auto begin = items.begin() + static_cast<ptrdiff_t>(at);
    std::vector<Value> column(begin, begin + static_cast<ptrdiff_t>(size));
    if (bound.has(1) && !bound[1].is_none() && i >= more) column.push_back(bound[1]);
    columns.push_back(TRY(interpreter.make_list(std::move(column))));
    at += size;
  }
  return interpreter.make_list(std::move(columns), ListKind::kGenerator);
}

Result<Value> groupby(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound =
      TRY(Bound::bind("groupby", args, {"attribute", "default", "case_sensitive"}, 1));
  const Value source = TRY(interpreter.iterate(input));
  std::vector<Value> items = source.as_list().items;
  std::vector<Value> keys = TRY(keys_of(interpreter, items, bound[0], bound.flag(2, false)));
  for (Value& key : keys) {
    if (key.is_undefined() && bound.has(1)) key = bound[1];
  }
  TRY(sort_values(interpreter, keys, items, false));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin;
    std::vector<Value> group;
    while (end < items.size() && equal(keys[begin], keys[end], interpreter.budget())) {
      group.push_back(items[end++]);
    }
    if (end == begin) break;  // out of budget
    const Value key = TRY(project(interpreter, items[begin], bound[0]));
    const Value list = TRY(interpreter.make_list(std::move(group)));
    groups.push_back(TRY(
        interpreter.make_list({key.is_undefined() ? keys[begin] : key, list}, ListKind::kTuple)));
    begin = end;
  }
  return interpreter.make_list(std::move(groups));
}

struct Entry {
  std::string_view name;
  FilterFunction function;
};

constexpr Entry kFilters[] = {
    {"length", length},
    {"count", length},
    {"join", join},
    {"first", first},
    {"last", last},
    {"list", as_list},
    {"map", map},
    {"select", select<true, false>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<false, true>},
    {"sort", sort},
    {"unique", unique},
    {"reverse", reverse},
    {"sum", sum},
    {"min", extreme<-1>},
    {"max", extreme<1>},
    {"items", items_of},
    {"dictsort", dictsort},
    {"batch", batch},
    {"slice", slices},
    {"groupby", groupby},
    {"attr", [](Interpreter& i, const Value& v, const Args& a) -> Result<Value> {
       const Bound bound = TRY(Bound::bind("attr", a, {"name"}, 1));
       const Text name = TRY(bound.text(0, ""));
       if (v.is_dict()) {
         return Value::undefined("'dict object' has no such attribute");
       }
       return i.attribute(v, name.bytes);
     }}};

}  // namespace

FilterFunction find_sequence_filter(std::string_view name) {
  for (const Entry& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

Status sort_values(Interpreter& interpreter, std::vector<Value>& keys, std::vector<Value>& items,
                   bool reverse) {
  // A merge sort of positions from the bottom up: comparisons may fail, which std::sort forbids.
  const size_t size = items.size();
  if (!interpreter.budget().allocate(size * 2 * (sizeof(size_t) + sizeof(Value)))) return {};
  std::vector<size_t> order(size), merged(size);
  for (size_t i = 0; i < size; ++i) order[i] = i;
  for (size_t width = 1; width < size; width *= 2) {
    for (size_t low = 0; low < size; low += 2 * width) {
      const size_t middle = std::min(low + width, size), high = std::min(low + 2 * width, size);
      size_t left = low, right = middle;
      for (size_t out = low; out < high; ++out) {
        bool take_right = left == middle;
        if (left < middle && right < high) {
          const int less =
              TRY(compare(keys[order[right]], keys[order[left]], interpreter.budget()));
          take_right = less == (reverse ? 1 : -1);
        }
        merged[out] = order[take_right ? right++ : left++];
      }
    }
    std::swap(order, merged);
  }
  std::vector<Value> sorted_keys, sorted_items;
  for (const size_t i : order) {
    sorted_keys.push_back(std::move(keys[i]));
    sorted_items.push_back(std::move(items[i]));
  }
  keys = std::move(sorted_keys);
  items = std::move(sorted_items);
  return {};
}

}  // namespace sluice::text::jinja
