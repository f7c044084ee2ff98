/* First-fit allocator of ring memory; see arena.h. Cold: a few calls a queue. */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t round_up(uint64_t bytes) {
  return (bytes + RIO_ARENA_UNIT - 1u) / RIO_ARENA_UNIT * RIO_ARENA_UNIT;
}

int rio_arena_init(rio_arena* arena, uint64_t bytes) {
  rio_extent* all = malloc(sizeof *all);
  if (!all) return -ENOMEM;
  *all = (rio_extent){.next = NULL, .offset = 0, .bytes = bytes};
  *arena = (rio_arena){.free_list = all, .bytes = bytes, .free_bytes = bytes};
  return 0;
}

void rio_arena_destroy(rio_arena* arena) {
  while (arena->free_list) {
    rio_extent* next = arena->free_list->next;
    free(arena->free_list);
    arena->free_list = next;
  }
  arena->bytes = arena->free_bytes = 0;
}

uint64_t rio_arena_take(rio_arena* arena, uint64_t bytes) {
  if (bytes == 0 || bytes > arena->bytes) return RIO_ARENA_NONE;
  bytes = round_up(bytes);
  for (rio_extent** at = &arena->free_list; *at; at = &(*at)->next) {
    rio_extent* e = *at;
    if (e->bytes < bytes) continue;
    const uint64_t offset = e->offset;
    e->offset += bytes;
    e->bytes -= bytes;
    arena->free_bytes -= bytes;
    if (e->bytes == 0) {
      *at = e->next;
      free(e);
    }
    return offset;
  }
  return RIO_ARENA_NONE;
}

/* Merges e with its successor when they touch. */
static void merge(rio_extent* e) {
  rio_extent* next = e->next;
  if (!next || e->offset + e->bytes != next->offset) return;
  e->bytes += next->bytes;
  e->next = next->next;
  free(next);
}

int rio_arena_give(rio_arena* arena, uint64_t offset, uint64_t bytes) {
  bytes = round_up(bytes);
  if (bytes == 0 || offset > arena->bytes || bytes > arena->bytes - offset) return -EINVAL;
  rio_extent* before = NULL;
  rio_extent* after = arena->free_list;
  while (after && after->offset < offset) before = after, after = after->next;
  if (before && before->offset + before->bytes > offset) return -EINVAL;
  if (after && offset + bytes > after->offset) return -EINVAL;
  arena->free_bytes += bytes;
  if (before && before->offset + before->bytes == offset) {
    before->bytes += bytes;
    merge(before);
    return 0;
  }
  rio_extent* e = malloc(sizeof *e);
  if (!e) {
    arena->free_bytes -= bytes;
    return -ENOMEM;
  }
  *e = (rio_extent){.next = after, .offset = offset, .bytes = bytes};
  if (before) before->next = e;
  else arena->free_list = e;
  merge(e);
  return 0;
}
