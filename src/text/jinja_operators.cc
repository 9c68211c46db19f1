// Python's operators over Values.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/utf8.h"
#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

std::unexpected<Error> too_large() { return type_error("the integer does not fit 64 bits"); }

Result<Value> integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return type_error("0 cannot be raised to a negative power");
    return Value::number(std::pow(double(base), double(exponent)));
  }
  int64_t result = 1;
  if (base == 0 || base == 1) return Value::integer(exponent == 0 ? 1 : base);
  if (base == -1) return Value::integer(exponent % 2 == 0 ? 1 : -1);
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) return too_large();
  }
  return Value::integer(result);
}

Result<Value> integer_arithmetic(Op op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case Op::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case Op::kSub:
      if (__builtin_sub_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case Op::kMul:
      if (__builtin_mul_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case Op::kPow: return integer_power(a, b);
    default: break;
  }
  if (b == 0) return type_error("division by zero");
  if (op == Op::kDiv) return Value::number(double(a) / double(b));
  if (b == -1) return op == Op::kMod ? Value::integer(0) : integer_arithmetic(Op::kSub, 0, a);
  const int64_t quotient = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  return Value::integer(op == Op::kMod ? a - quotient * b : quotient);
}

Result<Value> double_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd: return Value::number(a + b);
    case Op::kSub: return Value::number(a - b);
    case Op::kMul: return Value::number(a * b);
    case Op::kPow: {
      if (a == 0 && b < 0) return type_error("0.0 cannot be raised to a negative power");
      const double power = std::pow(a, b);
      if (!std::isfinite(power) && std::isfinite(a) && std::isfinite(b)) {
        return type_error("numerical result out of range");
      }
      return Value::number(power);
    }
    default: break;
  }
  if (b == 0) return type_error("float division by zero");
  if (op == Op::kDiv) return Value::number(a / b);
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (op == Op::kMod) return Value::number(remainder);
  return Value::number(std::floor((a - remainder) / b + 0.5));
}

// text * n and list * n; null if neither is meant.
Result<std::optional<Value>> repeated(Interpreter& interpreter, const Value& a, const Value& b) {
  const bool swapped = a.is_int() || a.is_bool();
  const Value& sequence = swapped ? b : a;
  const Value& times = swapped ? a : b;
  if (!(times.is_int() || times.is_bool())) return std::nullopt;
  const auto count = static_cast<uint64_t>(std::max<int64_t>(times.as_int(), 0));
  Budget& budget = interpreter.budget();
  if (sequence.is_string()) {
    Text out;
    const Text& text = sequence.as_text();
    for (uint64_t i = 0; i < count && !text.bytes.empty(); ++i) {
      if (!budget.allocate(text.bytes.size() + 64)) break;
      out.append(text);
    }
    return interpreter.make(std::move(out));
  }
  if (sequence.is_list() && sequence.as_list().kind != Value::ListKind::kGenerator) {
    std::vector<Value> out;
    const auto& items = sequence.as_list().items;
    for (uint64_t i = 0; i < count && !items.empty(); ++i) {
      if (!budget.allocate(items.size() * sizeof(Value))) break;
      out.insert(out.end(), items.begin(), items.end());
    }
    return TRY(interpreter.make_list(std::move(out), sequence.as_list().kind));
  }
  return std::nullopt;
}

Result<std::optional<Value>> added(Interpreter& interpreter, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    if (!interpreter.budget().allocate(a.as_string().size() + b.as_string().size())) return a;
    Text out;
    out.bytes.reserve(a.as_string().size() + b.as_string().size());
    out.append(a.as_text());
    out.append(b.as_text());
    return Value::string(std::move(out));
  }
  if (a.is_list() && b.is_list() && a.as_list().kind == b.as_list().kind &&
      a.as_list().kind != Value::ListKind::kGenerator) {
    const auto& x = a.as_list().items;
    const auto& y = b.as_list().items;
    if (!interpreter.budget().allocate((x.size() + y.size()) * sizeof(Value))) return a;
    std::vector<Value> out;
    out.reserve(x.size() + y.size());
    out.insert(out.end(), x.begin(), x.end());
    out.insert(out.end(), y.begin(), y.end());
    return TRY(interpreter.make_list(std::move(out), a.as_list().kind));
  }
  return std::nullopt;
}

}  // namespace

