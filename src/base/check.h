// CHECK: our own bugs, unreachable from input. It prints the condition and aborts; what users,
// files or networks can cause is an Error instead. DCHECK is for hot loops and is compiled out of
// release builds.
#pragma once

namespace sluice {
[[noreturn]] void check_failed(const char* file, int line, const char* condition) noexcept;
}

#define CHECK(...)                      \
  (__builtin_expect(!!(__VA_ARGS__), 1) \
       ? (void)0                        \
       : ::sluice::check_failed(__FILE__, __LINE__, #__VA_ARGS__))

#ifdef SLUICE_DCHECK
#define DCHECK(...) CHECK(__VA_ARGS__)
#else
#define DCHECK(...) ((void)sizeof(!(__VA_ARGS__)))
#endif
