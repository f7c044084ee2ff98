/* (c) Attach, detach and kill with I/O in flight. An application attaches, sends from its memory,
 * ends on purpose or is killed between any two steps; then the next one gets the same slot. The
 * control thread, the core and a NIC that reads memory by DMA go on beside it.
 *
 * Nothing may touch memory that is not mapped, nothing of one application may be left when the next
 * one comes, and in the end everything must be back: otherwise the last process waits for ever.
 * Variants that must fail: EARLY (unmapped without the core's answer), NO_DRAIN (the core answers
 * while the NIC still reads), ONCE (an end that is in progress is not asked for again),
 * NO_OWNER (an answer for a session whose application is gone is dropped). */
#define LIVES 2
#define FRAMES 2
#define SENDS 3 /* of a session: an endless coming and going would hide a dead end */

mtype = { nobody, knocking, accepted, offered, opening, live, ending };
mtype = { attach, commit, session_open, session_end, done, in_progress };

chan request = [1] of { mtype };
chan reply = [1] of { mtype };
chan mail = [1] of { mtype };
chan answer = [1] of { mtype, mtype };

bool connected = false; /* the application's end of the control socket is open */
bool knocks = false;
byte lives = 0;
bool mapped = false;       /* HostSession: header and regions */
bool core_holds = false;   /* the core's Session has pointers into them */
bool core_serves = false;
byte in_nic = 0;           /* frames that refer to them */
bool in_flight = false;    /* HostSession::in_flight */
mtype session = nobody;

/* rio_open, rio_send, rio_close; a SIGKILL is the same as closing at that place. */
proctype Application() {
  do
  :: lives < LIVES ->
     atomic { !connected && !knocks && session == nobody -> knocks = true };
     atomic { connected -> skip };
     if
     :: request!attach;
        reply?_;
        if
        :: request!commit;
           if
           :: reply?_; /* live: it may send for a while */
              skip
           :: true /* dies while the core opens its session */
           fi
        :: true
        fi
     :: true
     fi;
     atomic { lives++; connected = false } /* what it wrote last can still be read */
  :: lives == LIVES -> break
  od
}

/* AttachServer::step_end, Sessions::end, Sessions::release. */
inline step_end() {
  if
  :: in_flight -> skip /* its answer brings us back here */
  :: !in_flight && in_core -> mail!session_end; in_flight = true;
#ifdef EARLY
     mapped = false
#endif
  :: else ->
     assert(!core_holds);
     assert(in_nic == 0);
     mapped = false;
     session = nobody
  fi
}

proctype Control() {
  bool in_core = false, ours = false;
  mtype op, status;
end:
  do
  :: atomic { knocks && !ours -> knocks = false; connected = true; ours = true;
     session = accepted } /* AttachServer::admit */
  :: atomic { ours && request?[attach] && session == accepted -> request?attach;
     session = offered; mapped = true; reply!done } /* Sessions::attach */
  :: atomic { ours && request?[commit] && session == offered -> request?commit;
     if /* AttachServer::handle, is_gone; Sessions::attach_commit */
     :: connected -> session = opening; in_core = true; in_flight = true; mail!session_open
     :: else -> skip
     fi }
  :: atomic { ours && !connected -> /* hang-up or pidfd: AttachServer::drop */
     ours = false;
     do
     :: request?_
     :: reply?_
     :: empty(request) && empty(reply) -> break
     od;
     session = ending;
     step_end() }
  :: atomic { answer?op, status -> /* AttachServer::take_answer */
     in_flight = false;
     if
     :: op == session_open && session == opening -> session = live;
        if
        :: connected -> reply!done
        :: else -> skip /* its hang-up is next */
        fi
     :: op == session_open && session != opening ->
#ifndef NO_OWNER
        step_end()
#else
        skip
#endif
     :: op == session_end && status == done -> in_core = false; step_end()
     :: op == session_end && status == in_progress ->
#ifndef ONCE
        step_end() /* AttachServer::tick, a little later */
#else
        skip
#endif
     fi;
     op = 0; status = 0 }
  od
}

/* Kernel::control, and passes in between. */
proctype Core() {
  byte sends = 0;
end:
  do
  :: atomic { mail?[session_open] -> mail?session_open; /* Server::open_session */
     assert(mapped && !core_holds);
     core_holds = true; core_serves = true; sends = 0;
     answer!session_open, done }
  :: atomic { mail?[session_end] -> mail?session_end; /* Server::end_session */
     core_serves = false;
     if
#ifndef NO_DRAIN
     :: in_nic > 0 -> answer!session_end, in_progress
     :: in_nic == 0 -> core_holds = false; answer!session_end, done
#else
     :: core_holds = false; answer!session_end, done
#endif
     fi }
  :: atomic { core_serves && in_nic < FRAMES && sends < SENDS -> /* Server::start_send: reads a */
     assert(mapped);                                             /* slot, attaches its payload */
     in_nic++;
     sends++ }
  od
}

proctype Nic() {
end:
  do
  :: atomic { in_nic > 0 -> assert(mapped); in_nic-- } /* DMA, then Port::free */
  od
}

init {
  atomic { run Application(); run Control(); run Core(); run Nic() }
  lives == LIVES;
  session == nobody && !mapped && !core_holds && in_nic == 0 && !in_flight
}
