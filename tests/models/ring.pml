/* (a) The ring with a hostile peer. Which function a step stands for is said beside it.
 *
 * Without HOSTILE the application is librio: three receives and one send at a time, echoed by the
 * network, and one datagram that nobody asked for. Nothing may be lost, reordered, read twice or
 * invented, and nobody may wait for ever. With HOSTILE it writes anything into its slots and into
 * the position that it publishes, for as long as it likes.
 *
 * Positions run modulo M as they run modulo 2^32 in the rings, and start just below the wrap.
 * Variants that must fail: PHANTOM, LAZY; with HOSTILE: REREAD, UNCHECKED. */
#ifdef HOSTILE
#define M 8
#define SLOTS 2
#else
#define M 16
#define SLOTS 4 /* of the request ring: three receives and a send */
#endif
#define START (M - 2)
#define NEXT(p) (((p) + 1) % M)
#define AHEAD(a, b) (((a) + M - (b)) % M)

#if defined(LAZY) || defined(HOSTILE)
#define CAPACITY 4 /* as many completions as were asked for, and not twice as many */
#else
#define CAPACITY 8
#endif
#define PUBLISH_EVERY 2 /* dequeues: a quarter of the honest capacity */
#define ROUNDS 4
#define BYTES 2 /* of the registered buffer */
#define HOSTILE_ACTS 5

mtype = { receive, send };

/* Shared memory. */
byte rq_sequence[SLOTS];
mtype rq_kind[SLOTS];
byte rq_length[SLOTS];
byte cq_sequence[CAPACITY];
mtype cq_kind[CAPACITY];
byte cq_number[CAPACITY];
byte consumed = START;

/* The core's own. */
byte position = START, posted = START, seen = START, in_flight = 0;
byte receives_in = 0, receives_out = 0, sends_out = 0;
byte wire = 0; /* datagrams on their way to us */
bool broken = false;

/* rio_ring_format_rq_, rio_ring_format_cq_: rio_ring_initial_sequence, never position + 1. */
inline format() {
  byte i, at;
  i = 0;
  do
  :: i < SLOTS ->
     at = (START + AHEAD(i + M - START % SLOTS, 0) % SLOTS) % M;
#ifdef PHANTOM
     at = NEXT(at);
#endif
     rq_sequence[i] = at;
     rq_kind[i] = send;
     i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < CAPACITY ->
     cq_sequence[i] = (START + (i + M - START % CAPACITY) % CAPACITY) % M;
     i++
  :: else -> break
  od;
  i = 0; at = 0
}

/* CompletionQueue::push: a completion was reserved for it, so there is room. */
inline push(kind, number) {
  assert(!broken);
  assert(in_flight > 0);
  in_flight--;
  assert(AHEAD(posted, seen) < CAPACITY);
  cq_kind[posted % CAPACITY] = kind;
  cq_number[posted % CAPACITY] = number;
  cq_sequence[posted % CAPACITY] = NEXT(posted); /* rio_ring_publish */
  posted = NEXT(posted)
}

/* CompletionQueue::read_consumed: one load; outside [last, posted] ends the session. */
inline read_consumed() {
  word = consumed;
#ifndef UNCHECKED
  if
  :: AHEAD(word, seen) > AHEAD(posted, seen) -> broken = true
  :: else -> seen = word
  fi;
#else
  seen = word;
#endif
  word = 0
}

