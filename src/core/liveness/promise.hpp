// The clock of a promise (PROTOCOL P1 to P3): from the last moment at which this host is known to have been a member,
// how long it may go on, and when it has to begin to end.
//
//   last good        + D/3            + D/2             + 2D/3            + D
//   |  starts, pets   |  orderly stop  |  kill by pid    |  no pets        |  nothing runs any more
//
// A pet may come late by W without anybody noticing, and the watchdog bites W after it: so the last one is due 2W
// before the deadline. Had it come later than W after the one before, the watchdog would have bitten already.
// Rejected: to count a lease keep-alive as good. A deposed leader of the engine still answers those (P2).
#pragma once

#include "core/model/units.hpp"

namespace haven {

inline constexpr Duration kShortestPromise = 15s;

// What a host is bound to: nothing protected of this boot runs later than `deadline` after `last_good`.
struct PromiseClock {
  Duration deadline{};
  Instant last_good;
  friend bool operator==(const PromiseClock&, const PromiseClock&) = default;
};

// W: what the watchdog is set to, at most.
[[nodiscard]] Duration watchdog_time(Duration deadline);
// The watchdog is petted only before.
[[nodiscard]] Instant pets_end(const PromiseClock& clock);
// From when on everything is asked to stop; and is killed by pid.
[[nodiscard]] Instant stop_from(const PromiseClock& clock);
[[nodiscard]] Instant kill_from(const PromiseClock& clock);
// A start may begin: it has time to be seen before it would have to be stopped (C2).
[[nodiscard]] bool room_for_start(const PromiseClock& clock, Instant now);

// How long a host that is gone must have been gone before its promise proves it dead (P5): the deadline, and a margin
// for two clocks that do not run alike and a watchdog that takes its time.
[[nodiscard]] Duration proof_wait(Duration deadline);

// How often the own member key is read: often enough that a lost answer or two cost nothing.
[[nodiscard]] Duration read_interval(Duration deadline);
// From when on the engine's voters are asked why no read succeeds: early enough for a waiver before the orderly stop.
[[nodiscard]] Instant doubt_from(const PromiseClock& clock);

}  // namespace haven
