// Matrix products at the shapes of Qwen2.5-0.5B with cold weights: the benchmark walks copies of
// the matrix that together exceed the L3 cache.
//   build/release/bin/matmul_bench --benchmark_filter='Q5_0.*896x4864'
// Counters: GMAC/s, GB/s of packed weights, and the share of this core's vpdpbusd peak, measured
// at the start by a loop on registers only. Compare GB/s with the Read benchmark.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "kernels/kernels.h"
#include "kernels/quant/products.h"
#include "kernels/quant/test_tensors.h"
#include "tensor/aligned_buffer.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::kernels {
namespace {

constexpr size_t kColdBytes = size_t{96} << 20;

[[gnu::target("avx512f,avx512vnni"), gnu::noinline]] int64_t dot_products(int64_t rounds) {
  constexpr int kChains = 12;
  __m512i sums[kChains];
  const __m512i weights = _mm512_set1_epi32(0x01010101);
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int chain = 0; chain < kChains; ++chain) {
      __asm__("vpdpbusd %1, %1, %0" : "+v"(sums[chain]) : "v"(weights));
    }
  }
  int64_t total = 0;
  for (const auto& sum : sums) total += _mm512_reduce_add_epi32(sum);
  benchmark::DoNotOptimize(total);
  return rounds * kChains * 64;
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Multiplications a second that this core can do on int8.
double peak() {
  if (best_isa() != Isa::kAvx512) return 0;
  static const double best = [] {
    double highest = 0;
    for (int round = 0; round < 7; ++round) {
      const double start = thread_seconds();
      const auto work = static_cast<double>(dot_products(4'000'000));
      highest = std::max(highest, work / (thread_seconds() - start));
    }
    return highest;
  }();
  return best;
}

void matmul_bench(benchmark::State& state, DType dtype, int32_t rows, int32_t columns, Isa isa) {
  const auto tokens = static_cast<int32_t>(state.range(0));
  const TestTensor tensor = random_tensor(dtype, rows, columns, 1);
  PackedMatrix packed = plan_packing(tensor.view, false).value();
  const size_t copies = std::max<size_t>(1, (kColdBytes + packed.bytes() - 1) / packed.bytes());
  const AlignedBuffer memory = AlignedBuffer::allocate(copies * packed.bytes()).value();
  packed.data = memory.data();
  pack_panels(tensor.view, 0, packed.panels(), packed);
  for (size_t copy = 1; copy < copies; ++copy) {
    std::memcpy(memory.data() + copy * packed.bytes(), memory.data(), packed.bytes());
  }
  const auto store = isa == Isa::kScalar ? store_activations_scalar
                     : isa == Isa::kAvx2 ? store_activations_avx2
                                         : store_activations_avx512;
  const auto multiply = isa == Isa::kScalar ? matmul_scalar
                        : isa == Isa::kAvx2 ? matmul_avx2
                                            : matmul_avx512;
  const auto x = random_floats(static_cast<size_t>(tokens) * static_cast<size_t>(columns), 2);
  const AlignedBytes activation_memory = aligned_bytes(Activations::bytes_needed(tokens, columns));
  Activations activations;
  activations.bind(activation_memory.get(), tokens, columns, packed.float_activations());
  for (int32_t t = 0; t < tokens; ++t) {
    store(x.data() + static_cast<int64_t>(t) * columns, columns, t, 0, activations);
  }
  const int64_t stride = packed.panels() * 32;
  std::vector<float> out(static_cast<size_t>(stride * tokens));
  size_t copy = 0;
  for (auto _ : state) {
    packed.data = memory.data() + copy * packed.bytes();
    copy = (copy + 1) % copies;
    multiply(packed, 0, packed.panels(), activations, out.data(), stride);
    benchmark::ClobberMemory();
  }
  const double macs = static_cast<double>(state.iterations()) * rows * columns * tokens;
  const double bytes =
      static_cast<double>(state.iterations()) * static_cast<double>(packed.bytes());
  state.counters["GMAC/s"] = benchmark::Counter(macs / 1e9, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
  if (peak() > 0) {
    state.counters["peak%"] = benchmark::Counter(100 * macs / peak(), benchmark::Counter::kIsRate);
  }
}

void read_bench(benchmark::State& state) {
  constexpr size_t kBytes = size_t{256} << 20;
  const AlignedBuffer memory = AlignedBuffer::allocate(kBytes).value();
  std::memset(memory.data(), 1, kBytes);
  const auto* words = reinterpret_cast<const uint64_t*>(memory.data());
  for (auto _ : state) {
    uint64_t sums[8] = {};
    for (size_t i = 0; i < kBytes / 8; i += 8) {
      for (size_t j = 0; j < 8; ++j) sums[j] ^= words[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(kBytes) / 1e9,
      benchmark::Counter::kIsRate);
}

void peak_bench(benchmark::State& state) {
  if (best_isa() != Isa::kAvx512) {
    state.SkipWithError("needs AVX-512 VNNI");
    return;
  }
  int64_t work = 0;
  for (auto _ : state) work += dot_products(100'000);
  state.counters["GMAC/s"] =
      benchmark::Counter(static_cast<double>(work) / 1e9, benchmark::Counter::kIsRate);
}

void register_all() {
  struct Case {
    DType dtype;
    int32_t rows;
    int32_t columns;
  };
  const Case cases[] = {
      {DType::kQ5_0, 896, 896},  {DType::kQ5_0, 4864, 896}, {DType::kQ4_0, 4864, 896},
      {DType::kQ4_1, 4864, 896}, {DType::kQ8_0, 4864, 896}, {DType::kQ5_0, 896, 4864},
      {DType::kQ4_K, 896, 4864}, {DType::kQ6_K, 896, 4864}, {DType::kQ8_0, 151936, 896},
  };
  for (const Case& each : cases) {
    for (const Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
      if (!isa_supported(isa)) continue;
      const std::string name = std::string(dtype_name(each.dtype)) + "/" +
                               std::to_string(each.rows) + "x" + std::to_string(each.columns) +
                               "/" + std::string(isa_name(isa));
      benchmark::RegisterBenchmark(name.c_str(), matmul_bench, each.dtype, each.rows, each.columns,
                                   isa)
          ->Arg(1)
          ->Arg(4)
          ->Arg(16)
          ->Arg(64);
    }
  }
  benchmark::RegisterBenchmark("Read", read_bench);
  benchmark::RegisterBenchmark("Peak", peak_bench);
}

}  // namespace
}  // namespace sluice::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  sluice::kernels::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
