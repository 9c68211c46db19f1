#include <gtest/gtest.h>

#include "kernels/kernels.h"

namespace sluice::kernels {
namespace {

TEST(Isa, NamesGoBothWays) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    EXPECT_EQ(isa_from_name(isa_name(isa)), isa);
  }
  for (const char* name : {"", "AVX2", "avx", "avx512 ", "auto"}) {
    EXPECT_EQ(isa_from_name(name), std::nullopt) << name;
  }
}

TEST(Isa, ScalarAlwaysRunsAndTheBestIsSupported) {
  EXPECT_TRUE(isa_supported(Isa::kScalar));
  EXPECT_TRUE(isa_supported(best_isa()));
  EXPECT_EQ(isa_supported(Isa::kAvx512), best_isa() == Isa::kAvx512);
}

}  // namespace
}  // namespace sluice::kernels