Result<Value> arithmetic(Interpreter& interpreter, Op op, const Value& a, const Value& b) {
  for (const Value* each : {&a, &b}) {
    if (each->is_undefined() && !(op == Op::kMod && a.is_string())) {
      return type_error(each->hint());
    }
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_double() || b.is_double()) return double_arithmetic(op, a.as_double(), b.as_double());
    return integer_arithmetic(op, a.as_int(), b.as_int());
  }
  if (op == Op::kMod && a.is_string()) return format_percent(interpreter, a.as_text(), b);
  std::optional<Value> result;
  if (op == Op::kAdd) result = TRY(added(interpreter, a, b));
  if (op == Op::kMul) result = TRY(repeated(interpreter, a, b));
  if (result) return std::move(*result);
  return type_error("unsupported operand type(s) for " +
                    std::string(kSymbols[static_cast<size_t>(op)]) + ": '" +
                    std::string(a.type_name()) + "' and '" + std::string(b.type_name()) + "'");
}

Result<bool> contains(Interpreter& interpreter, const Value& container, const Value& value) {
  Budget& budget = interpreter.budget();
  switch (container.kind()) {
    case Value::Kind::kUndefined: return false;
    case Value::Kind::kString:
      if (!value.is_string()) {
        return type_error("'in <string>' requires string as left operand, not " +
                          std::string(value.type_name()));
      }
      budget.read(container.as_string().size());
      return container.as_string().contains(value.as_string());
    case Value::Kind::kDict:
      budget.spend(value.is_string() ? 1 : container.as_dict().items.size());
      return container.as_dict().find(value) != nullptr;
    case Value::Kind::kList:
      return std::ranges::any_of(container.as_list().items,
                                 [&](const Value& each) { return equal(each, value, budget); });
    default:
      return type_error("argument of type '" + std::string(container.type_name()) +
                        "' is not iterable");
  }
}

Result<Value> slice(Interpreter& interpreter, const Value& value, const Value& start,
                    const Value& stop, const Value& step) {
  if (value.is_undefined()) return type_error(value.hint());
  const bool is_list = value.is_list() && value.as_list().kind != Value::ListKind::kGenerator;
  if (!value.is_string() && !is_list) {
    return Value::undefined("'" + std::string(value.type_name()) + " object' has no slices");
  }
  for (const Value* each : {&start, &stop, &step}) {
    if (!each->is_none() && !each->is_int() && !each->is_bool()) {
      return Value::undefined("a slice that is not of integers is undefined");
    }
  }
  const int64_t stride = step.is_none() ? 1 : step.as_int();
  if (stride == 0) return type_error("slice step cannot be zero");
  Budget& budget = interpreter.budget();
  std::vector<size_t> offsets;  // where code points begin, for strings that are not walked forward
  int64_t size = 0;
  if (is_list) {
    size = static_cast<int64_t>(value.as_list().items.size());
  } else {
    budget.read(value.as_string().size());
    size = static_cast<int64_t>(count_code_points(value.as_string()));
  }
  const auto clamp = [&](const Value& bound, int64_t fallback) {
    if (bound.is_none()) return fallback;
    int64_t at = bound.as_int();
    if (at < 0) at = at < -size ? -1 : at + size;
    const int64_t low = stride < 0 ? -1 : 0, high = stride < 0 ? size - 1 : size;
    return std::clamp(at, low, std::max(low, high));
  };
  const int64_t from = clamp(start, stride < 0 ? size - 1 : 0);
  const int64_t to = clamp(stop, stride < 0 ? -1 : size);
  if (!is_list && stride == 1) {
    const std::string& text = value.as_string();
    if (from >= to) return interpreter.make(Text());
    const size_t begin = byte_of(text, static_cast<size_t>(from));
    const size_t length =
        byte_of(std::string_view(text).substr(begin), static_cast<size_t>(to - from));
    return interpreter.make(value.as_text().slice(begin, begin + length));
  }
  std::vector<int64_t> picked;
  for (int64_t i = from; stride > 0 ? i < to : i > to;) {
    if (!budget.allocate(sizeof(Value))) break;
    picked.push_back(i);
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  if (is_list) {
    std::vector<Value> items;
    for (const int64_t i : picked) items.push_back(value.as_list().items[static_cast<size_t>(i)]);
    return interpreter.make_list(std::move(items), value.as_list().kind);
  }
  const Text& text = value.as_text();
  if (!budget.allocate(text.bytes.size() * sizeof(size_t))) return value;
  for (size_t i = 0; i < text.bytes.size(); utf8_next(text.bytes, i)) offsets.push_back(i);
  offsets.push_back(text.bytes.size());
  Text out;
  for (const int64_t i : picked) {
    const auto at = static_cast<size_t>(i);
    if (at + 1 < offsets.size()) out.append(text, offsets[at], offsets[at + 1]);
  }
  return interpreter.make(std::move(out));
}

}  // namespace sluice::text::jinja
