/* A row for every number in layout.def: what the golden says, and what this compiler makes of the
 * headers. Included once by each of layout_c.c and layout_test.cpp. */
#ifndef LAYOUT_TABLE_H
#define LAYOUT_TABLE_H

#include <rio/abi.h>
#include <rio/control.h>
#include <rio/status.h>
#include <stddef.h>

#ifdef __cplusplus
#define LAYOUT_ALIGNOF(type) alignof(type)
#else
#define LAYOUT_ALIGNOF(type) _Alignof(type)
#endif

typedef struct layout_row {
  const char* what;
  unsigned long long golden, actual;
} layout_row;

#define STRUCT(name, size, align)                \
  {"size of " #name, size, sizeof(struct name)}, \
      {"alignment of " #name, align, LAYOUT_ALIGNOF(struct name)},
#define FIELD(name, field, at, size)                                 \
  {"offset of " #name "." #field, at, offsetof(struct name, field)}, \
      {"size of " #name "." #field, size, sizeof(((struct name*)0)->field)},
#define VALUE(name, number) {#name, number, (unsigned long long)(name)},
static const layout_row layout_table[] = {
#include "layout.def"
};
#undef STRUCT
#undef FIELD
#undef VALUE

enum { LAYOUT_ROWS = sizeof layout_table / sizeof layout_table[0] };

#ifdef __cplusplus
extern "C"
#endif
    const layout_row*
    layout_in_c(size_t* rows);

#endif
