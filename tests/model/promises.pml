/* Promises: a host that cuts itself off in time, and a controller that counts (P1 to P5, F1, C2).
 *
 * One promising host, one controller, one engine whose leader may be lost. The code that this models:
 *   src/core/liveness/promise.cpp       the clock
 *   src/core/liveness/keeping.cpp       permit, reads, waivers, room, withdrawal
 *   src/core/liveness/promise_count.cpp the count, and src/core/liveness/promise_proof.cpp its proof
 *   src/core/executor.cpp               starts
 * Its rules:
 *   P1 the promise is withdrawn by a committed transaction, and kept until then
 *   P2 last good is the send time of a linearizable read that found the member key; kept over a restart of havend
 *   P3 petted only while now + 2W < last good + D; a start needs room (C2)
 *      A start needs room by a read, not by a waiver: that says nothing of the member key, and a mark from before the
 *      proof would start what runs elsewhere by now (may_start). executor.cpp asks for more: it starts `in_touch` only.
 *   P4 a waiver only while the engine has no leader
 *   P5 the count: from the later of intent committed and member key seen absent, D + margin, under one term, read
 *      after the count ended; the proof compares that the key is still absent, and the promise
 *
 * Time is counted in halves of W. What is kept are ages, which stop counting where nothing depends on them any more, so
 * that the search covers any length of time. Everything may be late by any number of ticks: messages, the thread that
 * pets, the controller. Only the watchdog bites on time. (D may be set smaller than P1's 6 W: to find sooner what is
 * broken.)
 *
 * What must hold: when the host is proved dead by its promise, its VM does not run, and never runs again.
 *
 * Barriers that can be taken away:
 *   LATE_PET REPLY_IS_GOOD KEEPALIVE_IS_GOOD RESTART_FORGETS START_WITHOUT_ROOM START_ON_WAIVER WITHDRAW_EARLY
 *   SKIP_INTENT COUNT_FROM_INTENT ACROSS_TERMS TERM_READ_EARLY WAIVER_WHILE_LED
 */
#define W 2
#ifndef D
#define D (6 * W)
#endif
#define MARGIN 1
#define OLD (D + MARGIN + 1) /* no age matters beyond */

/* ---- the engine ---- */
bool led = true;       /* it has a leader: reads and writes are answered */
bool member = true;    /* the host's member key, under its lease */
bool promise = true;
bool intent;
bool proved;

/* ---- the host ---- */
bool alive = true, armed = true, vm = true, marked = true;
byte good;             /* age of last good */
bool waived;           /* last good comes from a waiver, which says nothing of the member key */
byte bite = W;         /* until the watchdog bites; counts down */
bool petting;          /* decided to pet, and not done so yet */
mtype = { idle, asked, found, absent };
mtype read = idle;     /* of the own member key */
byte read_age;
bool waiving;          /* a round of asking the voters is under way */
byte waive_age;
bool withdrawing;

/* ---- the controller ---- */
bool counting, term_held, term_read, proving;
byte count;            /* age of the count's beginning */

#ifdef LATE_PET
#define may_pet (good < D)
#else
#define may_pet (good + 2 * W < D)
#endif
#ifdef START_WITHOUT_ROOM
#define room true
#else
#ifdef START_ON_WAIVER
#define room (good + 2 * W < D)
#else
#define room (!waived && good + 2 * W < D)
#endif
#endif
#define counted (count >= D + MARGIN)
#define safe (!(proved && vm))

inline older(age) { if :: age < OLD -> age++ :: else fi }
inline host_dies() {
  alive = false; armed = false; vm = false; marked = false; petting = false; read = idle; read_age = 0;
  waiving = false; waive_age = 0; good = OLD; waived = false; bite = 0; withdrawing = false
}

proctype clock() {
end_clock:
  do
  :: d_step { true ->
       if :: alive && armed -> older(good) :: else fi;
       if :: counting -> older(count) :: else fi;
       if :: read != idle -> older(read_age) :: else fi;
       if :: waiving -> older(waive_age) :: else fi;
       if :: armed && bite > 0 -> bite-- :: else fi;
       if :: armed && bite == 0 -> host_dies() :: else fi }
  od
}

