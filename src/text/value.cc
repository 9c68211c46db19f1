#include "text/value.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace sluice::text {
namespace {

constexpr size_t kSmallDict = 8;

int depth_over(int depth, const Value& value) { return std::max(depth, value.depth() + 1); }

}  // namespace

void Text::append(std::string_view text, Trust trust) {
  if (text.empty()) return;
  const size_t begin = bytes.size();
  bytes += text;
  if (trust == Trust::kTemplate) return;
  if (!foreign.empty() && foreign.back().end == begin) {
    foreign.back().end = bytes.size();
  } else {
    foreign.push_back({begin, bytes.size()});
  }
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (begin >= end) return;
  const size_t base = bytes.size();
  bytes.append(other.bytes, begin, end - begin);
  auto range = std::ranges::upper_bound(other.foreign, begin, {}, &Range::end);
  for (; range != other.foreign.end() && range->begin < end; ++range) {
    const size_t from = base + std::max(range->begin, begin) - begin;
    const size_t to = base + std::min(range->end, end) - begin;
    if (!foreign.empty() && foreign.back().end == from) {
      foreign.back().end = to;
    } else {
      foreign.push_back({from, to});
    }
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text out;
  out.append(*this, begin, end);
  return out;
}

bool Budget::spend(uint64_t steps) {
  if (steps > steps_) {
    steps_ = 0;
    out_of_steps_ = true;
  } else {
    steps_ -= steps;
  }
  return !exhausted();
}

bool Budget::allocate(uint64_t bytes) {
  if (bytes > bytes_) {
    bytes_ = 0;
    out_of_bytes_ = true;
  } else {
    bytes_ -= bytes;
  }
  return spend(bytes / 1024);
}

Value Value::undefined(std::string hint) {
  return Value(Rep(Missing{std::make_shared<const std::string>(std::move(hint))}));
}

Value Value::string(std::string text, Trust trust) {
  Text out;
  out.bytes = std::move(text);
  if (trust == Trust::kForeign && !out.bytes.empty()) out.foreign.push_back({0, out.bytes.size()});
  return string(std::move(out));
}

Value Value::string(Text text) { return Value(Rep(std::make_shared<const Text>(std::move(text)))); }

Value Value::list(std::vector<Value> items, ListKind kind) {
  int depth = 1;
  for (const Value& each : items) depth = depth_over(depth, each);
  return Value(Rep(std::make_shared<const List>(std::move(items), kind, depth)));
}

Value Value::dict(std::vector<Item> items) {
  Budget budget;
  auto dict = std::make_shared<Dict>();
  const bool indexed = items.size() > kSmallDict;
  dict->items.reserve(items.size());
  if (indexed) dict->index.reserve(items.size());
  for (Item& item : items) {
    dict->depth = std::max(depth_over(dict->depth, item.second), item.first.depth() + 1);
    const Value* known = dict->find(item.first);
    if (known != nullptr) {
      *const_cast<Value*>(known) = std::move(item.second);  // `dict` is still ours alone
      continue;
    }
    dict->items.push_back(std::move(item));
    const Value& key = dict->items.back().first;
    if (indexed && key.is_string()) dict->index.emplace(key.as_string(), dict->items.size() - 1);
  }
  return Value(Rep(std::shared_ptr<const Dict>(std::move(dict))));
}

const Value* Value::Dict::find(std::string_view key) const {
  if (!index.empty()) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &items[found->second].second;
  }
  for (const Item& each : items) {
    if (each.first.is_string() && each.first.as_string() == key) return &each.second;
  }
  return nullptr;
}

const Value* Value::Dict::find(const Value& key) const {
  if (key.is_string()) return find(std::string_view(key.as_string()));
  Budget budget;
  for (const Item& each : items) {
    if (!each.first.is_string() && equal(each.first, key, budget)) return &each.second;
  }
  return nullptr;
}

const std::string& Value::hint() const {
  static const std::string kNone = "the value is undefined";
  const auto& missing = std::get<Missing>(rep_);
  return missing.hint ? *missing.hint : kNone;
}

