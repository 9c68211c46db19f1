// What a model file describes: the shape of a decoder and the variations between architectures.
//
// An architecture is one file (qwen2.cc, llama.cc) and one row in registry.cc; its function reads
// the metadata and fills a DecoderSpec. The tensors' names are GGUF's standard ones.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "loader/gguf.h"

namespace sluice::model {

struct DecoderSpec {
  std::string architecture;
  int32_t layers = 0;
  int32_t context_length = 0;  // trained
  int32_t hidden = 0;
  int32_t feed_forward = 0;
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;
  int32_t vocab_size = 0;
  float rms_epsilon = 0;
  double rope_base = 10000.0;
  bool rope_adjacent = false;  // rotates pairs (2i, 2i+1) instead of (i, i + head_dim/2)
  bool qkv_bias = false;

  int32_t q_columns() const { return heads * head_dim; }
  int32_t kv_columns() const { return kv_heads * head_dim; }
  int32_t group() const { return heads / kv_heads; }
};

struct ArchitectureRow {
  std::string_view name;  // general.architecture
  Result<DecoderSpec> (*describe)(const loader::GgufFile& file);
};

std::span<const ArchitectureRow> architectures();

// Finds the file's architecture and describes it; every number is checked.
Result<DecoderSpec> describe_model(const loader::GgufFile& file);

// The keys that all llama-like decoders share, under `<architecture>.`, checked for range.
Result<DecoderSpec> describe_decoder(const loader::GgufFile& file, std::string_view architecture);

Result<DecoderSpec> describe_qwen2(const loader::GgufFile& file);
Result<DecoderSpec> describe_llama(const loader::GgufFile& file);

}  // namespace sluice::model
