/* librio: request and completion queues in registered memory, served by a Pinion core.
 *
 * The verbs are those of Windows Registered I/O. Cold calls (open, register, create, bind, ...) are
 * ordinary functions; hot calls (send, receive, dequeue, notify) are inline loads and stores and
 * make no system call while the core is awake. A queue carries no lock: one thread at a time per
 * queue (one may post to a request queue while another dequeues its completions); sends and
 * receives of one socket share its request queue. COMMIT_ONLY is the one call that may race
 * another thread's post on the queue. Cold calls may be made by several threads at once.
 *
 * Every call returns 0 (or a count) or a negative errno. After a failed cold call
 * rio_last_error() gives a sentence: what was wrong and what to do. Besides its own, every cold
 * call on a session may return -EHOSTDOWN: the daemon died or is silent; -EBADMSG: the core ended
 * the session because the application broke the rules of the rings; -ECHILD: the caller is a fork
 * of the process that opened it; -EPROTO: what answered is not Pinion. A thread must not use a
 * handle while another one closes it. */
#ifndef RIO_RIO_H
#define RIO_RIO_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <rio/control.h>
#include <rio/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rio_session rio_session;
typedef struct rio_socket_s* rio_socket_t;
typedef uint32_t rio_buffer_id;

typedef struct rio_slice {
  rio_buffer_id buffer_id;
  uint32_t offset; /* bytes */
  uint32_t length; /* bytes */
} rio_slice;

/* One completed request, copied out of the ring. */
typedef struct rio_result {
  int32_t status;          /* 0, or a negative errno */
  uint32_t bytes;          /* transferred; with -EMSGSIZE the datagram's true length */
  uint64_t socket_context; /* of rio_create_request_queue */
  uint64_t request_context;
  uint64_t time_ns;    /* receives: when it came, of a stream the last of its bytes (of what waited
                        * for a receive: of the last that waited with them, in one piece of memory
                        * of up to 2 KiB), on Pinion's clock; 0 without a time source */
  rio_address peer;    /* receives: who sent it */
  uint8_t opcode;      /* rio_opcode */
  uint8_t time_source; /* RIO_TIME_* */
  uint16_t flags;      /* RIO_CF_* above the opcode, shifted down by 8 bits */
} rio_result;

/* A queue's application side. Private to librio: the fields are here because posting and
 * dequeueing are inline. Nothing in them is trusted by the core. */
typedef struct rio_rq {
  rio_abi_request* slots;
  rio_abi_rq* header;
  uint32_t mask, position;         /* of the next request */
  uint32_t receives, receives_max; /* posted so far, quota */
  uint32_t sends, sends_max;
  uint32_t doorbell; /* number */
  int fast_barrier;  /* registered for membarrier */
  rio_abi_session* session_header;
  uint64_t* doorbell_words;
  rio_session* session;
  uint32_t id;
  uint32_t stream; /* 1: TCP */
  /* Dequeued so far. Written by the thread that dequeues, on a line of its own, so that it may be
   * another one than the thread that posts. */
  RIO_ABI_LINE uint32_t receives_done;
  uint32_t sends_done;
} rio_rq;

typedef struct rio_cq {
  rio_abi_completion* slots;
  rio_abi_cq* header;
  uint32_t mask, position; /* of the next completion */
  uint32_t publish_every;  /* capacity / 4, at least 1 */
  uint32_t unpublished;
  uint32_t doorbell;
  uint32_t empty_polls;
  int fast_barrier;
  int notify_fd;
  uint32_t armed;         /* rio_notify was called, and no signal has been sent since */
  uint64_t armed_signals; /* header->signals at that time */
  rio_abi_session* session_header;
  uint64_t* doorbell_words;
  rio_rq** queues; /* of the session, by request queue id; never moves */
  uint32_t queues_max;
  /* resize: entries from switch_at on are in next_slots */
  uint32_t switch_at;
  rio_abi_completion* next_slots;
  rio_abi_cq* next_header;
  uint32_t next_mask;
  rio_session* session;
  uint32_t id;
} rio_cq;