Object* Value::as_object() const {
  const auto* object = std::get_if<std::shared_ptr<Object>>(&rep_);
  return object == nullptr ? nullptr : object->get();
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBool: return as_bool();
    case Kind::kInt: return as_int() != 0;
    case Kind::kDouble: return as_double() != 0;
    case Kind::kString: return !as_string().empty();
    case Kind::kList: return as_list().kind == ListKind::kGenerator || !as_list().items.empty();
    case Kind::kDict: return !as_dict().items.empty();
    case Kind::kObject: return true;
  }
  return true;
}

int Value::depth() const {
  if (is_list()) return as_list().depth;
  if (is_dict()) return as_dict().depth;
  return 0;
}

std::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kDouble: return "float";
    case Kind::kString: return "str";
    case Kind::kList:
      switch (as_list().kind) {
        case ListKind::kList: return "list";
        case ListKind::kTuple: return "tuple";
        case ListKind::kGenerator: return "generator";
      }
      return "list";
    case Kind::kDict: return "dict";
    case Kind::kObject: return as_object()->type_name();
  }
  return "object";
}

namespace {

int order_of_numbers(const Value& a, const Value& b) {
  if (!a.is_double() && !b.is_double()) {
    return a.as_int() < b.as_int() ? -1 : (a.as_int() > b.as_int() ? 1 : 0);
  }
  // 64 bits of mantissa: integers lose nothing.
  const auto wide = [](const Value& v) {
    return v.is_double() ? static_cast<long double>(v.as_double())
                         : static_cast<long double>(v.as_int());
  };
  const long double x = wide(a), y = wide(b);
  if (std::isnan(x) || std::isnan(y)) return 2;
  return x < y ? -1 : (x > y ? 1 : 0);
}

bool equal_lists(const Value::List& a, const Value::List& b, Budget& budget) {
  if (a.items.size() != b.items.size() || a.kind != b.kind) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i], budget)) return false;
  }
  return true;
}

bool equal_dicts(const Value::Dict& a, const Value::Dict& b, Budget& budget) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(value, *other, budget)) return false;
  }
  return true;
}

}  // namespace

bool equal(const Value& a, const Value& b, Budget& budget) {
  if (!budget.spend(1)) return false;
  if (a.is_number() && b.is_number()) return order_of_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kString:
      budget.read(std::min(a.as_string().size(), b.as_string().size()));
      return a.as_string() == b.as_string();
    case Value::Kind::kList:
      return &a.as_list() == &b.as_list() || equal_lists(a.as_list(), b.as_list(), budget);
    case Value::Kind::kDict:
      return &a.as_dict() == &b.as_dict() || equal_dicts(a.as_dict(), b.as_dict(), budget);
    case Value::Kind::kObject: return a.as_object() == b.as_object();
    default: return true;  // both undefined, or both none
  }
}

Result<int> compare(const Value& a, const Value& b, Budget& budget) {
  budget.spend(1);
  if (a.is_number() && b.is_number()) return order_of_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    budget.read(std::min(a.as_string().size(), b.as_string().size()));
    // Bytes of UTF-8 sort as code points do.
    const int order = a.as_string().compare(b.as_string());
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  if (a.is_list() && b.is_list() && a.as_list().kind == b.as_list().kind &&
      a.as_list().kind != Value::ListKind::kGenerator) {
    const auto& x = a.as_list().items;
    const auto& y = b.as_list().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()) && !budget.exhausted(); ++i) {
      if (!equal(x[i], y[i], budget)) return compare(x[i], y[i], budget);
    }
    return x.size() < y.size() ? -1 : (x.size() > y.size() ? 1 : 0);
  }
  for (const Value* each : {&a, &b}) {
    if (each->is_undefined()) {
      return fail(Code::kInvalidArgument, "", each->hint());
    }
  }
  return fail(Code::kInvalidArgument, "",
              "'" + std::string(a.type_name()) + "' and '" + std::string(b.type_name()) +
                  "' cannot be ordered");
}

}  // namespace sluice::text
