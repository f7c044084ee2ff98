/* The shared memory between an application and a kernel core (ARCHITECTURE.md 2).
 * Fixed-width, no pointers, no addresses; C11 and C++20; <stdint.h> only.
 * Each word names its one writer: [core] or [app]; [both] words are only ever changed by one
 * atomic read-modify-write. The hot calls of rio.h are inline, so this layout lives in users'
 * binaries: tests/abi holds the golden; a change moves the golden and the version in one commit. */
#ifndef RIO_ABI_H
#define RIO_ABI_H

#include <stdint.h>

#ifdef __cplusplus
#define RIO_ABI_ASSERT(what) static_assert(what, #what)
#define RIO_ABI_LINE alignas(64)
extern "C" {
#else
#define RIO_ABI_ASSERT(what) _Static_assert(what, #what)
#define RIO_ABI_LINE _Alignas(64)
#endif

/* Major must match; a minor only appends. Stored last into rio_abi_session.version. */
#define RIO_ABI_MAJOR 1u
#define RIO_ABI_MINOR 5u
#define RIO_ABI_VERSION ((RIO_ABI_MAJOR << 16) | RIO_ABI_MINOR)

/* Feature bits, negotiated at attach: what both sides have. None but these may be set. */
#define RIO_FEATURE_EMBEDDED 1u /* stack and application share one process: no isolation */

#define RIO_INVALID_BUFFER 0xFFFFFFFFu
#define RIO_BUFFER_INDEX_BITS 20u /* a buffer id is index (low 20 bits) and generation (high 12) */
#define RIO_BUFFER_INDEX_MASK ((1u << RIO_BUFFER_INDEX_BITS) - 1u)

#define RIO_CQ_ENTRIES_MAX 0x8000000u /* RIO_MAX_CQ_SIZE of Registered I/O */
#define RIO_CORRUPT_CQ 0xFFFFFFFFu

/* Request flags: the values of Registered I/O. */
#define RIO_DONT_NOTIFY 1u /* its completion never signals */
#define RIO_DEFER 2u       /* more follows: the core may wait for it */
#define RIO_WAITALL 4u     /* stream receives only */
#define RIO_COMMIT_ONLY 8u /* no request: start what was deferred */

/* Opcodes. Those without an implementation complete with -EOPNOTSUPP; the numbers are theirs. */
enum rio_opcode {
  RIO_OP_NOP = 0,
  RIO_OP_SEND = 1,
  RIO_OP_RECEIVE = 2,
  RIO_OP_CANCEL = 3,
  RIO_OP_WARM = 4,
  RIO_OP_POLL = 5,
  RIO_OP_CONNECT = 6,
  RIO_OP_ACCEPT = 7,
  RIO_OP_SHUTDOWN = 8,
  RIO_OP_CLOSE = 9
};

/* Families of an address, in a slot. 0: no address given (use the connected peer). */
#define RIO_FAMILY_NONE 0u
#define RIO_FAMILY_IPV4 4u /* address in the first 4 bytes, network order; the rest is zero */
#define RIO_FAMILY_IPV6 6u

/* A request: one cache line. [app] writes all of it, the sequence word last (release).
 * Words called reserved are zero; the core answers a request where one is not with -EINVAL. */
typedef struct rio_abi_request {
  uint32_t sequence; /* position + 1 when the slot is complete */
  uint8_t opcode;
  uint8_t reserved0;
  uint16_t flags;
  uint64_t request_context; /* comes back in the completion */
  uint32_t buffer_id;
  uint32_t offset; /* bytes */
  uint32_t length; /* bytes */
  uint32_t scope;  /* IPv6 scope id of peer */
  uint8_t peer[16];
  uint16_t port; /* of peer, host order */
  uint16_t family;
  uint32_t reserved1;
  uint64_t reserved2; /* not_after, later */
} rio_abi_request;

/* A completion: one cache line. [core] writes all of it, the sequence word last (release). */
typedef struct rio_abi_completion {
  uint32_t sequence;
  int32_t status; /* 0 or a negative errno */
  uint32_t bytes; /* transferred; with -EMSGSIZE the datagram's true length */
  uint32_t flags; /* RIO_CF_* */
  uint64_t socket_context;
  uint64_t request_context;
  uint64_t time_ns; /* Pinion's clock; its source is in time_source */
  uint8_t peer[16];
  uint16_t port; /* host order */
  uint8_t family;
  uint8_t time_source;    /* RIO_TIME_* */
  uint32_t request_queue; /* id of the queue, so that dequeue returns its quota */
} rio_abi_completion;

#define RIO_CF_OPCODE_MASK 0xFFu /* rio_opcode of the request */
#define RIO_CF_DONT_NOTIFY 0x100u
#define RIO_CF_UNSENT 0x200u /* a failed send of which no byte ever left */

#define RIO_TIME_NONE 0u
#define RIO_TIME_SOFTWARE 1u /* at the burst */
#define RIO_TIME_HARDWARE 2u

#define RIO_SLOT_BYTES 64u /* 128 is reserved: local address, latency bill, inline data */

/* Is a core thread assigned to this queue? rio_abi_rq.state. */
#define RIO_RQ_STATE_HOT 0u  /* the core polls the next slot: store it, done */
#define RIO_RQ_STATE_COLD 1u /* the core watches the session's doorbell: store, then ring */

/* Header of a request queue: three lines in front of its slots.
 * Memory: header (192 bytes) | capacity slots. The whole is 64-byte aligned. */
typedef struct rio_abi_rq {
  /* constant after creation, [app] writes, the core copies and checks them once */
  RIO_ABI_LINE uint32_t slot_bytes;
  uint32_t capacity; /* slots, a power of two */
  uint32_t start;    /* first position */
  uint32_t features; /* 0 */
  /* [core] */
  RIO_ABI_LINE uint32_t state; /* RIO_RQ_STATE_* */
  uint32_t core;
  /* [app] */
  RIO_ABI_LINE uint32_t commits; /* COMMIT_ONLY count; atomic add, any thread */
  uint32_t reserved;
  uint64_t doorbells; /* rung for this queue; atomic add, any thread */
  uint64_t signals;   /* system calls made for this queue; atomic add, any thread */
} rio_abi_rq;

/* Header of a completion queue: three lines in front of its slots. */
typedef struct rio_abi_cq {
  RIO_ABI_LINE uint32_t slot_bytes; /* constant, [app] writes, the core copies and checks once */
  uint32_t capacity;
  uint32_t start;
  uint32_t features;
  /* [core] */
  RIO_ABI_LINE uint64_t signals; /* sent on the notification descriptor */
  uint32_t core;
  uint32_t dead; /* not 0: the core ended the session (a negative errno) */
  /* [app] */
  RIO_ABI_LINE uint32_t consumed; /* positions dequeued, published as ring.h says */
  uint32_t reserved;
} rio_abi_cq;

/* The doorbell: a two-level bitmap. A queue's bit is its doorbell number; one summary bit stands
 * for RIO_DOORBELL_GROUP words of 64. */
#define RIO_DOORBELL_SUMMARY_WORDS 8u
#define RIO_DOORBELL_GROUP 4u
#define RIO_DOORBELL_WORDS (RIO_DOORBELL_SUMMARY_WORDS * 64u * RIO_DOORBELL_GROUP)
#define RIO_DOORBELLS_MAX (RIO_DOORBELL_WORDS * 64u)

/* Clock words: now_ns = ns + (now_tsc - tsc) * mult / 2^32 until the bend, from there on with
 * mult_after; read under the seqlock. A bend is published before its time comes, so that nobody is
 * past it on the line before, and must come back. [core] */
typedef struct rio_abi_clock {
  uint32_t seqlock; /* odd while being written */
  uint32_t bend;    /* RIO_CLOCK_BEND_TICKS each, from tsc; 0: none */
  uint64_t tsc;
  uint64_t ns;
  uint64_t mult;              /* nanoseconds per tick, times 2^32 */
  int64_t realtime_offset_ns; /* CLOCK_REALTIME - Pinion's clock */
  uint64_t mult_after;
} rio_abi_clock;
#define RIO_CLOCK_BEND_TICKS 65536u

/* The session header: the start of the session's first region. */
typedef struct rio_abi_session {
  RIO_ABI_LINE uint32_t version; /* [core] stored last; 0: not live */
  uint32_t features;             /* [core] */
  uint32_t epoch;                /* [core] of this daemon run: a handle of another epoch is dead */
  uint32_t session_id;           /* [core] */
  uint32_t core_silent_ms;       /* [core] silence after which dequeue says -EHOSTDOWN */
  uint32_t doorbell_words;       /* [core] of the array behind this header */
  /* [core] each millisecond, with the state beside it */
  RIO_ABI_LINE uint64_t heartbeat_ns;
  uint32_t sleeps;    /* odd: the core sleeps, a doorbell needs a signal */
  int32_t ended;      /* not 0: this session was ended, a negative errno */
  rio_abi_clock clock;
  /* [app] */
  RIO_ABI_LINE uint32_t signalled; /* value of sleeps that was last signalled */
  uint32_t reserved;
  uint64_t signals; /* system calls made to wake the core; atomic add, any thread */
  /* [both] set by the application, exchanged with 0 by the core */
  RIO_ABI_LINE uint64_t doorbell_summary[RIO_DOORBELL_SUMMARY_WORDS];
} rio_abi_session;

/* The doorbell words stand behind the header, on a page of their own. [both] */
#define RIO_DOORBELL_OFFSET 4096u
#define RIO_SESSION_REGION_BYTES (RIO_DOORBELL_OFFSET + RIO_DOORBELL_WORDS * 8u)

RIO_ABI_ASSERT(sizeof(rio_abi_request) == 64);
RIO_ABI_ASSERT(sizeof(rio_abi_completion) == 64);
RIO_ABI_ASSERT(sizeof(rio_abi_rq) == 192);
RIO_ABI_ASSERT(sizeof(rio_abi_cq) == 192);
RIO_ABI_ASSERT(sizeof(rio_abi_session) == 256);

#ifdef __cplusplus
}
#endif
#endif
