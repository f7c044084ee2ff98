/* Publish and consume on a ring, doorbells and the positions beside them: the only memory orders
 * of the project. Both sides use these functions; rio.h inlines them into applications.
 *
 *   producer                              consumer
 *   fill slot; publish (release)   --->   ready (acquire); copy slot
 *   load state / ring doorbell     <---   state, sleeps (see rio_ring_post_barrier)
 *
 * Positions are u32 and run free; the mask is applied at the slot. Only the producer writes
 * slots. */
#ifndef RIO_RING_H
#define RIO_RING_H

#include <rio/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A slot whose sequence is position + 1 is complete. Pairs with the acquire in rio_ring_ready. */
static inline void rio_ring_publish(uint32_t* sequence, uint32_t position) {
  __atomic_store_n(sequence, position + 1u, __ATOMIC_RELEASE);
}

/* Pairs with the release in rio_ring_publish. Anything but position + 1 means "not yet". */
static inline int rio_ring_ready(const uint32_t* sequence, uint32_t position) {
  return __atomic_load_n(sequence, __ATOMIC_ACQUIRE) == position + 1u;
}

/* Copies a slot out of memory that the other side may be changing. The compiler must not read the
 * slot again later in place of the copy: what was checked is what is used. */
static inline void rio_slot_copy(void* copy, const void* slot) {
  __builtin_memcpy(copy, slot, RIO_SLOT_BYTES);
  __asm__ volatile("" : : "r"(copy) : "memory");
}

/* What a new ring's slot holds: its own first position at or after start, never position + 1, so
 * neither old memory nor a start near 2^32 shows a phantom entry. */
static inline uint32_t rio_ring_initial_sequence(uint32_t index, uint32_t start, uint32_t mask) {
  return start + ((index - start) & mask);
}

/* A word with one writer that the other side reads: positions, states, counters. */
static inline void rio_word_store(uint32_t* word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline uint32_t rio_word_load(const uint32_t* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static inline void rio_word64_store(uint64_t* word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline uint64_t rio_word64_load(const uint64_t* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static inline void rio_count(uint64_t* counter) { /* one writer, read by anyone */
  __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1u, __ATOMIC_RELAXED);
}
/* Counted by several threads of the application: a poster and those that commit. Only ever beside
 * a doorbell or a system call, which cost more. */
static inline void rio_count_any(uint64_t* counter) {
  __atomic_fetch_add(counter, 1u, __ATOMIC_RELAXED);
}

/* Between publishing a slot and loading the queue's state. The processor may let that load pass
 * the store; the core makes up for it: it marks the queue, has membarrier(2) run on every
 * registered process, and looks at the slot again before it stops watching. An application that
 * could not register for membarrier pays the fence itself. */
static inline void rio_ring_post_barrier(int membarrier_registered) {
  if (membarrier_registered) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return;
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#if __GNUC__ >= 11
#pragma GCC diagnostic ignored "-Wtsan" /* TSan does not model fences; this one must stay */
#endif
#endif
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

/* The application rings: first the queue's bit, then the summary. Both are full barriers, so a
 * later load of `sleeps` is not early. Pairs with rio_doorbell_take. */
static inline void rio_doorbell_ring(uint64_t* summary, uint64_t* words, uint32_t number) {
  const uint32_t word = number / 64u;
  const uint32_t group = word / RIO_DOORBELL_GROUP;
  __atomic_fetch_or(&words[word], (uint64_t)1 << (number % 64u), __ATOMIC_SEQ_CST);
  __atomic_fetch_or(&summary[group / 64u], (uint64_t)1 << (group % 64u), __ATOMIC_SEQ_CST);
}

/* The core takes a summary word, then each word below it: what is set afterwards sets the summary
 * again. Loads first: an exchange would take the line from the application each pass. */
static inline uint64_t rio_doorbell_take(uint64_t* word) {
  if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) return 0;
  return __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);
}
static inline uint64_t rio_doorbell_peek(const uint64_t* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* One signal a sleep: true for the caller that must make the system call for this value of
 * `sleeps`; several threads of the application may ask. */
static inline int rio_signal_claim(uint32_t* signalled, uint32_t sleeps) {
  return __atomic_exchange_n(signalled, sleeps, __ATOMIC_SEQ_CST) != sleeps;
}

/* COMMIT_ONLY: any thread. The core compares with what it saw last. */
static inline void rio_commit_add(uint32_t* commits) {
  __atomic_fetch_add(commits, 1u, __ATOMIC_RELEASE);
}

/* Seqlock around rio_abi_clock: the writer is the core. */
static inline void rio_clock_write(rio_abi_clock* shared, const rio_abi_clock* value) {
  const uint32_t lock = __atomic_load_n(&shared->seqlock, __ATOMIC_RELAXED);
  __atomic_store_n(&shared->seqlock, lock + 1u, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  /* Release on every word keeps the odd lock in front of it without a fence. */
  __atomic_store_n(&shared->bend, value->bend, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->tsc, value->tsc, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->ns, value->ns, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->mult, value->mult, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->realtime_offset_ns, value->realtime_offset_ns, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->mult_after, value->mult_after, __ATOMIC_RELEASE);
  __atomic_store_n(&shared->seqlock, lock + 2u, __ATOMIC_RELEASE);
}
/* 1 and *out, to be believed only if rio_clock_read_ok says so afterwards; 0: the writer is in
 * between, try again. */
static inline int rio_clock_read_begin(const rio_abi_clock* shared, rio_abi_clock* out) {
  const uint32_t lock = __atomic_load_n(&shared->seqlock, __ATOMIC_ACQUIRE);
  if (lock & 1u) return 0;
  /* Acquire on every word keeps the second look at the lock behind it. */
  out->bend = __atomic_load_n(&shared->bend, __ATOMIC_ACQUIRE);
  out->tsc = __atomic_load_n(&shared->tsc, __ATOMIC_ACQUIRE);
  out->ns = __atomic_load_n(&shared->ns, __ATOMIC_ACQUIRE);
  out->mult = __atomic_load_n(&shared->mult, __ATOMIC_ACQUIRE);
  out->realtime_offset_ns = __atomic_load_n(&shared->realtime_offset_ns, __ATOMIC_ACQUIRE);
  out->mult_after = __atomic_load_n(&shared->mult_after, __ATOMIC_ACQUIRE);
  out->seqlock = lock;
  return 1;
}
static inline int rio_clock_read_ok(const rio_abi_clock* shared, const rio_abi_clock* out) {
  return __atomic_load_n(&shared->seqlock, __ATOMIC_ACQUIRE) == out->seqlock;
}
/* What the clock shows at that tsc. The difference is signed: another core's counter may be a
 * little behind. */
static inline uint64_t rio_clock_at(const rio_abi_clock* clock, uint64_t tsc) {
  __extension__ typedef __int128 wide; /* -Wpedantic knows it by this name only */
  const int64_t ticks = (int64_t)(tsc - clock->tsc);
  const int64_t bend = (int64_t)clock->bend * RIO_CLOCK_BEND_TICKS;
  wide nanos = (wide)ticks * clock->mult;
  if (bend != 0 && ticks > bend)
    nanos = (wide)bend * clock->mult + (wide)(ticks - bend) * clock->mult_after;
  return clock->ns + (uint64_t)(nanos >> 32);
}
/* 1 and *out when a consistent value was read, 0 when the writer was in between: try again. */
static inline int rio_clock_read(const rio_abi_clock* shared, rio_abi_clock* out) {
  return rio_clock_read_begin(shared, out) && rio_clock_read_ok(shared, out);
}

#ifdef __cplusplus
}
#endif
#endif
