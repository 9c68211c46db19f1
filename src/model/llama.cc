// Llama and what has its shape (SmolLM2): no biases; the converter has permuted q and k so that
// rotary pairs are neighbours.
// Source: "Llama 2", arXiv 2307.09288; GGUF keys llama.*.
#include "model/architecture.h"

namespace sluice::model {

Result<DecoderSpec> describe_llama(const loader::GgufFile& file) {
  DecoderSpec spec = TRY(describe_decoder(file, "llama"));
  spec.qkv_bias = false;
  spec.rope_adjacent = true;
  return spec;
}

}  // namespace sluice::model
