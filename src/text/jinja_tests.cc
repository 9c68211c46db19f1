// The tests of `is`.
#include <cmath>

#include "text/jinja_interpreter.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

using Kind = Value::Kind;

Result<int> ordered(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound = TRY(Bound::bind("test", args, {"other"}, 1));
  return compare(value, bound[0], interpreter.budget());
}

Result<bool> is_equal(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound = TRY(Bound::bind("eq", args, {"other"}, 1));
  return equal(value, bound[0], interpreter.budget());
}

Result<Value> remainder(Interpreter& interpreter, const Value& value, const Value& divisor) {
  return arithmetic(interpreter, Op::kMod, value, divisor);
}

template <int64_t kRest>
Result<bool> has_parity(Interpreter& interpreter, const Value& value, const Args&) {
  if (!value.is_number()) return type_error("the value is not a number");
  const Value rest = TRY(remainder(interpreter, value, Value::integer(2)));
  return rest.as_double() == double(kRest);
}

// Whether there is a cased letter and none of the other case.
template <bool kUpper>
Result<bool> is_case(Interpreter& interpreter, const Value& value, const Args&) {
  const std::string text = interpreter.text_of(value).bytes;
  return text != (kUpper ? lower(text) : upper(text)) &&
         text == (kUpper ? upper(text) : lower(text));
}

Result<bool> is_same(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound = TRY(Bound::bind("sameas", args, {"other"}, 1));
  return value.kind() == bound[0].kind() && equal(value, bound[0], interpreter.budget());
}

struct Entry {
  std::string_view name;
  TestFunction function;
};

constexpr auto kNot = [](Result<bool> result) {
  if (result) result = !*result;
  return result;
};

constexpr Entry kTests[] = {
    {"defined", [](auto&, auto& v, auto&) -> Result<bool> { return !v.is_undefined(); }},
    {"undefined", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_undefined(); }},
    {"none", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_none(); }},
    {"string", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_string(); }},
    {"number", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_number(); }},
    {"integer", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_int(); }},
    {"float", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_double(); }},
    {"boolean", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_bool(); }},
    {"true", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_bool() && v.as_bool(); }},
    {"false", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_bool() && !v.as_bool(); }},
    {"mapping", [](auto&, auto& v, auto&) -> Result<bool> { return v.is_dict(); }},
    {"iterable",
     [](auto&, auto& v, auto&) -> Result<bool> {
       return v.is_list() || v.is_dict() || v.is_string() || v.is_undefined();
     }},
    {"sequence",
     [](auto&, auto& v, auto&) -> Result<bool> {
       return (v.is_list() && v.as_list().kind != Value::ListKind::kGenerator) || v.is_dict() ||
              v.is_string() || v.is_undefined();
     }},
    {"callable",
     [](auto&, auto& v, auto&) -> Result<bool> {
       return dynamic_cast<Callable*>(v.as_object()) != nullptr || v.is_undefined();
     }},
    {"escaped", [](auto&, auto&, auto&) -> Result<bool> { return false; }},
    {"sameas", is_same},
    {"equalto", is_equal},
    {"eq", is_equal},
    {"==", is_equal},
    {"ne", [](auto& i, auto& v, auto& a) { return kNot(is_equal(i, v, a)); }},
    {"!=", [](auto& i, auto& v, auto& a) { return kNot(is_equal(i, v, a)); }},
    {"lt", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == -1; }},
    {"<", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == -1; }},
    {"lessthan",
     [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == -1; }},
    {"gt", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == 1; }},
    {">", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == 1; }},
    {"greaterthan",
     [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) == 1; }},
    {"le", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) < 1; }},
    {"<=", [](auto& i, auto& v, auto& a) -> Result<bool> { return TRY(ordered(i, v, a)) < 1; }},
    {"ge",
     [](auto& i, auto& v, auto& a) -> Result<bool> { return (TRY(ordered(i, v, a)) & 3) < 2; }},
    {">=",
     [](auto& i, auto& v, auto& a) -> Result<bool> { return (TRY(ordered(i, v, a)) & 3) < 2; }},
    {"in",
     [](auto& i, auto& v, auto& a) -> Result<bool> {
       const Bound bound = TRY(Bound::bind("in", a, {"seq"}, 1));
       return contains(i, bound[0], v);
     }},
    {"even", has_parity<0>},
    {"odd", has_parity<1>},
    {"divisibleby",
     [](auto& i, auto& v, auto& a) -> Result<bool> {
       const Bound bound = TRY(Bound::bind("divisibleby", a, {"num"}, 1));
       if (!v.is_number() || !bound[0].is_number()) return type_error("expected numbers");
       const Value rest = TRY(remainder(i, v, bound[0]));
       return rest.as_double() == 0;
     }},
    {"lower", is_case<false>},
    {"upper", is_case<true>},
    {"filter",
     [](auto&, auto& v, auto&) -> Result<bool> {
       return v.is_string() && (find_text_filter(v.as_string()) != nullptr ||
                                find_sequence_filter(v.as_string()) != nullptr);
     }},
    {"test",
     [](auto&, auto& v, auto&) -> Result<bool> {
       return v.is_string() && find_test(v.as_string()) != nullptr;
     }},
};

}  // namespace

TestFunction find_test(std::string_view name) {
  for (const Entry& each : kTests) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace sluice::text::jinja
