// Expressions of the Interpreter.
#include <algorithm>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {

Result<Value> Interpreter::evaluate(const Expr& expr) {
  if (expr.kind == ExprKind::kLiteral) return expr.value;
  if (++depth_ > kRunDepthMax) {
    --depth_;
    return std::unexpected(
        located(type_error("the template recurses too deep").error(), expr.position));
  }
  budget().spend(1);
  Result<Value> result = evaluate_inner(expr);
  --depth_;
  if (result && budget().exhausted()) result = std::unexpected(limit_error());
  if (!result && result.error().where.empty()) {
    result.error().where = describe(expr.position);
  }
  return result;
}

Result<Value> Interpreter::evaluate_inner(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral: return expr.value;
    case ExprKind::kName: return lookup(expr.name);
    case ExprKind::kList:
    case ExprKind::kTuple:
    case ExprKind::kDict: return evaluate_collection(expr);
    case ExprKind::kAttribute: {
      const Value value = TRY(evaluate(*expr.items[0]));
      return attribute(value, expr.name);
    }
    case ExprKind::kItem: {
      const Value value = TRY(evaluate(*expr.items[0]));
      const Value key = TRY(evaluate(*expr.items[1]));
      return item(value, key);
    }
    case ExprKind::kSlice: return evaluate_slice(expr);
    case ExprKind::kCall: return evaluate_call(expr);
    case ExprKind::kFilter: return evaluate_filter(expr);
    case ExprKind::kTest: return evaluate_test(expr);
    case ExprKind::kCompare: return evaluate_compare(expr);
    case ExprKind::kConcat: return evaluate_concat(expr);
    default: return evaluate_operator(expr);
  }
}

Value Interpreter::lookup(std::string_view name) {
  uint64_t seen = 0;
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [known, value] : scope->variables) {
      if (known == name) {
        budget().spend(seen / 64);
        return value;
      }
      ++seen;
    }
  }
  budget().spend(seen / 64);
  return Value::undefined("'" + std::string(name) + "' is undefined");
}

Result<Value> Interpreter::evaluate_collection(const Expr& expr) {
  std::vector<Value> values;
  values.reserve(expr.items.size());
  for (const auto& each : expr.items) values.push_back(TRY(evaluate(*each)));
  if (expr.kind == ExprKind::kList) return make_list(std::move(values));
  if (expr.kind == ExprKind::kTuple) return make_list(std::move(values), Value::ListKind::kTuple);
  std::vector<Value::Item> items;
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    const bool list = values[i].is_list() && values[i].as_list().kind == Value::ListKind::kList;
    if (list || values[i].is_dict()) {
      return type_error("unhashable type: '" + std::string(values[i].type_name()) + "'");
    }
    items.emplace_back(std::move(values[i]), std::move(values[i + 1]));
  }
  return make_dict(std::move(items));
}

Result<Value> Interpreter::evaluate_slice(const Expr& expr) {
  Value parts[4] = {Value::none(), Value::none(), Value::none(), Value::none()};
  for (size_t i = 0; i < 4; ++i) {
    if (expr.items[i]) parts[i] = TRY(evaluate(*expr.items[i]));
  }
  return slice(*this, parts[0], parts[1], parts[2], parts[3]);
}

Result<Args> Interpreter::evaluate_arguments(const Expr& expr) {
  Args args;
  args.positional.reserve(expr.items.size());
  for (size_t i = 1; i < expr.items.size(); ++i) {
    args.positional.push_back(TRY(evaluate(*expr.items[i])));
  }
  for (const auto& [name, value] : expr.named) args.named.emplace_back(name, TRY(evaluate(*value)));
  if (expr.star) {
    const Value more = TRY(evaluate(*expr.star));
    const Value items = TRY(iterate(more));
    budget().allocate(items.as_list().items.size() * sizeof(Value));
    if (budget().exhausted()) return std::unexpected(limit_error());
    args.positional.insert(args.positional.end(), items.as_list().items.begin(),
                           items.as_list().items.end());
  }
  if (expr.double_star) {
    const Value more = TRY(evaluate(*expr.double_star));
    if (!more.is_dict()) return type_error("the argument after ** must be a mapping");
    for (const auto& [key, value] : more.as_dict().items) {
      if (!key.is_string()) return type_error("keywords must be strings");
      if (!budget().allocate(sizeof(Value) + key.as_string().size())) break;
      args.named.emplace_back(key.as_string(), value);
    }
  }
  return args;
}

Result<Value> Interpreter::evaluate_call(const Expr& expr) {
  const Value callee = TRY(evaluate(*expr.items[0]));
  const Args args = TRY(evaluate_arguments(expr));
  return call(callee, args);
}

