#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"

namespace sluice::text {
namespace {

// Tokens that end a turn or a document, by the names that model families gave them. A start of a
// turn is among them: an answer that opens another turn is over.
constexpr std::array<std::string_view, 10> kEndNames = {
    "<|im_end|>",      "<|im_start|>", "<|endoftext|>", "<|eot_id|>",      "<|eom_id|>",
    "<|end_of_text|>", "<|end|>",      "<end_of_turn>", "<|end_of_turn|>", "</s>"};

// Text is first cut into pieces of this size, so that positions within a word fit 32 bits.
constexpr size_t kWordBytesMax = size_t{1} << 30;

bool is_plain(TokenType type) { return type == TokenType::kNormal || type == TokenType::kByte; }

bool is_matched_in_text(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUserDefined ||
         type == TokenType::kUnknown;
}

// How many bytes at the start of `text` are (or, with `valid` false, are not) well-formed UTF-8.
size_t run_length(std::string_view text, bool valid) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word = 0;
    if (valid && text.size() - i >= sizeof word) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & 0x8080808080808080) == 0) {
        i += sizeof word;
        continue;
      }
    }
    const size_t length = utf8_sequence_length(text.substr(i));
    if ((length > 0) != valid) break;
    i += std::max<size_t>(1, length);
  }
  return i;
}

std::string at_index(const char* key, size_t index) {
  return std::string(key) + "[" + std::to_string(index) + "]";
}

// A token's text for an error message: bounded, and without what a terminal would obey.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 64)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out + (text.size() > 64 ? "...\"" : "\"");
}

Status check_ids(const TokenizerSpec& spec) {
  const auto count = static_cast<int64_t>(spec.tokens.size());
  const std::pair<const char*, int32_t> ids[] = {{"bos", spec.bos_id},
                                                 {"eos", spec.eos_id},
                                                 {"padding", spec.pad_id},
                                                 {"unknown", spec.unk_id}};
  for (const auto& [name, id] : ids) {
    if (id < -1 || id >= count) {
      return fail(Code::kCorrupt, std::string("tokenizer.ggml.") + name + "_token_id",
                  std::to_string(id) + " is not one of " + std::to_string(count) + " tokens");
    }
  }
  for (const int32_t id : spec.extra_eog_ids) {
    if (id < 0 || id >= count) {
      return fail(Code::kCorrupt, "end token ids",
                  std::to_string(id) + " is not one of " + std::to_string(count) + " tokens");
    }
  }
  if (spec.add_bos && spec.bos_id < 0) {
    return fail(Code::kCorrupt, "tokenizer.ggml.add_bos_token",
                "set, but there is no tokenizer.ggml.bos_token_id");
  }
  if (spec.add_eos && spec.eos_id < 0) {
    return fail(Code::kCorrupt, "tokenizer.ggml.add_eos_token",
                "set, but there is no tokenizer.ggml.eos_token_id");
  }
  return {};
}

Status check_sizes(const TokenizerSpec& spec) {
  if (spec.model != "gpt2") {
    return fail(Code::kUnsupported, "tokenizer.ggml.model",
                quoted(spec.model) + " is not a tokenizer that this build has",
                "use a model whose tokenizer is \"gpt2\" (byte-level BPE)");
  }
  if (spec.tokens.empty()) return fail(Code::kCorrupt, "tokenizer.ggml.tokens", "no tokens");
  if (spec.tokens.size() > INT32_MAX || spec.merges.size() >= BpeMerges::kNoRank) {
    return fail(Code::kCorrupt, "tokenizer.ggml.tokens",
                "more tokens or merges than 32 bits count");
  }
  if (!spec.types.empty() && spec.types.size() != spec.tokens.size()) {
    return fail(Code::kCorrupt, "tokenizer.ggml.token_type",
                std::to_string(spec.types.size()) + " types for " +
                    std::to_string(spec.tokens.size()) + " tokens");
  }
  return {};
}

}  // namespace

struct Tokenizer::Scratch {
  PreTokenizer::Scratch match;
  BpeScratch bpe;
};

