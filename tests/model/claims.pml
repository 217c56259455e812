/* Reigns and claims: who may decide, and who may run a resource (R1, R2, C1 to C5, F8's incarnations).
 *
 * One resource, three hosts, two controllers, one engine. The code that this models:
 *   src/core/controller.cpp         take_office; src/core/recovery/claim_desk.cpp: every write compares `leader` (R1, R2)
 *   src/core/recovery/lifecycle.cpp claim_write, claim_for: what a claim's move rests on (R2, C1, C3)
 *   src/core/model/view.cpp         claim_closed, proved_dead: release or proof, nothing else (C3, F6)
 *   src/core/executor.cpp           mark_start, starting, ended, release, release_again (C2, C4, C6)
 *   src/core/recovery/host_state.cpp hook_refusal: libvirt's question (C5)
 *   src/core/session.cpp            may_register: waits for the older boot's key, and for no intent (F1, F8)
 *
 * How it is made small without losing an interleaving:
 * - A transaction is composed from a view of one moment and lies in a slot until it is delivered or lost, at any later
 *   time. Revisions are not counted: a write to a key empties every slot whose transaction compares that key's mod
 *   revision, for it can only fail from then on. What a transaction does not compare does not empty it.
 * - A view may be old: an executor acts on what it saw last (saw, saw_gen) until it looks again, at any time or never.
 * - Proof is exact here: only what is dead is proved. fences.pml and promises.pml show that.
 * - Every fault costs one of FAULTS; being late costs nothing. When they are spent the system comes to rest, and must
 *   then run the resource: there is no deadlock, and no wait that nobody ends.
 *
 * Barriers that can be taken away, each of which must then be missed (tests/model/CMakeLists.txt):
 *   SKIP_PROOF CREATE_REVISION CLAIM_MOVES_UNCOMPARED IGNORE_INCARNATION TIMEOUT_IS_RELEASE FORGET_RELEASE HOOK_OPEN
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define HOSTS 3
#define CONTROLLERS 2

/* ---- what stands in the engine ---- */
byte leader;                     /* 0: no key; else 1 + whose reign */
byte claim_host, claim_inc, claim_gen;
bool claim_stop;                 /* the claim's order: stop */
mtype = { nothing, starting, running, released };
mtype run_state = nothing;       /* run/<resource> */
byte run_gen;
byte member[HOSTS];              /* incarnation; 0: no key */
byte proof[HOSTS];               /* the newest incarnation proved dead; older ones are dead too */

/* ---- the world ---- */
bool up[HOSTS];
bool lost[HOSTS];                /* does not come back */
byte incarnation[HOSTS];         /* of this or the last boot */
bool process[HOSTS];             /* the VM runs there */
mtype = { none, queued, creating };
mtype call[HOSTS] = none;        /* a create inside libvirt; creating: its hook said yes */
byte faults = FAULTS;

/* ---- what each havend remembers ---- */
bool in_flight[HOSTS];           /* start_in_flight: called, and not given up */
bool sent[HOSTS];                /* this mark's start was called */
byte noted[HOSTS];               /* under /run: the generation whose release was sent (C4) */
mtype saw[HOSTS] = nothing;      /* the run record of our claim, as of the last look */
byte saw_gen[HOSTS];

/* ---- transactions under way ---- */
mtype = { mark, confirm, let_free, place, order_stop };
mtype run_lane[HOSTS] = nothing; /* of an executor: lane run/<resource> */
byte run_lane_gen[HOSTS];
mtype claim_lane[CONTROLLERS] = nothing;
byte claim_lane_host[CONTROLLERS], claim_lane_inc[CONTROLLERS], claim_lane_gen[CONTROLLERS];
bool claim_lane_deposed[CONTROLLERS]; /* its reign ended since it was sent */

#define processes (process[0] + process[1] + process[2])
#define proved(h, i) (proof[h] >= i)
#define ours(h) (claim_host == h && claim_inc == incarnation[h])

/* C3: release or proof. */
#ifdef SKIP_PROOF
#define proof_closes (member[claim_host] != claim_inc)
#else
#ifdef IGNORE_INCARNATION
#define proof_closes (proof[claim_host] > 0)
#else
#define proof_closes proved(claim_host, claim_inc)
#endif
#endif
#define closed ((run_state == released && run_gen == claim_gen) || proof_closes)

/* C4: what must be so before a release is sent. A queued create needs the hook's yes, which it does not get any more. */
#ifdef TIMEOUT_IS_RELEASE
#define surely_absent(h) (!process[h] && !in_flight[h])
#else
#define surely_absent(h) (!process[h] && !in_flight[h] && call[h] != creating)
#endif

/* C5 */
#ifdef HOOK_OPEN
#define hook_allows(h) true
#else
#define hook_allows(h) in_flight[h]
#endif

inline empty_run_lane(h) { run_lane[h] = nothing; run_lane_gen[h] = 0 }
inline empty_claim_lane(c) {
  claim_lane[c] = nothing; claim_lane_host[c] = 0; claim_lane_inc[c] = 0; claim_lane_gen[c] = 0;
  claim_lane_deposed[c] = false
}

