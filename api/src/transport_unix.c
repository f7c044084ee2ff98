/* Control messages over the daemon's UNIX SOCK_SEQPACKET socket: one request, one reply. A reply
 * that comes too late would be taken for the next one, so a failed call ends the transport. */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

/* Populating and DMA-mapping gigabytes takes seconds; a daemon silent for longer is dead. */
#define REPLY_TIMEOUT_MS 15000

typedef struct unix_transport {
  int fd;
} unix_transport;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when fd is ready for events, -EHOSTDOWN at the deadline. */
static int wait_for(int fd, short events, int64_t deadline) {
  for (;;) {
    const int64_t left = deadline - now_ms();
    if (left <= 0) return rio_fail_(-EHOSTDOWN, "the daemon does not answer");
    struct pollfd p = {.fd = fd, .events = events};
    const int n = poll(&p, 1, (int)left);
    if (n > 0) return 0;
    if (n < 0 && errno != EINTR) return rio_fail_(-errno, "poll: %s", strerror(errno));
  }
}

static int send_request(int fd, const rio_control* message, int64_t deadline) {
  for (;;) {
    const ssize_t n = send(fd, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == (ssize_t)sizeof *message) return 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      const int status = wait_for(fd, POLLOUT, deadline);
      if (status < 0) return status;
      continue;
    }
    /* Hung up; perhaps with a refusal that can still be read. */
    return n < 0 && (errno == EPIPE || errno == ECONNRESET) ? 0 : -EHOSTDOWN;
  }
}

static void take_descriptors(struct msghdr* h, int fds[2]) {
  for (struct cmsghdr* c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      if (i < 2) fds[i] = fd;
      else close(fd);
    }
  }
}

static int receive_reply(int fd, rio_control* message, int fds[2], int64_t deadline) {
  int resets = 0;
  for (;;) {
    const int status = wait_for(fd, POLLIN, deadline);
    if (status < 0) return status;
    union {
      struct cmsghdr align;
      char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec io = {.iov_base = message, .iov_len = sizeof *message};
    struct msghdr h = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    const ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    /* A daemon that refuses without reading leaves a reset in front of its answer: once. */
    if (n < 0 && errno == ECONNRESET && resets++ == 0) continue;
    if (n <= 0) return rio_fail_(-EHOSTDOWN, "the daemon has hung up");
    take_descriptors(&h, fds);
    if (n == (ssize_t)sizeof *message && message->magic == RIO_CONTROL_MAGIC) return 0;
    return rio_fail_(-EPROTO, "what answers on the control socket is not Pinion");
  }
}

static int unix_call(void* self, rio_control* message, int fds[2]) {
  const int fd = ((unix_transport*)self)->fd;
  const int64_t deadline = now_ms() + REPLY_TIMEOUT_MS;
  const rio_control request = *message;
  int status = send_request(fd, &request, deadline);
  if (status == 0) status = receive_reply(fd, message, fds, deadline);
  if (status < 0) return status;
  /* A refusal before the request was read cannot know its tag. */
  const int refused = message->status != 0 && message->opcode == RIO_CTL_ATTACH && !message->tag;
  if (refused || (message->tag == request.tag && message->opcode == request.opcode)) return 0;
  return rio_fail_(-EPROTO, "the daemon answered another request");
}

static void unix_close(void* self) {
  close(((unix_transport*)self)->fd);
  free(self);
}

static int unix_alive(void* self) {
  char byte;
  const ssize_t n =
      recv(((unix_transport*)self)->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -EHOSTDOWN;
}

int rio_connect_unix_(const char* path, rio_transport* out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    return rio_fail_(-ENAMETOOLONG, "the control socket's path is too long: %s", path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return rio_fail_(-errno, "socket: %s", strerror(errno));
  while (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    close(fd);
    return rio_fail_(-error, "%s: %s%s", path, strerror(error),
                     error == ENOENT || error == ECONNREFUSED ? ". Is piniond running?" : "");
  }
  unix_transport* t = malloc(sizeof *t);
  if (!t) {
    close(fd);
    return rio_fail_(-ENOMEM, "out of memory");
  }
  t->fd = fd;
  *out = (rio_transport){.self = t, .call = unix_call, .close = unix_close, .alive = unix_alive};
  return 0;
}
