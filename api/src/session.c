/* Attach, detach, and what every cold call needs: the lock, one request with its reply. Also the
 * two calls that the hot path makes when it has to: waking the core, and asking if it lives. */
#include "session.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/pinion/control.sock"

static uint64_t read_tsc(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
#error "rio: no time stamp counter known for this processor"
#endif
}

int rio_lock_(rio_session* s) {
  if (s->pid != getpid())
    return rio_fail_(-ECHILD, "the session belongs to the process that opened it, not to a fork");
  pthread_mutex_lock(&s->mutex);
  return 0;
}

void rio_unlock_(rio_session* s) { pthread_mutex_unlock(&s->mutex); }

void rio_close_fds_(const int fds[2]) {
  for (int i = 0; i < 2; i++)
    if (fds[i] >= 0) close(fds[i]);
}

static int32_t ended(const rio_session* s) {
  return s->header ? (int32_t)rio_word_load((const uint32_t*)&s->header->ended) : 0;
}

int rio_call_(rio_session* s, uint16_t opcode, rio_control* m, int fds[2]) {
  int own[2] = {-1, -1};
  int* const got = fds ? fds : own;
  got[0] = got[1] = -1;
  if (s->lost) return rio_fail_(s->lost, "the session has ended");
  if (s->is_live && rio_session_status(s) == -EHOSTDOWN)
    return rio_fail_(-EHOSTDOWN, "the core is silent: the daemon died or hangs");
  m->magic = RIO_CONTROL_MAGIC;
  m->opcode = opcode;
  m->tag = ++s->tag ? s->tag : ++s->tag; /* 0 marks a refusal */
  const int status = s->transport.call(s->transport.self, m, got);
  if (status < 0) {
    s->lost = ended(s) ? ended(s) : status;
    rio_close_fds_(got);
    got[0] = got[1] = -1;
    return s->lost;
  }
  if (!fds) rio_close_fds_(own);
  if (m->status == 0) return 0;
  m->why[sizeof m->why - 1] = '\0';
  return rio_fail_(m->status < 0 ? m->status : -EPROTO, "%s",
                   m->why[0] ? m->why : strerror(m->status < 0 ? -m->status : EPROTO));
}

