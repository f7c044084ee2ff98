// operator new for fuzz programs: large blocks are kept and given again. A kernel's tables are made
// for every input, and mapping their pages anew was most of the time of a run. Everything else
// stays malloc's, with all that AddressSanitizer knows of it. Blocks come back as they were left:
// the new expression initialises them.
#include <sanitizer/allocator_interface.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace {

constexpr std::size_t kLarge = 256u << 10, kKeptMax = 16;
void* kept[kKeptMax];
std::size_t kept_count = 0;

void* take(std::size_t size) {
  for (std::size_t i = 0; size >= kLarge && i < kept_count; ++i)
    if (__sanitizer_get_allocated_size(kept[i]) == size)
      return std::exchange(kept[i], kept[--kept_count]);
  void* block = std::malloc(size);
  if (block == nullptr) std::abort();
  return block;
}

void give(void* block) {
  const bool large = block != nullptr && __sanitizer_get_allocated_size(block) >= kLarge;
  if (large && kept_count < kKeptMax) kept[kept_count++] = block;
  else std::free(block);
}

}  // namespace

// What was freed is watched for the length of a few inputs; longer costs fresh pages.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=4:alloc_dealloc_mismatch=0";
}

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* block) noexcept { give(block); }
void operator delete[](void* block) noexcept { give(block); }
void operator delete(void* block, std::size_t) noexcept { give(block); }
void operator delete[](void* block, std::size_t) noexcept { give(block); }
