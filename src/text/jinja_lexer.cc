#include "text/jinja_lexer.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/jinja_parser.h"
#include "text/unicode_text.h"

namespace sluice::text::jinja {
namespace {

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    bool line_start = true;  // whether the text at at_ begins a line, after what tags swallowed
    while (at_ < source_.size()) {
      const size_t tag = find_tag(at_);
      if (tag == source_.npos) {
        emit(TokenKind::kText, source_.substr(at_), at_);
        at_ = source_.size();
        break;
      }
      emit_text(tag, line_start);
      TRY(read_tag(tag));
      line_start = at_ > 0 && source_[at_ - 1] == '\n';
    }
    emit(TokenKind::kEnd, "", source_.size());
    return std::move(tokens_);
  }

 private:
  size_t find_tag(size_t from) const {
    for (size_t i = source_.find('{', from); i + 1 < source_.size(); i = source_.find('{', i + 1)) {
      if (i == source_.npos) return i;
      if (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#') return i;
    }
    return source_.npos;
  }

  char at(size_t i) const { return i < source_.size() ? source_[i] : '\0'; }

  // The text before `tag`, less what the tag's sign or lstrip_blocks takes off its end.
  void emit_text(size_t tag, bool line_start) {
    std::string_view text = source_.substr(at_, tag - at_);
    const char sign = at(tag + 2);
    if (sign == '-') {
      text = text.substr(0, strip(text, nullptr, false, true).end);
    } else if (sign != '+' && source_[tag + 1] != '{') {
      const size_t line = text.rfind('\n') + 1;  // 0 without a newline
      if (line > 0 || line_start) {
        const Bounds rest = strip(text.substr(line), nullptr, true, false);
        if (rest.begin == rest.end) text = text.substr(0, line);
      }
    }
    emit(TokenKind::kText, text, at_);
  }

  Status read_tag(size_t tag) {
    const char type = source_[tag + 1];
    at_ = tag + 2;
    if (at(at_) == '-' || at(at_) == '+') ++at_;
    if (type == '#') return read_comment(tag);
    if (type == '%' && read_raw_begin()) return read_raw(tag);
    const bool block = type == '%';
    emit(block ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "", tag);
    std::string open;  // brackets that wait to be closed
    while (true) {
      skip_space();
      if (at_ >= source_.size()) return error(tag, "the tag is not closed");
      if (open.empty() && read_tag_end(block)) return {};
      TRY(read_token(open));
    }
  }

  // "-%}" and following space, "+%}", or "%}" and one newline. The newline stays behind "}}".
  bool read_end(std::string_view end, bool plus, bool newline) {
    const size_t begin = at_;
    const char sign = at(at_);
    if (sign == '-' || (sign == '+' && plus)) ++at_;
    if (source_.substr(at_, 2) != end) {
      at_ = begin;
      return false;
    }
    at_ += 2;
    if (sign == '-') {
      skip_space();
    } else if (newline && sign != '+' && at(at_) == '\n') {
      ++at_;
    }
    return true;
  }

  bool read_tag_end(bool block) {
    const size_t begin = at_;
    if (!read_end(block ? "%}" : "}}", block, block)) return false;
    emit(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "", begin);
    return true;
  }

  Status read_comment(size_t tag) {
    // A sign directly before the end is part of the end.
    for (size_t end = source_.find("#}", at_); end != source_.npos; end = source_.npos) {
      const char sign = end > at_ ? source_[end - 1] : '\0';
      at_ = sign == '-' || sign == '+' ? end - 1 : end;
      read_end("#}", true, true);
      return {};
    }
    return error(tag, "the comment is not closed");
  }

  bool read_word(std::string_view word) {
    const size_t begin = at_;
    skip_space();
    if (source_.substr(at_, word.size()) == word && !name_byte(at(at_ + word.size()))) {
      at_ += word.size();
      return true;
    }
    at_ = begin;
    return false;
  }

  bool read_raw_begin() {
    const size_t begin = at_;
    if (read_word("raw")) {
      skip_space();
      if (at(at_) != '+' && read_end("%}", false, false)) return true;
    }
    at_ = begin;
    return false;
  }

  Status read_raw(size_t tag) {
    const size_t begin = at_;
    for (size_t i = source_.find("{%", at_); i != source_.npos; i = source_.find("{%", i + 1)) {
      at_ = i + 2;
      const char sign = at(at_);
      if (sign == '-' || sign == '+') ++at_;
      if (!read_word("endraw")) continue;
      skip_space();
      if (!read_end("%}", true, true)) continue;
      std::string_view text = source_.substr(begin, i - begin);
      if (sign == '-') {
        text = text.substr(0, strip(text, nullptr, false, true).end);
      } else if (sign != '+') {
        const size_t line = text.rfind('\n') + 1;
        const Bounds rest = strip(text.substr(line), nullptr, true, false);
        if (line > 0 && rest.begin == rest.end) text = text.substr(0, line);
      }
      emit(TokenKind::kText, text, begin);
      return {};
    }
    return error(tag, "the raw block is not closed");
  }

  void skip_space() {
    while (at_ < source_.size()) {
      size_t next = at_;
      if (!is_space(utf8_next(source_, next))) return;
      at_ = next;
    }
  }

  Status read_token(std::string& open) {
    const char c = source_[at_];
    if (digit(c)) return read_number();
    if (name_byte(c)) {
      const size_t begin = at_;
      while (at_ < source_.size() && name_byte(source_[at_])) ++at_;
      emit(TokenKind::kName, source_.substr(begin, at_ - begin), begin);
      return {};
    }
    if (c == '\'' || c == '"') return read_string(c);
    for (const std::string_view op : kOperators) {
      if (!source_.substr(at_).starts_with(op)) continue;
      if (op == "(" || op == "[" || op == "{") open += op == "(" ? ')' : (op == "[" ? ']' : '}');
      if (open.size() > kExprDepthMax) return error(at_, "the expression nests too deep");
      if (op == ")" || op == "]" || op == "}") {
        if (open.empty() || open.back() != op[0]) {
          return error(at_, "unexpected '" + std::string(op) + "'");
        }
        open.pop_back();
      }
      emit(TokenKind::kOperator, op, at_);
      at_ += op.size();
      return {};
    }
    return error(at_, "unexpected character");
  }

  Status read_number() {
    const size_t begin = at_;
    const auto digits = [&](auto&& accepts) {
      while (accepts(at(at_)) || (at(at_) == '_' && accepts(at(at_ + 1)))) ++at_;
    };
    bool real = false;
    const char marker = static_cast<char>(at(at_ + 1) | 0x20);
    if (source_[at_] == '0' && (marker == 'x' || marker == 'o' || marker == 'b')) {
      at_ += 2;
      digits([&](char c) {
        if (marker == 'x') return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        return c >= '0' && c <= (marker == 'o' ? '7' : '1');
      });
    } else {
      digits(digit);
      if (at(at_) == '.' && digit(at(at_ + 1))) {
        real = true;
        ++at_;
        digits(digit);
      }
      size_t exponent = at_ + 1;
      if (at(exponent) == '+' || at(exponent) == '-') ++exponent;
      if ((at(at_) | 0x20) == 'e' && digit(at(exponent))) {
        real = true;
        at_ = exponent;
        digits(digit);
      }
    }
    std::string text(source_.substr(begin, at_ - begin));
    std::erase(text, '_');
    emit(real ? TokenKind::kFloat : TokenKind::kInteger, text, begin);
    return {};
  }

  Status read_string(char quote) {
    const size_t begin = at_++;
    std::string out;
    while (true) {
      if (at_ >= source_.size()) return error(begin, "the string is not closed");
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= source_.size()) return error(begin, "the string is not closed");
      TRY(read_escape(out));
    }
    emit(TokenKind::kString, out, begin);
    return {};
  }

