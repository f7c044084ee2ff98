/* Control messages between librio and the daemon (or the embedded host): one fixed-size request,
 * one reply of the same shape, over SOCK_SEQPACKET or a function call. Cold: a few per queue.
 * Every field not named for an opcode is zero in a request and is checked. Writers fill the whole
 * struct; readers copy it once before looking at it. */
#ifndef RIO_CONTROL_H
#define RIO_CONTROL_H

#include <rio/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RIO_CONTROL_MAGIC 0x4F495250u /* "PRIO" */

enum rio_control_opcode {
  /* -> a=RIO_ABI_VERSION, b=features wanted, c=1 if registered for membarrier; since version 1.4:
   *    d=1 + the number of a core, or 0 for what the configuration says.
   * <- handle=session id, a=version, b=features, d=core, size=bytes of the session region, and two
   *    descriptors: the session region's memfd, the eventfd that wakes a sleeping core. */
  RIO_CTL_ATTACH = 1,
  /* The application has mapped the session region: the daemon seals, populates, goes live. */
  RIO_CTL_ATTACH_COMMIT = 2,
  /* -> size=bytes, a=bytes of a page: 0 for the daemon's choice, or 4096. <- handle=region id,
   *    size=bytes rounded up to pages; one descriptor: memfd. */
  RIO_CTL_REGION_CREATE = 3,
  /* -> handle=region id, mapped by now. The daemon seals, populates and maps it for DMA. */
  RIO_CTL_REGION_COMMIT = 4,
  /* -> handle=region id. -EBUSY while a buffer of it is registered. */
  RIO_CTL_REGION_DESTROY = 5,
  /* -> handle=region id, offset, size. <- handle=buffer id. */
  RIO_CTL_BUFFER_REGISTER = 6,
  /* -> handle=buffer id. -EBUSY in use. */
  RIO_CTL_BUFFER_DEREGISTER = 7,
  /* -> a=entries asked, b=core, c=1 for a notification descriptor, handle2=buffer id, offset,
   *    size: header and slots. <- handle=cq id, e=doorbell number; one descriptor if c. */
  RIO_CTL_CQ_CREATE = 8,
  /* -> handle=cq id, a=entries asked, handle2=buffer id, offset, size of the new ring.
   * <- a=P: entries from position P on are in the new ring. */
  RIO_CTL_CQ_RESIZE = 9,
  RIO_CTL_CQ_CLOSE = 10, /* -> handle=cq id. -EBUSY while a request queue uses it */
  /* -> a=family (RIO_FAMILY_*), b=type (RIO_TYPE_*), c=core. <- handle=socket id, c=core */
  RIO_CTL_SOCKET = 11,
  RIO_CTL_SOCKET_CLOSE = 12, /* -> handle=socket id */
  RIO_CTL_BIND = 13,         /* -> handle=socket id, address. <- address as bound */
  RIO_CTL_CONNECT = 14,      /* -> handle=socket id, address. <- local address */
  RIO_CTL_SETSOCKOPT = 15,   /* -> handle=socket id, a=option (RIO_SO_*), size=value */
  RIO_CTL_GETSOCKOPT = 16,   /* -> handle=socket id, a=option. <- size=value */
  RIO_CTL_GETSOCKNAME = 17,  /* -> handle=socket id. <- address */
  RIO_CTL_GETPEERNAME = 18,
  /* -> handle=socket id, a=max receives, b=max sends, c=receive cq id, d=send cq id,
   *    f=flags (RIO_RQ_*), handle2=buffer id, offset, size: header and slots, context=socket
   *    context. <- handle=rq id, e=doorbell number. The id is below RIO_DOORBELLS_MAX, stands in
   *    each completion (request_queue) and is given again only when the reader has published a
   *    position behind the last completion of the old queue. */
  RIO_CTL_RQ_CREATE = 19,
  /* -> handle=rq id, a=max receives, b=max sends, c=P: position from which the new ring is used,
   *    handle2=buffer id, offset, size */
  RIO_CTL_RQ_RESIZE = 20,
  /* Since version 1.1, of streams. CONNECT of a stream answers -EINPROGRESS with the local
   * address. */
  RIO_CTL_LISTEN = 21, /* -> handle=socket id, a=backlog */
  /* -> handle=listening socket id. <- handle2=socket id, address=peer, c=core; -EAGAIN: none */
  RIO_CTL_ACCEPT = 22,
  RIO_CTL_SHUTDOWN = 23,      /* -> handle=socket id. FIN behind everything posted before */
  RIO_CTL_CONNECT_STATUS = 24, /* -> handle=socket id. 0: connected; -EINPROGRESS; the error */
  /* Since version 1.2, of datagram sockets. -> handle=socket id, address=group (port 0), offset and
   * size: the 16 bytes of the source's address (all 0: every source), why: the NIC's name (empty:
   * the core chooses). */
  RIO_CTL_JOIN = 25,
  RIO_CTL_LEAVE = 26 /* as JOIN */
};

