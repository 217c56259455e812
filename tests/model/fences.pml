/* Intent, answer, agents, proof (F1, F2, F6 to F8, R1, R2).
 *
 * One accused host with two power supplies, two controllers elsewhere, one engine. The accused runs a VM from its first
 * boot; what was proved dead has its VM started elsewhere at once. The code that this models:
 *   src/core/liveness/accusation.cpp  accuse, shoot, withdraw, inherit, prove_by_power, returned (F1, F2, F7, F8)
 *   src/core/liveness/late_shots.cpp  shots_are_over (F7, F8)
 *   src/core/liveness/fencing.cpp     the rounds of a level: all off, all status, all status again (F2)
 *   src/core/controller.cpp           fold_office, run_goes_on; src/core/node.cpp: kill_orphans (F7, F8)
 *   src/core/session.cpp              may_register; src/core/executor.cpp: answer_intent (F1)
 *
 * As in claims.pml a transaction lies in a lane until it is delivered or lost, and a write empties the lanes that compare
 * what it wrote. Absence is compared as the engine does it: at the commit. A controller may not know yet that it was
 * deposed. An agent's call acts on its device at any time after it was sent, also after the agent was killed; only then
 * it ends. Every fault costs one of FAULTS; when they are spent the system comes to rest, and must have decided.
 *
 * What must hold: the VM never runs twice; what is proved is dead; nobody is shot without an intent, nor after it
 * answered that intent; no agent's `off` reaches a host that is a member again, unaccused.
 *
 * Barriers that can be taken away:
 *   SKIP_INTENT ANSWER_UNCOMPARED OFF_IS_PROOF ONE_SUPPLY REINSTALLED AGENT_LIVES_ON WITHDRAW_AT_ONCE
 *   ADMIT_AT_ONCE
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define BOOTS 4 /* counted from 1 */
#define OTHER(c) (1 - c)

/* ---- what stands in the engine ---- */
byte reign = 1;                   /* of the leader key; every taking of office is another one */
byte holder = 1;                  /* 0: no key; else 1 + which controller */
byte member = 1;                  /* of the accused: boot; 0: no key */
byte joined = 1;                  /* the boot that registered last (its status record) */
mtype = { nothing, intent, shooting, failed, proved };
mtype fence[BOOTS] = nothing;
byte fence_reign[BOOTS];
bool answer[BOOTS];
bool elsewhere;                   /* the claim of boot 1 was closed by proof, and the VM runs on another host */

bool given;                       /* the second boot has claims of its own */

/* ---- the accused ---- */
bool supply[2] = true;                 /* on */
byte boot = 1;
bool vm = true;                   /* runs under boot 1; ends with it */
bool impostor;                    /* another machine runs under this name (reinstalled, or doubled), as boot IMPOSTOR */
#define IMPOSTOR 3
#define powered (supply[0] || supply[1])
#define dead(b) (b != IMPOSTOR && (boot > b || !powered))
byte faults = FAULTS;

/* ---- a controller's memory ---- */
byte my_reign[2];                 /* 0: holds no office, as far as it knows */
mtype = { no_course, off, first_status, second_status, all_off };
mtype course[2] = no_course;
byte course_boot[2];
mtype = { none, calling, done };
mtype call[4] = none;             /* of controller c, supply s: 2 * c + s */
mtype call_verb[4] = nothing;
bool orphan[4];                   /* its agent was killed: nobody hears its answer */
mtype = { accuse, shoot, withdraw, inherit, prove, prove_return };
mtype lane[2] = nothing;
byte lane_boot[2];
byte lane_member[2];

/* A member, unaccused, that runs something: the first boot does from the beginning. */
#define admitted (member == boot && fence[boot] == nothing && (boot == 1 || given))
#define never_two (!(vm && elsewhere))
#define no_calls (call[0] != calling && call[1] != calling && call[2] != calling && call[3] != calling)
#define known_reign(c) (my_reign[c] != 0 && my_reign[c] == reign && holder == c + 1)