/* Server::visit and Server::accept: room, one copy of the slot, a check of the copy. */
proctype Core() {
  byte word, length, used;
  mtype kind;
end:
  do
  :: atomic { !broken && rq_sequence[position % SLOTS] == NEXT(position) &&
     (consumed != seen || in_flight + AHEAD(posted, seen) < CAPACITY) -> read_consumed() };
     if
     :: !broken && in_flight + AHEAD(posted, seen) < CAPACITY ->
        assert(in_flight + AHEAD(posted, seen) <= CAPACITY);
        d_step { /* rio_slot_copy */
          kind = rq_kind[position % SLOTS];
          length = rq_length[position % SLOTS]
        };
        if
        :: length <= BYTES -> /* BufferTable::locate on the copy */
           used = length;
#ifdef REREAD
           used = rq_length[position % SLOTS];
#endif
           assert(used <= BYTES)
        :: else -> skip /* fails with -EINVAL, as a completion of its own */
        fi;
        used = 0;
        length = 0;
        atomic {
          position = NEXT(position);
          in_flight++;
          assert(in_flight + AHEAD(posted, seen) <= CAPACITY);
          if
          :: kind == receive -> receives_in++
          :: else -> push(send, sends_out); sends_out = (sends_out + 1) % M;
             if
             :: wire < 2 -> wire++ /* its echo */
             :: else -> skip
             fi
          fi;
          kind = 0
        }
     :: else -> skip
     fi
  :: atomic { !broken && wire > 0 -> wire--; /* Server::deliver, or a named drop */
     if
     :: receives_in > 0 -> push(receive, receives_out); receives_in--;
        receives_out = (receives_out + 1) % M
     :: else -> skip
     fi }
  od
}

#ifndef HOSTILE
/* librio: rio_receive, rio_send, rio_dequeue, and the application's loop around them. */
proctype Application() {
  byte at = START, cq_at = START, unpublished = 0;
  byte receives = 0, receives_done = 0, sends = 0, sends_done = 0;
  bool empty_published = false;
  do
  :: atomic { (receives + M - receives_done) % M < 3 -> /* rio_receive */
     rq_kind[at % SLOTS] = receive; rq_length[at % SLOTS] = BYTES };
     rq_sequence[at % SLOTS] = NEXT(at); at = NEXT(at); receives = (receives + 1) % M
  :: atomic { sends < ROUNDS && sends == sends_done && (receives + M - receives_done) % M == 3 ->
     rq_kind[at % SLOTS] = send; rq_length[at % SLOTS] = BYTES };
     rq_sequence[at % SLOTS] = NEXT(at); at = NEXT(at); sends++
  :: cq_sequence[cq_at % CAPACITY] == NEXT(cq_at) -> /* rio_dequeue */
     atomic {
       if
       :: cq_kind[cq_at % CAPACITY] == receive ->
          assert(cq_number[cq_at % CAPACITY] == receives_done);
          assert(receives_done != receives);
          receives_done = (receives_done + 1) % M
       :: else ->
          assert(cq_number[cq_at % CAPACITY] == sends_done);
          assert(sends_done < sends);
          sends_done++
       fi;
       cq_at = NEXT(cq_at);
       unpublished++;
       empty_published = false;
       if
       :: unpublished >= PUBLISH_EVERY -> consumed = cq_at; unpublished = 0
       :: else -> skip
       fi
     }
#ifndef LAZY
  :: atomic { cq_sequence[cq_at % CAPACITY] != NEXT(cq_at) && unpublished > 0 ->
     consumed = cq_at; unpublished = 0 } /* found it empty */
#endif
  :: sends_done == ROUNDS -> break
  od
}
#else
proctype Application() { /* anything, anywhere that is its own memory */
  byte acts = 0, value, slot;
  do
  :: acts < HOSTILE_ACTS ->
     atomic {
       acts++;
       select(slot : 0 .. SLOTS - 1);
       if
       :: select(value : 0 .. M - 1); rq_sequence[slot] = value
       :: rq_length[slot] = BYTES
       :: rq_length[slot] = BYTES + 1
       :: rq_kind[slot] = receive
       :: select(value : 0 .. M - 1); consumed = value
       fi;
       value = 0; slot = 0
     }
  :: acts == HOSTILE_ACTS -> break
  od
}
#endif

init {
  d_step { format(); wire = 1 };
  atomic { run Core(); run Application() }
}