#define RIO_TYPE_DATAGRAM 1u
#define RIO_TYPE_STREAM 2u

/* Flags of a request queue. */
#define RIO_RQ_HOT 1u    /* never made cold: the core polls it for ever */
#define RIO_RQ_COPIED 2u /* sends complete once copied */

/* Socket options. Values are integers. */
#define RIO_SO_BROADCAST 1u       /* 0 | 1: may send to broadcast addresses; default 0 */
#define RIO_SO_TTL 2u             /* 1..255; default 64 */
#define RIO_SO_DSCP 3u            /* 0..63; default 0 */
#define RIO_SO_REUSEADDR 4u       /* 0 | 1 */
#define RIO_SO_RECEIVE_BACKLOG 5u /* datagrams that may wait without a posted receive */
#define RIO_SO_DROPPED 6u         /* read only: datagrams dropped because the backlog was full */
#define RIO_SO_ERROR 7u           /* read only, cleared by reading: pending negative errno */
/* Of streams, since version 1.1. What has no default here has that of the daemon's configuration;
 * setting 0 then means that default, except where it says otherwise. */
#define RIO_SO_NODELAY 8u               /* 0 | 1: no Nagle; default 1 */
#define RIO_SO_KEEPALIVE_S 9u           /* idle time before the first probe; 0: off */
#define RIO_SO_KEEPALIVE_INTERVAL_S 10u /* between two probes */
#define RIO_SO_KEEPALIVE_COUNT 11u      /* probes without an answer before -ETIMEDOUT */
#define RIO_SO_USER_TIMEOUT_MS 12u      /* without an acknowledgment, before -ETIMEDOUT */
#define RIO_SO_LINGER_0 13u             /* 0 | 1: close resets the connection; default 0 */
#define RIO_SO_DELAYED_ACK_US 14u       /* how long an ACK may wait for a reply; below 500000 */
#define RIO_SO_RECEIVE_BUFFER 15u       /* bytes that may wait without a posted receive */
#define RIO_SO_MAXSEG 16u               /* no segment carries more bytes; 0: no limit. Read of a
                                          connection: the bytes of a full segment */
#define RIO_SO_CONGESTION 17u           /* RIO_CONGESTION_* */
#define RIO_SO_FIN_WAIT_2_S 18u         /* for the peer's FIN after ours was acknowledged */
#define RIO_SO_STATE 19u                /* read only: RIO_STATE_* */
#define RIO_SO_CONNECT_TIMEOUT_MS 20u   /* of connect, before -ETIMEDOUT */
/* Of datagram sockets, since version 1.2. */
#define RIO_SO_MULTICAST_TTL 21u  /* 1..255 of what is sent to a group; default 1 */
#define RIO_SO_MULTICAST_LOOP 22u /* 0 | 1: it reaches members on this core too; default 0 */
/* Of datagram sockets, since version 1.3. */
#define RIO_SO_FRAGMENT 23u /* 0 | 1: datagrams over the MTU leave in fragments; default 0 */

#define RIO_CONGESTION_NEWRENO 1u
#define RIO_CONGESTION_CUBIC 2u

/* The states of a connection: RFC 9293 3.3.2. */
#define RIO_STATE_CLOSED 0u
#define RIO_STATE_LISTEN 1u
#define RIO_STATE_SYN_SENT 2u
#define RIO_STATE_SYN_RECEIVED 3u
#define RIO_STATE_ESTABLISHED 4u
#define RIO_STATE_FIN_WAIT_1 5u
#define RIO_STATE_FIN_WAIT_2 6u
#define RIO_STATE_CLOSE_WAIT 7u
#define RIO_STATE_CLOSING 8u
#define RIO_STATE_LAST_ACK 9u
#define RIO_STATE_TIME_WAIT 10u

typedef struct rio_address {
  uint16_t family; /* RIO_FAMILY_* */
  uint16_t port;   /* host order */
  uint32_t scope;
  uint8_t bytes[16];
} rio_address;

typedef struct rio_control {
  uint32_t magic;
  uint16_t opcode;
  uint16_t reserved;
  uint32_t tag;   /* copied into the reply */
  int32_t status; /* reply: 0 or a negative errno */
  uint32_t handle;
  uint32_t handle2;
  uint64_t offset;
  uint64_t size;
  uint64_t context;
  uint32_t a, b, c, d, e, f;
  rio_address address;
  char why[104]; /* reply, when status is not 0: a sentence for people, NUL-terminated; request:
                    text, where the opcode has some */
} rio_control;

RIO_ABI_ASSERT(sizeof(rio_address) == 24);
RIO_ABI_ASSERT(sizeof(rio_control) == 200);

#ifdef __cplusplus
}
#endif
#endif
