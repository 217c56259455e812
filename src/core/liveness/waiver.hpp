// The waiver (PROTOCOL P4): the engine is down, and not merely out of this host's reach. While no leader is there,
// nobody can commit a proof, and the next leader begins a new term, which restarts every count (P5): so the time until
// then need not be held against this host.
//
// One moment proves nothing: a leader that lost its followers for a moment may find them again in its old term. But a
// leader hears a majority within every election timeout or steps down, and a follower that heard it names it for at
// least as long. So a majority that names no leader in round after round over two timeouts, with no gap in which it
// could have heard one, has none. A voter may answer early in one round and late in the next: it is from the start of
// the one to the end of the other that less than a timeout must pass. Slow but led does not qualify.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/event.hpp"
#include "core/model/units.hpp"

namespace haven {

// The engine's election timeout is one of 500 ms (E2) to 1 s (etcd's own default): the rounds are judged by the
// shorter, the span by the longer.
inline constexpr Duration kElectionAtLeast = 500ms;
inline constexpr Duration kElectionAtMost = 1s;
// A round that takes longer, or begins longer after the last one, begins the row anew.
inline constexpr Duration kRoundAtMost = kElectionAtLeast / 2;
// Two rounds in which somebody is silent, and the pause between them: 150 ms are left for a busy host.
inline constexpr Duration kRoundTimeout = 150ms;
inline constexpr Duration kRoundPause = 50ms;

// One row of rounds without a gap.
struct VoterRounds {
  std::map<std::string, Instant> without_leader;  // the end of the round since which it named none, in every round
  std::optional<Instant> sent, ended;             // of the latest round
};

// `lists`: those that the promise names.
void fold_round(VoterRounds& rounds, const std::vector<VoterList>& lists, Instant sent, Instant ended,
                const std::vector<VoterAnswer>& answers);

// The start of the latest round, if it is a last good: a majority of each list qualifies.
[[nodiscard]] std::optional<Instant> waived(const VoterRounds& rounds, const std::vector<VoterList>& lists);

// The voters that a majority of themselves agrees on, under one leader's term; empty: nobody can say.
[[nodiscard]] VoterList voters_agreed(const std::vector<VoterAnswer>& answers);

}  // namespace haven