Tokenizer::Tokenizer(TokenizerSpec spec, PreTokenizer pretokenizer)
    : spec_(std::move(spec)),
      pretokenizer_(std::move(pretokenizer)),
      pieces_(spec_.tokens.size()),
      byte_ids_(256, -1),
      whole_(spec_.tokens.size()) {
  if (spec_.types.empty()) spec_.types.assign(spec_.tokens.size(), TokenType::kNormal);
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::create(TokenizerSpec spec) {
  TRY(check_sizes(spec));
  TRY(check_ids(spec));
  PreTokenizer pretokenizer = TRY(PreTokenizer::create(spec.pre));
  auto made = std::shared_ptr<Tokenizer>(new Tokenizer(std::move(spec), std::move(pretokenizer)));
  TRY(made->index_tokens());
  TRY(made->index_merges());
  made->collect_ends();
  made->spec_.merges = {};
  return made;
}

Status Tokenizer::index_tokens() {
  texts_ = StringIndex(spec_.tokens.size());
  words_ = StringIndex(spec_.tokens.size());
  std::vector<SpecialTokens::Entry> specials;
  for (int32_t id = 0; id < vocab_size(); ++id) {
    const auto i = static_cast<size_t>(id);
    const std::string& token = spec_.tokens[i];
    if (!texts_.add(spec_.tokens, id)) {
      return fail(Code::kCorrupt, at_index("tokenizer.ggml.tokens", i),
                  quoted(token) + " is there twice");
    }
    if (is_matched_in_text(type(id))) {
      pieces_[i] = token;
      if (token.size() > SpecialTokens::kTokenBytesMax) {
        return fail(Code::kCorrupt, at_index("tokenizer.ggml.tokens", i),
                    "a special token of " + std::to_string(token.size()) + " bytes",
                    "at most " + std::to_string(SpecialTokens::kTokenBytesMax) + " are allowed");
      }
      if (!token.empty()) specials.push_back({token, id});
    } else if (is_plain(type(id))) {
      std::optional<std::string> bytes = alphabet_to_bytes(token);
      pieces_[i] = bytes ? std::move(*bytes) : token;
      if (!bytes || pieces_[i].empty()) continue;
      words_.add(pieces_, id);
      if (pieces_[i].size() == 1) byte_ids_[static_cast<uint8_t>(pieces_[i][0])] = id;
    }
  }
  specials_ = SpecialTokens(std::move(specials));
  return {};
}

Status Tokenizer::index_merges() {
  merges_ = BpeMerges(spec_.merges.size());
  std::string merged;
  for (size_t rank = 0; rank < spec_.merges.size(); ++rank) {
    const std::string_view merge = spec_.merges[rank];
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos) {
      return fail(Code::kCorrupt, at_index("tokenizer.ggml.merges", rank),
                  quoted(merge) + " is not two tokens with a space between");
    }
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    merged.assign(left).append(right);
    int32_t ids[3];
    const std::string_view texts[3] = {left, right, merged};
    for (size_t i = 0; i < 3; ++i) {
      const std::optional<int32_t> id = find(texts[i]);
      if (!id) {
        return fail(Code::kCorrupt, at_index("tokenizer.ggml.merges", rank),
                    quoted(merge) + " needs " + quoted(texts[i]) + ", which is no token");
      }
      ids[i] = *id;
    }
    if (is_control(ids[2])) continue;
    merges_.add(ids[0], ids[1], static_cast<uint32_t>(rank), ids[2]);
  }
  return {};
}

void Tokenizer::collect_ends() {
  end_ids_ = spec_.extra_eog_ids;
  if (spec_.eos_id >= 0) end_ids_.push_back(spec_.eos_id);
  for (const std::string_view name : kEndNames) {
    const std::optional<int32_t> id = find(name);
    if (id && is_matched_in_text(type(*id))) end_ids_.push_back(*id);
  }
  std::ranges::sort(end_ids_);
  const auto repeated = std::ranges::unique(end_ids_);
  end_ids_.erase(repeated.begin(), repeated.end());
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, Special special) const {
  const Range all{0, text.size()};
  return encode_ranges(text, special == Special::kParse ? std::span(&all, 1) : std::span<Range>());
}

