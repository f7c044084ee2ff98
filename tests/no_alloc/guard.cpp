// malloc and its kin for this program: glibc's own, behind the flag of guard.h. Giving memory back
// counts as well: what frees has allocated.
#include "no_alloc/guard.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);
}

namespace {

void look() {
  if (!pinion::testing::NoAllocation::forbidden()) return;
  constexpr char kText[] = "allocation while none is allowed\n";
  if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0) _exit(1);
  abort();
}

}  // namespace

extern "C" {

void* malloc(size_t size) { return look(), __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return look(), __libc_calloc(count, size); }
void* realloc(void* block, size_t size) { return look(), __libc_realloc(block, size); }
void* memalign(size_t alignment, size_t size) { return look(), __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out != nullptr ? 0 : ENOMEM;
}
void free(void* block) {
  if (block != nullptr) look();
  __libc_free(block);
}

}  // extern "C"
