/* The waiver: how a host knows that the engine has no leader (P4).
 *
 * Three voters of the engine, one of them its leader at first, and a host that asks all of them in round after round.
 * What etcd does (raft with pre-vote and quorum check): a follower that heard its leader names it for an election
 * timeout at least, and forgets it after two at most; a leader that reached no majority in a whole election timeout
 * steps down at the end of it, which is late; one that is out of reach for a shorter time goes on in its old term. The
 * code that is modelled is fold_round and waived in src/core/liveness/waiver.cpp: a round that takes too long, or begins too
 * long after the one before, begins the row anew; a voter counts that named no leader in every round of the row; a
 * majority of them over two election timeouts is the waiver, and the start of the latest round is a last good.
 *
 * What must hold: no leader that served anybody before that moment still leads, so that no count of its term can go on
 * (P5: a count begins with a read, and ends in the same term).
 *
 * Time goes in halves of an election timeout, or finer (ELECTION). A tick decides whom the leader reaches, who steps down, who is elected;
 * within a round each voter is asked at one of its ticks.
 *
 * Barriers that can be taken away: SINGLE_ROUND SHORT_SPAN FAR_ROUNDS
 */
#ifndef ELECTION
#define ELECTION 2
#endif
#define VOTERS 3
#define ROUND (ELECTION / 2)
/* From the start of a round to the end of the next less than an election timeout passes: what is heard between two
 * answers is still known at the second. */
#ifdef FAR_ROUNDS
#define PAIR (3 * ELECTION / 2)
#else
#define PAIR ELECTION
#endif
#ifdef SINGLE_ROUND
#define SPAN 0
#else
#ifdef SHORT_SPAN
#define SPAN (ELECTION / 2)
#else
#define SPAN (2 * ELECTION)
#endif
#endif
#define NONE 3
#define OLD (SPAN + ROUND) /* no age of a voter's silence matters beyond */
#define NEVER (OLD + 1)

byte leader = 0;              /* NONE: nobody */
byte heard[VOTERS];           /* ticks since it heard the leader; 2 * ELECTION: it knows none */
bool reached[VOTERS];         /* by the leader, in this of its timeouts */
byte check;                   /* ticks of it that are over */

bool asking;
byte round_age;               /* since the latest round began */
bool answered[VOTERS], without[VOTERS];
byte since[VOTERS] = NEVER;   /* ticks since the end of the first round of the row in which it named none */
bool served = true;           /* it reached a majority in its term: something was read or written */
bool old_reign;               /* the leader of now had served before the latest round began */

inline forget(v) { since[v] = NEVER }
inline elect(v) {
  leader = v; check = 0; served = false; old_reign = false; heard[v] = 0; reached[0] = false; reached[1] = false; reached[2] = false
}
/* A vote is given by one that heard no leader for a whole timeout; the candidate gives its own. */
#define may_vote(v) (heard[v] >= ELECTION)
#define majority_without ((since[0] != NEVER && since[0] >= SPAN + round_age) + \
                          (since[1] != NEVER && since[1] >= SPAN + round_age) + \
                          (since[2] != NEVER && since[2] >= SPAN + round_age) >= 2)

inline age(v) {
  if :: since[v] < OLD -> since[v]++ :: else fi;
  if :: v == leader -> heard[v] = 0 :: v != leader && heard[v] < 2 * ELECTION -> heard[v]++ :: else fi
}

proctype engine() {
end_engine:
  do
  /* A tick. A round that is under way at its longest ends before. */
  :: d_step { !(asking && round_age >= ROUND) ->
       if :: round_age < PAIR -> round_age++ :: else fi; age(0); age(1); age(2);
       if :: leader != NONE -> check++ :: else fi;
       if
       :: leader != NONE && check >= ELECTION ->
            if
            :: reached[0] + reached[1] + reached[2] >= 1 -> skip
            :: else -> heard[leader] = 2 * ELECTION; leader = NONE; old_reign = false
            fi;
            check = 0; reached[0] = false; reached[1] = false; reached[2] = false
       :: else
       fi }
  :: d_step { leader != NONE && leader != 0 && heard[0] != 0 -> heard[0] = 0; reached[0] = true; served = true }
  :: d_step { leader != NONE && leader != 1 && heard[1] != 0 -> heard[1] = 0; reached[1] = true; served = true }
  :: d_step { leader != NONE && leader != 2 && heard[2] != 0 -> heard[2] = 0; reached[2] = true; served = true }
  /* It gives its leader up between one timeout and two. */
  :: d_step { leader != 0 && heard[0] >= ELECTION && heard[0] < 2 * ELECTION -> heard[0] = 2 * ELECTION }
  :: d_step { leader != 1 && heard[1] >= ELECTION && heard[1] < 2 * ELECTION -> heard[1] = 2 * ELECTION }
  :: d_step { leader != 2 && heard[2] >= ELECTION && heard[2] < 2 * ELECTION -> heard[2] = 2 * ELECTION }
  /* An election, by two that gave their leader up; the old one may not know yet, but its term is over. */
  :: d_step { leader != 0 && may_vote(0) && (may_vote(1) || may_vote(2)) -> elect(0) }
  :: d_step { leader != 1 && may_vote(1) && (may_vote(0) || may_vote(2)) -> elect(1) }
  :: d_step { leader != 2 && may_vote(2) && (may_vote(0) || may_vote(1)) -> elect(2) }
  od
}

/* A voter names none if it knows none; the leader names itself. */
inline answer(v) {
  answered[v] = true;
  without[v] = (leader != v && heard[v] >= 2 * ELECTION)
}
inline count(v) {
  if
  :: without[v] && since[v] == NEVER -> since[v] = 0
  :: without[v] && since[v] != NEVER -> skip
  :: else -> forget(v)
  fi;
  answered[v] = false; without[v] = false
}

byte gap; /* the length of the round before and of the pause behind it, as of the start of this one */

proctype host() {
end_host:
  do
  :: d_step { !asking ->
       /* The row goes on only if this round can end in time. */
       if :: round_age < PAIR -> gap = round_age :: else -> gap = 0; forget(0); forget(1); forget(2) fi;
       asking = true; round_age = 0; old_reign = (leader != NONE && served) }
  :: d_step { asking && !answered[0] -> answer(0) }
  :: d_step { asking && !answered[1] -> answer(1) }
  :: d_step { asking && !answered[2] -> answer(2) }
  /* It ends; who did not answer does not count. */
  :: d_step { asking ->
       if :: gap + round_age >= PAIR -> forget(0); forget(1); forget(2) :: else fi;
       count(0); count(1); count(2); asking = false; gap = 0;
       if
       :: majority_without -> assert(!old_reign); /* the waiver */
#ifdef REACH
            assert(false)
#endif
       :: else
       fi }
  od
}

init {
  atomic { run engine(); run host() }
}