  Status read_escape(std::string& out) {
    static constexpr std::string_view kFrom = "abfnrtv\\'\"\n", kTo = "\a\b\f\n\r\t\v\\'\"";
    const char c = source_[at_++];
    if (c == '\n') return {};
    if (const size_t known = kFrom.find(c); known != kFrom.npos) {
      out += kTo[known];
      return {};
    }
    if (c == 'N') return error(at_ - 2, "\\N escapes are not supported");
    const size_t digits = c == 'x' ? 2 : (c == 'u' ? 4 : (c == 'U' ? 8 : 0));
    if (digits > 0) {
      const auto number = hexadecimal(digits);
      if (!number || *number > 0x10FFFF || (*number >= 0xD800 && *number <= 0xDFFF)) {
        return error(at_ - 2, "the escape does not name a character");
      }
      utf8_append(out, *number);
      return {};
    }
    if (c >= '0' && c <= '7') {
      uint32_t number = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && at(at_) >= '0' && at(at_) <= '7'; ++i) {
        number = number * 8 + static_cast<uint32_t>(source_[at_++] - '0');
      }
      utf8_append(out, number);
      return {};
    }
    out += '\\';
    out += c;
    return {};
  }

  std::optional<uint32_t> hexadecimal(size_t digits) {
    uint64_t number = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at(at_);
      const char low = static_cast<char>(c | 0x20);
      if (digit(c)) {
        number = number * 16 + static_cast<uint64_t>(c - '0');
      } else if (low >= 'a' && low <= 'f') {
        number = number * 16 + static_cast<uint64_t>(low - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return number > 0x10FFFF ? std::nullopt : std::optional(static_cast<uint32_t>(number));
  }

  Position position_of(size_t offset) {
    while (counted_ < offset) {
      if (source_[counted_++] == '\n') {
        ++position_.line;
        position_.column = 1;
      } else {
        ++position_.column;
      }
    }
    return position_;
  }

  void emit(TokenKind kind, std::string_view text, size_t offset) {
    if (kind == TokenKind::kText && text.empty()) return;
    tokens_.push_back({kind, std::string(text), position_of(offset)});
  }

  Status error(size_t offset, std::string what) {
    return fail(Code::kInvalidArgument, describe(position_of(offset)), std::move(what));
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t counted_ = 0;
  Position position_;
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(Position position) {
  return "chat template line " + std::to_string(position.line) + ", column " +
         std::to_string(position.column);
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  const std::string plain = with_plain_newlines(source);
  return Lexer(plain).run();
}

}  // namespace sluice::text::jinja