proctype engine() {
end_engine:
  do
  :: d_step { led -> led = false;
       /* A leader that is lost ends the term; what asks for another one comes later. */
       term_held = false }
  :: d_step { !led -> led = true; waiving = false; waive_age = 0 }
  :: d_step { led && member -> member = false } /* the lease lapses */
  :: d_step { led && withdrawing -> withdrawing = false; promise = false; proving = false }
  /* The read is answered by the engine's state at one moment between its sending and its reply. */
  :: d_step { led && read == asked -> if :: member -> read = found :: else -> read = absent fi }
#ifdef KEEPALIVE_IS_GOOD
  :: d_step { read == asked -> read = found } /* by a leader that was deposed and does not know */
#endif
  od
}

proctype host() {
end_host:
  do
  :: d_step { alive -> host_dies() }
  :: d_step { alive && led && !member && !intent && !proved -> member = true } /* F1: no intent names it */

  /* P2 */
  :: d_step { alive && read == idle -> read = asked; read_age = 0 }
  :: d_step { alive && read == absent -> read = idle; read_age = 0 }
#ifdef REPLY_IS_GOOD
  :: d_step { alive && read == found -> good = 0; waived = false; read = idle; read_age = 0 }
#else
  :: d_step { alive && read == found ->
       if :: read_age < good -> good = read_age; waived = false :: else fi; read = idle; read_age = 0 }
#endif
  /* P4: the start of the latest round. */
#ifdef WAIVER_WHILE_LED
  :: d_step { alive && !waiving -> waiving = true; waive_age = 0 }
#else
  :: d_step { alive && !led && !waiving -> waiving = true; waive_age = 0 }
#endif
  :: d_step { alive && waiving ->
       if :: waive_age < good -> good = waive_age; waived = true :: else fi; waiving = false; waive_age = 0 }
#ifdef RESTART_FORGETS
  :: d_step { alive && armed && good < OLD -> good = 0 }
#endif

  /* P3: decided now, done at any later moment that the watchdog leaves it. */
  :: d_step { alive && armed && !petting && (may_pet || !vm) -> petting = true }
  :: d_step { petting -> petting = false; bite = W }
  /* A start: marked in the engine under the own claim, called when there is room. */
  :: d_step { alive && vm -> vm = false }
  :: d_step { alive && led && member && promise && !proved && !marked -> marked = true }
  :: d_step { alive && armed && marked && !vm && !petting && room -> vm = true; assert(safe) }

  /* P1: a planned stop withdraws first; it disarms when that is committed. */
  :: d_step { alive && armed && promise && !withdrawing -> withdrawing = true;
#ifdef WITHDRAW_EARLY
       armed = false; petting = false; bite = 0; good = 0
#endif
       }
  :: d_step { alive && armed && !promise -> armed = false; petting = false; bite = 0; good = 0 }
  od
}

proctype controller() {
end_controller:
  do
  :: d_step { led && !intent && !proved -> intent = true }
#ifdef SKIP_INTENT
#define accusable true
#else
#define accusable intent
#endif
#ifdef COUNT_FROM_INTENT
  :: d_step { led && intent && promise && !counting && !proved -> counting = true; count = 0; term_held = true }
#else
  :: d_step { led && accusable && !member && promise && !counting && !proved ->
       counting = true; count = 0; term_held = true }
#endif
  /* Any change that it notices restarts the count. */
  :: d_step { counting -> counting = false; count = 0; term_held = false; term_read = false; proving = false }
#ifdef TERM_READ_EARLY
  :: d_step { led && counting && term_held && !term_read -> term_read = true }
#else
#ifdef ACROSS_TERMS
  :: d_step { led && counting && counted && !term_read -> term_read = true }
#else
  :: d_step { led && counting && counted && term_held && !term_read -> term_read = true }
#endif
#endif
  :: d_step { counting && counted && term_read && !proving && promise -> proving = true }
  :: d_step { led && proving && !member -> /* compared at the commit: member key, promise */
       proved = true; proving = false; counting = false; count = 0; term_held = false; term_read = false;
#ifdef REACH
       assert(false)
#else
       assert(safe)
#endif
       }
  od
}

init {
  atomic { run clock(); run engine(); run host(); run controller() }
}