/* How control messages travel: the UNIX socket of the daemon, or a function call (embedded).
 * call: send *message, wait for its reply into *message; descriptors of the reply are stored in
 * fds[0..1], -1 where there is none. 0, or a negative errno when the transport failed (-EHOSTDOWN:
 * the daemon is gone); the reply's own status is in the message. close: the session has ended.
 * alive (may be NULL): 0, or -EHOSTDOWN when the other side has hung up; does not block. */
typedef struct rio_transport {
  void* self;
  int (*call)(void* self, rio_control* message, int fds[2]);
  void (*close)(void* self);
  int (*alive)(void* self);
  int one_thread; /* 1: the core runs between the caller's own calls: nothing is asked of Linux */
} rio_transport;

/* ---- session ------------------------------------------------------------------------------ */

/* Attaches to the daemon at the UNIX socket path (NULL: $PINION_SOCKET, then
 * /run/pinion/control.sock). -ENOENT, -ECONNREFUSED: no daemon there; -EACCES, -EPERM: the
 * configuration does not let this user attach; -EPROTO: another major version; -ENOSPC: all
 * sessions taken; -EAGAIN: too many attach at the moment, or the daemon has no descriptors left:
 * try again; -ENOMEM: no memory (hugepages) left; -EMFILE: this process or the daemon has no
 * descriptors left; -ENAMETOOLONG: the path. */
int rio_open(const char* path, rio_session** out);
/* As rio_open, on that core of the daemon's, counted from 0 in the order of its configuration. A
 * session lives on one core, with its memory, queues and sockets: an application on several cores
 * has a session on each, best one a thread, and listens on each. RIO_CORE_DEFAULT, which is what
 * rio_open asks for: the core that the configuration names for this user. -ENXIO: no such core;
 * -EINVAL: the daemon is older than version 1.4 and has one. */
int rio_open_on(const char* path, uint32_t core, rio_session** out);
#define RIO_CORE_DEFAULT 0xFFFFFFFFu
/* The core on which the session lives. */
uint32_t rio_session_core(const rio_session* session);
/* As rio_open, over a transport that the caller made (stack/host: embedded). Takes it over. */
int rio_open_transport(const rio_transport* transport, rio_session** out);
/* Ends the session: every socket is closed, all memory given back. All handles are invalid. */
void rio_close(rio_session* session);
/* The sentence that belongs to this thread's last failed cold call. Never NULL. */
const char* rio_last_error(void);
/* Pinion's monotonic clock now, in nanoseconds. Under a host without a time stamp counter (a
 * simulation) the time of the core's last beat; 0 before the first. Makes no system call. */
uint64_t rio_now_ns(const rio_session* session);

/* ---- registered memory -------------------------------------------------------------------- */

/* Memory made by the daemon: shared with the core alone, pinned, zeroed. bytes is rounded up to
 * whole pages (2 MiB with hugepages). -ENOMEM; -EDQUOT: over the session's memory_mb; -ENOSPC: the
 * session has too many regions; -EINVAL: 0 bytes; -EMFILE: no descriptors left. */
int rio_map_memory(rio_session* session, size_t bytes, void** out);
/* Unmaps what rio_map_memory gave. -EBUSY: a buffer in it is still registered; -EINVAL: not such
 * an address. */
int rio_unmap_memory(rio_session* session, void* memory);
/* Registers [ptr, ptr+length). It must lie in memory from rio_map_memory, or be private anonymous
 * page-aligned memory of whole pages, which is replaced in place: same address, contents kept (no
 * other thread may touch it during the call). The id is valid for this session alone.
 * -EINVAL: neither of the two, length 0 or over 4 GiB - 1; -ENOSPC: too many buffers; in place also
 * what rio_map_memory may return: -ENOMEM, -EDQUOT, -ENOSPC, -EMFILE. */
int rio_register_buffer(rio_session* session, void* ptr, size_t length, rio_buffer_id* out);
/* Later use of the id fails. -EBUSY: a request or a queue uses it; an invalid id is ignored (0). */
int rio_deregister_buffer(rio_session* session, rio_buffer_id id);

/* ---- completion queues -------------------------------------------------------------------- */

#define RIO_NOTIFY_NONE 0u
#define RIO_NOTIFY_FD 1u /* rio_notify_fd() gives a descriptor for epoll */

