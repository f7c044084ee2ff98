/* What the cold calls share: the session with its memory, queues and sockets. Private to librio.
 * Everything here is guarded by the session's mutex, except what rio.h's inline calls touch. */
#ifndef RIO_SRC_SESSION_H
#define RIO_SRC_SESSION_H

#include <pthread.h>
#include <rio/rio.h>
#include <sys/types.h>

#include "arena.h"

/* One region of the session, mapped here. */
typedef struct rio_mapping {
  struct rio_mapping* next;
  void* base;
  size_t bytes;
  uint32_t region;
  uint32_t buffers; /* registered in it */
  enum { RIO_MAPPED_FOR_USER, RIO_MAPPED_IN_PLACE, RIO_MAPPED_FOR_RINGS } kind;
  dev_t device; /* of its memfd: tells later whether it is still what lies at base */
  ino_t inode;
} rio_mapping;

typedef struct rio_buffer {
  struct rio_buffer* next;
  rio_mapping* mapping;
  rio_buffer_id id;
} rio_buffer;

/* A mapping from which rings are cut; registered as one buffer. */
typedef struct rio_chunk {
  struct rio_chunk* next;
  rio_mapping* mapping;
  rio_buffer_id buffer;
  rio_arena arena;
} rio_chunk;

/* Header and slots of one queue. */
typedef struct rio_ring {
  rio_chunk* chunk; /* NULL: none */
  uint64_t offset, bytes;
} rio_ring;

/* The public struct comes first, so that a pointer to one is a pointer to the other. */
typedef struct rio_cq_full {
  rio_cq hot;
  rio_ring ring;      /* where entries are posted now */
  rio_ring draining;  /* before a resize: freed with the next cold call on the queue */
  struct rio_cq_full* next;
} rio_cq_full;

typedef struct rio_rq_full {
  rio_rq hot;
  rio_ring ring;
  rio_cq_full* receive_cq;
  rio_cq_full* send_cq;
  struct rio_rq_full* next; /* on session->closed, once its socket is closed */
} rio_rq_full;

struct rio_socket_s {
  rio_session* session;
  struct rio_socket_s* next;
  rio_rq_full* rq;
  uint32_t id, core, type;
};

struct rio_session {
  rio_transport transport;
  pthread_mutex_t mutex;
  pid_t pid; /* that opened it: a forked child must not speak in its name */
  rio_abi_session* header;
  uint64_t* doorbell_words;
  size_t header_bytes;
  int signal_fd;
  int fast_barrier;
  int is_live;
  uint32_t core;
  int lost; /* the transport failed: not 0 for ever after */
  uint32_t tag;
  uint32_t ring_start; /* first position of new rings; tests start near 2^32 */
  rio_rq** queues;     /* by id, RIO_DOORBELLS_MAX entries, untouched pages cost nothing */
  rio_mapping* mappings;
  rio_buffer* buffers;
  rio_chunk* chunks;
  rio_cq_full* cqs;
  rio_socket_t sockets;
  rio_rq_full* closed; /* queues whose last completions have not been dequeued yet */
};

/* error.c: stores the sentence for rio_last_error and returns status. */
int rio_fail_(int status, const char* format, ...) __attribute__((format(printf, 2, 3)));

/* session.c: every cold call locks, talks, unlocks. rio_lock_ refuses a forked child (-ECHILD). */
int rio_lock_(rio_session* session);
void rio_unlock_(rio_session* session);
/* The number behind RIO_CORE_DEFAULT. */
uint32_t rio_core_(const rio_session* session, uint32_t core);
/* One request and its reply; descriptors that the caller does not want (fds NULL) are closed. The
 * status of the reply, or of the transport. */
int rio_call_(rio_session* session, uint16_t opcode, rio_control* message, int fds[2]);
void rio_close_fds_(const int fds[2]);
void rio_set_ring_start_(rio_session* session, uint32_t start);

/* memory.c */
int rio_map_region_(rio_session* s, size_t bytes, uint32_t page_bytes, rio_mapping** out);
/* Gives a region back that nothing is registered in; rio_last_error stays. */
void rio_drop_region_(rio_session* s, rio_mapping* map);
int rio_register_mapping_(rio_session* s, rio_mapping* m, size_t offset, size_t length,
                          rio_buffer_id* out);
void rio_forget_memory_(rio_session* s);
uint64_t rio_round_pow2_(uint64_t value);

/* vma.c: what lies at [ptr, ptr + length)? */
int rio_is_private_anonymous_(const void* ptr, size_t length, int whole_hugepages);
int rio_is_file_(const void* ptr, size_t length, dev_t device, ino_t inode);

/* rings.c: memory for `capacity` slots behind a header; -ENOMEM. */
int rio_ring_take_(rio_session* s, uint32_t capacity, rio_ring* out);
void rio_ring_give_(rio_ring* ring);
void* rio_ring_memory_(const rio_ring* ring);
void rio_ring_name_(const rio_ring* ring, rio_control* message);
rio_abi_rq* rio_ring_format_rq_(const rio_ring* ring, uint32_t capacity, uint32_t start);
rio_abi_cq* rio_ring_format_cq_(const rio_ring* ring, uint32_t capacity, uint32_t start);

/* rq.c: frees closed queues of which everything has been dequeued; gone: a CQ that was closed. */
void rio_reap_closed_(rio_session* s, const rio_cq_full* gone);

/* transport_unix.c */
int rio_connect_unix_(const char* path, rio_transport* out);

#endif