#define own_agents_ended(c) (course[c] == no_course && call[2 * c] != calling && call[2 * c + 1] != calling)
/* Nobody's agents are under way any more: those of this reign ended, those of an earlier one were killed and have
 * ended too. The code waits for that as long as an agent may take (late_shots.hpp). */
#ifdef AGENT_LIVES_ON
#define agents_ended(c) own_agents_ended(c)
#else
#define agents_ended(c) (no_calls && course[0] == no_course && course[1] == no_course)
#endif

#ifdef WITHDRAW_AT_ONCE
#define may_withdraw(c) (course[c] == no_course)
#else
#define may_withdraw(c) agents_ended(c)
#endif
#ifdef ADMIT_AT_ONCE
#define may_admit(c) (course[c] == no_course)
#else
#define may_admit(c) agents_ended(c)
#endif

inline empty_lane(c) { lane[c] = nothing; lane_boot[c] = 0; lane_member[c] = 0 }
inline fence_written(b) {
  if :: lane_boot[0] == b -> empty_lane(0) :: else fi;
  if :: lane_boot[1] == b -> empty_lane(1) :: else fi
}
inline end_call(k) { if :: call[k] == calling -> orphan[k] = true :: else call[k] = none; call_verb[k] = nothing fi }
inline end_course(c) {
  course[c] = no_course; course_boot[c] = 0;
  end_call(2 * c);
  end_call(2 * c + 1)
}
inline power_gone() {
  if :: !powered -> vm = false; given = false :: else fi
}
inline forget_call(k) { call[k] = none; call_verb[k] = nothing; orphan[k] = false }

/* ---- the accused host ---- */
proctype accused() {
end_accused:
  do
  /* It is lost: its power, or only its lease (it was isolated, or the engine was slow); or it boots anew. */
  :: d_step { powered && faults > 0 -> faults--; supply[0] = false; supply[1] = false; vm = false; given = false }
  :: d_step { powered && faults > 0 && boot < 2 -> faults--; boot++; vm = false }
  :: d_step { member == boot && powered && !impostor && faults > 0 -> faults--; member = 0 }
  :: d_step { member != 0 && member != IMPOSTOR && (!powered || member != boot) -> member = 0 }
  /* Somebody switches a supply on. */
  :: d_step { !supply[0] && faults > 0 && boot < 2 -> faults--; if :: !powered -> boot++ :: else fi; supply[0] = true }
  /* Another machine takes its name. Its own power hangs on no device of ours. */
  :: d_step { !impostor && faults > 0 && member == 0 -> faults--; impostor = true }

  /* F1, F8: a registration waits for the older key to go, and compares that no intent names this boot. */
  :: d_step { powered && member == 0 && joined != IMPOSTOR && fence[boot] == nothing -> member = boot; joined = boot }
  :: d_step { impostor && member == 0 && fence[IMPOSTOR] == nothing -> member = IMPOSTOR; joined = IMPOSTOR }
  /* It sees the intent, sooner or later, and answers it. */
  :: d_step { powered && (fence[boot] == intent || fence[boot] == shooting || fence[boot] == failed) && !answer[boot] ->
       answer[boot] = true }
  od
}

#define commits(c, kind) (lane[c] == kind)
#define free_lane(c) (known_reign(c) && lane[c] == nothing)
#define send(c, kind, b) lane[c] = kind; lane_boot[c] = b; lane_member[c] = member
#define issue(c, s, verb)                                                                                      \
  d_step { my_reign[c] != 0 && course[c] == verb && call[2 * c + s] == none ->                                    \
    call[2 * c + s] = calling; call_verb[2 * c + s] = verb }

/* What is to be done about an open fence of this boot, unless a new boot is there: then shooting would hit the living.
 * A successor makes it its own, and the accused must answer anew (F7); an answer withdraws it; else the grace passes. */
