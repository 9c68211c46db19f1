// Value: what chat templates compute with, with Python's semantics. Immutable and cheap to copy
// (strings, lists and dicts are shared), so any thread may read one.
//
// Strings remember which of their bytes came from outside the template: only the rest may name
// special tokens. A string made by Value::string is foreign unless told otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace sluice::text {

enum class Trust : uint8_t { kForeign, kTemplate };

// A string and the byte ranges of it that are not the template's own.
struct Text {
  struct Range {
    size_t begin, end;
  };

  Text() = default;
  Text(std::string_view text, Trust trust) { append(text, trust); }

  void append(std::string_view text, Trust trust);
  void append(const Text& other) { append(other, 0, other.bytes.size()); }
  void append(const Text& other, size_t begin, size_t end);
  Text slice(size_t begin, size_t end) const;
  Trust trust() const { return foreign.empty() ? Trust::kTemplate : Trust::kForeign; }

  std::string bytes;
  std::vector<Range> foreign;  // ascending, neither overlapping nor touching
};

// What one evaluation may use. Helpers that could run long spend from it and stop early once it is
// exhausted; the interpreter then reports which bound was hit. One thread.
class Budget {
 public:
  Budget(uint64_t steps, uint64_t bytes) : steps_(steps), bytes_(bytes) {}
  Budget() : Budget(1'000'000, 256u << 20) {}

  // Both are false, for good, once more was asked for than there is.
  bool spend(uint64_t steps);
  bool allocate(uint64_t bytes);  // counts all that was ever made; also spends a step a KiB
  bool read(uint64_t bytes) { return spend(bytes / 1024); }
  bool exhausted() const { return out_of_steps_ || out_of_bytes_; }
  bool out_of_bytes() const { return out_of_bytes_; }

 private:
  uint64_t steps_, bytes_;
  bool out_of_steps_ = false, out_of_bytes_ = false;
};

class Value;

// A callable or a mutable thing of the interpreter; compared by identity.
struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
};

class Value {
 public:
  enum class Kind : uint8_t {
    kUndefined,
    kNone,
    kBool,
    kInt,
    kDouble,
    kString,
    kList,
    kDict,
    kObject
  };
  // A generator is what filters like `map` return: always true, without length or index.
  enum class ListKind : uint8_t { kList, kTuple, kGenerator };
  using Item = std::pair<Value, Value>;

  // Deeper lists and dicts are refused (deep() below), so recursion over a value is bounded.
  static constexpr int kDepthMax = 160;

  struct List {
    std::vector<Value> items;
    ListKind kind = ListKind::kList;
    int depth = 1;
  };
  struct Dict {
    std::vector<Item> items;                             // in order of insertion
    std::unordered_map<std::string_view, size_t> index;  // string keys; empty for small dicts
    int depth = 1;
    const Value* find(const Value& key) const;
    const Value* find(std::string_view key) const;
  };

  Value() : rep_(Missing{}) {}  // undefined
  static Value undefined(std::string hint);
  static Value none() { return Value(Rep(std::monostate{})); }
  static Value boolean(bool flag) { return Value(Rep(flag)); }
  static Value integer(int64_t number) { return Value(Rep(number)); }
  static Value number(double number) { return Value(Rep(number)); }
  static Value string(std::string text, Trust trust = Trust::kForeign);
  static Value string(Text text);
  static Value list(std::vector<Value> items, ListKind kind = ListKind::kList);
  static Value dict(std::vector<Item> items);  // of equal keys the last value counts
  static Value object(std::shared_ptr<Object> object) { return Value(Rep(std::move(object))); }

  Kind kind() const { return static_cast<Kind>(rep_.index()); }
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_int() const { return kind() == Kind::kInt; }
  bool is_double() const { return kind() == Kind::kDouble; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_list() const { return kind() == Kind::kList; }
  bool is_dict() const { return kind() == Kind::kDict; }
  bool is_number() const { return is_bool() || is_int() || is_double(); }

  // Each of these asks for the kind of its name; views live as long as a copy of the value.
  const std::string& hint() const;
  bool as_bool() const { return std::get<bool>(rep_); }
  int64_t as_int() const { return is_bool() ? int64_t{as_bool()} : std::get<int64_t>(rep_); }
  double as_double() const { return is_double() ? std::get<double>(rep_) : double(as_int()); }
  const Text& as_text() const { return *std::get<std::shared_ptr<const Text>>(rep_); }
  const std::string& as_string() const { return as_text().bytes; }
  const List& as_list() const { return *std::get<std::shared_ptr<const List>>(rep_); }
  const Dict& as_dict() const { return *std::get<std::shared_ptr<const Dict>>(rep_); }
  Object* as_object() const;  // null for other kinds

  bool truthy() const;
  int depth() const;  // 0 for scalars
  bool deep() const { return depth() > kDepthMax; }
  std::string_view type_name() const;  // Python's

 private:
  struct Missing {
    std::shared_ptr<const std::string> hint;
  };
  using Rep = std::variant<Missing, std::monostate, bool, int64_t, double,
                           std::shared_ptr<const Text>, std::shared_ptr<const List>,
                           std::shared_ptr<const Dict>, std::shared_ptr<Object>>;
  explicit Value(Rep rep) : rep_(std::move(rep)) {}

  Rep rep_;
};

// Python's ==; 1 == 1.0 == True.
bool equal(const Value& a, const Value& b, Budget& budget);
// Python's < as -1, 0 or 1 (2: unordered, NaN); an Error for kinds that have no order.
Result<int> compare(const Value& a, const Value& b, Budget& budget);

// str() and repr() as Python prints them; cut short when the budget is exhausted.
Text to_text(const Value& value, Budget& budget);
Text to_repr(const Value& value, Budget& budget);
std::string double_to_string(double number);

// json.dumps of Python.
struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool indented = false;
  std::string indent;  // of one level
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Result<Text> to_json(const Value& value, const JsonStyle& style, Budget& budget);

// JSON text as a value whose strings are foreign. Nested at most 128 deep, no key twice; integers
// beyond 64 bits become doubles.
Result<Value> parse_json(std::string_view json);

}  // namespace sluice::text