Result<Value> Interpreter::evaluate_filter(const Expr& expr) {
  Value input;
  if (expr.items[0]) {
    input = TRY(evaluate(*expr.items[0]));
  } else if (filter_input_ != nullptr) {
    input = *filter_input_;
  }
  const Args args = TRY(evaluate_arguments(expr));
  return filter(expr.name, input, args);
}

Result<Value> Interpreter::evaluate_test(const Expr& expr) {
  const Value input = TRY(evaluate(*expr.items[0]));
  const Args args = TRY(evaluate_arguments(expr));
  return Value::boolean(TRY(test(expr.name, input, args)));
}

Result<Value> Interpreter::filter(std::string_view name, const Value& input, const Args& args) {
  FilterFunction function = find_text_filter(name);
  if (function == nullptr) function = find_sequence_filter(name);
  if (function == nullptr) return type_error("no filter named '" + std::string(name) + "'");
  // Filters call filters: map('map', 'map', ...).
  if (depth_ >= kRunDepthMax) return type_error("the template recurses too deep");
  ++depth_;
  Result<Value> result = function(*this, input, args);
  --depth_;
  return result;
}

Result<bool> Interpreter::test(std::string_view name, const Value& input, const Args& args) {
  const TestFunction function = find_test(name);
  if (function == nullptr) return type_error("no test named '" + std::string(name) + "'");
  return function(*this, input, args);
}

Result<Value> Interpreter::evaluate_operator(const Expr& expr) {
  Value first = TRY(evaluate(*expr.items[expr.kind == ExprKind::kConditional ? 1 : 0]));
  switch (expr.kind) {
    case ExprKind::kNot: return Value::boolean(!first.truthy());
    case ExprKind::kAnd: return first.truthy() ? evaluate(*expr.items[1]) : Result<Value>(first);
    case ExprKind::kOr: return first.truthy() ? Result<Value>(first) : evaluate(*expr.items[1]);
    case ExprKind::kConditional:
      if (first.truthy()) return evaluate(*expr.items[0]);
      if (expr.items[2]) return evaluate(*expr.items[2]);
      return Value::undefined("the inline if-expression had no else and its condition was false");
    case ExprKind::kNegative: return arithmetic(*this, Op::kSub, Value::integer(0), first);
    case ExprKind::kPositive: return arithmetic(*this, Op::kAdd, Value::integer(0), first);
    default: break;
  }
  const Value second = TRY(evaluate(*expr.items[1]));
  return arithmetic(*this, expr.op, first, second);
}

Result<Value> Interpreter::evaluate_compare(const Expr& expr) {
  Value left = TRY(evaluate(*expr.items[0]));
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    Value right = TRY(evaluate(*expr.items[i + 1]));
    bool holds = false;
    switch (expr.ops[i]) {
      case Op::kEq: holds = equal(left, right, budget()); break;
      case Op::kNe: holds = !equal(left, right, budget()); break;
      case Op::kIn: holds = TRY(contains(*this, right, left)); break;
      case Op::kNotIn: holds = !TRY(contains(*this, right, left)); break;
      default: {
        const int order = TRY(compare(left, right, budget()));
        if (expr.ops[i] == Op::kLt) holds = order == -1;
        if (expr.ops[i] == Op::kLe) holds = order == -1 || order == 0;
        if (expr.ops[i] == Op::kGt) holds = order == 1;
        if (expr.ops[i] == Op::kGe) holds = order == 1 || order == 0;
      }
    }
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::evaluate_concat(const Expr& expr) {
  Text out;
  for (const auto& each : expr.items) {
    const Value value = TRY(evaluate(*each));
    if (value.is_string()) {
      if (!budget().allocate(value.as_string().size())) break;
      out.append(value.as_text());
    } else {
      out.append(text_of(value));
    }
  }
  return Value::string(std::move(out));
}

namespace {

std::string object_name(const Value& value) {
  return value.is_none() ? "None" : "'" + std::string(value.type_name()) + " object'";
}

Value no_attribute(const Value& value, std::string_view name) {
  return Value::undefined(object_name(value) + " has no attribute '" +
                          std::string(name.substr(0, 100)) + "'");
}

// The index-th item, negative ones from the end; null past either.
const Value* list_item(const Value::List& list, int64_t index) {
  const auto size = static_cast<int64_t>(list.items.size());
  if (index < 0) index += size;
  if (list.kind == Value::ListKind::kGenerator || index < 0 || index >= size) return nullptr;
  return &list.items[static_cast<size_t>(index)];
}

Value python_attribute(const Value& value, std::string_view name) {
  MethodFunction method = nullptr;
  if (value.is_string()) method = find_string_method(name);
  if (value.is_list() || value.is_dict()) method = find_container_method(value, name);
  if (method != nullptr) return make_method(name, method, value);
  return no_attribute(value, name);
}

}  // namespace

Result<Value> Interpreter::attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) return type_error(value.hint());
  if (auto* space = dynamic_cast<Namespace*>(value.as_object())) {
    for (const auto& [known, attribute] : space->attributes) {
      if (!budget().spend(1)) break;
      if (known == name) return attribute;
    }
    return no_attribute(value, name);
  }
  if (auto* object = dynamic_cast<Attributed*>(value.as_object())) {
    return object->attribute(*this, name);
  }
  Value method = python_attribute(value, name);
  if (!method.is_undefined() || !value.is_dict()) return method;
  const Value* found = value.as_dict().find(name);
  return found != nullptr ? *found : method;
}

