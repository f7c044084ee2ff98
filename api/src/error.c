/* The sentence that belongs to a thread's last failed cold call. */
#include <stdarg.h>
#include <stdio.h>

#include "session.h"

static _Thread_local char last_error[192];

const char* rio_last_error(void) { return last_error; }

int rio_fail_(int status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}
