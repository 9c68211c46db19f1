#include "base/error.h"

namespace sluice {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kUnsupported: return "unsupported";
    case Code::kNotFound: return "not_found";
    case Code::kContextLength: return "context_length_exceeded";
    case Code::kTooLarge: return "too_large";
    case Code::kUnauthorized: return "unauthorized";
    case Code::kForbidden: return "forbidden";
    case Code::kConflict: return "conflict";
    case Code::kRateLimited: return "rate_limited";
    case Code::kOverloaded: return "overloaded";
    case Code::kUnavailable: return "unavailable";
    case Code::kDeadline: return "deadline_exceeded";
    case Code::kCancelled: return "cancelled";
    case Code::kCorrupt: return "corrupt";
    case Code::kResource: return "resource_exhausted";
    case Code::kIo: return "io_error";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

std::string Error::message() const {
  std::string out;
  if (!where.empty()) out += where + ": ";
  out += what;
  if (!remedy.empty()) out += "; " + remedy;
  return out;
}

}  // namespace sluice
