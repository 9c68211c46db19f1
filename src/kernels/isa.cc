// What this CPU, and the operating system's saving of registers, can run.
#include <cpuid.h>

#include "kernels/kernels.h"

namespace sluice::kernels {

namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

constexpr bool bit(uint32_t word, int32_t index) { return (word >> index & 1) != 0; }

// XCR0: which register files the operating system saves. Only legal with OSXSAVE.
uint64_t saved_registers() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Bit numbers: Intel SDM volume 2A, CPUID.
Isa detect() {
  constexpr uint64_t kYmm = 0x6;          // SSE and AVX state
  constexpr uint64_t kZmm = kYmm | 0xE0;  // opmask, upper halves of zmm0-15, zmm16-31
  const Registers one = cpuid(1, 0);
  const Registers seven = cpuid(7, 0);
  const Registers seven_one = cpuid(7, 1);
  const bool fma = bit(one.ecx, 12);
  const bool osxsave = bit(one.ecx, 27);
  const bool avx = bit(one.ecx, 28);
  const bool f16c = bit(one.ecx, 29);
  const bool bmi2 = bit(seven.ebx, 8);
  const bool avx2 = bit(seven.ebx, 5);
  if (!osxsave || !avx || !avx2 || !fma || !f16c || !bmi2) return Isa::kScalar;
  const uint64_t saved = saved_registers();
  if ((saved & kYmm) != kYmm) return Isa::kScalar;
  const bool avx512 = bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) &&  // F DQ BW
                      bit(seven.ebx, 31) &&                                              // VL
                      bit(seven.ecx, 1) && bit(seven.ecx, 8) &&
                      bit(seven.ecx, 11) &&   // VBMI GFNI VNNI
                      bit(seven_one.eax, 5);  // BF16
  return avx512 && (saved & kZmm) == kZmm ? Isa::kAvx512 : Isa::kAvx2;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
  }
  return "";
}

std::optional<Isa> isa_from_name(std::string_view name) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    if (name == isa_name(isa)) return isa;
  }
  return std::nullopt;
}

Isa best_isa() {
  static const Isa best = detect();
  return best;
}

bool isa_supported(Isa isa) { return isa <= best_isa(); }

}  // namespace sluice::kernels
