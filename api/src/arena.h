/* Ring memory: a first-fit allocator of whole cache lines inside one registered chunk. It keeps its
 * books outside the chunk, because the core and the application both write in there. */
#ifndef RIO_SRC_ARENA_H
#define RIO_SRC_ARENA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RIO_ARENA_UNIT 64u
#define RIO_ARENA_NONE UINT64_MAX

typedef struct rio_extent {
  struct rio_extent* next; /* ascending offsets, never touching: neighbours are merged */
  uint64_t offset, bytes;
} rio_extent;

typedef struct rio_arena {
  rio_extent* free_list;
  uint64_t bytes;      /* of the chunk */
  uint64_t free_bytes;
} rio_arena;

/* 0 or -ENOMEM. bytes is a multiple of RIO_ARENA_UNIT. */
int rio_arena_init(rio_arena* arena, uint64_t bytes);
void rio_arena_destroy(rio_arena* arena);
/* Offset of `bytes` free bytes, rounded up to the unit, or RIO_ARENA_NONE. */
uint64_t rio_arena_take(rio_arena* arena, uint64_t bytes);
/* Gives back what rio_arena_take gave, by the same size. -ENOMEM: the books could not grow; the
 * memory is then lost until the arena is destroyed. -EINVAL: it was not taken. */
int rio_arena_give(rio_arena* arena, uint64_t offset, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
