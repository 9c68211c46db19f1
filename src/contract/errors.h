// The one table from error codes to HTTP statuses and OpenAI error types.
#pragma once

#include <string_view>

#include "base/error.h"

namespace sluice::contract {

struct ErrorRow {
  Code code;
  int status;
  std::string_view type;  // OpenAI's "type"
  bool retry_may_help;    // false: the answer carries x-should-retry: false
};

const ErrorRow& error_row(Code code);

}  // namespace sluice::contract