/* Room for exactly `entries` completions, completed to by sockets of `core`: the session's, as a
 * number or RIO_CORE_DEFAULT. -EINVAL: entries 0 or over RIO_CQ_ENTRIES_MAX; -ENXIO: another core;
 * -ENOMEM: no memory, or over 16,777,216 entries,
 * whose ring of twice as many slots does not fit into one buffer of 4 GiB - 1; -EDQUOT: over the
 * session's memory_mb; -ENOSPC: too many completion queues, regions or buffers; -EMFILE: no
 * descriptors left. */
int rio_create_completion_queue(rio_session* session, uint32_t entries, uint32_t core,
                                uint32_t notification, rio_cq** out);
/* Queued completions are carried over. -EINVAL: 0 entries, too many, or below what request queues
 * have reserved; -EBUSY: the last resize is not finished: dequeue first; -ENOMEM, -EDQUOT, -ENOSPC,
 * -EMFILE as for creation. After a failure it is unchanged. The caller is the thread that
 * dequeues. */
int rio_resize_completion_queue(rio_cq* cq, uint32_t entries);
/* -EBUSY while a request queue uses it. What it still holds is lost. */
int rio_close_completion_queue(rio_cq* cq);
/* Readable after a signal; read it empty (MSG_DONTWAIT), then dequeue. -1 without RIO_NOTIFY_FD.
 * A read of 0 bytes: the daemon is gone or the session was ended; rio_session_status() tells. */
int rio_notify_fd(const rio_cq* cq);
/* Arms ONE signal; signals at once if an entry without DONT_NOTIFY is already queued. -EALREADY:
 * armed and not signalled yet; -EINVAL: no descriptor. The caller is the thread that dequeues. */
int rio_notify(rio_cq* cq);

/* ---- sockets ------------------------------------------------------------------------------ */

/* family RIO_FAMILY_IPV4 or RIO_FAMILY_IPV6, type RIO_TYPE_DATAGRAM (UDP) or RIO_TYPE_STREAM (TCP),
 * on the session's core, as a number or RIO_CORE_DEFAULT. A socket of IPv6 is of IPv6 alone: it
 * hears nothing of IPv4, and ::ffff:a.b.c.d is no address for it. -EAFNOSUPPORT: family;
 * -EPROTONOSUPPORT: type; -ENXIO: another core; -ENOSPC: quota; -ENOMEM. */
int rio_socket(rio_session* session, uint32_t family, uint32_t type, uint32_t core,
               rio_socket_t* out);
/* Receives complete with -ECANCELED, sends with their outcome; each exactly once. The socket's
 * request queue is freed when its last completion has been dequeued.
 * A stream: sends that were posted go on, then FIN. The peer gets a RST instead, and sends in
 * flight fail with -ECONNABORTED, when RIO_SO_LINGER_0 is set, when received data waits that no
 * receive took, and while it is still connecting. A listening socket: connections that nobody
 * accepted are reset. */
int rio_close_socket(rio_socket_t socket);
/* address.port 0: an ephemeral port (RFC 6056). -EADDRNOTAVAIL: neither an address of this core's
 * NICs nor (UDP) a multicast group; -EADDRINUSE, also when another user has the port on another
 * core, or no ephemeral port is free; -EPERM: the configuration does not grant it; -EINVAL: bound
 * already; -EAFNOSUPPORT: of another family than the socket, or with a scope; -ENOBUFS: the core's
 * sockets are all bound. The same port on several cores, by sessions of one user: a datagram or
 * connection goes to the socket on the core that the NIC has brought it to. */
int rio_bind(rio_socket_t socket, const rio_address* address);
/* UDP: sets the peer, binds if it is not bound. -ENETUNREACH: no route; -EACCES: broadcast without
 * RIO_SO_BROADCAST; -EADDRINUSE: no ephemeral port is free, or this pair of addresses and ports is
 * in use; -EINVAL: no address or port given; -EAFNOSUPPORT, -ENOBUFS: as for bind.
 * A stream: begins to connect and returns -EINPROGRESS, which is what success looks like here.
 * rio_connect_wait() tells the outcome; requests may be posted at once and tell it, too. Else
 * nothing has begun: as above, and -EALREADY: it is connecting; -EISCONN: it is connected; -EACCES:
 * a broadcast or multicast address; -EADDRNOTAVAIL: no ephemeral port is free; -EINVAL: it listens,
 * or its connection has failed (make a new socket); -ENOBUFS: tcp.connections_max is reached. */
