/* Completion queues: creation, resize, close, and the one signal that rio_notify arms. */
#include <stdlib.h>
#include <unistd.h>

#include "session.h"

static rio_cq_full* full(rio_cq* cq) { return (rio_cq_full*)cq; }

/* A power of two, twice what was asked: the reader publishes its position lazily. */
static uint32_t capacity_for(uint32_t entries) {
  return (uint32_t)rio_round_pow2_(2u * (uint64_t)entries);
}

static uint32_t publish_every(uint32_t capacity) { return capacity < 4u ? 1u : capacity / 4u; }

static int check_entries(uint32_t entries) {
  if (entries >= 1 && entries <= RIO_CQ_ENTRIES_MAX) return 0;
  return rio_fail_(-EINVAL, "a completion queue has 1 to %u entries", RIO_CQ_ENTRIES_MAX);
}

static void use_ring(rio_cq* cq, rio_abi_cq* header, uint32_t capacity) {
  cq->header = header;
  cq->slots = (rio_abi_completion*)(header + 1);
  cq->mask = capacity - 1u;
  cq->publish_every = publish_every(capacity);
}

static int create(rio_session* s, rio_cq_full* q, uint32_t entries, uint32_t core,
                  uint32_t notification) {
  const uint32_t capacity = capacity_for(entries);
  int status = rio_ring_take_(s, capacity, &q->ring);
  if (status < 0) return status;
  rio_abi_cq* header = rio_ring_format_cq_(&q->ring, capacity, s->ring_start);
  int fds[2];
  rio_control m = {.a = entries, .b = rio_core_(s, core), .c = notification};
  rio_ring_name_(&q->ring, &m);
  status = rio_call_(s, RIO_CTL_CQ_CREATE, &m, fds);
  if (status == 0 && notification != RIO_NOTIFY_NONE && fds[0] < 0) {
    rio_control undo = {.handle = m.handle};
    rio_call_(s, RIO_CTL_CQ_CLOSE, &undo, NULL);
    status = rio_fail_(-EMFILE, "no descriptor came: this process has none left (RLIMIT_NOFILE)");
  }
  if (status < 0) {
    rio_close_fds_(fds);
    rio_ring_give_(&q->ring);
    return status;
  }
  rio_cq* cq = &q->hot;
  use_ring(cq, header, capacity);
  cq->position = s->ring_start;
  cq->doorbell = m.e;
  cq->id = m.handle;
  cq->notify_fd = fds[0];
  cq->fast_barrier = s->fast_barrier;
  cq->session = s;
  cq->session_header = s->header;
  cq->doorbell_words = s->doorbell_words;
  cq->queues = s->queues;
  cq->queues_max = RIO_DOORBELLS_MAX;
  q->next = s->cqs;
  s->cqs = q;
  return 0;
}

int rio_create_completion_queue(rio_session* s, uint32_t entries, uint32_t core,
                                uint32_t notification, rio_cq** out) {
  *out = NULL;
  if (notification > RIO_NOTIFY_FD)
    return rio_fail_(-EINVAL, "notification is RIO_NOTIFY_NONE or RIO_NOTIFY_FD");
  int status = check_entries(entries);
  if (status == 0) status = rio_lock_(s);
  if (status < 0) return status;
  rio_reap_closed_(s, NULL);
  rio_cq_full* q = aligned_alloc(_Alignof(rio_cq_full), sizeof *q);
  status = q ? 0 : rio_fail_(-ENOMEM, "out of memory");
  if (q) {
    memset(q, 0, sizeof *q);
    status = create(s, q, entries, core, notification);
    if (status < 0) free(q);
    else *out = &q->hot;
  }
  rio_unlock_(s);
  return status;
}

/* The header that the core uses: after a resize at once the new one, although entries of the old
 * ring are still to be dequeued. */
static rio_abi_cq* core_header(const rio_cq* cq) {
  return cq->next_header ? cq->next_header : cq->header;
}

/* Was the armed signal sent? The core counts each in the queue's header. */
static int signal_pending(rio_cq* cq) {
  if (cq->armed && rio_word64_load(&core_header(cq)->signals) != cq->armed_signals) cq->armed = 0;
  return cq->armed != 0;
}

