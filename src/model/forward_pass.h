// One step of a decoder on the CPU, as the workers of a team compute it. Internal to CpuRunner.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/cpu_runner.h"
#include "model/work_split.h"

namespace sluice::model {

// Query tokens of one slice that attend together; a row's result does not depend on the tiling.
constexpr int32_t kAttentionTileTokens = 8;

struct AttentionUnit {
  int32_t slice = 0;
  int32_t first_token = 0;  // in the slice
  int32_t tokens = 0;
  int32_t kv_head = 0;
};

// Scratch memory and flattened input of one step; reused by the next. Owned by CpuRunner.
struct CpuRunner::Step {
  // The flattened rows, in the order of the slices.
  std::vector<SequenceSlice> slices;
  std::vector<int32_t> slice_first_row;
  std::vector<int32_t> token_ids;
  std::vector<int32_t> positions;
  std::vector<int32_t> row_slices;    // slice of each row
  std::vector<int32_t> sampled_rows;  // rows whose logits are wanted
  std::vector<AttentionUnit> attention_units;
  std::vector<int32_t> argmax_ids;  // per sampled row, -1 where logits are given
  std::vector<uint8_t> argmax_wanted;
  bool submitted = false;

  AlignedBuffer memory;                  // all of the pointers below
  float* hidden = nullptr;               // [rows][hidden]
  float* qkv = nullptr;                  // [rows][qkv_stride]
  float* attention = nullptr;            // [rows][q_columns]
  float* rope = nullptr;                 // [rows][head_dim]: cos, then sin
  std::byte* activations = nullptr;      // for the products that read a normed row or attention
  std::byte* ffn_activations = nullptr;  // for the down product
  AlignedBuffer logits;                  // [sampled_rows_max][vocab]
  std::vector<float*> worker_scratch;    // [workers], worker_scratch_floats each
  int64_t qkv_stride = 0;
  int64_t k_offset = 0;  // of k and v in a qkv row
  int64_t v_offset = 0;
  WorkSplit split;
};

class ForwardPass {
 public:
  ForwardPass(CpuRunner& runner, int worker);
  void run();

  // Floats of one worker's scratch memory.
  static size_t scratch_floats(const DecoderSpec& spec, int32_t step_tokens_max);

 private:
  void embed();
  void norm_rows(const float* gain);
  void qkv_products(const LayerWeights& layer);
  void rotate_and_store(int32_t layer);
  void attend(int32_t layer);
  void attention_tile(const AttentionUnit& unit, int32_t layer);
  void residual_product(const kernels::PackedMatrix& weights, const kernels::Activations& input);
  void gate_up_products(const LayerWeights& layer);
  void head();

  // Announces the units of the coming stage, waits for the others, then `body(range)` for each
  // piece this worker gets.
  template <typename Body>
  void stage(int32_t units, int32_t piece_max, Body body);
  int32_t piece_of_panels(int32_t rows, int32_t buffers) const;

  CpuRunner& runner_;
  CpuRunner::Step& step_;
  const DecoderSpec& spec_;
  const kernels::Kernels& kernels_;
  const int worker_;
  const int workers_;
  const int32_t rows_;
  float* scratch_;
  kernels::Activations activations_;
  kernels::Activations ffn_activations_;
  bool sense_ = false;
  int stage_ = 0;
};

}  // namespace sluice::model
