// Counts what operator new hands out, for tests of paths that must take no memory. Included by one
// source of a test program: the operators are the program's. Each thread has a count of its own.
// None is inlined: with one of a pair inlined g++ sees malloc meet delete, or new meet free.
#pragma once
#include <cstdlib>
#include <new>

namespace pinion::testing {

inline thread_local size_t allocations = 0;

inline void* counted(size_t bytes) {
  ++allocations;
  void* at = std::malloc(bytes == 0 ? 1 : bytes);
  if (at == nullptr) std::abort();
  return at;
}

}  // namespace pinion::testing

[[gnu::noinline]] void* operator new(size_t bytes) { return pinion::testing::counted(bytes); }
[[gnu::noinline]] void* operator new[](size_t bytes) { return pinion::testing::counted(bytes); }
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete[](void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, size_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete[](void* at, size_t) noexcept { std::free(at); }
