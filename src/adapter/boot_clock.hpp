// The clock that the core's Instants are of (CLOCK_BOOTTIME), and timers on it.
#pragma once

#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "adapter/descriptor.hpp"
#include "core/model/units.hpp"

namespace haven::adapter {

[[nodiscard]] inline Instant boot_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return {std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec)};
}

// A timer for arm(), read without waiting. It holds nothing where there are no descriptors left.
[[nodiscard]] inline Descriptor boot_timer() {
  return Descriptor(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
}

// It becomes readable once the clock has reached `until`, also when the machine slept meanwhile, and at once for a time
// that is over; kNever: not at all. What was set before counts no more.
inline void arm(const Descriptor& timer, Instant until) {
  itimerspec when{};
  if (until != kNever) {
    const auto at = std::max<Duration>(until.since_boot, Duration(1));  // 0 would disarm it
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    when.it_value = {static_cast<time_t>(seconds.count()), static_cast<long>((at - seconds).count())};
  }
  ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace haven::adapter