/* Written: what compares it cannot be committed any more. Executors compare claim, run and their own member key
 * (executor.cpp: run_commit); a controller's move compares claim, run, the target's member key, the proofs
 * (lifecycle.cpp: claim_write, claim_for) and leader (controller.cpp: ClaimBatch). */
inline claim_written() {
  empty_run_lane(0); empty_run_lane(1); empty_run_lane(2);
#ifndef CLAIM_MOVES_UNCOMPARED
  empty_claim_lane(0); empty_claim_lane(1)
#endif
}
inline run_written() {
  empty_run_lane(0); empty_run_lane(1); empty_run_lane(2);
#ifndef CLAIM_MOVES_UNCOMPARED
  empty_claim_lane(0); empty_claim_lane(1)
#endif
}
inline member_written(h) {
  empty_run_lane(h);
  if :: claim_lane[0] == place && claim_lane_host[0] == h -> empty_claim_lane(0) :: else fi;
  if :: claim_lane[1] == place && claim_lane_host[1] == h -> empty_claim_lane(1) :: else fi
}
inline reign_ends(c) {
#ifdef CREATE_REVISION
  if :: claim_lane[c] != nothing -> claim_lane_deposed[c] = true :: else fi
#else
  empty_claim_lane(c)
#endif
}
/* An overwrite keeps the create revision; only deleting the key ends what compares that (R1). */
inline leader_written() {
  if :: leader != 0 -> reign_ends(leader - 1) :: else fi
}

#define never_two (processes <= 1)
#ifdef CLAIM_MOVES_UNCOMPARED
#define not_deposed(c) true /* what comes of it is the question */
#else
#define not_deposed(c) (!claim_lane_deposed[c])
#endif

/* ---- one host: machine, libvirt, executor ---- */
proctype host(byte h) {
end_host:
  do
  /* The machine. A power cut loses everything but what is in the engine and on its way there. */
  :: d_step { up[h] && faults > 0 ->
       faults--; up[h] = false; process[h] = false; call[h] = none; in_flight[h] = false; sent[h] = false;
       noted[h] = 0; saw[h] = nothing; saw_gen[h] = 0 }
  :: d_step { !up[h] && !lost[h] -> up[h] = true; incarnation[h]++ }
  :: d_step { !up[h] && !lost[h] && h != 2 -> lost[h] = true }

  /* The session: the lease, and a registration that waits for the key of the older boot (F8). */
  :: d_step { member[h] != 0 && (!up[h] || member[h] != incarnation[h]) -> member[h] = 0; member_written(h) }
  :: d_step { up[h] && member[h] == incarnation[h] && faults > 0 -> faults--; member[h] = 0; member_written(h) }
  :: d_step { up[h] && member[h] == 0 && !proved(h, incarnation[h]) -> member[h] = incarnation[h]; member_written(h) }

  /* libvirt. Its hook asks before it creates; a create ends when it ends. */
  :: d_step { call[h] == queued && hook_allows(h) -> call[h] = creating }
  :: d_step { call[h] == queued && !hook_allows(h) -> call[h] = none }
  :: d_step { call[h] == creating -> call[h] = none; in_flight[h] = false; process[h] = true; assert(never_two) }
  :: d_step { call[h] != none && in_flight[h] && faults > 0 -> faults--; call[h] = none; in_flight[h] = false }
  :: d_step { in_flight[h] && faults > 0 -> faults--; in_flight[h] = false } /* given up: unknown */
  :: d_step { up[h] && call[h] == none && faults > 0 -> faults--; call[h] = queued } /* virsh start */
  :: d_step { process[h] && faults > 0 -> faults--; process[h] = false } /* the guest crashes */
  /* havend crashes and returns; /run, libvirt and the guest stay. */
  :: d_step { up[h] && saw[h] != nothing && faults > 0 ->
       faults--; in_flight[h] = false; sent[h] = false; saw[h] = nothing; saw_gen[h] = 0 }

  /* The executor looks: what stands there of its own claim. */
  :: d_step { up[h] && ours(h) && run_gen == claim_gen && (saw[h] != run_state || saw_gen[h] != run_gen) ->
       saw[h] = run_state; saw_gen[h] = run_gen }
  :: d_step { up[h] && saw[h] != nothing && !(ours(h) && run_gen == claim_gen) -> saw[h] = nothing; saw_gen[h] = 0 }

  /* C2: marked first; again for a restart in place. */
  :: d_step { up[h] && member[h] == incarnation[h] && ours(h) && !claim_stop && noted[h] < claim_gen &&
       run_lane[h] == nothing && surely_absent(h) &&
       (run_gen != claim_gen || run_state == running || (run_state == starting && sent[h])) ->
       run_lane[h] = mark; run_lane_gen[h] = claim_gen }
  :: d_step { up[h] && saw[h] == starting && !sent[h] && !process[h] && !in_flight[h] && noted[h] < saw_gen[h] ->
       sent[h] = true; in_flight[h] = true; if :: call[h] == none -> call[h] = queued :: else fi }
  :: d_step { up[h] && member[h] == incarnation[h] && ours(h) && process[h] && run_gen == claim_gen &&
       run_state == starting && run_lane[h] == nothing ->
       run_lane[h] = confirm; run_lane_gen[h] = claim_gen }
  /* C6: engine out of reach, a restart in place of what this boot started and did not release. */
  :: d_step { up[h] && saw[h] == running && !process[h] && !in_flight[h] && noted[h] < saw_gen[h] ->
       in_flight[h] = true; if :: call[h] == none -> call[h] = queued :: else fi }

  /* Ordered to stop; or it gives up after a failure, on the view that it has: noted first, then sent (C4). */
  :: d_step { up[h] && ours(h) && claim_stop && process[h] -> process[h] = false }
  :: d_step { up[h] && member[h] == incarnation[h] && ours(h) && run_lane[h] == nothing && surely_absent(h) &&
       !(run_gen == claim_gen && run_state == released) && (claim_stop || noted[h] == claim_gen) ->
#ifndef FORGET_RELEASE
       noted[h] = claim_gen;
#endif
       run_lane[h] = let_free; run_lane_gen[h] = claim_gen }
  :: d_step { up[h] && member[h] == incarnation[h] && ours(h) && run_lane[h] == nothing && surely_absent(h) &&
       run_gen == claim_gen && (run_state == running || run_state == starting) && noted[h] < claim_gen &&
       faults > 0 ->
       faults--;
#ifndef FORGET_RELEASE
       noted[h] = claim_gen;
#endif
       run_lane[h] = let_free; run_lane_gen[h] = claim_gen }

  /* The engine takes the transaction, whenever it arrives and whatever became of its sender; or it is lost. */
  :: d_step { run_lane[h] == mark ->
       run_gen = run_lane_gen[h]; run_state = starting; run_written(); sent[h] = false }
  :: d_step { run_lane[h] == confirm -> run_gen = run_lane_gen[h]; run_state = running; run_written() }
  :: d_step { run_lane[h] == let_free -> run_gen = run_lane_gen[h]; run_state = released; run_written() }
  :: d_step { run_lane[h] != nothing && faults > 0 -> faults--; empty_run_lane(h) }
  od
}