int rio_connect(rio_socket_t socket, const rio_address* address);
/* Waits until a stream is connected. 0; -ETIMEDOUT: not within timeout_ms (below 0: no limit), or
 * the peer did not answer within RIO_SO_CONNECT_TIMEOUT_MS: rio_get_option(RIO_SO_STATE) tells
 * which; -ECONNREFUSED: nobody listens there; -EHOSTUNREACH, -ENETUNREACH, ... the connection's
 * error; -ENOTCONN: rio_connect was not called; -EOPNOTSUPP: not a stream. Sleeps in between; in an
 * application that runs the stack itself, in this thread (inline), call it with 0 between polls. */
int rio_connect_wait(rio_socket_t socket, int timeout_ms);
/* Streams that are bound: from now on peers can connect; at most `backlog` connections wait for
 * rio_accept (a number that is too large, or 0, is taken for the nearest that is not). Again: a new
 * backlog. -EINVAL: not bound, connected, or it has a request queue; -EADDRINUSE: another socket
 * listens there; -ENOBUFS: too many sockets listen; -EOPNOTSUPP: not a stream. */
int rio_listen(rio_socket_t socket, uint32_t backlog);
/* The connection that waits longest, as a socket of its own with the listener's options. Give it a
 * request queue; what arrived meanwhile comes out of its first receives, and they tell if it has
 * failed already. -EAGAIN: none waits; -EINVAL: the socket does not listen; -ENOMEM. */
int rio_accept(rio_socket_t listener, rio_socket_t* out);
/* As rio_accept, and waits for a connection. -ETIMEDOUT: none came within timeout_ms (below 0: no
 * limit). Sleeps in between; inline as rio_connect_wait. */
int rio_accept_wait(rio_socket_t listener, int timeout_ms, rio_socket_t* out);
/* Streams: FIN behind what was posted; sends that are posted from now on complete with -EPIPE
 * (while earlier ones are still in the queue they may go in front of the FIN). Receives go on.
 * Again: 0. -ENOTCONN: there is no connection; -EOPNOTSUPP: not a stream. */
int rio_shutdown(rio_socket_t socket);
/* UDP: the socket gets what is sent to the group and to the port it is bound to (it is bound to
 * every address, or to the group; not connected), from every source (NULL) or from this one; more
 * sources by more calls. nic: a name of the configuration; NULL: the NIC that has the address which
 * the socket is bound to, else that of the route to the group or the source, else the first that
 * speaks its family. A group of IPv6 with the link's scope (ff02::) needs either of the former two.
 * Several sockets of one port, of any applications, set RIO_SO_REUSEADDR first; each gets a copy.
 * -EINVAL: no group's address, 224.0.0.1, ff02::1 or a scope within the host, a source that is no
 * host's of the group's family, 232/8 or ff3x::/32 without a source (RFC 4607), a port or scope, or
 * the socket has joined the group with every source and asks for one, or the other way round;
 * -EADDRINUSE: joined already; -EPERM: the configuration does not grant this group; -EDQUOT:
 * joins_max of the session; -ENODEV: no such NIC, one without IPv6, or it must be named; -ENOBUFS:
 * the core's limits; -EOPNOTSUPP: a stream; -EAFNOSUPPORT: not the socket's family. */
int rio_join_group(rio_socket_t socket, const rio_address* group, const rio_address* source,
                   const char* nic);
/* With the same arguments. -EADDRNOTAVAIL: not joined so. Closing the socket leaves all. */
int rio_leave_group(rio_socket_t socket, const rio_address* group, const rio_address* source,
                    const char* nic);
/* option RIO_SO_*. -ENOPROTOOPT: no such option, or it can only be read; -EINVAL: the value. */
int rio_set_option(rio_socket_t socket, uint32_t option, int64_t value);
int rio_get_option(rio_socket_t socket, uint32_t option, int64_t* value);
int rio_local_address(rio_socket_t socket, rio_address* out);
int rio_peer_address(rio_socket_t socket, rio_address* out); /* -ENOTCONN */
/* The core on which the socket lives: its queues' CQs must be there. */
int rio_socket_core(rio_socket_t socket);
/* An address from text ("10.0.0.1", "2001:db8::1"; no scope) and a port in host order. -EINVAL. */
int rio_parse_address(const char* text, uint16_t port, rio_address* out);

