/* (b) Hot, cold and asleep without a lost wake-up. Spin runs every step in one order for all; x86
 * does not: a store waits in its processor's buffer while later loads go past it. So the stores
 * of the application and of the core go through explicit buffers here.
 *
 * The application posts N requests and then waits for them. The core polls, makes the queue cold or
 * sleeps whenever it likes, and then looks only where its state says: a request that it does not
 * see there makes both wait for ever, which is what Spin reports. Left out on purpose, since it
 * would hide a loss: the core's look at cold queues in rotation, and its time limit on a sleep.
 *
 * Default: membarrier, no fence in the poster. FENCE: an application without membarrier.
 * Variants that must fail: NO_BARRIER, STALE (a barrier asked for before the mark counts),
 * NO_LOOK (no second look behind the barrier). */
#define N 3
#define COOLINGS 2
#define SLEEPS 1
#define TURN 8 /* sleeps and barriers count modulo this */

mtype = { hot, cooling, cold };
mtype = { state_word, sleeps_word, ask_word };

/* Shared memory, as all processors see it. */
byte visible = 0; /* requests whose slots were published */
mtype state = cold;
byte sleeps = 0, signalled = 0;
bool bell = false, signal = false;
byte asked = 0, answered = 0; /* the control thread's mailbox */

byte posted_pending = 0; /* the application's store buffer: publications, in order */
byte posted = 0, taken = 0;
chan core_stores = [6] of { mtype, byte };

inline drain_application() { visible = visible + posted_pending; posted_pending = 0 }

proctype ApplicationBuffer() {
end:
  do
  :: atomic { posted_pending > 0 -> posted_pending--; visible++ }
  od
}

proctype CoreBuffer() {
  byte value;
  mtype word;
end:
  do
  :: atomic { core_stores?word, value ->
     if
     :: word == state_word && value == 1 -> state = hot
     :: word == state_word && value == 0 -> state = cold
     :: word == sleeps_word -> sleeps = value
     :: word == ask_word -> asked = value
     fi;
     word = 0; value = 0 }
  od
}

/* membarrier(GLOBAL_EXPEDITED) as its caller sees it: every registered process has passed a full
 * barrier. An application with FENCE is not registered. */
inline membarrier() {
#if !defined(FENCE) && !defined(NO_BARRIER)
  drain_application()
#else
  skip
#endif
}

/* AttachServer::barrier. */
proctype Control() {
end:
  do
  :: asked != answered -> atomic { membarrier() }; answered = asked
  od
}

/* rio_post_. */
proctype Application() {
  byte asleep;
  do
  :: posted < N ->
     atomic { posted_pending++; posted++ }; /* rio_ring_publish */
#ifdef FENCE
     atomic { drain_application() }; /* rio_ring_post_barrier */
#endif
     if
     :: state == hot -> skip
     :: state != hot ->
        atomic { drain_application(); bell = true }; /* rio_doorbell_ring: a locked instruction */
        asleep = sleeps;
        if
        :: asleep % 2 == 1 ->
           atomic { /* rio_signal_claim, rio_signal_core */
             if
             :: signalled != asleep -> signalled = asleep; signal = true
             :: else -> skip
             fi
           }
        :: else -> skip
        fi;
        asleep = 0
     fi
  :: posted == N -> break
  od;
  taken == N
}

#define READY (visible > taken)

proctype Core() {
  mtype heat = cold; /* RequestQueue::heat */
  byte own_asked = 0, own_answered = 0, barrier = 0, own_sleeps = 0;
  byte coolings = 0, naps = 0;
  bool wanted = false;
end:
  do
  :: atomic { heat != cold && READY -> taken++ } /* Server::serve_hot */
  :: atomic { bell -> bell = false }; /* rio_doorbell_take; Server::answer_bell */
     if
     :: READY -> taken++;
        if
        :: heat != hot -> heat = hot; core_stores!state_word, 1 /* Server::promote */
        :: else -> skip
        fi
     :: else -> skip
     fi;
     do /* and what else is ready there */
     :: READY -> taken++
     :: else -> break
     od
  :: heat == hot && coolings < COOLINGS -> /* Server::make_cold */
     coolings++;
     heat = cooling;
     barrier = 0;
     wanted = true;
     core_stores!state_word, 0
  :: heat == cooling && READY -> /* used again before it was cold */
     taken++;
     heat = hot;
     core_stores!state_word, 1
  :: wanted && own_asked == own_answered -> /* Server::ask_barrier */
     wanted = false;
     own_asked = own_asked % TURN + 1;
     if
     :: heat == cooling -> barrier = own_asked
     :: else -> skip
     fi;
     core_stores!ask_word, own_asked
  :: own_asked != own_answered && answered == own_asked -> /* Server::barrier_done */
     own_answered = own_asked;
     if
#ifdef STALE
     :: heat == cooling ->
#else
     :: heat == cooling && barrier == own_answered ->
#endif
#ifndef NO_LOOK
        if
        :: READY -> taken++
        :: else -> skip
        fi;
#endif
        heat = cold /* Server::unpoll; Server::again serves what is behind the first */
#ifndef NO_LOOK
        ; do
        :: READY -> taken++
        :: else -> break
        od
#endif
     :: else -> skip
     fi
  :: naps < SLEEPS && !(heat != cold && READY) && !bell -> /* CoreThread::sleep */
     naps++;
     if /* Server::prepare_sleep */
     :: heat != cold -> core_stores!state_word, 0
     :: else -> skip
     fi;
     own_sleeps = (own_sleeps + 1) % TURN;
     core_stores!sleeps_word, own_sleeps;
     atomic { empty(core_stores) -> membarrier() }; /* a system call of the core's own */
     if
#ifndef NO_LOOK
     :: (heat != cold && READY) || bell -> skip /* Server::look_again: stay awake */
     :: !((heat != cold && READY) || bell) ->
#else
     :: true ->
#endif
end_asleep: /* valid if the application has everything */
        if /* CoreLink::sleep */
        :: signal -> signal = false
        :: own_asked != own_answered && answered == own_asked -> skip /* mail wakes it as well */
        fi
     fi;
     own_sleeps = (own_sleeps + 1) % TURN; /* Server::wake */
     core_stores!sleeps_word, own_sleeps;
     if
     :: heat == hot -> core_stores!state_word, 1
     :: else -> skip
     fi
  od
}

init {
  atomic {
    run ApplicationBuffer(); run CoreBuffer(); run Control(); run Application(); run Core()
  }
}
