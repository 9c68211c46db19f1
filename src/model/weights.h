// The weights of a decoder, bound to their names, checked against the spec and repacked for the
// kernels in one block of memory. Immutable once loaded; any thread may read.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/team.h"
#include "kernels/packed_matrix.h"
#include "loader/gguf.h"
#include "model/architecture.h"
#include "tensor/aligned_buffer.h"

namespace sluice::model {

struct LayerWeights {
  const float* attention_norm = nullptr;  // [hidden]
  kernels::PackedMatrix q, k, v;          // [q or kv columns, hidden]
  const float* q_bias = nullptr;          // [q columns], null: none
  const float* k_bias = nullptr;          // [kv columns]
  const float* v_bias = nullptr;
  kernels::PackedMatrix output;     // [hidden, q columns]
  const float* ffn_norm = nullptr;  // [hidden]
  kernels::PackedMatrix gate, up;   // [feed_forward, hidden]
  kernels::PackedMatrix down;       // [hidden, feed_forward]
};

class DecoderWeights {
 public:
  // Packs with all workers of `team`, each touching first what it will compute with. `as_float`
  // unpacks everything to float32: the float path. The file's pages are released as they are done.
  static Result<std::unique_ptr<DecoderWeights>> load(const loader::GgufFile& file,
                                                      const DecoderSpec& spec, bool as_float,
                                                      Team& team);

  const std::vector<LayerWeights>& layers() const { return layers_; }
  const float* output_norm() const { return output_norm_; }    // [hidden]
  const kernels::PackedMatrix& head() const { return head_; }  // [vocab, hidden]
  const std::vector<double>& rope_factors() const {
    return rope_factors_;
  }  // [head_dim/2] or empty

  // Row `id` of the token embedding, [hidden] floats.
  void embed(int32_t id, float* out) const;

  size_t packed_bytes() const { return packed_bytes_; }
  size_t embedding_bytes() const { return embedding_memory_.size(); }

 private:
  std::vector<LayerWeights> layers_;
  const float* output_norm_ = nullptr;
  kernels::PackedMatrix head_;
  std::vector<double> rope_factors_;
  // Empty when the embedding is tied to the head and read from there.
  TensorView embedding_;
  AlignedBuffer embedding_memory_;
  AlignedBuffer memory_;
  std::vector<std::vector<float>> vectors_;  // norms and biases
  size_t packed_bytes_ = 0;

  friend class WeightBinder;
};

}  // namespace sluice::model
