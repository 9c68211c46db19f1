// module: text
//
// A vocabulary and a text, both from the input. The first byte chooses the pre-tokenizer and
// whether the vocabulary is the fuzzer's alone or has all single bytes too. Then come lines: "t"
// and a token, "c" a control token, "u" a user-defined one, "m" a merge "left right"; after an
// empty line the text.
#include <cstdlib>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/incremental_decoder.h"
#include "text/stop_matcher.h"
#include "text/tokenizer.h"

namespace {

using namespace sluice;
using namespace sluice::text;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr const char* kPres[] = {"qwen2", "smollm", "gpt-2", "llama-bpe"};

// Takes the lines of the vocabulary off `input`.
TokenizerSpec read_spec(std::string_view& input) {
  const auto flags = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = kPres[flags & 3];
  const auto add = [&](std::string token, TokenType type) {
    spec.tokens.push_back(std::move(token));
    spec.types.push_back(type);
  };
  if ((flags & 4) == 0) {
    for (int b = 0; b < 256; ++b) {
      add(bytes_to_alphabet(std::string(1, static_cast<char>(b))), TokenType::kNormal);
    }
  }
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    if (line.empty()) break;
    std::string rest(line.substr(1));
    switch (line[0]) {
      case 't': add(std::move(rest), TokenType::kNormal); break;
      case 'c': add(std::move(rest), TokenType::kControl); break;
      case 'u': add(std::move(rest), TokenType::kUserDefined); break;
      case 'x': add(std::move(rest), TokenType::kUnused); break;
      case 'm': spec.merges.push_back(std::move(rest)); break;
      default: break;
    }
  }
  return spec;
}

void check_text(const Tokenizer& tokenizer, std::string_view text, bool has_all_bytes) {
  const std::vector<int32_t> plain = tokenizer.encode(text, Tokenizer::Special::kAsText);
  const std::vector<int32_t> parsed = tokenizer.encode(text, Tokenizer::Special::kParse);
  for (const int32_t id : plain) require(!tokenizer.is_control(id));
  if (has_all_bytes) {
    require(tokenizer.decode(plain, true) == text);
    require(tokenizer.decode(parsed, false) == text);
  }
  const size_t cut = text.size() / 2;
  const Segment untrusted[] = {{text.substr(0, cut), false}, {text.substr(cut), false}};
  require(tokenizer.encode_segments(untrusted) == plain);
  const Segment trusted[] = {{text.substr(0, cut), true}, {text.substr(cut), true}};
  require(tokenizer.encode_segments(trusted) == parsed);

  IncrementalDecoder decoder(tokenizer);
  std::string whole;
  for (const int32_t id : parsed) {
    const std::string_view piece = decoder.push(id);
    require(utf8_valid(piece));
    whole += piece;
  }
  whole += decoder.flush();
  require(whole == replace_invalid_utf8(tokenizer.decode(parsed, true)));
}

// The text up to a stop string must be the same in one piece and byte by byte.
void check_stops(std::string_view text) {
  const std::vector<std::string> stops = {std::string(text.substr(text.size() / 3, 3)),
                                          std::string(text.substr(text.size() / 2, 2))};
  StopMatcher whole(stops);
  std::string expected = whole.push(text).text;
  expected += whole.flush();
  StopMatcher bytes(stops);
  std::string got;
  for (const char c : text) got += bytes.push({&c, 1}).text;
  got += bytes.flush();
  require(got == expected && whole.matched() == bytes.matched());
  if (whole.stopped()) require(got.find(whole.matched()) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool has_all_bytes = (data[0] & 4) == 0;
  auto tokenizer = Tokenizer::create(read_spec(input));
  check_stops(input);
  if (!tokenizer) {
    require(!tokenizer.error().where.empty());
    return 0;
  }
  check_text(**tokenizer, input, has_all_bytes);
  return 0;
}
