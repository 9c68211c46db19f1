// Qwen2 and Qwen2.5: biases on q, k and v; rotary pairs half a head apart.
// Source: "Qwen2 Technical Report", arXiv 2407.10671; GGUF keys qwen2.*.
#include "model/architecture.h"

namespace sluice::model {

Result<DecoderSpec> describe_qwen2(const loader::GgufFile& file) {
  DecoderSpec spec = TRY(describe_decoder(file, "qwen2"));
  spec.qkv_bias = true;
  spec.rope_adjacent = false;
  return spec;
}

}  // namespace sluice::model
