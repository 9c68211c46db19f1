#include "contract/errors.h"

namespace sluice::contract {
namespace {

constexpr ErrorRow kRows[] = {
    {Code::kInvalidArgument, 400, "invalid_request_error", false},
    {Code::kUnsupported, 400, "invalid_request_error", false},
    {Code::kNotFound, 404, "not_found_error", false},
    {Code::kContextLength, 400, "invalid_request_error", false},
    {Code::kTooLarge, 413, "invalid_request_error", false},
    {Code::kUnauthorized, 401, "authentication_error", false},
    {Code::kForbidden, 403, "permission_error", false},
    {Code::kConflict, 409, "invalid_request_error", false},
    {Code::kRateLimited, 429, "rate_limit_error", true},
    {Code::kOverloaded, 503, "overloaded_error", true},
    {Code::kUnavailable, 503, "service_unavailable", true},
    {Code::kDeadline, 504, "timeout_error", false},
    {Code::kCancelled, 499, "cancelled", false},
    {Code::kCorrupt, 500, "internal_error", false},
    {Code::kResource, 503, "overloaded_error", true},
    {Code::kIo, 500, "internal_error", true},
    {Code::kInternal, 500, "internal_error", true},
};

}  // namespace

const ErrorRow& error_row(Code code) {
  for (const ErrorRow& row : kRows) {
    if (row.code == code) return row;
  }
  return kRows[std::size(kRows) - 1];
}

}  // namespace sluice::contract
