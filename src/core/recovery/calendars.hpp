// Reservations: what is needed at some times only (model/calendar.hpp) runs when and only when it is needed.
//
// The controller reads its wall clock and records what the calendar says, `open` or not; the desired state follows the
// record, never the clock itself, so that all hosts hold the same opinion, and a host with a wrong clock has none.
// To open early harms nobody much; to close is to stop something. So a calendar is closed only by a clock that has run
// evenly beside the host's own uninterrupted one: for kClockSettles since havend began, for kClockTrusted since it was
// last set. A clock that jumps past the evening and back stops nothing; one that was set right is believed in the end.
// The alternative, to ask several hosts for the time, needs them to agree on one before anybody is believed.
#pragma once

#include <optional>

#include "core/decision.hpp"
#include "core/model/view.hpp"

namespace haven {

// Set by more than this between two looks, it jumped; NTP's slewing stays far below.
inline constexpr Duration kClockJump = 2s;
inline constexpr Duration kClockSettles = 1min;
inline constexpr Duration kClockTrusted = 10min;

struct WallClock {
  std::optional<Now> last;
  std::optional<Instant> trusted_from;  // its word may close a calendar from here on
};

// At every event. True: it was set, and whatever rests on it may come out differently from now on.
bool observe_clock(WallClock& clock, Now now);

// What the calendars of the file say otherwise than their records do, recorded by one commit. Records of what has no
// calendar any more go.
void decide_calendars(const WallClock& clock, const View& view, Pass& pass);

}  // namespace haven
