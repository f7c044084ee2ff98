/* Memory for queues, inside registered memory that librio takes for itself: chunks, cut by an arena
 * each, so that closing a queue gives its memory back. Formats new rings as abi.h wants them. */
#include <stdlib.h>

#include "session.h"

#define CHUNK_BYTES ((size_t)2 << 20)

_Static_assert(sizeof(rio_abi_rq) == sizeof(rio_abi_cq), "one header size for both kinds");

uint64_t rio_round_pow2_(uint64_t value) {
  uint64_t power = 1;
  while (power < value) power <<= 1;
  return power;
}

static int add_chunk(rio_session* s, uint64_t bytes, rio_chunk** out) {
  if (bytes > UINT32_MAX) return rio_fail_(-ENOMEM, "a queue must fit into one registered buffer");
  rio_chunk* chunk = calloc(1, sizeof *chunk);
  if (!chunk) return rio_fail_(-ENOMEM, "out of memory");
  const size_t want = bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes;
  int status = rio_map_region_(s, want, 0, &chunk->mapping);
  if (status < 0) {
    free(chunk);
    return status;
  }
  chunk->mapping->kind = RIO_MAPPED_FOR_RINGS;
  const size_t usable = chunk->mapping->bytes < UINT32_MAX ? chunk->mapping->bytes
                                                           : UINT32_MAX & ~(RIO_ARENA_UNIT - 1u);
  status = rio_arena_init(&chunk->arena, usable);
  if (status == 0)
    status = rio_register_mapping_(s, chunk->mapping, 0, usable, &chunk->buffer);
  if (status < 0) {
    rio_arena_destroy(&chunk->arena);
    rio_drop_region_(s, chunk->mapping);
    free(chunk);
    return status;
  }
  chunk->next = s->chunks;
  s->chunks = chunk;
  *out = chunk;
  return 0;
}

int rio_ring_take_(rio_session* s, uint32_t capacity, rio_ring* out) {
  const uint64_t bytes = sizeof(rio_abi_rq) + (uint64_t)capacity * RIO_SLOT_BYTES;
  *out = (rio_ring){.bytes = bytes};
  for (rio_chunk* c = s->chunks; c; c = c->next) {
    out->offset = rio_arena_take(&c->arena, bytes);
    if (out->offset == RIO_ARENA_NONE) continue;
    out->chunk = c;
    return 0;
  }
  rio_chunk* fresh = NULL;
  const int status = add_chunk(s, bytes, &fresh);
  if (status < 0) return status;
  out->chunk = fresh;
  out->offset = rio_arena_take(&fresh->arena, bytes);
  return 0;
}

void rio_ring_give_(rio_ring* ring) {
  if (!ring->chunk) return;
  rio_arena_give(&ring->chunk->arena, ring->offset, ring->bytes);
  ring->chunk = NULL;
}

void* rio_ring_memory_(const rio_ring* ring) {
  return (char*)ring->chunk->mapping->base + ring->offset;
}

void rio_ring_name_(const rio_ring* ring, rio_control* message) {
  message->handle2 = ring->chunk->buffer;
  message->offset = ring->offset;
  message->size = ring->bytes;
}

rio_abi_rq* rio_ring_format_rq_(const rio_ring* ring, uint32_t capacity, uint32_t start) {
  rio_abi_rq* header = rio_ring_memory_(ring);
  memset(header, 0, ring->bytes);
  header->slot_bytes = RIO_SLOT_BYTES;
  header->capacity = capacity;
  header->start = start;
  rio_abi_request* slots = (rio_abi_request*)(header + 1);
  for (uint32_t i = 0; i < capacity; i++)
    slots[i].sequence = rio_ring_initial_sequence(i, start, capacity - 1u);
  return header;
}

rio_abi_cq* rio_ring_format_cq_(const rio_ring* ring, uint32_t capacity, uint32_t start) {
  rio_abi_cq* header = rio_ring_memory_(ring);
  memset(header, 0, ring->bytes);
  header->slot_bytes = RIO_SLOT_BYTES;
  header->capacity = capacity;
  header->start = start;
  header->consumed = start;
  rio_abi_completion* slots = (rio_abi_completion*)(header + 1);
  for (uint32_t i = 0; i < capacity; i++)
    slots[i].sequence = rio_ring_initial_sequence(i, start, capacity - 1u);
  return header;
}
