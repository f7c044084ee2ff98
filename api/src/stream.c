/* Streams: listen, accept, connect's outcome, shutdown. Connections are rare, so waiting for one
 * asks the core now and then, ever more seldom, and sleeps in between. */
#include <stdlib.h>
#include <time.h>

#include "session.h"

#define FIRST_NAP_NS 20000
#define LONGEST_NAP_NS 2000000

/* One message about a socket; the reply comes back in *m. */
static int ask(rio_socket_t socket, uint16_t opcode, rio_control* m) {
  int status = rio_lock_(socket->session);
  if (status < 0) return status;
  m->handle = socket->id;
  status = rio_call_(socket->session, opcode, m, NULL);
  rio_unlock_(socket->session);
  return status;
}

int rio_listen(rio_socket_t socket, uint32_t backlog) {
  rio_control m = {.a = backlog};
  return ask(socket, RIO_CTL_LISTEN, &m);
}

int rio_shutdown(rio_socket_t socket) {
  rio_control m = {0};
  return ask(socket, RIO_CTL_SHUTDOWN, &m);
}

/* The core has given the connection away: it is closed again if there is no memory for it here. */
static int adopt(rio_session* s, const rio_control* reply, rio_socket_t* out) {
  rio_socket_t socket = calloc(1, sizeof *socket);
  if (!socket) {
    rio_control m = {.handle = reply->handle2};
    rio_call_(s, RIO_CTL_SOCKET_CLOSE, &m, NULL);
    return rio_fail_(-ENOMEM, "out of memory");
  }
  *socket = (struct rio_socket_s){.session = s,
                                  .next = s->sockets,
                                  .id = reply->handle2,
                                  .core = reply->c,
                                  .type = RIO_TYPE_STREAM};
  s->sockets = socket;
  *out = socket;
  return 0;
}

int rio_accept(rio_socket_t listener, rio_socket_t* out) {
  *out = NULL;
  rio_session* s = listener->session;
  int status = rio_lock_(s);
  if (status < 0) return status;
  rio_reap_closed_(s, NULL);
  rio_control m = {.handle = listener->id};
  status = rio_call_(s, RIO_CTL_ACCEPT, &m, NULL);
  if (status == 0) status = adopt(s, &m, out);
  rio_unlock_(s);
  return status;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef struct wait {
  int64_t end, nap; /* end < 0: never */
} wait;

static wait wait_begin(int timeout_ms) {
  const int64_t end = timeout_ms < 0 ? -1 : now_ns() + (int64_t)timeout_ms * 1000000;
  return (wait){.end = end, .nap = FIRST_NAP_NS};
}

/* Sleeps, and not beyond the end. 0 when it has come. */
static int wait_more(wait* w) {
  int64_t nap = w->nap;
  if (w->end >= 0) {
    const int64_t left = w->end - now_ns();
    if (left <= 0) return 0;
    if (nap > left) nap = left;
  }
  const struct timespec t = {.tv_nsec = (long)nap};
  nanosleep(&t, NULL);
  w->nap = w->nap * 2 < LONGEST_NAP_NS ? w->nap * 2 : LONGEST_NAP_NS;
  return 1;
}

int rio_accept_wait(rio_socket_t listener, int timeout_ms, rio_socket_t* out) {
  wait w = wait_begin(timeout_ms);
  for (;;) {
    const int status = rio_accept(listener, out);
    if (status != -EAGAIN) return status;
    if (!wait_more(&w)) return rio_fail_(-ETIMEDOUT, "no connection came in %d ms", timeout_ms);
  }
}

int rio_connect_wait(rio_socket_t socket, int timeout_ms) {
  wait w = wait_begin(timeout_ms);
  for (;;) {
    rio_control m = {0};
    const int status = ask(socket, RIO_CTL_CONNECT_STATUS, &m);
    if (status != -EINPROGRESS) return status;
    if (!wait_more(&w)) return rio_fail_(-ETIMEDOUT, "not connected after %d ms", timeout_ms);
  }
}
