// StopMatcher: finds stop strings in text that arrives in pieces. What it lets through never holds
// a part of a stop string that was found, and does not depend on how the text was cut.
//
// The stop string that is complete first ends the text; of several that end at the same byte the
// longest counts. (An answer is over as soon as one stop string is in it, so that no more text is
// waited for to see whether a longer one would follow.) One a sequence, one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

class StopMatcher {
 public:
  struct Out {
    std::string text;  // may be shown now
    bool stopped;
  };

  // Empty strings are left out. With `include_in_output` the text ends with the stop string that
  // was found, else before it.
  explicit StopMatcher(std::vector<std::string> stops, bool include_in_output = false);

  // Holds back only an end of the text that is the beginning of some stop string. After a stop it
  // returns nothing more, and `stopped` stays true.
  Out push(std::string_view piece);

  // The text that was held back, when no more will come; empty after a stop.
  std::string flush();

  bool stopped() const { return stopped_; }
  size_t held_bytes() const { return held_.size(); }
  // The stop string that was found; empty if none was. Lives as long as the matcher.
  std::string_view matched() const { return stopped_ ? std::string_view(stops_[found_].text) : ""; }

 private:
  // The automaton of Knuth, Morris and Pratt for one stop string.
  struct Stop {
    std::string text;
    std::vector<size_t> borders;  // [i]: longest proper prefix of text[0..i] that also ends it
    size_t matched = 0;           // bytes of `text` that end the stream so far
    void advance(char c);
  };

  std::vector<Stop> stops_;  // longest first
  std::string held_;
  size_t found_ = 0;  // index into stops_ once stopped
  bool include_in_output_;
  bool stopped_ = false;
};

}  // namespace sluice::text
