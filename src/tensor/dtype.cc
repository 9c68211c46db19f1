#include "tensor/dtype.h"

#include <iterator>

namespace sluice {
namespace {

// In the order of the enum.
constexpr DTypeInfo kTypes[] = {
    {DType::kF32, 0, "F32", 1, 4},        {DType::kF16, 1, "F16", 1, 2},
    {DType::kBF16, 30, "BF16", 1, 2},     {DType::kQ4_0, 2, "Q4_0", 32, 18},
    {DType::kQ4_1, 3, "Q4_1", 32, 20},    {DType::kQ5_0, 6, "Q5_0", 32, 22},
    {DType::kQ8_0, 8, "Q8_0", 32, 34},    {DType::kQ4_K, 12, "Q4_K", 256, 144},
    {DType::kQ6_K, 14, "Q6_K", 256, 210},
};

// By id; empty where ggml has removed a type.
constexpr std::string_view kGgmlNames[] = {
    "F32",    "F16",   "Q4_0",  "Q4_1",   "Q4_2",  "Q4_3",  "Q5_0",    "Q5_1",   "Q8_0",    "Q8_1",
    "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
    "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",     "I64",    "F64",     "IQ1_M",
    "BF16",   "",      "",      "",       "TQ1_0", "TQ2_0", "",        "",       "",        "MXFP4",
};

}  // namespace

const DTypeInfo& info(DType dtype) { return kTypes[static_cast<size_t>(dtype)]; }

std::optional<DType> dtype_from_ggml(uint32_t id) {
  for (const DTypeInfo& type : kTypes) {
    if (type.ggml_id == id) return type.dtype;
  }
  return std::nullopt;
}

std::string_view ggml_type_name(uint32_t id) {
  return id < std::size(kGgmlNames) ? kGgmlNames[id] : std::string_view();
}

}  // namespace sluice
