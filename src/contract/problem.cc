#include "contract/problem.h"

#include <algorithm>

#include "base/json_writer.h"

namespace sluice::contract {

std::string path_text(const Path& path) {
  std::string text;
  for (const PathStep& step : path) {
    if (step.index >= 0) {
      text += '[' + std::to_string(step.index) + ']';
    } else {
      if (!text.empty()) text += '.';
      text += step.key;
    }
  }
  return text;
}

void Problems::add(Problem problem) {
  if (items_.size() < kProblemsMax) {
    items_.push_back(std::move(problem));
  } else {
    overflowed_ = true;
  }
}

Error Problems::to_error() const {
  Error error;
  error.code = std::ranges::all_of(items_, &Problem::unsupported) ? Code::kUnsupported
                                                                  : Code::kInvalidArgument;
  if (items_.empty()) return error;
  error.where = path_text(items_.front().path);
  for (const Problem& problem : items_) {
    // The first one's path is the error's `where`, which message() puts in front.
    if (&problem != &items_.front()) {
      error.what += "; ";
      if (!problem.path.empty()) error.what += path_text(problem.path) + ": ";
    }
    error.what += problem.what;
  }
  if (overflowed_) error.what += "; and more";
  return error;
}

std::string validation_body(const Problems& problems, std::string_view source) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("detail").begin_array();
  for (const Problem& problem : problems.items()) {
    w.begin_object().field("type", problem.type).key("loc").begin_array().value(source);
    for (const PathStep& step : problem.path) {
      step.index >= 0 ? w.value(step.index) : w.value(step.key);
    }
    w.end_array().field("msg", problem.detail).key("input");
    problem.input_json.empty() ? w.null() : w.raw(problem.input_json);
    if (!problem.ctx_json.empty()) w.key("ctx").raw(problem.ctx_json);
    w.end_object();
  }
  w.end_array().end_object();
  return body;
}

}  // namespace sluice::contract
