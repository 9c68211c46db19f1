#include "model/forward_pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sluice::model {
namespace {

using kernels::kPanelRows;
using kernels::PackedMatrix;

// Floats of product output that a worker keeps hot between a product and what follows it.
constexpr int32_t kTileFloats = 32 * 1024;
constexpr int32_t kPiecePanelsMax = 16;

}  // namespace

ForwardPass::ForwardPass(CpuRunner& runner, int worker)
    : runner_(runner),
      step_(*runner.step_),
      spec_(runner.spec_),
      kernels_(*runner.kernels_),
      worker_(worker),
      workers_(runner.team_->size()),
      rows_(static_cast<int32_t>(step_.token_ids.size())),
      scratch_(step_.worker_scratch[static_cast<size_t>(worker)]) {
  ffn_activations_.bind(step_.ffn_activations, rows_, spec_.feed_forward,
                        runner.options_.float_weights);
}

size_t ForwardPass::scratch_floats(const DecoderSpec& spec, int32_t step_tokens_max) {
  const size_t tile = static_cast<size_t>(std::max(kTileFloats, 2 * kPanelRows * step_tokens_max));
  const size_t row = static_cast<size_t>(std::max({spec.hidden, kPiecePanelsMax * kPanelRows}));
  const size_t attention =
      kernels::attention_scratch_floats(kAttentionTileTokens, spec.group(), spec.head_dim);
  return (tile + row + 2 * kPanelRows + attention + 63) / 16 * 16;
}

template <typename Body>
void ForwardPass::stage(int32_t units, int32_t piece_max, Body body) {
  step_.split.prepare(stage_, worker_, workers_, units);
  runner_.team_->barrier(sense_);
  while (true) {
    const UnitRange range = step_.split.take(stage_, worker_, workers_, piece_max);
    if (range.empty()) break;
    body(range);
  }
  ++stage_;
}

// How many panels of `rows` rows fit `buffers` times into the hot tile.
int32_t ForwardPass::piece_of_panels(int32_t rows, int32_t buffers) const {
  return std::clamp(kTileFloats / (kPanelRows * std::max(rows, 1) * buffers), 1, kPiecePanelsMax);
}

void ForwardPass::run() {
  embed();
  for (int32_t i = 0; i < spec_.layers; ++i) {
    const LayerWeights& layer = runner_.weights_->layers()[static_cast<size_t>(i)];
    activations_.bind(step_.activations, rows_, spec_.hidden, layer.q.float_activations());
    norm_rows(layer.attention_norm);
    qkv_products(layer);
    rotate_and_store(i);
    activations_.bind(step_.activations, rows_, spec_.q_columns(),
                      layer.output.float_activations());
    attend(i);
    residual_product(layer.output, activations_);
    activations_.bind(step_.activations, rows_, spec_.hidden, layer.gate.float_activations());
    norm_rows(layer.ffn_norm);
    ffn_activations_.bind(step_.ffn_activations, rows_, spec_.feed_forward,
                          layer.down.float_activations());
    gate_up_products(layer);
    residual_product(layer.down, ffn_activations_);
  }
  if (!step_.sampled_rows.empty()) head();
}

void ForwardPass::embed() {
  stage(rows_, rows_, [&](UnitRange range) {
    const int32_t pairs = spec_.head_dim / 2;
    for (int32_t row = range.begin; row < range.end; ++row) {
      const auto index = static_cast<size_t>(row);
      runner_.weights_->embed(step_.token_ids[index],
                              step_.hidden + static_cast<int64_t>(row) * spec_.hidden);
      float* cos = step_.rope + static_cast<int64_t>(row) * spec_.head_dim;
      for (int32_t i = 0; i < pairs; ++i) {
        const double angle =
            step_.positions[index] * runner_.rope_frequencies_[static_cast<size_t>(i)];
        cos[i] = static_cast<float>(std::cos(angle));
        cos[pairs + i] = static_cast<float>(std::sin(angle));
      }
    }
  });
}

void ForwardPass::norm_rows(const float* gain) {
  stage(rows_, rows_, [&](UnitRange range) {
    for (int32_t row = range.begin; row < range.end; ++row) {
      kernels_.rms_norm(step_.hidden + static_cast<int64_t>(row) * spec_.hidden, gain,
                        spec_.rms_epsilon, spec_.hidden, scratch_);
      kernels_.store_activations(scratch_, spec_.hidden, row, 0, activations_);
    }
  });
}

