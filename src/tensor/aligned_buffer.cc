#include "tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>

#include "base/option_table.h"

namespace sluice {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Below this, huge pages would waste more than they save.
constexpr size_t kHugePagesFrom = 8 * kHugePage;

}  // namespace

AlignedBuffer::~AlignedBuffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_bytes_);
}

Result<AlignedBuffer> AlignedBuffer::allocate(size_t bytes) {
  AlignedBuffer buffer;
  if (bytes == 0) return buffer;
  const auto refuse = [bytes] {
    return fail(Code::kResource, "", "cannot reserve " + format_bytes(bytes) + " of memory",
                "lower --memory-limit or --ctx, or use a smaller model");
  };
  if (bytes > SIZE_MAX / 2) return refuse();
  buffer.mapping_bytes_ = bytes + kHugePage;
  void* mapping = mmap(nullptr, buffer.mapping_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return refuse();
  buffer.mapping_ = mapping;
  const auto address = reinterpret_cast<uintptr_t>(mapping);
  buffer.data_ = reinterpret_cast<std::byte*>((address + kHugePage - 1) / kHugePage * kHugePage);
  buffer.size_ = bytes;
  if (bytes >= kHugePagesFrom) madvise(buffer.data_, bytes, MADV_HUGEPAGE);
  return buffer;
}

}  // namespace sluice
