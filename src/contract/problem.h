// What is wrong with a request's body: one Problem for each, with the path of the offending value,
// in the words of both families (OpenAI's prose, FastAPI's validation items). Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::contract {

// One step into a JSON value: a key, or an index when `index` is not negative.
struct PathStep {
  std::string key;
  int64_t index = -1;
};
using Path = std::vector<PathStep>;

// "messages[2].content"
std::string path_text(const Path& path);

struct Problem {
  Path path;
  std::string what;        // "must be an integer, not a string"
  std::string type;        // Pydantic 2's name: "int_type"
  std::string detail;      // Pydantic's sentence: "Input should be a valid integer"
  std::string input_json;  // the offending value; cut when long, empty: null
  std::string ctx_json;    // an object, or empty
  bool unsupported = false;
};

// Problems in the order found; beyond kProblemsMax none are kept, so that a hostile body cannot
// make the answer larger than itself.
class Problems {
 public:
  static constexpr size_t kProblemsMax = 32;

  void add(Problem problem);
  bool empty() const { return items_.empty(); }
  const std::vector<Problem>& items() const { return items_; }
  // There are more than are kept: looking for others is wasted time.
  bool overflowed() const { return overflowed_; }

  // All of them in one sentence each; `where` is the path of the first.
  Error to_error() const;

 private:
  std::vector<Problem> items_;
  bool overflowed_ = false;
};

// FastAPI's body of a 422; `source` is where the fields came from: "body" or "query".
std::string validation_body(const Problems& problems, std::string_view source);

}  // namespace sluice::contract