void ForwardPass::qkv_products(const LayerWeights& layer) {
  struct Part {
    const PackedMatrix& weights;
    const float* bias;
    int64_t offset;
    int32_t first_panel;
  };
  const int32_t q_panels = layer.q.panels();
  const int32_t k_panels = layer.k.panels();
  const Part parts[] = {
      {layer.q, layer.q_bias, 0, 0},
      {layer.k, layer.k_bias, step_.k_offset, q_panels},
      {layer.v, layer.v_bias, step_.v_offset, q_panels + k_panels},
  };
  const int32_t units = q_panels + k_panels + layer.v.panels();
  stage(units, kPiecePanelsMax, [&](UnitRange range) {
    for (const Part& part : parts) {
      const int32_t begin = std::max(range.begin - part.first_panel, 0);
      const int32_t end = std::min(range.end - part.first_panel, part.weights.panels());
      if (begin >= end) continue;
      float* out = step_.qkv + part.offset + static_cast<int64_t>(begin) * kPanelRows;
      kernels_.matmul(part.weights, begin, end, activations_, out, step_.qkv_stride);
      if (part.bias == nullptr) continue;
      const int32_t columns = std::min(end * kPanelRows, part.weights.rows) - begin * kPanelRows;
      for (int32_t row = 0; row < rows_; ++row) {
        kernels_.add(out + row * step_.qkv_stride, part.bias + begin * kPanelRows, columns);
      }
    }
  });
}

void ForwardPass::rotate_and_store(int32_t layer) {
  const kernels::KvLayout& layout = runner_.kv_layout_;
  std::byte* pool = runner_.kv_pool_.data() + static_cast<size_t>(layer) *
                                                  static_cast<size_t>(runner_.info_.block_count) *
                                                  layout.block_bytes();
  const int32_t head_dim = spec_.head_dim;
  stage(rows_, rows_, [&](UnitRange range) {
    for (int32_t row = range.begin; row < range.end; ++row) {
      const float* cos = step_.rope + static_cast<int64_t>(row) * head_dim;
      const float* sin = cos + head_dim / 2;
      float* qkv = step_.qkv + row * step_.qkv_stride;
      for (int32_t head = 0; head < spec_.heads; ++head) {
        kernels_.rope(qkv + static_cast<int64_t>(head) * head_dim, cos, sin, head_dim,
                      spec_.rope_adjacent);
      }
      float* k = qkv + step_.k_offset;
      for (int32_t head = 0; head < spec_.kv_heads; ++head) {
        kernels_.rope(k + static_cast<int64_t>(head) * head_dim, cos, sin, head_dim,
                      spec_.rope_adjacent);
      }
      const int32_t position = step_.positions[static_cast<size_t>(row)];
      const SequenceSlice& slice =
          step_.slices[static_cast<size_t>(step_.row_slices[static_cast<size_t>(row)])];
      const int32_t block = slice.blocks[static_cast<size_t>(position / kBlockTokens)];
      kernels_.kv_store(layout, k, qkv + step_.v_offset,
                        pool + static_cast<size_t>(block) * layout.block_bytes(),
                        position % kBlockTokens);
    }
  });
}

void ForwardPass::attention_tile(const AttentionUnit& unit, int32_t layer) {
  const SequenceSlice& slice = step_.slices[static_cast<size_t>(unit.slice)];
  const int32_t row = step_.slice_first_row[static_cast<size_t>(unit.slice)] + unit.first_token;
  const int64_t head_offset = static_cast<int64_t>(unit.kv_head) * spec_.group() * spec_.head_dim;
  kernels::AttentionTask task;
  task.q = step_.qkv + row * step_.qkv_stride + head_offset;
  task.q_stride = step_.qkv_stride;
  task.out = step_.attention + static_cast<int64_t>(row) * spec_.q_columns() + head_offset;
  task.out_stride = spec_.q_columns();
  task.tokens = unit.tokens;
  task.group = spec_.group();
  task.first_position = slice.position + unit.first_token;
  task.scale = 1.0f / std::sqrt(static_cast<float>(spec_.head_dim));
  task.layout = &runner_.kv_layout_;
  task.pool = runner_.kv_pool_.data() + static_cast<size_t>(layer) *
                                            static_cast<size_t>(runner_.info_.block_count) *
                                            runner_.kv_layout_.block_bytes();
  task.blocks = slice.blocks.data();
  task.kv_head = unit.kv_head;
  task.scratch = scratch_;
  kernels_.attention(task);
}

