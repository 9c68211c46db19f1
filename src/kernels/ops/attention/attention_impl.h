// Attention of one kv head over a paged cache, by the numerics contract: keys in absolute chunks of
// 256 positions; in a chunk each score is one chain over the dims, then the exact maximum over the
// visible keys, sums in sixteen lanes, and each output one chain over the visible keys; chunks
// merge in ascending order. A row (a token's query head) never depends on the rows computed beside
// it.
//
// Rows are taken 64 at a time, in register tiles that share each load of K or V; rows of a task are
// ordered by token, so that the rows that see a block are the last ones of the tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/ops/attention/attention_scratch.h"
#include "kernels/ops/kv_store/kv_parts.h"
#include "kernels/ops/lanes/exp.h"

namespace sluice::kernels {

// Scores of R rows and the N * 16 keys from `token` on. Each broadcast of q serves N products.
template <typename V, typename Part, int R, int N>
[[gnu::always_inline]] inline void score_tile(const float* const* q, const std::byte* keys,
                                              int32_t head_dim, int32_t token, float scale,
                                              float* scores) {
  typename V::F acc[R][N];
  const float* rows[R];
  for (int r = 0; r < R; ++r) {
    rows[r] = q[r];
    for (int n = 0; n < N; ++n) acc[r][n] = V::set(0.0f);
  }
  for (int32_t d = 0; d < head_dim; d += 2) {
    typename V::F even[N], odd[N];
#pragma clang loop unroll(full)
    for (int n = 0; n < N; ++n) Part::load_keys(keys, d / 2, token + n * 16, even[n], odd[n]);
#pragma clang loop unroll(full)
    for (int r = 0; r < R; ++r) {
      const auto a = V::set(rows[r][d]);
      for (int n = 0; n < N; ++n) acc[r][n] = V::fma(a, even[n], acc[r][n]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; ++r) {
      const auto a = V::set(rows[r][d + 1]);
      for (int n = 0; n < N; ++n) acc[r][n] = V::fma(a, odd[n], acc[r][n]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      V::store(scores + r * kAttentionChunk + n * 16, V::mul(acc[r][n], V::set(scale)));
    }
  }
}

// acc[r] += p[r][key] * V[key] for keys [begin, end) of a block, begin even; N * 16 dims from
// `dim`.
template <typename V, typename Part, int R, int N>
[[gnu::always_inline]] inline void value_tile(const float* p, const std::byte* values,
                                              int32_t head_dim, int32_t dim, int32_t begin,
                                              int32_t end, float* acc_rows) {
  typename V::F acc[R][N];
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) acc[r][n] = V::load(acc_rows + r * head_dim + dim + n * 16);
  }
  int32_t key = begin;
  for (; key + 2 <= end; key += 2) {
    typename V::F even[N], odd[N];
#pragma clang loop unroll(full)
    for (int n = 0; n < N; ++n) {
      Part::load_values(values, head_dim, key / 2, dim + n * 16, even[n], odd[n]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; ++r) {
      const auto a = V::set(p[r * kAttentionChunk + key]);
      for (int n = 0; n < N; ++n) acc[r][n] = V::fma(a, even[n], acc[r][n]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; ++r) {
      const auto a = V::set(p[r * kAttentionChunk + key + 1]);
      for (int n = 0; n < N; ++n) acc[r][n] = V::fma(a, odd[n], acc[r][n]);
    }
  }
  if (key < end) {
    for (int n = 0; n < N; ++n) {
      typename V::F even, odd;
      Part::load_values(values, head_dim, key / 2, dim + n * 16, even, odd);
      for (int r = 0; r < R; ++r) {
        acc[r][n] = V::fma(V::set(p[r * kAttentionChunk + key]), even, acc[r][n]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) V::store(acc_rows + r * head_dim + dim + n * 16, acc[r][n]);
  }
}

template <typename V, typename Part, int R>
inline void score_block(const float* const* q, const std::byte* keys, int32_t head_dim,
                        int32_t visible, float scale, float* scores) {
  constexpr int kN = V::kValueVectors;
  if (visible > 16 && kN == 2) {
    score_tile<V, Part, R, kN>(q, keys, head_dim, 0, scale, scores);
    return;
  }
  score_tile<V, Part, R, 1>(q, keys, head_dim, 0, scale, scores);
  if (visible > 16) score_tile<V, Part, R, 1>(q, keys, head_dim, 16, scale, scores + 16);
}

template <typename V, typename Part, int R>
inline void value_block(const float* p, const std::byte* values, int32_t head_dim, int32_t begin,
                        int32_t end, float* acc) {
  constexpr int kN = V::kValueVectors;
  int32_t dim = 0;
  for (; dim + kN * 16 <= head_dim; dim += kN * 16) {
    value_tile<V, Part, R, kN>(p, values, head_dim, dim, begin, end, acc);
  }
  for (; dim < head_dim; dim += 16) {
    value_tile<V, Part, R, 1>(p, values, head_dim, dim, begin, end, acc);
  }
}

// One tile of rows on its way through the chunks.
template <typename V, typename Part>
struct AttentionTile {
  const AttentionTask& task;
  int32_t head_dim;
  size_t part_bytes;
  size_t block_bytes;
  size_t head_offset;
  int32_t rows = 0;
  const float* q[kAttentionRows];
  float* out[kAttentionRows];
  int32_t position[kAttentionRows];
  float* scores = nullptr;   // [rows][256]
  float* acc = nullptr;      // [rows][head_dim] of the chunk
  float* maximum = nullptr;  // [rows] so far
  float* sum = nullptr;

  explicit AttentionTile(const AttentionTask& t)
      : task(t),
        head_dim(t.layout->head_dim),
        part_bytes(t.layout->part_bytes()),
        block_bytes(part_bytes * 2 * static_cast<size_t>(t.layout->kv_heads)),
        head_offset(part_bytes * 2 * static_cast<size_t>(t.kv_head)) {
    scores = t.scratch;
    acc = scores + kAttentionRows * kAttentionChunk;
    maximum = acc + kAttentionRows * head_dim;
    sum = maximum + kAttentionRows;
  }

  void take_rows(int64_t begin, int64_t end) {
    rows = static_cast<int32_t>(end - begin);
    for (int32_t r = 0; r < rows; ++r) {
      const int64_t token = (begin + r) / task.group;
      const int64_t head = (begin + r) % task.group;
      q[r] = task.q + token * task.q_stride + head * head_dim;
      out[r] = task.out + token * task.out_stride + head * head_dim;
      position[r] = task.first_position + static_cast<int32_t>(token);
    }
  }

  // Keys of the chunk that row r sees.
  int32_t visible(int32_t r, int32_t chunk_begin) const {
    const int32_t n = position[r] + 1 - chunk_begin;
    return n < 0 ? 0 : n > kAttentionChunk ? kAttentionChunk : n;
  }

  const std::byte* block_of(int32_t chunk_begin, int32_t key) const {
    const int32_t index = (chunk_begin + key) / kKvBlockTokens;
    return task.pool + static_cast<size_t>(task.blocks[index]) * block_bytes + head_offset;
  }

  // Calls fn<R>(row) for register tiles that cover rows [begin, rows).
  template <typename Fn>
  [[gnu::always_inline]] void for_row_tiles(int32_t begin, Fn fn) const {
    int32_t r = begin;
    for (; r + V::kRowTile <= rows; r += V::kRowTile) {
      fn.template operator()<V::kRowTile>(r);
    }
    switch (rows - r) {
      case 1: fn.template operator()<1>(r); break;
      case 2: fn.template operator()<2>(r); break;
      case 3: fn.template operator()<3>(r); break;
      default:
        if constexpr (V::kRowTile > 4) {
          switch (rows - r) {
            case 4: fn.template operator()<4>(r); break;
            case 5: fn.template operator()<5>(r); break;
            case 6: fn.template operator()<6>(r); break;
            case 7: fn.template operator()<7>(r); break;
            default: break;
          }
        }
    }
  }

  int32_t first_row_that_sees(int32_t chunk_begin, int32_t key, int32_t from) const {
    while (from < rows && visible(from, chunk_begin) <= key) ++from;
    return from;
  }

  void score_chunk(int32_t chunk_begin, int32_t begin) {
    const int32_t keys = visible(rows - 1, chunk_begin);
    for (int32_t key = 0; key < keys; key += kKvBlockTokens) {
      begin = first_row_that_sees(chunk_begin, key, begin);
      const std::byte* block = block_of(chunk_begin, key);
      const std::byte* values = block + part_bytes;
      for (size_t byte = 0; byte < part_bytes; byte += 64) __builtin_prefetch(values + byte, 0, 2);
      for_row_tiles(begin, [&]<int R>(int32_t r) {
        score_block<V, Part, R>(q + r, block, head_dim, keys - key, task.scale,
                                scores + r * kAttentionChunk + key);
      });
    }
  }

  // Turns the scores of a row into weights; leaves the chunk's maximum and sum.
  void soften(int32_t r, int32_t n, float& chunk_maximum, float& chunk_sum) {
    float* row = scores + r * kAttentionChunk;
    const float lowest = -__builtin_inff();
    auto m = V::set(lowest);
    for (int32_t i = 0; i < n; i += 16) m = V::max(V::keep_n(V::load(row + i), n - i, lowest), m);
    chunk_maximum = V::reduce_max(m);
    m = V::set(chunk_maximum);
    auto s = V::set(0.0f);
    for (int32_t i = 0; i < n; i += 16) {
      const auto e = exp_lanes<V>(V::sub(V::load(row + i), m));
      const auto p = V::keep_n(e, n - i, 0.0f);
      V::store(row + i, p);
      s = V::add(s, p);
    }
    chunk_sum = V::reduce_add(s);
  }

  void weigh_values(int32_t chunk_begin, int32_t begin) {
    for (int32_t i = begin * head_dim; i < rows * head_dim; i += 16) {
      V::store(acc + i, V::set(0.0f));
    }
    const int32_t keys = visible(rows - 1, chunk_begin);
    for (int32_t key = 0; key < keys; key += kKvBlockTokens) {
      begin = first_row_that_sees(chunk_begin, key, begin);
      const std::byte* values = block_of(chunk_begin, key) + part_bytes;
      if (key + kKvBlockTokens < keys) {
        const std::byte* next = block_of(chunk_begin, key + kKvBlockTokens) + part_bytes;
        for (size_t byte = 0; byte < part_bytes; byte += 64) __builtin_prefetch(next + byte, 0, 3);
      }
      for_row_tiles(begin, [&]<int R>(int32_t r) {
        // The keys that all R rows see together, then each row's own rest: a hidden value is
        // never touched, and each row's chain ascends.
        int32_t common = visible(r, chunk_begin) - key;
        common = common >= kKvBlockTokens ? kKvBlockTokens : common;
        const int32_t last = visible(r + R - 1, chunk_begin) - key;
        if (last > common) common &= ~1;
        const float* p = scores + r * kAttentionChunk + key;
        value_block<V, Part, R>(p, values, head_dim, 0, common, acc + r * head_dim);
        if (common == kKvBlockTokens) return;
        for (int i = 0; i < R; ++i) {
          int32_t own = visible(r + i, chunk_begin) - key;
          own = own > kKvBlockTokens ? kKvBlockTokens : own;
          if (own > common) {
            value_block<V, Part, 1>(p + i * kAttentionChunk, values, head_dim, common, own,
                                    acc + (r + i) * head_dim);
          }
        }
      });
    }
  }

  void merge(int32_t r, bool first, float chunk_maximum, float chunk_sum) {
    const float* from = acc + r * head_dim;
    if (first) {
      maximum[r] = chunk_maximum;
      sum[r] = chunk_sum;
      for (int32_t d = 0; d < head_dim; d += 16) V::store(out[r] + d, V::load(from + d));
      return;
    }
    const float both = chunk_maximum > maximum[r] ? chunk_maximum : maximum[r];
    float exponents[16] = {maximum[r] - both, chunk_maximum - both};
    V::store(exponents, exp_lanes<V>(V::load(exponents)));
    const auto old_factor = V::set(exponents[0]);
    const auto new_factor = V::set(exponents[1]);
    sum[r] = __builtin_fmaf(sum[r], exponents[0], chunk_sum * exponents[1]);
    maximum[r] = both;
    for (int32_t d = 0; d < head_dim; d += 16) {
      const auto scaled = V::mul(V::load(from + d), new_factor);
      V::store(out[r] + d, V::fma(V::load(out[r] + d), old_factor, scaled));
    }
  }

  void run() {
    const int32_t last = position[rows - 1];
    for (int32_t chunk_begin = 0; chunk_begin <= last; chunk_begin += kAttentionChunk) {
      const int32_t begin = first_row_that_sees(chunk_begin, 0, 0);
      score_chunk(chunk_begin, begin);
      float chunk_maximum[kAttentionRows];
      float chunk_sum[kAttentionRows];
      for (int32_t r = begin; r < rows; ++r) {
        soften(r, visible(r, chunk_begin), chunk_maximum[r], chunk_sum[r]);
      }
      weigh_values(chunk_begin, begin);
      for (int32_t r = begin; r < rows; ++r) {
        merge(r, chunk_begin == 0, chunk_maximum[r], chunk_sum[r]);
      }
    }
    for (int32_t r = 0; r < rows; ++r) {
      const auto inverse = V::set(1.0f / sum[r]);
      for (int32_t d = 0; d < head_dim; d += 16) {
        V::store(out[r] + d, V::mul(V::load(out[r] + d), inverse));
      }
    }
  }
};

template <typename V, typename Part>
inline void attend_with(const AttentionTask& task) {
  AttentionTile<V, Part> tile(task);
  const int64_t rows = static_cast<int64_t>(task.tokens) * task.group;
  for (int64_t begin = 0; begin < rows; begin += kAttentionRows) {
    tile.take_rows(begin, rows - begin < kAttentionRows ? rows : begin + kAttentionRows);
    tile.run();
  }
}

template <typename V>
inline void attend(const AttentionTask& task) {
  if (task.layout->dtype == KvDType::kBF16) {
    attend_with<V, Bf16Part<V>>(task);
  } else {
    attend_with<V, F32Part<V>>(task);
  }
}

}  // namespace sluice::kernels
