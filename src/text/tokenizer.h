// Tokenizer: text to token ids and back, by byte-level BPE, as Hugging Face `tokenizers` does it
// for the same vocabulary. One a model, shared; immutable after create, so any thread may call it.
//
// Two choices where references differ:
// - Text is not normalised. Qwen2's tokenizer.json asks for NFC, GGUF files do not say so and
//   llama.cpp does not do it; decoding then gives back exactly the bytes that were encoded.
// - Text that is not trusted stays text: what looks like a control token (<|im_end|>) or a
//   user-defined one (<tool_call>) inside it is encoded as ordinary characters. Merges that would
//   make a control token are left out, so that no such text can ever become one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/special_tokens.h"
#include "text/string_index.h"

namespace sluice::text {

// The values 1 to 6 of GGUF's tokenizer.ggml.token_type, less one.
enum class TokenType : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

// What a model file says about its vocabulary; -1 is an id that it does not name.
struct TokenizerSpec {
  std::string model;                // tokenizer.ggml.model; "gpt2" is byte-level BPE
  std::string pre;                  // tokenizer.ggml.pre
  std::vector<std::string> tokens;  // by id, in the byte alphabet (byte_alphabet.h) if normal
  std::vector<TokenType> types;     // one a token; empty: all are normal
  std::vector<std::string> merges;  // "left right", the first is the most wanted
  int32_t bos_id = -1, eos_id = -1, pad_id = -1, unk_id = -1;
  bool add_bos = false, add_eos = false;
  std::vector<int32_t> extra_eog_ids;  // end an answer besides eos and those known by name
};

// A part of a text to encode: `special` where its author is trusted to name special tokens.
struct Segment {
  std::string_view text;
  bool special = false;
};

class Tokenizer {
 public:
  enum class Special { kAsText, kParse };

  // An Error names the key that is missing, unknown or contradicts itself.
  static Result<std::shared_ptr<const Tokenizer>> create(TokenizerSpec spec);

  // The ids of `text`; bos is not added (see add_bos). Never fails: bytes that are not UTF-8 are
  // encoded one by one, and a byte that the vocabulary lacks is left out, as Hugging Face does.
  // Time O(n log n) in the longest word, linear in the rest.
  std::vector<int32_t> encode(std::string_view text, Special special) const;

  // The ids of the segments' concatenation: where one ends does not show, but special tokens are
  // found only within segments marked so (and across neighbours that both are).
  std::vector<int32_t> encode_segments(std::span<const Segment> segments) const;

  // The stored form; empty for an id out of range. Views live as long as the tokenizer.
  std::string_view token_text(int32_t id) const;
  // The bytes it stands for: of control tokens their text, of unused ones and ids out of range
  // none.
  std::string_view piece(int32_t id) const;
  std::string token_bytes(int32_t id) const { return std::string(piece(id)); }
  // The bytes of all, which need not be UTF-8 (see replace_invalid_utf8 of incremental_decoder.h).
  std::string decode(std::span<const int32_t> ids, bool skip_control) const;

  // Control and unknown tokens: never shown to users.
  bool is_control(int32_t id) const;
  bool is_end_of_generation(int32_t id) const;
  std::span<const int32_t> end_ids() const { return end_ids_; }  // ascending

  int32_t vocab_size() const { return static_cast<int32_t>(spec_.tokens.size()); }
  TokenType type(int32_t id) const;  // id in [0, vocab_size)
  std::optional<int32_t> bos() const { return id_or_none(spec_.bos_id); }
  std::optional<int32_t> eos() const { return id_or_none(spec_.eos_id); }
  std::optional<int32_t> pad() const { return id_or_none(spec_.pad_id); }
  std::optional<int32_t> unk() const { return id_or_none(spec_.unk_id); }
  // Whether the model expects bos before, and eos after, a prompt that no template made.
  bool add_bos() const { return spec_.add_bos; }
  bool add_eos() const { return spec_.add_eos; }
  std::optional<int32_t> find(std::string_view token_text) const;

 private:
  struct Scratch;
  struct Range {
    size_t begin, end;
  };

  Tokenizer(TokenizerSpec spec, PreTokenizer pretokenizer);
  Status index_tokens();
  Status index_merges();
  void collect_ends();

  bool in_range(int32_t id) const { return id >= 0 && id < vocab_size(); }
  static std::optional<int32_t> id_or_none(int32_t id) {
    return id < 0 ? std::nullopt : std::optional(id);
  }

  std::vector<int32_t> encode_ranges(std::string_view text, std::span<const Range> trusted) const;
  void encode_plain(std::string_view text, Scratch& scratch, std::vector<int32_t>& ids) const;
  void encode_word(std::string_view word, BpeScratch& scratch, std::vector<int32_t>& ids) const;
  void merge_bytes(std::string_view word, BpeScratch& scratch) const;

  TokenizerSpec spec_;
  PreTokenizer pretokenizer_;
  std::vector<std::string> pieces_;  // by id
  std::vector<int32_t> byte_ids_;    // [256], -1: not in the vocabulary
  StringIndex texts_;                // stored form -> id
  StringIndex words_;                // bytes -> id, of tokens in the byte alphabet
  // By id: whether the token's bytes encode to it alone. It is asked of words only when they first
  // come up (to ask all takes 60 ms for 150,000 tokens); threads that race store the same answer.
  enum Whole : uint8_t { kNotAsked, kYes, kNo };
  mutable std::vector<std::atomic<uint8_t>> whole_;
  BpeMerges merges_{0};
  SpecialTokens specials_;
  std::vector<int32_t> end_ids_;
};

}  // namespace sluice::text
