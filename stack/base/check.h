// CHECK is for our own bugs only, never for what an application or a peer can cause: it stops the
// process with the expression. STACK_DCHECK is the same in debug, simulation and fuzzing; in a
// release it is compiled, so that what it names counts as used, and not evaluated.
#pragma once

namespace pinion {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define STACK_CHECK(expression) \
  (__builtin_expect(!!(expression), 1) ? void(0) \
                                       : ::pinion::check_failed(#expression, __FILE__, __LINE__))
#ifdef NDEBUG
#define STACK_DCHECK(expression) ((void)sizeof(!(expression)))
#else
#define STACK_DCHECK(expression) STACK_CHECK(expression)
#endif
