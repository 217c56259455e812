// One barrier removed at a time, to see that the checker misses it. Compiled into the simulator's own tests only:
// without HAVEN_MUTATIONS every one is the constant `false`.
#pragma once

namespace haven::mutation {

#ifdef HAVEN_MUTATIONS
inline bool skip_proof = false;             // a claim is free as soon as its host is suspected (C3)
inline bool forget_release = false;         // what was released is not noted before it is sent (C4)
inline bool timeout_is_release = false;     // a start given up at its deadline is released at once (C3, C4)
inline bool hook_open = false;              // the hook lets everything start (C5)
inline bool late_create = false;            // the hook lets a start through that was given up already (C2, C5)
inline bool ignore_incarnation = false;     // a claim of an older boot of this host is taken for one of this boot (C1)
inline bool forget_marks = false;           // an executor is not told which claims changed; no barrier, but a defect
inline bool stale_echo = false;             // S1: a packet counts as of its arrival
inline bool stall_unforgiven = false;       // S4: an observer that stalled judges as if it had not
inline bool create_revision = false;        // R1, R2: transactions compare create revisions
inline bool agents_live_on = false;         // F7: a deposed controller's agents are not killed
inline bool shots_forgotten = false;        // F7: the accused is let go while an earlier reign's shot may still land
inline bool one_fence_slot = false;         // the proof against one boot of a host counts for all of them (F1)
inline bool any_machine_returns = false;    // a boot of another machine proves the old one gone (F8)
inline bool one_supply = false;             // of all devices of a level only the first is switched and asked (F2)
inline bool any_of_level = false;           // one device of a level that says off is enough (F2)
inline bool intent_later = false;           // agents are called before the intent is written (F1)
inline bool blind_blast = false;            // who lives beside a host on its devices is not asked (F4)
inline bool named_hypervisor_only = false;  // only the machine named by runs_on is asked for a virtual host (F3)
inline bool resume_unreleased = false;      // M2: the destination resumes what came in, whoever owns it
inline bool third_host = false;             // M3: what the source released goes anywhere, whatever its destination has
inline bool stale_memory = false;           // M2: what came in goes on, however its source ended
inline bool moves_forgotten = false;  // what was moved for balance is moved again as if it had not been; no barrier
inline bool orders_vanish = false;    // an order that says nothing is deleted: its key is absent once more
inline bool link_early = false;       // one-address: the successor is linked before its predecessor's record says down
inline bool link_unmarked = false;    // one-address: what starts under an order down starts with its links up
// Promises (P2 to P5).
inline bool late_pet = false;             // the watchdog is petted up to the deadline itself
inline bool keep_alive_is_good = false;   // a keep-alive's answer counts as last good
inline bool last_good_forgotten = false;  // a restarted havend begins with a last good of its own
inline bool waiver_by_one_round = false;  // voters without a leader in one moment waive
inline bool old_voter_list = false;       // a waiver asks for a majority of the first list only
inline bool proof_across_terms = false;   // the count goes on under another leader of the engine
#else
inline constexpr bool one_fence_slot = false;
inline constexpr bool any_machine_returns = false;
inline constexpr bool one_supply = false;
inline constexpr bool any_of_level = false;
inline constexpr bool intent_later = false;
inline constexpr bool blind_blast = false;
inline constexpr bool named_hypervisor_only = false;
inline constexpr bool resume_unreleased = false;
inline constexpr bool third_host = false;
inline constexpr bool stale_memory = false;
inline constexpr bool skip_proof = false;
inline constexpr bool forget_release = false;
inline constexpr bool timeout_is_release = false;
inline constexpr bool hook_open = false;
inline constexpr bool late_create = false;
inline constexpr bool ignore_incarnation = false;
inline constexpr bool forget_marks = false;
inline constexpr bool stale_echo = false;
inline constexpr bool stall_unforgiven = false;
inline constexpr bool create_revision = false;
inline constexpr bool agents_live_on = false;
inline constexpr bool shots_forgotten = false;
inline constexpr bool moves_forgotten = false;
inline constexpr bool orders_vanish = false;
inline constexpr bool link_early = false;
inline constexpr bool link_unmarked = false;
inline constexpr bool late_pet = false;
inline constexpr bool keep_alive_is_good = false;
inline constexpr bool last_good_forgotten = false;
inline constexpr bool waiver_by_one_round = false;
inline constexpr bool old_voter_list = false;
inline constexpr bool proof_across_terms = false;
#endif

}  // namespace haven::mutation
