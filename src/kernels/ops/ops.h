// The operations other than matrix products, one function an ISA; dispatch.cc puts them into the
// kernel table, whose comments (kernels.h) say what each does.
//
// Every ISA instantiates the same templates (*_impl.h) over sixteen float32 lanes (lanes16_*.h), so
// that scalar, AVX2 and AVX-512 agree bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace sluice::kernels {

#define SLUICE_DECLARE_OPS(isa)                                                                 \
  void rms_norm_##isa(const float* x, const float* gain, float epsilon, int32_t count,          \
                      float* out);                                                              \
  void rope_##isa(float* head, const float* cos, const float* sin, int32_t head_dim,            \
                  bool adjacent);                                                               \
  void swiglu_##isa(const float* gate, const float* up, int32_t count, float* out);             \
  void add_##isa(float* x, const float* y, int32_t count);                                      \
  void kv_store_##isa(const KvLayout& layout, const float* k, const float* v, std::byte* block, \
                      int32_t slot);                                                            \
  void attention_##isa(const AttentionTask& task);                                              \
  int32_t argmax_##isa(const float* x, int32_t count);                                          \
  void chunk_maxima_##isa(const float* x, int32_t count, float* maxima);                        \
  int32_t collect_##isa(const float* x, int32_t count, const float* maxima, float threshold,    \
                        int32_t* ids);                                                          \
  void weights_##isa(const float* x, int32_t count, float max, float inverse_temperature,       \
                     double* weights);                                                          \
  void weight_sums_##isa(const float* x, int32_t count, float max, float inverse_temperature,   \
                         const float* maxima, double* sums);

SLUICE_DECLARE_OPS(scalar)
SLUICE_DECLARE_OPS(avx2)
SLUICE_DECLARE_OPS(avx512)

#undef SLUICE_DECLARE_OPS

}  // namespace sluice::kernels
