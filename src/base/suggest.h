// "did you mean": the nearest name in a list, for unknown flags, keys and model names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

// The candidate with the smallest edit distance, if that is small enough to be a likely slip of
// the fingers (at most a third of the longer word, at least 1); empty otherwise. Ties go to the
// first.
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice
