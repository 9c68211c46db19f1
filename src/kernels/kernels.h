// The kernel table: everything the CPU computes, one table of function pointers an ISA.
//
// Scalar kernels (ops/*/..._scalar.cc, quant/*/..._scalar.cc) are the specification of the numerics
// contract (docs/numerics.md): a row's result never depends on how many rows are computed together,
// on the thread, or on how the work was split. All functions are thread-safe on disjoint outputs
// and never allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/activations.h"
#include "kernels/kv_layout.h"
#include "kernels/packed_matrix.h"

namespace sluice::kernels {

enum class Isa : uint8_t { kScalar, kAvx2, kAvx512 };

std::string_view isa_name(Isa isa);  // "scalar", "avx2", "avx512"
std::optional<Isa> isa_from_name(std::string_view name);
Isa best_isa();               // what this CPU and operating system can run
bool isa_supported(Isa isa);  // by this CPU

// Attention of the query heads of one kv head, for consecutive tokens of one sequence. Token t
// sees keys 0 .. first_position + t, which have been written to the cache before.
struct AttentionTask {
  // [tokens][q_stride]; the group's heads are adjacent: [group][head_dim].
  const float* q = nullptr;
  int64_t q_stride = 0;  // floats between tokens
  float* out = nullptr;  // like q; must not overlap it
  int64_t out_stride = 0;
  int32_t tokens = 0;
  int32_t group = 0;           // query heads a kv head
  int32_t first_position = 0;  // of token 0
  float scale = 0;             // 1 / sqrt(head_dim)
  const KvLayout* layout = nullptr;
  const std::byte* pool = nullptr;  // start of this layer's blocks
  const int32_t* blocks = nullptr;  // block table of the sequence
  int32_t kv_head = 0;
  float* scratch = nullptr;  // attention_scratch_floats() floats, 64-byte aligned, one thread's own
};

// Scores of one chunk for the rows of a task, and the running sums.
size_t attention_scratch_floats(int32_t tokens, int32_t group, int32_t head_dim);

constexpr int32_t kSampleChunk = 256;  // logits

struct Kernels {
  Isa isa;

  // Quantises (or copies, for float weights) `count` values of one row, a multiple of 32, into
  // `out`, starting at column `column` (a multiple of 32) of row `token`.
  void (*store_activations)(const float* x, int32_t count, int32_t token, int32_t column,
                            Activations& out);

  // out[t][32 * (p - panel_begin) + r] for panels [panel_begin, panel_end) and all tokens t of `x`;
  // rows that pad the last panel come out as zeros. out_stride in floats.
  void (*matmul)(const PackedMatrix& w, int32_t panel_begin, int32_t panel_end,
                 const Activations& x, float* out, int64_t out_stride);

  // One row: out = x / sqrt(mean(x^2) + epsilon) * gain. May work in place.
  void (*rms_norm)(const float* x, const float* gain, float epsilon, int32_t count, float* out);

  // Rotates one head in place. cos, sin: [head_dim / 2]. `adjacent`: pairs (2i, 2i+1), as llama's
  // GGUF files have them; otherwise (i, i + head_dim / 2).
  void (*rope)(float* head, const float* cos, const float* sin, int32_t head_dim, bool adjacent);

  // out = silu(gate) * up.
  void (*swiglu)(const float* gate, const float* up, int32_t count, float* out);

  // x += y.
  void (*add)(float* x, const float* y, int32_t count);

  // Writes the key and value of one token ([kv_heads][head_dim] f32 each) into slot `slot` (0 to
  // 31) of a block (one layer's).
  void (*kv_store)(const KvLayout& layout, const float* k, const float* v, std::byte* block,
                   int32_t slot);

  void (*attention)(const AttentionTask& task);

  // Index of the largest value, the lowest among equals; NaN counts as -inf.
  int32_t (*argmax)(const float* x, int32_t count);

  // Scans of a row of logits for the sampler; NaN counts as -inf. maxima: the largest value of each
  // chunk of kSampleChunk.
  void (*chunk_maxima)(const float* x, int32_t count, float* maxima);

  // The ids of all x >= threshold, ascending; room for `count` ids. Returns how many.
  int32_t (*collect)(const float* x, int32_t count, const float* maxima, float threshold,
                     int32_t* ids);

  // e^((x - max) * inverse_temperature), rounded to a multiple of 2^-34, so that sums of up to 2^18
  // weights are exact in any order.
  void (*weights)(const float* x, int32_t count, float max, float inverse_temperature,
                  double* weights);

  // The sum of the weights of each chunk.
  void (*weight_sums)(const float* x, int32_t count, float max, float inverse_temperature,
                      const float* maxima, double* sums);
};

const Kernels& kernels_for(Isa isa);

}  // namespace sluice::kernels