/* ---- one controller ---- */
#define place_on(c, t)                                                                                     \
  d_step { leader == c + 1 && claim_lane[c] == nothing && closed && member[t] != 0 && !proved(t, member[t]) -> \
    claim_lane[c] = place; claim_lane_host[c] = t; claim_lane_inc[c] = member[t]; claim_lane_gen[c] = claim_gen + 1 }

proctype controller(byte c) {
end_controller:
  do
  /* R1, R3: a vacant office; or the leader's host is suspected, and lives. */
  :: d_step { leader == 0 -> leader = c + 1 }
  :: d_step { leader != 0 && leader != c + 1 && faults > 0 -> faults--; leader_written(); leader = c + 1 }
  /* Its lease goes: the key is deleted, which every compare notices. */
  :: d_step { leader == c + 1 && faults > 0 -> faults--; leader = 0; empty_claim_lane(c) }

  /* Proof, by whatever way, of what is dead; the member key must be gone or name another boot (F2, F8, P5). */
  :: d_step { leader == c + 1 && !closed && member[claim_host] != claim_inc &&
       (!up[claim_host] || incarnation[claim_host] != claim_inc) ->
       proof[claim_host] = claim_inc }

  /* A closed claim goes to any member. */
  :: place_on(c, 0)
  :: place_on(c, 1)
  :: place_on(c, 2)
  /* An open one is ordered to stop, to be moved. */
  :: d_step { leader == c + 1 && claim_lane[c] == nothing && !closed && !claim_stop && run_state == running &&
       faults > 0 ->
       faults--; claim_lane[c] = order_stop; claim_lane_gen[c] = claim_gen }

  :: d_step { claim_lane[c] == place ->
       assert(not_deposed(c)); /* R2 */
       claim_host = claim_lane_host[c]; claim_inc = claim_lane_inc[c]; claim_gen = claim_lane_gen[c];
       claim_stop = false; empty_claim_lane(c); claim_written() }
  :: d_step { claim_lane[c] == order_stop ->
       assert(not_deposed(c));
       claim_stop = true; empty_claim_lane(c); claim_written() }
  :: d_step { claim_lane[c] != nothing && faults > 0 -> faults--; empty_claim_lane(c) }
  od
}

/* Nothing can happen any more: the resource must run, once, where its claim says. */
#ifndef SAFETY_ONLY
active proctype rest() {
  timeout ->
  assert(process[claim_host] && incarnation[claim_host] == claim_inc && run_gen == claim_gen && run_state == running)
}
#endif

init {
  d_step {
    up[0] = true; up[1] = true; up[2] = true;
    incarnation[0] = 1; incarnation[1] = 1; incarnation[2] = 1;
    member[0] = 1; member[1] = 1; member[2] = 1;
    claim_host = 0; claim_inc = 1; claim_gen = 1; run_gen = 1; run_state = running; process[0] = true; leader = 1
  }
  atomic { run host(0); run host(1); run host(2); run controller(0); run controller(1) }
}
