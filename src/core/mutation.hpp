// One barrier removed at a time, to see that the checker misses it. Compiled into the simulator's own tests only:
// without HAVEN_MUTATIONS every one is the constant `false`.
#pragma once

namespace haven::mutation {

#ifdef HAVEN_MUTATIONS
inline bool skip_proof = false;  // a claim is free as soon as its host is suspected
#else
inline constexpr bool skip_proof = false;
#endif

}  // namespace haven::mutation