/* ---- request queues ----------------------------------------------------------------------- */

/* Reserves max_receives in receive_cq and max_sends in send_cq (which may be the same).
 * flags: RIO_RQ_HOT, RIO_RQ_COPIED. A CQ whose maximum is 0 may be NULL. -EINVAL: both maxima 0,
 * together over RIO_CQ_ENTRIES_MAX, an unknown flag, or a CQ of another session; -ENOSPC: a CQ has
 * no room, or request_queues_max, the core's requests or its RIO_RQ_HOT queues are used up;
 * -EALREADY: the socket has its queue; -ENOMEM, -EDQUOT, -EMFILE: as for a completion queue.
 * (-EXDEV is reserved for a CQ on another core than the socket's.) */
int rio_create_request_queue(rio_socket_t socket, uint32_t max_receives, uint32_t max_sends,
                             rio_cq* receive_cq, rio_cq* send_cq, uint64_t socket_context,
                             uint32_t flags, rio_rq** out);
/* Outstanding requests are carried over. -EINVAL: below what is outstanding; -EBUSY: the core could
 * not take everything that was posted before: dequeue, try again; -ENOSPC, -ENOMEM, -EDQUOT,
 * -EMFILE: as for creation. After a failure it is unchanged. The caller is the thread that posts,
 * and no other thread commits meanwhile. */
int rio_resize_request_queue(rio_rq* rq, uint32_t max_receives, uint32_t max_sends);

/* ---- hot calls ---------------------------------------------------------------------------- */

/* Makes the system call that wakes a sleeping core. Not inline: once per sleep. */
void rio_signal_core(rio_session* session);
/* Looks whether the core is silent; 0 or -EHOSTDOWN (daemon gone), or the errno with which the core
 * ended this session. Called by rio_dequeue every 4,096 empty polls. */
int rio_session_status(rio_session* session);
/* Adopts a resized ring; called by rio_dequeue at the switch position. */
void rio_cq_switch_(rio_cq* cq);

/* Rings the doorbell and, if the core sleeps, signals it once for this sleep. */
static inline int rio_ring_doorbell_(rio_abi_session* header, uint64_t* words, uint32_t number) {
  rio_doorbell_ring(header->doorbell_summary, words, number);
  const uint32_t sleeps = rio_word_load(&header->sleeps);
  return (sleeps & 1u) && rio_signal_claim(&header->signalled, sleeps);
}

/* Publishes the slot at rq->position and tells the core, if it does not poll this queue. */
static inline void rio_post_(rio_rq* rq, rio_abi_request* slot) {
  rio_ring_publish(&slot->sequence, rq->position);
  rq->position++;
  rio_ring_post_barrier(rq->fast_barrier);
  if (__builtin_expect(rio_word_load(&rq->header->state) == RIO_RQ_STATE_HOT, 1)) return;
  rio_count_any(&rq->header->doorbells);
  if (rio_ring_doorbell_(rq->session_header, rq->doorbell_words, rq->doorbell)) {
    rio_count_any(&rq->header->signals);
    rio_signal_core(rq->session);
  }
}

static inline void rio_fill_(rio_abi_request* slot, uint8_t opcode, uint32_t flags,
                             const rio_slice* data, const rio_address* peer, uint64_t context) {
  slot->opcode = opcode;
  slot->reserved0 = 0;
  slot->flags = (uint16_t)flags;
  slot->request_context = context;
  if (data) {
    slot->buffer_id = data->buffer_id, slot->offset = data->offset, slot->length = data->length;
  } else {
    slot->buffer_id = RIO_INVALID_BUFFER, slot->offset = 0, slot->length = 0;
  }
  if (peer) {
    slot->scope = peer->scope, slot->port = peer->port, slot->family = peer->family;
    memcpy(slot->peer, peer->bytes, sizeof slot->peer);
  } else {
    slot->scope = 0, slot->port = 0, slot->family = RIO_FAMILY_NONE;
    memset(slot->peer, 0, sizeof slot->peer);
  }
  slot->reserved1 = 0;
  slot->reserved2 = 0;
}

