// One barrier removed at a time, to see that the checker misses it. Compiled into the simulator's own tests only:
// without HAVEN_MUTATIONS every one is the constant `false`.
#pragma once

namespace haven::mutation {

#ifdef HAVEN_MUTATIONS
inline bool skip_proof = false;        // a claim is free as soon as its host is suspected
inline bool stale_echo = false;        // S1: a packet counts as of its arrival
inline bool stall_unforgiven = false;  // S4: an observer that stalled judges as if it had not
inline bool create_revision = false;   // R1, R2: transactions compare create revisions
inline bool agents_live_on = false;    // F7: a deposed controller's agents are not killed
#else
inline constexpr bool skip_proof = false;
inline constexpr bool stale_echo = false;
inline constexpr bool stall_unforgiven = false;
inline constexpr bool create_revision = false;
inline constexpr bool agents_live_on = false;
#endif

}  // namespace haven::mutation