void ForwardPass::attend(int32_t layer) {
  stage(static_cast<int32_t>(step_.attention_units.size()), 1, [&](UnitRange range) {
    for (int32_t i = range.begin; i < range.end; ++i) {
      attention_tile(step_.attention_units[static_cast<size_t>(i)], layer);
    }
  });
  stage(rows_, rows_, [&](UnitRange range) {
    for (int32_t row = range.begin; row < range.end; ++row) {
      kernels_.store_activations(step_.attention + static_cast<int64_t>(row) * spec_.q_columns(),
                                 spec_.q_columns(), row, 0, activations_);
    }
  });
}

// hidden += input * weights.
void ForwardPass::residual_product(const PackedMatrix& weights, const kernels::Activations& input) {
  stage(weights.panels(), piece_of_panels(rows_, 1), [&](UnitRange range) {
    const int64_t stride = static_cast<int64_t>(range.end - range.begin) * kPanelRows;
    kernels_.matmul(weights, range.begin, range.end, input, scratch_, stride);
    const int32_t first = range.begin * kPanelRows;
    const int32_t columns = std::min(range.end * kPanelRows, weights.rows) - first;
    for (int32_t row = 0; row < rows_; ++row) {
      kernels_.add(step_.hidden + static_cast<int64_t>(row) * spec_.hidden + first,
                   scratch_ + row * stride, columns);
    }
  });
}

// A unit is one panel of gate and the same one of up: 32 values of the down product's input, which
// is one group of its quantisation.
void ForwardPass::gate_up_products(const LayerWeights& layer) {
  stage(layer.gate.panels(), piece_of_panels(rows_, 2), [&](UnitRange range) {
    const int32_t columns = (range.end - range.begin) * kPanelRows;
    float* gate = scratch_;
    float* up = scratch_ + static_cast<int64_t>(columns) * rows_;
    float* product = up + static_cast<int64_t>(columns) * rows_;
    kernels_.matmul(layer.gate, range.begin, range.end, activations_, gate, columns);
    kernels_.matmul(layer.up, range.begin, range.end, activations_, up, columns);
    for (int32_t row = 0; row < rows_; ++row) {
      const int64_t offset = static_cast<int64_t>(row) * columns;
      kernels_.swiglu(gate + offset, up + offset, columns, product);
      kernels_.store_activations(product, columns, row, range.begin * kPanelRows, ffn_activations_);
    }
  });
}

void ForwardPass::head() {
  const PackedMatrix& weights = runner_.weights_->head();
  const auto sampled = static_cast<int32_t>(step_.sampled_rows.size());
  const int64_t vocab = spec_.vocab_size;
  auto* logits = reinterpret_cast<float*>(step_.logits.data());
  // Norm of the sampled rows only, into the front of the activations.
  activations_.bind(step_.activations, sampled, spec_.hidden, weights.float_activations());
  stage(sampled, sampled, [&](UnitRange range) {
    for (int32_t i = range.begin; i < range.end; ++i) {
      const int64_t row = step_.sampled_rows[static_cast<size_t>(i)];
      kernels_.rms_norm(step_.hidden + row * spec_.hidden, runner_.weights_->output_norm(),
                        spec_.rms_epsilon, spec_.hidden, scratch_);
      kernels_.store_activations(scratch_, spec_.hidden, i, 0, activations_);
    }
  });
  const bool partial = vocab % kPanelRows != 0;
  const int32_t whole = static_cast<int32_t>(vocab / kPanelRows);
  stage(weights.panels(), 64, [&](UnitRange range) {
    const int32_t end = std::min(range.end, whole);
    if (range.begin < end) {
      kernels_.matmul(weights, range.begin, end, activations_,
                      logits + static_cast<int64_t>(range.begin) * kPanelRows, vocab);
    }
    if (partial && range.end > whole) {
      kernels_.matmul(weights, whole, whole + 1, activations_, scratch_, kPanelRows);
      for (int32_t i = 0; i < sampled; ++i) {
        std::memcpy(logits + i * vocab + static_cast<int64_t>(whole) * kPanelRows,
                    scratch_ + static_cast<int64_t>(i) * kPanelRows,
                    static_cast<size_t>(vocab % kPanelRows) * sizeof(float));
      }
    }
  });
  stage(sampled, 1, [&](UnitRange range) {
    for (int32_t i = range.begin; i < range.end; ++i) {
      if (!step_.argmax_wanted[static_cast<size_t>(i)]) continue;
      step_.argmax_ids[static_cast<size_t>(i)] =
          kernels_.argmax(logits + i * vocab, spec_.vocab_size);
    }
  });
}

}  // namespace sluice::model