std::vector<int32_t> Tokenizer::encode_segments(std::span<const Segment> segments) const {
  std::string text;
  std::vector<Range> trusted;
  for (const Segment& segment : segments) {
    if (segment.text.empty()) continue;
    const size_t begin = text.size();
    text += segment.text;
    if (!segment.special) continue;
    if (!trusted.empty() && trusted.back().end == begin) {
      trusted.back().end = text.size();
    } else {
      trusted.push_back({begin, text.size()});
    }
  }
  return encode_ranges(text, trusted);
}

std::vector<int32_t> Tokenizer::encode_ranges(std::string_view text,
                                              std::span<const Range> trusted) const {
  std::vector<int32_t> ids;
  Scratch scratch;
  size_t plain_from = 0;
  for (const Range& range : trusted) {
    const std::string_view until = text.substr(0, range.end);
    for (size_t at = range.begin; at < range.end;) {
      const SpecialTokens::Match match = specials_.find(until, at);
      if (match.length == 0) break;
      encode_plain(text.substr(plain_from, match.position - plain_from), scratch, ids);
      ids.push_back(match.id);
      at = plain_from = match.position + match.length;
    }
  }
  encode_plain(text.substr(plain_from), scratch, ids);
  return ids;
}

void Tokenizer::encode_plain(std::string_view text, Scratch& scratch,
                             std::vector<int32_t>& ids) const {
  const auto encode_one = [&](std::string_view word) {
    for (; word.size() > kWordBytesMax; word.remove_prefix(kWordBytesMax)) {
      encode_word(word.substr(0, kWordBytesMax), scratch.bpe, ids);
    }
    encode_word(word, scratch.bpe, ids);
  };
  while (!text.empty()) {
    const size_t valid = run_length(text, true);
    pretokenizer_.for_each_word(text.substr(0, valid), scratch.match, encode_one);
    text.remove_prefix(valid);
    const size_t invalid = run_length(text, false);
    if (invalid > 0) encode_one(text.substr(0, invalid));
    text.remove_prefix(invalid);
  }
}

// Most words of ordinary text are one token. What BPE makes of a word depends on nothing else, so
// that a token which its own bytes encode to can be taken at once.
void Tokenizer::encode_word(std::string_view word, BpeScratch& scratch,
                            std::vector<int32_t>& ids) const {
  const std::optional<int32_t> id = words_.find(pieces_, word);
  std::atomic<uint8_t>* whole = id ? &whole_[static_cast<size_t>(*id)] : nullptr;
  const uint8_t known = whole == nullptr ? kNo : whole->load(std::memory_order_relaxed);
  if (known == kYes || (id && pretokenizer_.ignores_merges())) {
    ids.push_back(*id);
    return;
  }
  merge_bytes(word, scratch);
  if (known == kNotAsked) {
    const bool yes = scratch.symbols.size() == 1 && scratch.symbols[0] == *id;
    whole->store(yes ? kYes : kNo, std::memory_order_relaxed);
  }
  ids.insert(ids.end(), scratch.symbols.begin(), scratch.symbols.end());
}

void Tokenizer::merge_bytes(std::string_view word, BpeScratch& scratch) const {
  scratch.symbols.clear();
  for (const char c : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) scratch.symbols.push_back(id);
  }
  merges_.apply(scratch);
}

TokenType Tokenizer::type(int32_t id) const {
  DCHECK(in_range(id));
  return spec_.types[static_cast<size_t>(id)];
}

std::string_view Tokenizer::token_text(int32_t id) const {
  return in_range(id) ? std::string_view(spec_.tokens[static_cast<size_t>(id)]) : "";
}

std::string_view Tokenizer::piece(int32_t id) const {
  return in_range(id) ? std::string_view(pieces_[static_cast<size_t>(id)]) : "";
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_control) const {
  std::string out;
  for (const int32_t id : ids) {
    if (!skip_control || !is_control(id)) out += piece(id);
  }
  return out;
}

bool Tokenizer::is_control(int32_t id) const {
  if (!in_range(id)) return false;
  return type(id) == TokenType::kControl || type(id) == TokenType::kUnknown;
}

bool Tokenizer::is_end_of_generation(int32_t id) const {
  return std::ranges::binary_search(end_ids_, id);
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  return texts_.find(spec_.tokens, token);
}

}  // namespace sluice::text
