#include "core/liveness/promise.hpp"

#include <algorithm>

#include "core/mutation.hpp"

namespace haven {

Duration watchdog_time(Duration deadline) { return deadline / 6; }

Instant pets_end(const PromiseClock& clock) {
  if (mutation::late_pet) return clock.last_good + clock.deadline;
  return clock.last_good + clock.deadline - 2 * watchdog_time(clock.deadline);
}

Instant stop_from(const PromiseClock& clock) { return clock.last_good + clock.deadline / 3; }
Instant kill_from(const PromiseClock& clock) { return clock.last_good + clock.deadline / 2; }
bool room_for_start(const PromiseClock& clock, Instant now) { return now < stop_from(clock); }

Duration proof_wait(Duration deadline) { return deadline + std::max<Duration>(1s, deadline / 15); }

Duration read_interval(Duration deadline) { return deadline / 12; }
Instant doubt_from(const PromiseClock& clock) { return clock.last_good + clock.deadline / 9; }

}  // namespace haven
