// Error and Result: how anything that users, files or networks can cause is reported.
//
// An Error is a value: it says what was wrong, where (a field, a byte, a key) and what would help.
// contract/errors.h maps codes to HTTP statuses; nothing else does.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class Code : uint8_t {
  kInvalidArgument,  // the request or option is malformed or out of range
  kUnsupported,      // understood, but this build or model cannot do it
  kNotFound,         // no such model, file, route, stream
  kContextLength,    // prompt plus answer cannot fit the context
  kTooLarge,         // a body, header or file beyond its bound
  kUnauthorized,
  kForbidden,
  kConflict,  // port taken, duplicate id
  kRateLimited,
  kOverloaded,   // full or hopeless now; a retry may succeed
  kUnavailable,  // loading, draining, dead engine
  kDeadline,     // a time limit passed
  kCancelled,    // the client went away or asked for it
  kCorrupt,      // a file or stream whose content contradicts itself
  kResource,     // out of memory, disk full
  kIo,           // the operating system said no
  kInternal,     // our own bug, reported instead of hidden
};

std::string_view code_name(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string where;   // field path, file and byte, option name; may be empty
  std::string what;    // one sentence, no trailing period
  std::string remedy;  // what would do; may be empty
  // When a retry may succeed (codes kOverloaded, kUnavailable, kRateLimited); 0: unknown.
  int32_t retry_after_s = 0;

  // "where: what; remedy", on one line.
  std::string message() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Code code, std::string where, std::string what,
                                   std::string remedy = {}) {
  return std::unexpected(Error{code, std::move(where), std::move(what), std::move(remedy)});
}

}  // namespace sluice

// TRY(expr): the value of a Result, or return its error from the enclosing function.
// The statement expression is a Clang extension; Clang is the only compiler (ADR 0001).
#define TRY(...)                                                              \
  __extension__({                                                             \
    auto try_result_ = (__VA_ARGS__);                                         \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    std::move(try_result_).value();                                           \
  })

// The same inside a coroutine.
#define CO_TRY(...)                                                              \
  __extension__({                                                                \
    auto try_result_ = (__VA_ARGS__);                                            \
    if (!try_result_) co_return std::unexpected(std::move(try_result_).error()); \
    std::move(try_result_).value();                                              \
  })