/* Starts everything that was deferred. Posts no request; any thread may call it, except while the
 * queue is resized or its socket closed. Always 0. */
static inline int rio_commit(rio_rq* rq) {
  rio_commit_add(&rq->header->commits);
  rio_count_any(&rq->header->doorbells);
  if (rio_ring_doorbell_(rq->session_header, rq->doorbell_words, rq->doorbell)) {
    rio_count_any(&rq->header->signals);
    rio_signal_core(rq->session);
  }
  return 0;
}

/* Queues one send to `peer` (NULL: the connected peer). The slice belongs to the core until the
 * completion has been dequeued. data NULL: an empty datagram. flags: RIO_DEFER, RIO_DONT_NOTIFY;
 * RIO_COMMIT_ONLY alone, with data NULL.
 * 0: exactly one completion will come. Refused, none will come: -ENOBUFS: quota full, dequeue and
 * retry; -EINVAL: a flag that sends do not have.
 * Completion status: 0; -EINVAL: slice outside a registered buffer or malformed request;
 * -EAFNOSUPPORT: the peer's family; -EMSGSIZE: larger than the MTU takes, of the interface or of
 * the path, as far as routers told this socket, which RIO_SO_ERROR says once (with RIO_SO_FRAGMENT:
 * than 65,507 bytes on IPv4, 65,527 on IPv6, or than 128 fragments hold);
 * -EDESTADDRREQ: no peer; -ENETUNREACH: no route; -EHOSTUNREACH: neighbour does not answer;
 * -ENOBUFS: too many wait for that neighbour (one in fragments waits for none; send it again: it is
 * asked), or no room to bind; -EADDRINUSE: no ephemeral port is
 * free; -EACCES: broadcast without RIO_SO_BROADCAST; -ENETDOWN: the port is down.
 * On a stream a send is never partial, needs data (-EINVAL) and names no peer (-EISCONN). It
 * completes when the peer has acknowledged all its bytes; the queue's flag RIO_RQ_COPIED makes it
 * complete as soon as they are copied, while the session has memory for that. Sends between
 * RIO_DEFER and the one that ends it leave together. Status: 0; -ENOTCONN: not connected; -EPIPE:
 * after rio_shutdown; else what ended the connection: -ECONNRESET: by the peer; -ECONNREFUSED;
 * -ETIMEDOUT: no answer; -EHOSTUNREACH, -ENETUNREACH; -ECONNABORTED: by rio_close_socket. A failed
 * one tells in `bytes` how many of its bytes were acknowledged, and has the flag RIO_CF_UNSENT if
 * none of them ever left: then the peer cannot have seen it. */
static inline int rio_send_ex(rio_rq* rq, const rio_slice* data, const rio_address* peer,
                              uint32_t flags, uint64_t request_context) {
  if (__builtin_expect(flags & ~(RIO_DEFER | RIO_DONT_NOTIFY), 0)) {
    if (flags == RIO_COMMIT_ONLY && !data && !peer) return rio_commit(rq);
    return -EINVAL;
  }
  if (rq->sends - rio_word_load(&rq->sends_done) >= rq->sends_max) return -ENOBUFS;
  rio_abi_request* slot = &rq->slots[rq->position & rq->mask];
  rio_fill_(slot, RIO_OP_SEND, flags, data, peer, request_context);
  rq->sends++;
  rio_post_(rq, slot);
  return 0;
}
static inline int rio_send(rio_rq* rq, const rio_slice* data, uint32_t flags,
                           uint64_t request_context) {
  return rio_send_ex(rq, data, NULL, flags, request_context);
}

/* Queues one receive. The slice belongs to the core until the completion has been dequeued, which
 * tells bytes, peer and time. flags as rio_send_ex, and RIO_WAITALL (streams only).
 * 0, or refused as rio_send_ex.
 * Completion status: 0; -EMSGSIZE: the datagram was longer than the slice: the slice is full,
 * bytes tells the true length; -EINVAL: slice outside a registered buffer; -ECANCELED: the socket
 * was closed.
 * On a stream it needs room (-EINVAL) and completes with the bytes that are there, at least one;
 * with RIO_WAITALL when the slice is full, or with what it has at the end. The end is status 0 and
 * 0 bytes: the peer sent FIN, and every later receive completes so. After a failure: the data that
 * came before it, then its error (as for sends) for every later receive. */
