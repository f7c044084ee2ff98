// The end of the line for our own bugs; see check.h.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace pinion {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "pinion: CHECK failed: %s (%s:%d). This is a bug in Pinion.\n", expression,
               file, line);
  std::abort();
}

}  // namespace pinion