Result<Value> Interpreter::item(const Value& value, const Value& key) {
  if (value.is_undefined()) return type_error(value.hint());
  if (value.is_dict()) {
    budget().spend(key.is_string() ? 1 : value.as_dict().items.size());
    if (const Value* found = value.as_dict().find(key)) return *found;
  }
  if (value.is_list() && (key.is_int() || key.is_bool())) {
    if (const Value* found = list_item(value.as_list(), key.as_int())) return *found;
  }
  if (value.is_string() && (key.is_int() || key.is_bool())) {
    const std::string& text = value.as_string();
    budget().read(text.size());
    int64_t index = key.as_int();
    if (index < 0) index += static_cast<int64_t>(count_code_points(text));
    size_t begin = index < 0 ? text.size() : byte_of(text, static_cast<size_t>(index));
    size_t end = begin;
    if (begin < text.size()) {
      utf8_next(text, end);
      return make(value.as_text().slice(begin, end));
    }
  }
  if (value.as_object() != nullptr && key.is_string()) return attribute(value, key.as_string());
  if (key.is_string()) return python_attribute(value, key.as_string());
  return Value::undefined(object_name(value) + " has no element " + text_of(key).bytes);
}

Result<Value> Interpreter::path(const Value& value, const Value& where, const Value* fallback) {
  if (where.is_int()) {
    const Value found = TRY(item(value, where));
    return found.is_undefined() && fallback != nullptr ? *fallback : found;
  }
  if (!where.is_string()) return type_error("an attribute is named by a string or an integer");
  std::string_view rest = where.as_string();
  Value current = value;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
    const Value key = number ? Value::integer(std::stoll(std::string(part)))
                             : Value::string(std::string(part), Trust::kTemplate);
    current = TRY(item(current, key));
    if (current.is_undefined() && fallback != nullptr) current = *fallback;
    if (dot == rest.npos || !budget().spend(1)) return current;
    rest.remove_prefix(dot + 1);
  }
}

Result<Value> Interpreter::iterate(const Value& value) {
  if (value.is_list()) return value;
  std::vector<Value> items;
  if (value.is_dict()) {
    if (!budget().allocate(value.as_dict().items.size() * sizeof(Value))) return Value::list({});
    for (const auto& [key, unused] : value.as_dict().items) items.push_back(key);
  } else if (value.is_string()) {
    const Text& text = value.as_text();
    for (size_t i = 0; i < text.bytes.size();) {
      const size_t begin = i;
      utf8_next(text.bytes, i);
      items.push_back(make(text.slice(begin, i)));
      if (!budget().allocate(2 * sizeof(Value))) break;
    }
  } else if (!value.is_undefined()) {
    return type_error("'" + std::string(value.type_name()) + "' object is not iterable");
  }
  return make_list(std::move(items));
}

Value Interpreter::make(Text text) {
  budget().allocate(sizeof(Text) + text.bytes.size() + text.foreign.size() * sizeof(Text::Range));
  return Value::string(std::move(text));
}

Result<Value> Interpreter::make_list(std::vector<Value> items, Value::ListKind kind) {
  budget().allocate(sizeof(Value::List) + items.size() * sizeof(Value));
  Value list = Value::list(std::move(items), kind);
  if (list.deep()) return type_error("lists and dicts nest too deep");
  return list;
}

Result<Value> Interpreter::make_dict(std::vector<Value::Item> items) {
  budget().allocate(sizeof(Value::Dict) + items.size() * (sizeof(Value::Item) + 48));
  Value dict = Value::dict(std::move(items));
  if (dict.deep()) return type_error("lists and dicts nest too deep");
  return dict;
}

Value Interpreter::make_namespace(std::vector<std::pair<std::string, Value>> attributes) {
  auto space = std::make_shared<Namespace>();
  budget().allocate(sizeof(Namespace) + attributes.size() * 64);
  space->attributes = std::move(attributes);
  namespaces_.push_back(space);
  return Value::object(std::move(space));
}

}  // namespace sluice::text::jinja