static int resize(rio_session* s, rio_cq_full* q, uint32_t entries) {
  rio_cq* cq = &q->hot;
  if (cq->next_slots) return rio_fail_(-EBUSY, "entries of the last resize are not dequeued yet");
  rio_ring_give_(&q->draining);
  rio_ring fresh;
  const uint32_t capacity = capacity_for(entries);
  int status = rio_ring_take_(s, capacity, &fresh);
  if (status < 0) return status;
  /* The core will take over where it stands, perhaps further on. Any start does: in a ring of two
   * or more, a slot that holds a first position never holds the successor of one. */
  rio_abi_cq* header = rio_ring_format_cq_(&fresh, capacity, cq->position);
  rio_word_store(&cq->header->consumed, cq->position);
  cq->unpublished = 0;
  rio_control m = {.handle = cq->id, .a = entries};
  rio_ring_name_(&fresh, &m);
  status = rio_call_(s, RIO_CTL_CQ_RESIZE, &m, NULL);
  if (status < 0) {
    rio_ring_give_(&fresh);
    return status;
  }
  signal_pending(cq); /* the old header's count ends here, the new one's may start anywhere */
  cq->armed_signals = 0;
  q->draining = q->ring;
  q->ring = fresh;
  cq->next_header = header;
  cq->next_slots = (rio_abi_completion*)(header + 1);
  cq->next_mask = capacity - 1u;
  cq->switch_at = m.a;
  if (cq->position == cq->switch_at) rio_cq_switch_(cq);
  return 0;
}

int rio_resize_completion_queue(rio_cq* cq, uint32_t entries) {
  int status = check_entries(entries);
  if (status == 0) status = rio_lock_(cq->session);
  if (status < 0) return status;
  status = resize(cq->session, full(cq), entries);
  rio_unlock_(cq->session);
  return status;
}

/* Takes no lock, since the hot path comes here: the old ring is freed by a later cold call. */
void rio_cq_switch_(rio_cq* cq) {
  use_ring(cq, cq->next_header, cq->next_mask + 1u);
  cq->next_header = NULL;
  cq->next_slots = NULL;
  rio_word_store(&cq->header->consumed, cq->position);
  cq->unpublished = 0;
}

int rio_close_completion_queue(rio_cq* cq) {
  rio_session* s = cq->session;
  rio_cq_full* q = full(cq);
  int status = rio_lock_(s);
  if (status < 0) return status;
  rio_control m = {.handle = cq->id};
  status = rio_call_(s, RIO_CTL_CQ_CLOSE, &m, NULL);
  if (status == 0) {
    rio_reap_closed_(s, q);
    rio_cq_full** at = &s->cqs;
    while (*at != q) at = &(*at)->next;
    *at = q->next;
    rio_ring_give_(&q->draining);
    rio_ring_give_(&q->ring);
    if (cq->notify_fd >= 0) close(cq->notify_fd);
    free(q);
  }
  rio_unlock_(s);
  return status;
}

int rio_notify_fd(const rio_cq* cq) { return cq->notify_fd; }

int rio_notify(rio_cq* cq) {
  if (cq->notify_fd < 0) return -EINVAL;
  if (cq->next_slots && cq->position == cq->switch_at) rio_cq_switch_(cq);
  if (signal_pending(cq)) return -EALREADY;
  rio_abi_cq* header = core_header(cq);
  rio_word_store(&header->consumed, cq->position);
  cq->unpublished = 0;
  cq->armed_signals = rio_word64_load(&header->signals);
  cq->armed = 1;
  rio_doorbell_ring(cq->session_header->doorbell_summary, cq->doorbell_words, cq->doorbell);
  /* A sleeping core need not wake for an empty queue: it sees the doorbell before it posts the
   * next completion's signal. What it posted before it slept is visible behind this load. */
  const uint32_t sleeps = rio_word_load(&cq->session_header->sleeps);
  if ((sleeps & 1u) == 0) return 0;
  const int switching = cq->next_slots && cq->position == cq->switch_at;
  const rio_abi_completion* next = switching ? &cq->next_slots[cq->position & cq->next_mask]
                                             : &cq->slots[cq->position & cq->mask];
  if (!rio_ring_ready(&next->sequence, cq->position)) return 0;
  if (rio_signal_claim(&cq->session_header->signalled, sleeps)) rio_signal_core(cq->session);
  return 0;
}