#define open(b) (fence[b] != nothing && fence[b] != proved && (member == 0 || member == b))
#define inherits(c, b) (fence_reign[b] != reign)
#define withdraws(c, b) (fence_reign[b] == reign && answer[b] && may_withdraw(c))
#define shoots(c, b) (fence_reign[b] == reign && !answer[b] && course[c] == no_course)
#define pursue(c, b)                                                                                \
  d_step { free_lane(c) && open(b) && (inherits(c, b) || withdraws(c, b) || shoots(c, b)) ->        \
    if                                                                                              \
    :: inherits(c, b) -> send(c, inherit, b)                                                        \
    :: withdraws(c, b) -> send(c, withdraw, b)                                                      \
    :: shoots(c, b) -> send(c, shoot, b)                                                            \
    fi }

/* One call of an agent, from being sent to its end. */
proctype agent(byte c; byte s) {
  byte k = 2 * c + s;
end_agent:
  do
  :: d_step { call[k] == calling && call_verb[k] == off ->
       assert(orphan[k] || fence[course_boot[c]] != nothing || my_reign[c] != reign); /* F1: the intent first */
       if
       :: supply[s] && !supply[1 - s] ->
            assert(!admitted); /* needless */
            supply[s] = false; power_gone()
       :: else -> supply[s] = false
       fi;
       if :: orphan[k] -> forget_call(k) :: else -> call[k] = done fi }
  :: d_step { call[k] == calling && call_verb[k] != off && !orphan[k] && !supply[s] -> call[k] = done }
  /* Still on: asked again, from the first round. */
  :: d_step { call[k] == calling && call_verb[k] != off && !orphan[k] && supply[s] ->
       forget_call(k); end_course(c) }
  :: d_step { call[k] == calling && orphan[k] -> forget_call(k) }
  /* A time-out, a refusal: the level has failed. */
  :: d_step { call[k] == calling && !orphan[k] && faults > 0 -> faults--; forget_call(k); end_course(c) }
  od
}

