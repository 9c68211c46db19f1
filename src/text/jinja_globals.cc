// Argument binding, and the functions that every template sees.
#include <algorithm>
#include <ctime>

#include "text/jinja_interpreter.h"

namespace sluice::text::jinja {
namespace {

using Function = Result<Value> (*)(Interpreter&, const Args&);

struct GlobalFunction final : Callable {
  Function function = nullptr;
  std::string_view type_name() const override { return "function"; }
  Result<Value> call(Interpreter& interpreter, const Args& args) override {
    return function(interpreter, args);
  }
};

struct Method final : Callable {
  MethodFunction function = nullptr;
  Value receiver;
  std::string_view type_name() const override { return "method"; }
  Result<Value> call(Interpreter& interpreter, const Args& args) override {
    return function(interpreter, receiver, args);
  }
};

struct Joiner final : Callable {
  Value separator;
  bool used = false;
  std::string_view type_name() const override { return "Joiner"; }
  Result<Value> call(Interpreter&, const Args&) override {
    return std::exchange(used, true) ? separator : Value::string("", Trust::kTemplate);
  }
};

Result<Value> range(Interpreter& interpreter, const Args& args) {
  const Bound bound = TRY(Bound::bind("range", args, {"start", "stop", "step"}, 1));
  int64_t start = TRY(bound.integer(0, 0));
  int64_t stop = TRY(bound.integer(1, 0));
  const int64_t step = TRY(bound.integer(2, 1));
  if (!bound.has(1)) stop = std::exchange(start, 0);
  if (step == 0) return type_error("range() arg 3 must not be zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() >= kRangeMax) {
      return type_error("range too big: the limit is " + std::to_string(kRangeMax) + " items");
    }
    if (!interpreter.budget().allocate(sizeof(Value))) break;
    items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return interpreter.make_list(std::move(items));
}

// The pairs of dict(mapping_or_pairs, name=value ...), which namespace() takes too.
Result<std::vector<Value::Item>> pairs_of(Interpreter& interpreter, const Args& args) {
  std::vector<Value::Item> items;
  if (args.positional.size() > 1) return type_error("dict expected at most 1 argument");
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    if (source.is_dict()) {
      items = source.as_dict().items;
    } else {
      const Value pairs = TRY(interpreter.iterate(source));
      for (const Value& each : pairs.as_list().items) {
        const Value pair = TRY(interpreter.iterate(each));
        if (pair.as_list().items.size() != 2) return type_error("dict expected pairs");
        const Value& key = pair.as_list().items[0];
        if (key.is_list() || key.is_dict()) return type_error("unhashable dict key");
        // Keys that are not strings are found by a search.
        if (!interpreter.budget().spend(key.is_string() ? 1 : items.size())) break;
        items.emplace_back(key, pair.as_list().items[1]);
      }
    }
  }
  for (const auto& [name, value] : args.named) {
    items.emplace_back(Value::string(name, Trust::kTemplate), value);
  }
  return items;
}

Result<Value> make_dict(Interpreter& interpreter, const Args& args) {
  return interpreter.make_dict(TRY(pairs_of(interpreter, args)));
}

Result<Value> make_namespace(Interpreter& interpreter, const Args& args) {
  const Value dict = TRY(make_dict(interpreter, args));
  std::vector<std::pair<std::string, Value>> attributes;
  for (const auto& [key, value] : dict.as_dict().items) {
    if (key.is_string()) attributes.emplace_back(key.as_string(), value);
  }
  return interpreter.make_namespace(std::move(attributes));
}

Result<Value> raise_exception(Interpreter& interpreter, const Args& args) {
  const Bound bound = TRY(Bound::bind("raise_exception", args, {"message"}, 1));
  return type_error(interpreter.text_of(bound[0]).bytes.substr(0, 4096));
}

Result<Value> strftime_now(Interpreter& interpreter, const Args& args) {
  const Bound bound = TRY(Bound::bind("strftime_now", args, {"format"}, 1));
  const Text format = TRY(bound.text(0, ""));
  const std::time_t time = interpreter.unix_time_s();
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return type_error("the time is out of range");
  char out[1024];
  // The trailing space tells an empty result from one that does not fit.
  const size_t length = std::strftime(out, sizeof out, (format.bytes + " ").c_str(), &parts);
  if (length == 0) return type_error("the time format is too long");
  return interpreter.make(std::string(out, length - 1), format.trust());
}

Result<Value> joiner(Interpreter&, const Args& args) {
  const Bound bound = TRY(Bound::bind("joiner", args, {"sep"}));
  auto made = std::make_shared<Joiner>();
  made->separator = bound.has(0) ? bound[0] : Value::string(", ", Trust::kTemplate);
  return Value::object(std::move(made));
}

}  // namespace

Value make_method(std::string_view, MethodFunction function, Value receiver) {
  auto method = std::make_shared<Method>();
  method->function = function;
  method->receiver = std::move(receiver);
  return Value::object(std::move(method));
}

std::vector<std::pair<std::string, Value>> make_globals() {
  static constexpr std::pair<std::string_view, Function> kFunctions[] = {
      {"range", range},
      {"dict", make_dict},
      {"namespace", make_namespace},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now},
      {"joiner", joiner}};
  std::vector<std::pair<std::string, Value>> globals;
  for (const auto& [name, function] : kFunctions) {
    auto object = std::make_shared<GlobalFunction>();
    object->function = function;
    globals.emplace_back(name, Value::object(std::move(object)));
  }
  return globals;
}

Result<Bound> Bound::bind(std::string_view function, const Args& args,
                          std::initializer_list<std::string_view> names, size_t required) {
  Bound bound;
  bound.values_.resize(names.size());
  bound.given_.resize(names.size());
  const std::string name = std::string(function) + "()";
  if (args.positional.size() > names.size()) {
    return type_error(name + " takes at most " + std::to_string(names.size()) + " arguments");
  }
  for (size_t i = 0; i < args.positional.size(); ++i) {
    bound.values_[i] = args.positional[i];
    bound.given_[i] = true;
  }
  for (const auto& [key, value] : args.named) {
    const auto found = std::find(names.begin(), names.end(), key);
    if (found == names.end()) {
      return type_error(name + " got an unexpected keyword argument '" + key.substr(0, 100) + "'");
    }
    const auto i = static_cast<size_t>(found - names.begin());
    if (bound.given_[i]) return type_error(name + " got the argument '" + key + "' twice");
    bound.values_[i] = value;
    bound.given_[i] = true;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!bound.given_[i]) {
      return type_error(name + " misses the argument '" + std::string(names.begin()[i]) + "'");
    }
  }
  return bound;
}

Result<int64_t> Bound::integer(size_t i, int64_t fallback) const {
  if (!has(i)) return fallback;
  if (values_[i].is_int() || values_[i].is_bool()) return values_[i].as_int();
  return type_error("expected an integer, not '" + std::string(values_[i].type_name()) + "'");
}

Result<Text> Bound::text(size_t i, std::string_view fallback) const {
  if (!has(i)) return Text(fallback, Trust::kTemplate);
  if (values_[i].is_string()) return values_[i].as_text();
  return type_error("expected a string, not '" + std::string(values_[i].type_name()) + "'");
}

}  // namespace sluice::text::jinja