static inline int rio_receive_ex(rio_rq* rq, const rio_slice* data, uint32_t flags,
                                 uint64_t request_context) {
  if (__builtin_expect(flags & ~(RIO_DEFER | RIO_DONT_NOTIFY), 0)) {
    if (flags == RIO_COMMIT_ONLY && !data) return rio_commit(rq);
    if ((flags & ~(RIO_DEFER | RIO_DONT_NOTIFY | RIO_WAITALL)) || !rq->stream) return -EINVAL;
  }
  if (rq->receives - rio_word_load(&rq->receives_done) >= rq->receives_max) return -ENOBUFS;
  rio_abi_request* slot = &rq->slots[rq->position & rq->mask];
  rio_fill_(slot, RIO_OP_RECEIVE, flags, data, NULL, request_context);
  rq->receives++;
  rio_post_(rq, slot);
  return 0;
}
static inline int rio_receive(rio_rq* rq, const rio_slice* data, uint32_t flags,
                              uint64_t request_context) {
  return rio_receive_ex(rq, data, flags, request_context);
}

/* Queues a request that does nothing; it is charged to the sends. Its completion tells that the
 * core has seen every earlier request of the queue. 0; -ENOBUFS: quota full; -EINVAL: flags. */
static inline int rio_nop(rio_rq* rq, uint32_t flags, uint64_t request_context) {
  if (flags & ~(RIO_DEFER | RIO_DONT_NOTIFY)) return -EINVAL;
  if (rq->sends - rio_word_load(&rq->sends_done) >= rq->sends_max) return -ENOBUFS;
  rio_abi_request* slot = &rq->slots[rq->position & rq->mask];
  rio_fill_(slot, RIO_OP_NOP, flags, NULL, NULL, request_context);
  rq->sends++;
  rio_post_(rq, slot);
  return 0;
}

/* Takes up to `max` completions, oldest first, without a system call. Returns how many (0: none
 * yet), or -EHOSTDOWN: the daemon died or is silent; another negative errno: the core ended this
 * session for it. This call alone gives back slots and quota. */
static inline int rio_dequeue(rio_cq* cq, rio_result* out, uint32_t max) {
  uint32_t n = 0;
  while (n < max) {
    if (__builtin_expect(cq->next_slots != NULL && cq->position == cq->switch_at, 0))
      rio_cq_switch_(cq);
    const rio_abi_completion* slot = &cq->slots[cq->position & cq->mask];
    if (!rio_ring_ready(&slot->sequence, cq->position)) break;
    rio_result* r = &out[n];
    r->status = slot->status;
    r->bytes = slot->bytes;
    r->socket_context = slot->socket_context;
    r->request_context = slot->request_context;
    r->time_ns = slot->time_ns;
    r->peer.family = slot->family;
    r->peer.port = slot->port;
    r->peer.scope = 0;
    memcpy(r->peer.bytes, slot->peer, sizeof r->peer.bytes);
    r->opcode = (uint8_t)(slot->flags & RIO_CF_OPCODE_MASK);
    r->flags = (uint16_t)(slot->flags >> 8);
    r->time_source = slot->time_source;
    const uint32_t queue = slot->request_queue;
    if (queue < cq->queues_max && cq->queues[queue]) {
      rio_rq* rq = cq->queues[queue];
      uint32_t* done = r->opcode == RIO_OP_RECEIVE ? &rq->receives_done : &rq->sends_done;
      rio_word_store(done, *done + 1u);
    }
    cq->position++;
    n++;
    if (++cq->unpublished >= cq->publish_every) {
      rio_word_store(&cq->header->consumed, cq->position);
      cq->unpublished = 0;
    }
  }
  if (n) {
    cq->empty_polls = 0;
  } else if (max) {
    if (cq->unpublished) {
      rio_word_store(&cq->header->consumed, cq->position);
      cq->unpublished = 0;
    }
    if (__builtin_expect((++cq->empty_polls & 4095u) == 0, 0))
      return rio_session_status(cq->session);
  }
  return (int)n;
}

#ifdef __cplusplus
}
#endif
#endif
