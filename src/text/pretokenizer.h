// PreTokenizer: cuts text into the words that BPE never merges across. Which patterns apply is what
// a model file names in tokenizer.ggml.pre. Letters and numbers are those of PCRE2's Unicode tables
// (version 14 in PCRE2 10.42).
//
// Owned by a Tokenizer, immutable, any thread. A Scratch belongs to one call.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::text {

class PreTokenizer {
 public:
  // Memory that one thread needs while it matches.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class PreTokenizer;
    struct Buffers;
    std::unique_ptr<Buffers> buffers_;
  };

  // An unknown name is an Error that lists the known ones.
  static Result<PreTokenizer> create(std::string_view name);

  // Whether a word that is a token is taken whole, without regard to merges (Llama 3).
  bool ignores_merges() const { return ignores_merges_; }

  // Calls sink(word) for each word of `text`, in order; together they are `text`. `text` must be
  // well-formed UTF-8. Time is linear.
  template <typename Sink>
  void for_each_word(std::string_view text, Scratch& scratch, Sink&& sink) const {
    split(0, text, scratch, sink);
  }

 private:
  struct Pattern;
  struct Match {
    size_t start;  // the size of the text if there is no match
    size_t length;
  };

  Match find(size_t stage, std::string_view text, Scratch& scratch) const;

  // As Hugging Face's Sequence: each pattern cuts the pieces that the one before has left, into
  // matches and what lies between.
  template <typename Sink>
  void split(size_t stage, std::string_view text, Scratch& scratch, Sink& sink) const {
    if (stage == patterns_.size()) return sink(text);
    while (!text.empty()) {
      const Match match = find(stage, text, scratch);
      if (match.start > 0) split(stage + 1, text.substr(0, match.start), scratch, sink);
      if (match.length > 0) {
        split(stage + 1, text.substr(match.start, match.length), scratch, sink);
      }
      text.remove_prefix(match.start + match.length);
    }
  }

  std::vector<std::shared_ptr<const Pattern>> patterns_;
  bool ignores_merges_ = false;
};

}  // namespace sluice::text
