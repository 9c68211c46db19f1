#include "loader/foreign.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "loader/value.h"

namespace sluice::loader {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kGive = "give a .gguf file";
constexpr std::string_view kConvert =
    "convert it to GGUF (llama.cpp's convert_hf_to_gguf.py) or download a .gguf file";
constexpr std::string_view kAgain = "the download went wrong: download it again";

struct Signature {
  std::string_view prefix;
  std::string_view kind;
  std::string_view remedy;
};

constexpr Signature kSignatures[] = {
    {"FUGG"sv, "a GGUF file with its bytes swapped", "download a little-endian one"},
    {"lmgg"sv, "a GGML file, the format before GGUF", "download a .gguf file of the model"},
    {"fmgg"sv, "a GGMF file, a format before GGUF", "download a .gguf file of the model"},
    {"tjgg"sv, "a GGJT file, a format before GGUF", "download a .gguf file of the model"},
    {"PK\3\4"sv, "a zip archive; PyTorch checkpoints are such", kConvert},
    {"\x80\2"sv, "a Python pickle; PyTorch checkpoints are such", kConvert},
    {"\x89HDF"sv, "an HDF5 file", kConvert},
    {"\x1f\x8b"sv, "a gzip archive", "unpack it first"},
    {"\x28\xb5\x2f\xfd"sv, "a zstd archive", "unpack it first"},
    {"\xfd"
     "7zXZ"sv,
     "an xz archive", "unpack it first"},
    {"BZh"sv, "a bzip2 archive", "unpack it first"},
    {"version https://git-lfs"sv, "a Git LFS pointer instead of the file",
     "run `git lfs pull` in its repository"},
    {"\x7f"
     "ELF"sv,
     "a program", kGive},
    {"%PDF"sv, "a PDF document", kGive},
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool starts_with_word(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

// Eight bytes of a small length, then a JSON object.
bool is_safetensors(std::string_view head) {
  return head.size() > 9 && head[8] == '{' && head.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

Signature classify(std::string_view head) {
  for (const Signature& signature : kSignatures) {
    if (head.starts_with(signature.prefix)) return signature;
  }
  if (is_safetensors(head)) return {"", "a safetensors file", kConvert};
  std::string_view text = head;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (starts_with_word(text, "<!doctype html") || starts_with_word(text, "<html")) {
    return {"", "a web page, perhaps a server's error page saved as the model", kAgain};
  }
  if (text.starts_with("<?xml") || text.starts_with("<Error")) {
    return {"", "an XML document, perhaps a server's error saved as the model", kAgain};
  }
  if (text.starts_with('{') || text.starts_with('[')) {
    return {"", "JSON text, perhaps a server's error or a model's configuration", kGive};
  }
  if (head.find_first_not_of('\0') == std::string_view::npos) {
    return {"", "zeros, as an unfinished download leaves them", "download it again"};
  }
  return {"", "", kGive};
}

}  // namespace

Error foreign_file_error(const std::string& name, std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return {Code::kCorrupt, name, "the file is empty", "download it again"};
  }
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 256));
  const Signature found = classify(head);
  std::string what =
      "not a GGUF file (starts with " + quoted(head.substr(0, std::min<size_t>(head.size(), 8)));
  if (!found.kind.empty()) what += ", " + std::string(found.kind);
  what += ")";
  return {Code::kUnsupported, name + ": byte 0", std::move(what), std::string(found.remedy)};
}

}  // namespace sluice::loader
