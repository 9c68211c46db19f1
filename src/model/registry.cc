#include <string>

#include "model/architecture.h"

namespace sluice::model {
namespace {

constexpr ArchitectureRow kArchitectures[] = {
    {"qwen2", describe_qwen2},
    {"llama", describe_llama},
};

// Beyond any decoder this program is for; keeps sizes computed from them far from overflow.
constexpr int64_t kDimensionMax = 1 << 20;
constexpr int64_t kLayersMax = 1024;
constexpr int64_t kContextMax = 1 << 24;
constexpr int64_t kVocabMax = 1 << 18;  // what the sampler adds up exactly

Result<int32_t> bounded(const loader::GgufFile& file, const std::string& key, int64_t max) {
  const int64_t value = TRY(file.get_i64(key));
  if (value < 1 || value > max) {
    return fail(Code::kCorrupt, file.path() + ": key '" + key + "'",
                std::to_string(value) + " is out of range",
                "1 to " + std::to_string(max) + " are possible; download the file again");
  }
  return static_cast<int32_t>(value);
}

// A file of a scaled model that is computed unscaled would answer, and wrongly. Factors without a
// type mean linear scaling; scale_linear is the old name.
Status check_unscaled_rope(const loader::GgufFile& file, const std::string& prefix) {
  const std::string key = prefix + "rope.scaling.type";
  const std::string type = std::string(TRY(file.get_string(key, "")));
  if (type == "none") return {};
  if (!type.empty()) {
    return fail(Code::kUnsupported, file.path() + ": key '" + key + "'",
                "rope scaling '" + type + "' is not supported", "use a model without it");
  }
  for (const char* name : {"rope.scaling.factor", "rope.scale_linear"}) {
    if (!file.has(prefix + name)) continue;
    const float factor = TRY(file.get_f32(prefix + name));
    if (factor == 0 || factor == 1) continue;
    return fail(Code::kUnsupported, file.path() + ": key '" + prefix + name + "'",
                "linear rope scaling is not supported", "use a model without it");
  }
  return {};
}

}  // namespace

std::span<const ArchitectureRow> architectures() { return kArchitectures; }

Result<DecoderSpec> describe_model(const loader::GgufFile& file) {
  const std::string name = std::string(TRY(file.get_string("general.architecture")));
  std::string known;
  for (const ArchitectureRow& row : architectures()) {
    if (row.name == name) return row.describe(file);
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return fail(Code::kUnsupported, file.path() + ": key 'general.architecture'",
              "'" + name + "' is not supported", "these are: " + known);
}

Result<DecoderSpec> describe_decoder(const loader::GgufFile& file, std::string_view architecture) {
  const std::string prefix = std::string(architecture) + ".";
  DecoderSpec spec;
  spec.architecture = architecture;
  spec.layers = TRY(bounded(file, prefix + "block_count", kLayersMax));
  spec.context_length = TRY(bounded(file, prefix + "context_length", kContextMax));
  spec.hidden = TRY(bounded(file, prefix + "embedding_length", kDimensionMax));
  spec.feed_forward = TRY(bounded(file, prefix + "feed_forward_length", kDimensionMax));
  spec.heads = TRY(bounded(file, prefix + "attention.head_count", 4096));
  const std::string kv_key = prefix + "attention.head_count_kv";
  spec.kv_heads = file.has(kv_key) ? TRY(bounded(file, kv_key, 4096)) : spec.heads;
  if (spec.heads % spec.kv_heads != 0) {
    return fail(Code::kCorrupt, file.path() + ": key '" + kv_key + "'",
                std::to_string(spec.heads) + " query heads cannot share " +
                    std::to_string(spec.kv_heads) + " kv heads",
                "download the file again");
  }
  const std::string dim_key = prefix + "attention.key_length";
  if (!file.has(dim_key) && spec.hidden % spec.heads != 0) {
    return fail(Code::kCorrupt, file.path() + ": key '" + prefix + "attention.head_count'",
                std::to_string(spec.hidden) + " values cannot be dealt to " +
                    std::to_string(spec.heads) + " heads",
                "download the file again");
  }
  spec.head_dim = file.has(dim_key) ? TRY(bounded(file, dim_key, 256)) : spec.hidden / spec.heads;
  if (spec.head_dim % 16 != 0 || spec.head_dim > 256) {
    return fail(Code::kUnsupported, file.path() + ": key '" + prefix + "attention.head_count'",
                "heads of " + std::to_string(spec.head_dim) + " values are not supported",
                "a multiple of 16 up to 256 is");
  }
  const double epsilon = TRY(file.get_f32(prefix + "attention.layer_norm_rms_epsilon"));
  if (!(epsilon > 0 && epsilon < 1)) {
    return fail(Code::kCorrupt,
                file.path() + ": key '" + prefix + "attention.layer_norm_rms_epsilon'",
                "is out of range", "download the file again");
  }
  spec.rms_epsilon = static_cast<float>(epsilon);
  const std::string base_key = prefix + "rope.freq_base";
  if (file.has(base_key)) spec.rope_base = TRY(file.get_f32(base_key));
  if (!(spec.rope_base >= 1 && spec.rope_base < 1e12)) {
    return fail(Code::kCorrupt, file.path() + ": key '" + base_key + "'", "is out of range",
                "download the file again");
  }
  TRY(check_unscaled_rope(file, prefix));
  const std::string rotary_key = prefix + "rope.dimension_count";
  if (file.has(rotary_key) && TRY(file.get_i64(rotary_key)) != spec.head_dim) {
    return fail(Code::kUnsupported, file.path() + ": key '" + rotary_key + "'",
                "rotating a part of a head is not supported",
                "only " + std::to_string(spec.head_dim) + " is");
  }
  const TensorView embedding = TRY(file.tensor("token_embd.weight"));
  if (embedding.rows() < 1 || embedding.rows() > kVocabMax) {
    return fail(Code::kCorrupt, file.path() + ": tensor 'token_embd.weight'",
                std::to_string(embedding.rows()) + " rows are out of range",
                "download the file again");
  }
  spec.vocab_size = static_cast<int32_t>(embedding.rows());
  return spec;
}

}  // namespace sluice::model