/* After this the core may count on membarrier instead of a fence in each post. */
static int register_membarrier(void) {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

static int map_header(rio_session* s, int fd, uint64_t bytes) {
  if (bytes < RIO_SESSION_REGION_BYTES) return rio_fail_(-EPROTO, "the session region is short");
  void* p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return rio_fail_(-errno, "mapping the session: %s", strerror(errno));
  s->header = p;
  s->header_bytes = bytes;
  s->doorbell_words = (uint64_t*)((char*)p + RIO_DOORBELL_OFFSET);
  madvise(p, bytes, MADV_DONTFORK); /* a child that posts must fault, not disturb */
  return 0;
}

static int attach(rio_session* s, uint32_t core) {
  int fds[2];
  rio_control m = {.a = RIO_ABI_VERSION,
                   .b = RIO_FEATURE_EMBEDDED,
                   .c = (uint32_t)s->fast_barrier,
                   .d = core + 1u}; /* RIO_CORE_DEFAULT becomes 0 */
  int status = rio_call_(s, RIO_CTL_ATTACH, &m, fds);
  if (status < 0) {
    rio_close_fds_(fds);
    return status;
  }
  s->signal_fd = fds[1];
  s->core = m.d;
  if (fds[0] < 0 || fds[1] < 0)
    status = rio_fail_(-EMFILE, "no descriptors came: this process has none left (RLIMIT_NOFILE)");
  else if (m.a >> 16 != RIO_ABI_MAJOR)
    status = rio_fail_(-EPROTO, "the daemon speaks ABI %u.%u, this library %u.%u", m.a >> 16,
                       m.a & 0xffffu, RIO_ABI_MAJOR, RIO_ABI_MINOR);
  else status = map_header(s, fds[0], m.size);
  if (fds[0] >= 0) close(fds[0]);
  if (status < 0) return status;
  m = (rio_control){0};
  status = rio_call_(s, RIO_CTL_ATTACH_COMMIT, &m, NULL);
  if (status < 0) return status;
  /* Stored last by the core: everything else in the header is valid now. */
  if (rio_word_load(&s->header->version) >> 16 != RIO_ABI_MAJOR)
    return rio_fail_(-EPROTO, "the session did not become live");
  s->is_live = 1;
  return 0;
}

static int open_over(const rio_transport* transport, uint32_t core, rio_session** out) {
  *out = NULL;
  rio_session* s = calloc(1, sizeof *s);
  if (!s) {
    transport->close(transport->self);
    return rio_fail_(-ENOMEM, "out of memory");
  }
  s->transport = *transport;
  s->signal_fd = -1;
  s->pid = getpid();
  pthread_mutex_init(&s->mutex, NULL);
  s->fast_barrier = transport->one_thread ? 1 : register_membarrier();
  void* table = mmap(NULL, RIO_DOORBELLS_MAX * sizeof(rio_rq*), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int status = table == MAP_FAILED ? rio_fail_(-ENOMEM, "out of memory") : 0;
  if (status == 0) {
    s->queues = table;
    status = attach(s, core);
  }
  if (status < 0) {
    rio_close(s);
    return status;
  }
  *out = s;
  return 0;
}

int rio_open_transport(const rio_transport* transport, rio_session** out) {
  return open_over(transport, RIO_CORE_DEFAULT, out);
}

int rio_open(const char* path, rio_session** out) {
  return rio_open_on(path, RIO_CORE_DEFAULT, out);
}

int rio_open_on(const char* path, uint32_t core, rio_session** out) {
  *out = NULL;
  if (!path) path = getenv("PINION_SOCKET");
  if (!path || !*path) path = DEFAULT_SOCKET;
  rio_transport transport;
  const int status = rio_connect_unix_(path, &transport);
  return status < 0 ? status : open_over(&transport, core, out);
}

uint32_t rio_session_core(const rio_session* s) { return s->core; }

uint32_t rio_core_(const rio_session* s, uint32_t core) {
  return core == RIO_CORE_DEFAULT ? s->core : core;
}

static void free_queues(rio_session* s) {
  while (s->sockets) {
    rio_socket_t next = s->sockets->next;
    free(s->sockets->rq);
    free(s->sockets);
    s->sockets = next;
  }
  while (s->closed) {
    rio_rq_full* next = s->closed->next;
    free(s->closed);
    s->closed = next;
  }
  while (s->cqs) {
    rio_cq_full* next = s->cqs->next;
    if (s->cqs->hot.notify_fd >= 0) close(s->cqs->hot.notify_fd);
    free(s->cqs);
    s->cqs = next;
  }
}

void rio_close(rio_session* s) {
  if (!s) return;
  s->transport.close(s->transport.self);
  free_queues(s);
  rio_forget_memory_(s);
  if (s->signal_fd >= 0) close(s->signal_fd);
  /* In a forked child these mappings never existed: the addresses may be somebody else's. */
  if (s->pid == getpid() && s->header) munmap(s->header, s->header_bytes);
  if (s->queues) munmap(s->queues, RIO_DOORBELLS_MAX * sizeof(rio_rq*));
  pthread_mutex_destroy(&s->mutex);
  free(s);
}

void rio_set_ring_start_(rio_session* s, uint32_t start) { s->ring_start = start; }

void rio_signal_core(rio_session* s) {
  const uint64_t one = 1;
  rio_count_any(&s->header->signals);
  while (write(s->signal_fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

/* False while the host has not published a clock that this process can read by itself. */
static int own_clock(const rio_session* s, uint64_t* now_ns) {
  rio_abi_clock c;
  for (int tries = 0; !rio_clock_read(&s->header->clock, &c); tries++)
    if (tries == 1000) return 0; /* the writer stopped in the middle: it is dead or stopped */
  if (c.mult == 0) return 0;
  *now_ns = rio_clock_at(&c, read_tsc());
  return 1;
}

uint64_t rio_now_ns(const rio_session* s) {
  uint64_t now;
  return own_clock(s, &now) ? now : rio_word64_load(&s->header->heartbeat_ns);
}

int rio_session_status(rio_session* s) {
  if (ended(s)) return ended(s);
  if (rio_word_load(&s->header->sleeps) & 1u) {
    /* A sleeping core does not beat: only its process can be missed. */
    return s->transport.alive ? s->transport.alive(s->transport.self) : 0;
  }
  uint64_t now;
  if (!own_clock(s, &now)) return 0;
  const uint64_t beat = rio_word64_load(&s->header->heartbeat_ns);
  const uint64_t silent_ns = (uint64_t)s->header->core_silent_ms * 1000000u;
  if (silent_ns == 0 || now <= beat || now - beat <= silent_ns) return 0;
  return -EHOSTDOWN;
}
