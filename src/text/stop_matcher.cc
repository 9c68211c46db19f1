#include "text/stop_matcher.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace sluice::text {

void StopMatcher::Stop::advance(char c) {
  if (matched == text.size()) matched = borders[matched - 1];
  while (matched > 0 && text[matched] != c) matched = borders[matched - 1];
  if (text[matched] == c) ++matched;
}

StopMatcher::StopMatcher(std::vector<std::string> stops, bool include_in_output)
    : include_in_output_(include_in_output) {
  std::erase(stops, std::string());
  std::ranges::sort(stops, std::greater{}, &std::string::size);
  for (std::string& text : stops) {
    Stop stop{std::move(text), {}};
    stop.borders.resize(stop.text.size());
    for (size_t i = 1; i < stop.text.size(); ++i) {
      size_t border = stop.borders[i - 1];
      while (border > 0 && stop.text[border] != stop.text[i]) border = stop.borders[border - 1];
      stop.borders[i] = border + (stop.text[border] == stop.text[i] ? 1 : 0);
    }
    stops_.push_back(std::move(stop));
  }
}

StopMatcher::Out StopMatcher::push(std::string_view piece) {
  if (stopped_) return {"", true};
  const size_t before = held_.size();
  held_ += piece;
  for (size_t i = before; i < held_.size(); ++i) {
    for (Stop& stop : stops_) stop.advance(held_[i]);
    const auto found =
        std::ranges::find_if(stops_, [](const Stop& s) { return s.matched == s.text.size(); });
    if (found == stops_.end()) continue;
    stopped_ = true;
    found_ = static_cast<size_t>(found - stops_.begin());
    held_.resize(include_in_output_ ? i + 1 : i + 1 - found->text.size());
    return {std::exchange(held_, {}), true};
  }
  size_t hold = 0;
  for (const Stop& stop : stops_) hold = std::max(hold, stop.matched);
  Out out{held_.substr(0, held_.size() - hold), false};
  held_.erase(0, out.text.size());
  return out;
}

std::string StopMatcher::flush() {
  for (Stop& stop : stops_) stop.matched = 0;
  return std::exchange(held_, {});
}

}  // namespace sluice::text
