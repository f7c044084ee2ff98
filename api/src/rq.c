/* Request queues: creation and resize; and what is left of them after their socket was closed. */
#include <stdlib.h>

#include "session.h"

static int create(rio_socket_t socket, rio_rq_full* q, const rio_control* wanted) {
  rio_session* s = socket->session;
  const uint32_t capacity = (uint32_t)rio_round_pow2_((uint64_t)wanted->a + wanted->b);
  int status = rio_ring_take_(s, capacity, &q->ring);
  if (status < 0) return status;
  rio_abi_rq* header = rio_ring_format_rq_(&q->ring, capacity, s->ring_start);
  rio_control m = *wanted;
  rio_ring_name_(&q->ring, &m);
  status = rio_call_(s, RIO_CTL_RQ_CREATE, &m, NULL);
  if (status == 0 && m.handle >= RIO_DOORBELLS_MAX)
    status = rio_fail_(-EPROTO, "the daemon gave a queue an impossible id");
  if (status < 0) {
    rio_ring_give_(&q->ring);
    return status;
  }
  q->hot = (rio_rq){.slots = (rio_abi_request*)(header + 1),
                    .header = header,
                    .mask = capacity - 1u,
                    .position = s->ring_start,
                    .receives_max = wanted->a,
                    .sends_max = wanted->b,
                    .doorbell = m.e,
                    .fast_barrier = s->fast_barrier,
                    .session_header = s->header,
                    .doorbell_words = s->doorbell_words,
                    .session = s,
                    .id = m.handle,
                    .stream = socket->type == RIO_TYPE_STREAM};
  s->queues[m.handle] = &q->hot;
  socket->rq = q;
  return 0;
}

static int check_quotas(uint32_t max_receives, uint32_t max_sends) {
  if (max_receives == 0 && max_sends == 0) return rio_fail_(-EINVAL, "both quotas are 0");
  if ((uint64_t)max_receives + max_sends > RIO_CQ_ENTRIES_MAX)
    return rio_fail_(-EINVAL, "a request queue has at most %u entries", RIO_CQ_ENTRIES_MAX);
  return 0;
}

/* A queue that only sends, or only receives, may name one completion queue alone. */
static int choose_cqs(const rio_socket_t socket, rio_cq** receive_cq, rio_cq** send_cq,
                      uint32_t max_receives, uint32_t max_sends) {
  if (!*receive_cq && max_receives == 0) *receive_cq = *send_cq;
  if (!*send_cq && max_sends == 0) *send_cq = *receive_cq;
  if (!*receive_cq || !*send_cq) return rio_fail_(-EINVAL, "no completion queue given");
  if ((*receive_cq)->session != socket->session || (*send_cq)->session != socket->session)
    return rio_fail_(-EINVAL, "the completion queue belongs to another session");
  return 0;
}

int rio_create_request_queue(rio_socket_t socket, uint32_t max_receives, uint32_t max_sends,
                             rio_cq* receive_cq, rio_cq* send_cq, uint64_t socket_context,
                             uint32_t flags, rio_rq** out) {
  *out = NULL;
  int status = check_quotas(max_receives, max_sends);
  if (status == 0) status = choose_cqs(socket, &receive_cq, &send_cq, max_receives, max_sends);
  if (status == 0) status = rio_lock_(socket->session);
  if (status < 0) return status;
  rio_reap_closed_(socket->session, NULL);
  rio_rq_full* q = NULL;
  if (socket->rq) status = rio_fail_(-EALREADY, "the socket has its request queue");
  else if (!(q = aligned_alloc(_Alignof(rio_rq_full), sizeof *q)))
    status = rio_fail_(-ENOMEM, "out of memory");
  if (q) {
    memset(q, 0, sizeof *q);
    q->receive_cq = (rio_cq_full*)receive_cq;
    q->send_cq = (rio_cq_full*)send_cq;
    const rio_control wanted = {.handle = socket->id,
                                .context = socket_context,
                                .a = max_receives,
                                .b = max_sends,
                                .c = receive_cq->id,
                                .d = send_cq->id,
                                .f = flags};
    status = create(socket, q, &wanted);
    if (status < 0) free(q);
    else *out = &q->hot;
  }
  rio_unlock_(socket->session);
  return status;
}

static int resize(rio_rq_full* q, uint32_t max_receives, uint32_t max_sends) {
  rio_rq* rq = &q->hot;
  rio_session* s = rq->session;
  if (rq->receives - rio_word_load(&rq->receives_done) > max_receives ||
      rq->sends - rio_word_load(&rq->sends_done) > max_sends)
    return rio_fail_(-EINVAL, "more requests are outstanding than the new quotas allow");
  const uint32_t capacity = (uint32_t)rio_round_pow2_((uint64_t)max_receives + max_sends);
  rio_ring fresh;
  int status = rio_ring_take_(s, capacity, &fresh);
  if (status < 0) return status;
  rio_abi_rq* header = rio_ring_format_rq_(&fresh, capacity, rq->position);
  header->commits = rio_word_load(&rq->header->commits);
  header->doorbells = rq->header->doorbells;
  header->signals = rq->header->signals;
  do { /* -EAGAIN: the core has taken a part of what the old ring holds */
    rio_control m = {.handle = rq->id, .a = max_receives, .b = max_sends, .c = rq->position};
    rio_ring_name_(&fresh, &m);
    status = rio_call_(s, RIO_CTL_RQ_RESIZE, &m, NULL);
  } while (status == -EAGAIN);
  if (status < 0) {
    rio_ring_give_(&fresh);
    return status;
  }
  rio_ring_give_(&q->ring); /* the core has copied out what was outstanding */
  q->ring = fresh;
  rq->header = header;
  rq->slots = (rio_abi_request*)(header + 1);
  rq->mask = capacity - 1u;
  rq->receives_max = max_receives;
  rq->sends_max = max_sends;
  return 0;
}

int rio_resize_request_queue(rio_rq* rq, uint32_t max_receives, uint32_t max_sends) {
  int status = check_quotas(max_receives, max_sends);
  if (status == 0) status = rio_lock_(rq->session);
  if (status < 0) return status;
  status = resize((rio_rq_full*)rq, max_receives, max_sends);
  rio_unlock_(rq->session);
  return status;
}

static int is_drained(const rio_rq_full* q, const rio_cq_full* gone) {
  const rio_rq* rq = &q->hot;
  const int receives = rq->receives == rio_word_load(&rq->receives_done) || q->receive_cq == gone;
  const int sends = rq->sends == rio_word_load(&rq->sends_done) || q->send_cq == gone;
  return receives && sends;
}

/* One of two completion queues gone: what it held will never be dequeued. */
static void forget_cq(rio_rq_full* q, const rio_cq_full* gone) {
  if (q->receive_cq == gone) q->hot.receives_done = q->hot.receives, q->receive_cq = NULL;
  if (q->send_cq == gone) q->hot.sends_done = q->hot.sends, q->send_cq = NULL;
}

void rio_reap_closed_(rio_session* s, const rio_cq_full* gone) {
  for (rio_rq_full** at = &s->closed; *at;) {
    rio_rq_full* q = *at;
    if (!is_drained(q, gone)) {
      if (gone) forget_cq(q, gone);
      at = &q->next;
      continue;
    }
    *at = q->next;
    if (s->queues[q->hot.id] == &q->hot) s->queues[q->hot.id] = NULL;
    rio_ring_give_(&q->ring);
    free(q);
  }
}
