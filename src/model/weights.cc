#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>
#include <unordered_set>

#include "base/check.h"

namespace sluice::model {

// Collects what is to be packed, then allocates and packs everything at once.
class WeightBinder {
 public:
  WeightBinder(const loader::GgufFile& file, bool as_float, DecoderWeights& weights)
      : file_(file), as_float_(as_float), weights_(weights) {}

  // `as_float` unpacks this one to float32 even off the float path.
  Status matrix(const std::string& name, int64_t rows, int64_t columns,
                kernels::PackedMatrix& packed, bool as_float = false) {
    const TensorView tensor = TRY(shaped(name, rows, columns));
    auto planned = kernels::plan_packing(tensor, as_float || as_float_);
    if (!planned) {
      Error error = planned.error();
      error.where = file_.path() + ": tensor '" + name + "'";
      return std::unexpected(std::move(error));
    }
    packed = *planned;
    jobs_.push_back({tensor, &packed, bytes_});
    bytes_ += packed.bytes();
    return {};
  }

  // Whether one of these is stored as floats. Matrices that read the same activations must then all
  // take float ones.
  bool any_float(std::initializer_list<std::string> names) const {
    return std::ranges::any_of(names, [&](const std::string& name) {
      const TensorView* tensor = file_.find(name);
      return tensor != nullptr && info(tensor->dtype).block_values == 1;
    });
  }

  Result<const float*> vector(const std::string& name, int64_t count) {
    const TensorView tensor = TRY(shaped(name, 1, count));
    std::vector<float> values(static_cast<size_t>(count));
    kernels::dequantize_row(tensor, 0, values.data());
    return weights_.vectors_.emplace_back(std::move(values)).data();
  }

  Status pack(Team& team) {
    weights_.memory_ = TRY(AlignedBuffer::allocate(bytes_));
    weights_.packed_bytes_ = bytes_;
    for (Job& job : jobs_) job.packed->data = weights_.memory_.data() + job.offset;
    team.run([&](int worker) {
      for (const Job& job : jobs_) {
        const int64_t panels = job.packed->panels();
        const auto begin = static_cast<int32_t>(panels * worker / team.size());
        const auto end = static_cast<int32_t>(panels * (worker + 1) / team.size());
        kernels::pack_panels(job.tensor, begin, end, *job.packed);
        release_panels(job.tensor, begin, end);
      }
    });
    return {};
  }

  // What has been packed is not read again: the file and its packed form are never both in memory.
  void release_panels(const TensorView& tensor, int32_t begin, int32_t end) {
    const size_t panel_bytes = tensor.row_bytes() * static_cast<size_t>(kernels::kPanelRows);
    const size_t first = panel_bytes * static_cast<size_t>(begin);
    const size_t last = std::min(panel_bytes * static_cast<size_t>(end), tensor.data.size());
    if (first < last) file_.release(tensor.data.subspan(first, last - first));
  }

  // A tensor that nothing computes with (a bias of a variant, a layer beyond the count) means that
  // the answers would be wrong. Frequencies that old converters wrote are computed here.
  Status check_all_bound() const {
    for (const TensorView& tensor : file_.tensors()) {
      if (bound_.contains(tensor.name) || tensor.name.find(".attn_rot_embd") != std::string::npos) {
        continue;
      }
      return fail(Code::kUnsupported, file_.path() + ": tensor '" + tensor.name + "'",
                  "is no part of the models of this architecture that are supported",
                  "use another file of the model");
    }
    return {};
  }

  Result<TensorView> shaped(const std::string& name, int64_t rows, int64_t columns) {
    bound_.insert(name);
    const TensorView tensor = TRY(file_.tensor(name));
    if (tensor.rows() != rows || tensor.columns() != columns) {
      return fail(Code::kCorrupt, file_.path() + ": tensor '" + name + "'",
                  "shape is " + std::to_string(tensor.rows()) + " x " +
                      std::to_string(tensor.columns()) + ", the model's metadata says " +
                      std::to_string(rows) + " x " + std::to_string(columns),
                  "download the file again");
    }
    return tensor;
  }

