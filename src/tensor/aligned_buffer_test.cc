#include "tensor/aligned_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace sluice {
namespace {

TEST(AlignedBuffer, IsAlignedZeroAndWritableToItsEnd) {
  for (const size_t bytes : {size_t{1}, size_t{4096}, (size_t{2} << 20) + 1, size_t{20} << 20}) {
    auto buffer = AlignedBuffer::allocate(bytes);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % (size_t{2} << 20), 0u);
    EXPECT_EQ(buffer->size(), bytes);
    EXPECT_EQ(buffer->data()[bytes - 1], std::byte{0});
    buffer->data()[0] = std::byte{1};
    buffer->data()[bytes - 1] = std::byte{1};
  }
}

TEST(AlignedBuffer, OfNothingIsEmpty) {
  auto buffer = AlignedBuffer::allocate(0);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(buffer->size(), 0u);
  EXPECT_EQ(buffer->data(), nullptr);
}

TEST(AlignedBuffer, SaysHowMuchItCouldNotReserve) {
  for (const size_t bytes : {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2, size_t{1} << 60}) {
    const auto buffer = AlignedBuffer::allocate(bytes);
    ASSERT_FALSE(buffer);
    EXPECT_EQ(buffer.error().code, Code::kResource);
    EXPECT_NE(buffer.error().what.find("cannot reserve"), std::string::npos);
    EXPECT_FALSE(buffer.error().remedy.empty());
  }
}

TEST(AlignedBuffer, MovesItsMemoryWithIt) {
  AlignedBuffer first = std::move(AlignedBuffer::allocate(100)).value();
  std::byte* data = first.data();
  AlignedBuffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  AlignedBuffer third = std::move(AlignedBuffer::allocate(5)).value();
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 100u);
}

}  // namespace
}  // namespace sluice