proctype controller(byte c) {
  byte b;
end_controller:
  do
  /* R1, R3 */
  :: d_step { holder == 0 -> reign++; holder = c + 1; my_reign[c] = reign; empty_lane(0); empty_lane(1); end_course(c) }
  :: d_step { holder == OTHER(c) + 1 && faults > 0 ->
       faults--; reign++; holder = c + 1; my_reign[c] = reign; empty_lane(0); empty_lane(1); end_course(c) }
  :: d_step { holder == c + 1 && faults > 0 -> faults--; holder = 0; empty_lane(0); empty_lane(1) }
  /* It notices that it was deposed: its agents are killed (F7). */
  :: d_step { my_reign[c] != 0 && !known_reign(c) -> my_reign[c] = 0;
#ifndef AGENT_LIVES_ON
       end_course(c)
#endif
       }

  /* The intent, against the boot that registered last and holds no key. */
#ifdef SKIP_INTENT
  :: d_step { known_reign(c) && member == 0 && course[c] == no_course && fence[joined] == nothing ->
       end_course(c); course[c] = off; course_boot[c] = joined }
#else
  :: d_step { free_lane(c) && member == 0 && fence[joined] == nothing -> send(c, accuse, joined) }
#endif
  :: d_step { commits(c, accuse) && member == 0 ->
       b = lane_boot[c]; fence[b] = intent; fence_reign[b] = reign; answer[b] = false; fence_written(b); b = 0 }

  :: pursue(c, 1)
  :: pursue(c, 2)
  :: pursue(c, 3)
  :: d_step { commits(c, inherit) ->
       b = lane_boot[c]; fence[b] = intent; fence_reign[b] = reign; answer[b] = false; fence_written(b); b = 0 }
  :: d_step { commits(c, withdraw) -> b = lane_boot[c]; fence[b] = nothing; answer[b] = false; fence_written(b); b = 0 }
#ifdef ANSWER_UNCOMPARED
  :: d_step { commits(c, shoot) && member == 0 ->
#else
  :: d_step { commits(c, shoot) && member == 0 && !answer[lane_boot[c]] ->
#endif
       b = lane_boot[c];
       assert(!answer[b]); /* who answered is not shot */
       fence[b] = shooting; fence_written(b); end_course(c); course[c] = off; course_boot[c] = b; b = 0 }
  /* What cannot be committed meets a conflict; what can may be lost. */
  :: d_step { commits(c, accuse) && member != 0 -> empty_lane(c) }
  :: d_step { commits(c, shoot) && (member != 0 || answer[lane_boot[c]]) -> empty_lane(c) }
  :: d_step { (commits(c, prove) || commits(c, prove_return)) && member != lane_member[c] -> empty_lane(c) }
  :: d_step { lane[c] != nothing && faults > 0 -> faults--; empty_lane(c) }

  /* F2: all off, then two rounds of status, the second begun after the first ended. */
  :: issue(c, 0, off)
  :: issue(c, 1, off)
  :: issue(c, 0, first_status)
  :: issue(c, 1, first_status)
  :: issue(c, 0, second_status)
  :: issue(c, 1, second_status)
#ifdef ONE_SUPPLY
#define round_ended(c) (call[2 * c] == done || call[2 * c + 1] == done)
#else
#define round_ended(c) (call[2 * c] == done && call[2 * c + 1] == done)
#endif
#define next_round(c, phase) course[c] = phase; forget_call(2 * c); forget_call(2 * c + 1)
#ifdef OFF_IS_PROOF
  :: d_step { course[c] == off && round_ended(c) -> next_round(c, all_off) }
#else
  :: d_step { course[c] == off && round_ended(c) -> next_round(c, first_status) }
#endif
  :: d_step { course[c] == first_status && round_ended(c) -> next_round(c, second_status) }
  :: d_step { course[c] == second_status && round_ended(c) -> next_round(c, all_off) }
  :: d_step { free_lane(c) && course[c] == all_off && fence[course_boot[c]] != proved ->
       b = course_boot[c]; send(c, prove, b); b = 0 }
  :: d_step { commits(c, prove) && member == lane_member[c] ->
       b = lane_boot[c];
       assert(dead(b)); /* proof tells the truth */
       fence[b] = proved; answer[b] = false; fence_written(b); end_course(c);
       /* And every boot that something still names: its power was off (boots_behind). */
       if
       :: b == 2 && fence[1] != proved -> assert(dead(1)); fence[1] = proved; answer[1] = false; fence_written(1)
       :: else
       fi;
       b = 0 }
  /* F8: a new boot of the same machine, which found nothing running, proves the older one. It ends this reign's agents
   * first; an earlier reign's may hit the new boot, which gets no claims before they ended too. */
  :: d_step { course[c] != no_course && member != 0 && member != course_boot[c] -> end_course(c) }
#ifdef REINSTALLED
#define returned (member > 1)
#else
#define returned (member > 1 && member != IMPOSTOR)
#endif
  :: d_step { free_lane(c) && returned && fence[1] != proved && own_agents_ended(c) -> send(c, prove_return, 1) }
  :: d_step { commits(c, prove_return) && member == lane_member[c] ->
       assert(dead(1));
       fence[1] = proved; answer[1] = false; fence_written(1) }
  /* Claims go to a new boot once the older one is proved, and all agents have ended (F8). */
  :: d_step { known_reign(c) && !given && member == 2 && fence[2] == nothing && fence[1] == proved && may_admit(c) ->
       given = true }
  /* The claim of the dead boot is closed: the VM starts elsewhere (claims.pml). */
  :: d_step { known_reign(c) && fence[1] == proved && !elsewhere -> elsewhere = true; assert(never_two) }
  od
}

#ifndef SAFETY_ONLY
/* At rest: it runs, here or elsewhere, and nobody stands accused; or the operator is needed. */
active proctype rest() {
  timeout ->
  assert(impostor || ((vm || elsewhere) && (vm -> fence[1] == nothing : fence[1] == proved)))
}
#endif

init {
  my_reign[0] = 1;
  atomic {
    run accused(); run controller(0); run controller(1);
    run agent(0, 0); run agent(0, 1); run agent(1, 0); run agent(1, 1)
  }
}