 private:
  struct Job {
    TensorView tensor;
    kernels::PackedMatrix* packed;
    size_t offset;
  };
  const loader::GgufFile& file_;
  const bool as_float_;
  DecoderWeights& weights_;
  std::vector<Job> jobs_;
  std::unordered_set<std::string> bound_;
  size_t bytes_ = 0;
};

namespace {

Status bind_layer(WeightBinder& binder, const DecoderSpec& spec, int32_t index,
                  LayerWeights& layer) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const int32_t hidden = spec.hidden;
  layer.attention_norm = TRY(binder.vector(prefix + "attn_norm.weight", hidden));
  const std::string q = prefix + "attn_q.weight";
  const std::string k = prefix + "attn_k.weight";
  const std::string v = prefix + "attn_v.weight";
  const bool float_qkv = binder.any_float({q, k, v});
  TRY(binder.matrix(q, spec.q_columns(), hidden, layer.q, float_qkv));
  TRY(binder.matrix(k, spec.kv_columns(), hidden, layer.k, float_qkv));
  TRY(binder.matrix(v, spec.kv_columns(), hidden, layer.v, float_qkv));
  if (spec.qkv_bias) {
    layer.q_bias = TRY(binder.vector(prefix + "attn_q.bias", spec.q_columns()));
    layer.k_bias = TRY(binder.vector(prefix + "attn_k.bias", spec.kv_columns()));
    layer.v_bias = TRY(binder.vector(prefix + "attn_v.bias", spec.kv_columns()));
  }
  TRY(binder.matrix(prefix + "attn_output.weight", hidden, spec.q_columns(), layer.output));
  layer.ffn_norm = TRY(binder.vector(prefix + "ffn_norm.weight", hidden));
  const std::string gate = prefix + "ffn_gate.weight";
  const std::string up = prefix + "ffn_up.weight";
  const bool float_ffn = binder.any_float({gate, up});
  TRY(binder.matrix(gate, spec.feed_forward, hidden, layer.gate, float_ffn));
  TRY(binder.matrix(up, spec.feed_forward, hidden, layer.up, float_ffn));
  return binder.matrix(prefix + "ffn_down.weight", hidden, spec.feed_forward, layer.down);
}

}  // namespace

Result<std::unique_ptr<DecoderWeights>> DecoderWeights::load(const loader::GgufFile& file,
                                                             const DecoderSpec& spec, bool as_float,
                                                             Team& team) {
  auto weights = std::make_unique<DecoderWeights>();
  WeightBinder binder(file, as_float, *weights);
  weights->layers_.resize(static_cast<size_t>(spec.layers));
  for (int32_t i = 0; i < spec.layers; ++i) {
    TRY(bind_layer(binder, spec, i, weights->layers_[static_cast<size_t>(i)]));
  }
  weights->output_norm_ = TRY(binder.vector("output_norm.weight", spec.hidden));
  const bool tied = !file.find("output.weight");
  const std::string head_name = tied ? "token_embd.weight" : "output.weight";
  TRY(binder.matrix(head_name, spec.vocab_size, spec.hidden, weights->head_));
  if (file.find("rope_freqs.weight")) {
    const float* factors = TRY(binder.vector("rope_freqs.weight", spec.head_dim / 2));
    weights->rope_factors_.assign(factors, factors + spec.head_dim / 2);
  }
  if (!tied) {
    weights->embedding_ = TRY(binder.shaped("token_embd.weight", spec.vocab_size, spec.hidden));
    const std::span<const std::byte> source = weights->embedding_.data;
    weights->embedding_memory_ = TRY(AlignedBuffer::allocate(source.size()));
    std::memcpy(weights->embedding_memory_.data(), source.data(), source.size());
    weights->embedding_.data = {weights->embedding_memory_.data(), source.size()};
    file.release(source);
  }
  TRY(binder.check_all_bound());
  TRY(binder.pack(team));
  return weights;
}

void DecoderWeights::embed(int32_t id, float* out) const {
  if (embedding_.data.empty()) {
    kernels::unpack_row(head_, id, out);
  } else {
    kernels::dequantize_row(embedding_, id, out);
  }
}

}  // namespace sluice::model
