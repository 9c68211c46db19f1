#include "text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/check.h"
#include "base/suggest.h"
#include "base/utf8.h"

namespace sluice::text {
namespace {

// \s is spelt out: it is Unicode White_Space in the engines that made the vocabularies, while
// PCRE2's \s also has U+180E. These two go inside brackets.
#define SPACE R"(\t-\r\x{85}\p{Z})"
#define IS_SPACE "[" SPACE "]"
#define NOT_SPACE "[^" SPACE "]"
#define SPACES_LAST IS_SPACE "+(?!" NOT_SPACE ")|" IS_SPACE "+"

// ByteLevel(use_regex=true) of Hugging Face `tokenizers`, from openai/gpt-2's encoder.py.
constexpr const char* kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^)" SPACE R"(\p{L}\p{N}]+|)" SPACES_LAST;
constexpr const char* kEachDigit = R"(\p{N})";
// Split patterns of the tokenizer.json files of Qwen2 and of Llama 3: they differ in the numbers.
#define CONTRACTION_OR_WORD R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)"
#define SIGNS_OR_SPACES \
  R"(| ?[^)" SPACE R"(\p{L}\p{N}]+[\r\n]*|)" IS_SPACE R"(*[\r\n]+|)" SPACES_LAST
constexpr const char* kQwen2 = CONTRACTION_OR_WORD R"(\p{N})" SIGNS_OR_SPACES;
constexpr const char* kLlama3 = CONTRACTION_OR_WORD R"(\p{N}{1,3})" SIGNS_OR_SPACES;

struct Recipe {
  std::string_view name;
  std::array<const char*, 2> patterns;  // null: no more
  bool ignores_merges = false;
};

constexpr Recipe kRecipes[] = {
    {"default", {kGpt2}},
    {"gpt-2", {kGpt2}},
    {"qwen2", {kQwen2}},
    {"deepseek-r1-qwen", {kQwen2}},
    {"smollm", {kEachDigit, kGpt2}},
    {"starcoder", {kEachDigit, kGpt2}},
    {"refact", {kEachDigit, kGpt2}},
    {"command-r", {kEachDigit, kGpt2}},
    {"llama-bpe", {kLlama3}, true},
    {"llama3", {kLlama3}, true},
    {"llama-v3", {kLlama3}, true},
};

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(const char* regex) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex), PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    CHECK(code != nullptr);  // a constant of this file
    has_jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  pcre2_code* code;
  bool has_jit;  // false where the kernel forbids executable memory
};

// Every match costs time linear in what it consumes plus one run of spaces, so PCRE2's limits
// against exponential patterns would only cut long honest runs short.
struct PreTokenizer::Scratch::Buffers {
  Buffers()
      : data(pcre2_match_data_create(1, nullptr)), context(pcre2_match_context_create(nullptr)) {
    CHECK(data != nullptr && context != nullptr);
    pcre2_set_match_limit(context, UINT32_MAX);
  }
  ~Buffers() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
};

PreTokenizer::Scratch::Scratch() : buffers_(std::make_unique<Buffers>()) {}
PreTokenizer::Scratch::~Scratch() = default;

Result<PreTokenizer> PreTokenizer::create(std::string_view name) {
  const auto recipe = std::ranges::find(kRecipes, name, &Recipe::name);
  if (recipe == std::end(kRecipes)) {
    std::string known;
    std::vector<std::string_view> names;
    for (const Recipe& each : kRecipes) {
      known += (known.empty() ? "" : ", ") + std::string(each.name);
      names.push_back(each.name);
    }
    const std::string_view near = nearest_name(name, names);
    return fail(Code::kUnsupported, "tokenizer.ggml.pre",
                "unknown pre-tokenizer \"" + std::string(name.substr(0, 64)) + "\"" +
                    (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"),
                "known are " + known);
  }
  PreTokenizer made;
  made.ignores_merges_ = recipe->ignores_merges;
  for (const char* regex : recipe->patterns) {
    if (regex != nullptr) made.patterns_.push_back(std::make_shared<const Pattern>(regex));
  }
  return made;
}

PreTokenizer::Match PreTokenizer::find(size_t stage, std::string_view text,
                                       Scratch& scratch) const {
  const Pattern& pattern = *patterns_[stage];
  Scratch::Buffers& buffers = *scratch.buffers_;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const int rc = pattern.has_jit ? pcre2_jit_match(pattern.code, subject, text.size(), 0, 0,
                                                   buffers.data, buffers.context)
                                 : pcre2_match(pattern.code, subject, text.size(), 0,
                                               PCRE2_NO_UTF_CHECK, buffers.data, buffers.context);
  if (rc == PCRE2_ERROR_NOMATCH) return {text.size(), 0};
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(buffers.data);
  // No pattern matches nothing, and no error is known to happen (memory, a JIT stack); should one,
  // the next character is a word: never a failure, never a loop without end.
  if (rc < 0 || bounds[1] <= bounds[0]) {
    return {0, std::max<size_t>(1, utf8_sequence_length(text))};
  }
  return {bounds[0], bounds[1] - bounds[0]};
}

}  // namespace sluice::text
